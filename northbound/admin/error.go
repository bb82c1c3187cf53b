package admin

import (
	"errors"
	"net/http"

	"github.com/gin-gonic/gin"

	"github.com/planck-sdn/planck/model"
)

func badRequest(format string, args ...any) *model.Error {
	return model.Errorf(http.StatusBadRequest, "HTTPBadRequest", format, args...)
}

// writeError answers as Neutron does. What is no *model.Error is told too, unlike to tenants: it is for whoever runs this.
func writeError(c *gin.Context, err error) {
	var refusal *model.Error
	if !errors.As(err, &refusal) {
		refusal = model.Errorf(http.StatusInternalServerError, "HTTPInternalServerError", "%v", err)
	}
	c.Abort()
	var body struct {
		NeutronError struct {
			Type    string `json:"type"`
			Message string `json:"message"`
			Detail  string `json:"detail"`
		}
	}
	body.NeutronError.Type, body.NeutronError.Message, body.NeutronError.Detail = refusal.Type, refusal.Message, refusal.Detail
	c.PureJSON(refusal.Status, body)
}
