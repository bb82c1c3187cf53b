package admin

import (
	"net/http"
	"time"
)

// How long GET /wait waits when the request does not say, and at most.
const (
	DefaultWait = 30 * time.Second
	MaxWait     = 10 * time.Minute

	graceToAnswer = 10 * time.Second
)

// waitTimeout reads the parameter timeout: a number with a unit, as time.ParseDuration has it.
func waitTimeout(s string) (time.Duration, error) {
	if s == "" {
		return DefaultWait, nil
	}
	d, err := time.ParseDuration(s)
	if err != nil || d < 0 || d > MaxWait {
		return 0, badRequest("timeout is a duration from 0s to %s, such as 30s, not %q.", MaxWait, s)
	}
	return d, nil
}

// allow lets an answer take longer than the server's own limits permit. A server that has none needs no leave.
func allow(w http.ResponseWriter, d time.Duration) {
	control, deadline := http.NewResponseController(w), time.Now().Add(d)
	_ = control.SetReadDeadline(deadline) // when it passes, the server takes the client for gone
	_ = control.SetWriteDeadline(deadline)
}
