package api

import (
	"net/http"
	"testing"
)

// Nobody says anything of what is only shown.
func TestReadOnlyResources(t *testing.T) {
	s := newServer(t)
	checkReadOnly(s, agents(s.backend))
	checkReadOnly(s, zones(s.backend))
	checkReadOnly(s, availabilities(s.backend.availabilities()))
}

func checkReadOnly[T any](s *server, r *Resource[T]) {
	s.t.Helper()
	for _, a := range r.Attributes {
		if a.Post != Nobody || a.Put != Nobody || a.Required || a.Default != nil {
			s.t.Errorf("%s: %s is not read-only", r.Name, a.Name)
		}
	}
	for _, who := range [][]string{nil, as("red", "member"), as("red", "service")} {
		s.expect("405 HTTPMethodNotAllowed", http.MethodPost, "/v2.0"+r.path(), wrap(r.Name, "{}"), who...)
		a := s.do(http.MethodPut, "/v2.0"+r.path()+"/"+someUUID, wrap(r.Name, "{}"), who...)
		if a.status != http.StatusMethodNotAllowed && a.status != http.StatusNotFound {
			s.t.Errorf("PUT of %s: %s", r.Name, a.body)
		}
	}
}
