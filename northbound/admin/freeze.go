package admin

import "github.com/gin-gonic/gin"

// freeze stops the programming of one node, or of all.
func (h handlers) freeze(c *gin.Context) error {
	return done(c, h.controller.Freeze(c.Request.Context(), c.Query("node"), true))
}

// thaw lets it go on.
func (h handlers) thaw(c *gin.Context) error {
	return done(c, h.controller.Freeze(c.Request.Context(), c.Query("node"), false))
}
