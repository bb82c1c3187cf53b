package api

import (
	"encoding/json"
	"errors"
	"net/http"
	"strconv"

	"go.uber.org/zap"

	"github.com/planck-sdn/planck/model"
	"github.com/planck-sdn/planck/model/store"
	"github.com/planck-sdn/planck/northbound/auth"
)

var errNotFound = model.Errorf(http.StatusNotFound, "HTTPNotFound", "The resource could not be found.")

// internalError tells a requester nothing of what went wrong inside; the log has it under the request's id.
var internalError = model.Errorf(http.StatusInternalServerError, "HTTPInternalServerError",
	"Request Failed: internal server error while processing your request.")

func methodNotAllowed(method string) *model.Error {
	return model.Errorf(http.StatusMethodNotAllowed, "HTTPMethodNotAllowed", "The method %s is not allowed for this resource.", method)
}

// writeError answers with Neutron's error body.
func writeError(w http.ResponseWriter, r *http.Request, log *zap.Logger, err error) {
	var e *model.Error
	if !errors.As(err, &e) {
		switch {
		case r.Context().Err() != nil: // the requester has left, and that is why
			e = model.Errorf(http.StatusServiceUnavailable, "HTTPServiceUnavailable", "The request was cancelled.")
		case errors.Is(err, store.ErrUnavailable):
			log.Warn("database unavailable", zap.Error(err), zap.String("request_id", requestID(r)))
			e = model.Errorf(http.StatusServiceUnavailable, "HTTPServiceUnavailable", "The database does not answer at present.")
		default:
			log.Error("request failed", zap.Error(err), zap.String("method", r.Method), zap.String("path", r.URL.Path),
				zap.String("request_id", requestID(r)))
			e = internalError
		}
	}
	var unauthorized *auth.Unauthorized
	if errors.As(err, &unauthorized) {
		w.Header().Set("WWW-Authenticate", unauthorized.Challenge)
	}
	type neutronError struct {
		Type    string `json:"type"`
		Message string `json:"message"`
		Detail  string `json:"detail"`
	}
	body, _ := json.Marshal(map[string]neutronError{"NeutronError": {e.Type, e.Message, e.Detail}}) // strings always can be
	writeJSON(w, e.Status, body)
}

func writeJSON(w http.ResponseWriter, status int, body []byte) {
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	_, _ = w.Write(body) // a requester that has left needs no answer
}

func requestID(r *http.Request) string {
	if who := auth.From(r.Context()); who != nil {
		return who.RequestID
	}
	return ""
}
