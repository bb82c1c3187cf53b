package admin

import (
	"bufio"
	"encoding/json"
	"net/http"
	"reflect"
	"strconv"
	"time"

	"github.com/gin-gonic/gin"
)

// flushInterval is how long an element may wait for others that come with it.
const flushInterval = 100 * time.Millisecond

// stream answers {"name": [...]}, one element a line, each written as it comes: the answer is never whole in memory. An error before
// the first element is an answer of its own; a later one ends the answer short of its end, so that nobody takes it for whole.
func stream[T any](c *gin.Context, name string, produce func(each func(T) error) error) error {
	allow(c.Writer, MaxWait)
	w := bufio.NewWriterSize(c.Writer, 32<<10) // keeps the first error
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false) // "->" in an action stays readable
	begun, flushed := false, time.Now()
	begin := func() {
		begun = true
		c.Header("Content-Type", "application/json; charset=utf-8")
		c.Status(http.StatusOK)
		_, _ = w.WriteString(`{"` + name + `":[` + "\n")
	}
	err := produce(func(v T) error {
		if begun {
			_ = w.WriteByte(',')
		} else {
			begin()
		}
		fill(reflect.ValueOf(&v).Elem())
		err := encoder.Encode(v)
		if now := time.Now(); now.Sub(flushed) > flushInterval {
			flushed = now
			_ = w.Flush()
			c.Writer.Flush()
		}
		return err
	})
	if err != nil && !begun {
		return err
	}
	if !begun {
		begin()
	}
	if err == nil {
		_, _ = w.WriteString("]}\n")
	}
	_ = w.Flush()
	return nil
}

// boolean reads a query parameter that is true or false; absent is false.
func boolean(c *gin.Context, name string) (bool, error) {
	s, given := c.GetQuery(name)
	if !given {
		return false, nil
	}
	v, err := strconv.ParseBool(s)
	if err != nil {
		return false, badRequest("%s is true or false, not %q.", name, s)
	}
	return v, nil
}
