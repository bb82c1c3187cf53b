// Package nova is a Nova that takes external events and nothing else.
package nova

import (
	"encoding/json"
	"net/http"
	"regexp"
	"slices"
	"sync"
)

// Event is what Nova was told.
type Event struct {
	Name       string `json:"name"`
	ServerUUID string `json:"server_uuid"`
	Tag        string `json:"tag,omitempty"`
	Status     string `json:"status,omitempty"`
}

// Nova answers as nova/api/openstack/compute/server_external_events.py of Nova 26 does. The zero value knows every server, and takes any token.
type Nova struct {
	// Before may answer a request itself, and then returns true.
	Before func(w http.ResponseWriter, r *http.Request) bool
	// Code is what becomes of an event; nil: 200.
	Code func(Event) int

	mu       sync.Mutex
	events   []Event
	requests int
}

// Path is where events are sent to, below Nova's endpoint.
const Path = "/os-server-external-events"

var (
	names = []string{"network-changed", "network-vif-plugged", "network-vif-unplugged", "network-vif-deleted"}
	uuid  = regexp.MustCompile(`^[0-9a-f]{8}-?([0-9a-f]{4}-?){3}[0-9a-f]{12}$`)
)

// ServeHTTP implements http.Handler.
func (n *Nova) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if n.Before != nil && n.Before(w, r) {
		return
	}
	if r.Method != http.MethodPost || r.Header.Get("Content-Type") != "application/json" {
		http.Error(w, "The resource could not be found.", http.StatusNotFound)
		return
	}
	var body struct {
		Events []Event `json:"events"`
	}
	decoder := json.NewDecoder(http.MaxBytesReader(w, r.Body, 114688)) // oslo_middleware's max_request_body_size
	decoder.DisallowUnknownFields()
	err := decoder.Decode(&body)
	if err != nil || len(body.Events) == 0 || slices.ContainsFunc(body.Events, func(e Event) bool {
		return !slices.Contains(names, e.Name) || !uuid.MatchString(e.ServerUUID) || e.Tag == ""
	}) {
		http.Error(w, `{"badRequest": {"code": 400, "message": "Invalid input"}}`, http.StatusBadRequest)
		return
	}
	type told struct {
		Event
		Code int `json:"code"`
	}
	var answer struct {
		Events []told `json:"events"`
	}
	status := http.StatusOK
	n.mu.Lock()
	n.requests++
	for _, e := range body.Events {
		code := http.StatusOK
		if n.Code != nil {
			code = n.Code(e)
		}
		if code == http.StatusOK {
			n.events = append(n.events, e)
		} else {
			e.Status, status = "failed", http.StatusMultiStatus
		}
		answer.Events = append(answer.Events, told{e, code})
	}
	n.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(answer)
}

// Events are what it has passed on to its servers, in order.
func (n *Nova) Events() []Event {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.Clone(n.events)
}

// Requests is how many requests told it these.
func (n *Nova) Requests() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.requests
}
