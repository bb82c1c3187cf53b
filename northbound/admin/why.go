package admin

import (
	"github.com/gin-gonic/gin"
)

// Why is the checklist of a port that has no network.
type Why struct {
	PortID string    `json:"port_id"`
	Name   string    `json:"name"`
	Cause  string    `json:"cause"` // the first thing that is wrong, in words; empty: nothing was found
	Checks []Finding `json:"checks"`
}

// Finding is one check with its evidence.
type Finding struct {
	Check    string `json:"check"`    // "bound", "plugged", ...
	State    string `json:"state"`    // "ok", "wrong", "unknown" (it could not be found out), "none" (it does not apply)
	Evidence string `json:"evidence"` // in words
}

func (h handlers) why(c *gin.Context) error {
	w, err := h.controller.Why(c.Request.Context(), c.Param("id"))
	if err != nil {
		return err
	}
	answer(c, w)
	return nil
}
