package main

import (
	"bytes"
	"strings"
	"testing"

	"github.com/gin-gonic/gin"

	"github.com/planck-sdn/planck/northbound/admin"
	"github.com/planck-sdn/planck/tests/schema"
)

// documented holds what the fake answers, which planckctl -o json prints as it is, against docs/planck-v1.schema.json.
func documented(t *testing.T) gin.HandlerFunc {
	t.Helper()
	s, err := schema.Load("../../docs/planck-v1.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return func(c *gin.Context) {
		w := &recorder{ResponseWriter: c.Writer}
		c.Writer = w
		c.Next()
		if !strings.HasPrefix(c.FullPath(), admin.Prefix) {
			return
		}
		body := w.body.Bytes()
		if bytes.Contains(body, []byte(":[\n")) && !bytes.HasSuffix(bytes.TrimSpace(body), []byte("]}")) {
			return // cut short by an error
		}
		if err := s.Check(c.Request.Method, c.Request.URL.Path, c.Writer.Status(), body); err != nil {
			t.Error(err)
		}
	}
}

// recorder keeps what is written.
type recorder struct {
	gin.ResponseWriter
	body bytes.Buffer
}

func (r *recorder) Write(b []byte) (int, error) {
	r.body.Write(b)
	return r.ResponseWriter.Write(b)
}

func (r *recorder) WriteString(s string) (int, error) {
	r.body.WriteString(s)
	return r.ResponseWriter.WriteString(s)
}
