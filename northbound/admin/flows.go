package admin

import (
	"bufio"
	"encoding/json"
	"net/http"

	"github.com/gin-gonic/gin"
)

// flows answers {"flows": [...]}, one entry a line. There may be a hundred thousand of them: each is written as it is
// encoded, and the answer is never whole in memory a second time.
func (h handlers) flows(c *gin.Context) error {
	list, err := h.controller.Flows(c.Request.Context(), FlowQuery{Node: c.Query("node"), Port: c.Query("port")})
	if err != nil {
		return err
	}
	c.Header("Content-Type", "application/json; charset=utf-8")
	c.Status(http.StatusOK)
	// A failed write means that the client has gone; the writer keeps the first error.
	w := bufio.NewWriterSize(c.Writer, 32<<10)
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false) // "->" in an action stays readable
	_, err = w.WriteString(`{"flows":[` + "\n")
	for i := range list {
		if err != nil {
			break
		}
		if i > 0 {
			_ = w.WriteByte(',')
		}
		err = encoder.Encode(&list[i])
	}
	if err == nil {
		_, _ = w.WriteString("]}\n")
		_ = w.Flush()
	}
	return nil
}
