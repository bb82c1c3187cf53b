package admin

import (
	"github.com/gin-gonic/gin"
)

// Explanation is a flow entry in plain English.
type Explanation struct {
	Text string `json:"text"` // a paragraph
	Flow Flow   `json:"flow"`
}

// explain answers {"explanations": [...]}: a cookie may be that of several entries.
func (h handlers) explain(c *gin.Context) error {
	cookie, entry := c.Query("cookie"), c.Query("entry")
	if (cookie == "") == (entry == "") {
		return badRequest("Either cookie or entry says what is to be explained.")
	}
	list, err := h.controller.Explain(c.Request.Context(), c.Query("node"), cookie, entry)
	if err != nil {
		return err
	}
	answerList(c, "explanations", list)
	return nil
}
