package auth

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"

	"github.com/planck-sdn/planck/model"
)

func request(host string, headers ...string) *http.Request {
	r := httptest.NewRequest("GET", "http://"+host+"/v2.0/networks", nil)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Add(headers[i], headers[i+1])
	}
	return r
}

func TestNoneTakesTheRequestersWord(t *testing.T) {
	tests := []struct {
		name     string
		headers  []string
		project  string
		roles    []string
		admin    bool
		mayWrite bool
	}{
		{name: "nothing said", admin: true, mayWrite: true},
		{name: "a token is ignored", headers: []string{"X-Auth-Token", "x"}, admin: true, mayWrite: true},
		{name: "an administrator's project", headers: []string{"X-Project-Id", "p"}, project: "p", admin: true, mayWrite: true},
		{name: "Folsom's header", headers: []string{"X-Tenant-Id", "t", "X-Roles", "member"}, project: "t", roles: []string{"member"}, mayWrite: true},
		{name: "the new header wins", headers: []string{"X-Tenant-Id", "t", "X-Project-Id", "p"}, project: "p", admin: true, mayWrite: true},
		{name: "a list", headers: []string{"X-Roles", "Member, reader"}, roles: []string{"member", "reader"}, mayWrite: true},
		{name: "reader", headers: []string{"X-Roles", "reader"}, roles: []string{"reader"}},
		{name: "service", headers: []string{"X-Roles", "service"}, roles: []string{"service"}, mayWrite: true},
		{name: "no role at all", headers: []string{"X-Roles", ""}},
		{name: "admin among others", headers: []string{"X-Roles", "member,admin"}, roles: []string{"member", "admin"}, admin: true, mayWrite: true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c, err := NewNone().Authenticate(request("localhost:9696", tt.headers...))
			if err != nil {
				t.Fatal(err)
			}
			if c.ProjectID != tt.project || c.IsAdmin != tt.admin || c.MayWrite() != tt.mayWrite || !slices.Equal(c.Roles, tt.roles) {
				t.Errorf("got %+v", c)
			}
		})
	}
}

func TestNoneRefusesForeignHostsAndOrigins(t *testing.T) {
	n := NewNone("10.0.0.11:9696", "Controller.example.", "fd00::1", "", ":9696")
	for _, host := range []string{"localhost", "localhost:9696", "127.0.0.1:9696", "127.1.2.3", "[::1]:9696", "[::1]", "10.0.0.11", "10.0.0.11:80", "controller.EXAMPLE:9696", "[fd00::1]:9696"} {
		if _, err := n.Authenticate(request(host)); err != nil {
			t.Errorf("Host %s: %v", host, err)
		}
		if _, err := n.Authenticate(request("localhost", "Origin", "http://"+host)); err != nil {
			t.Errorf("Origin %s: %v", host, err)
		}
	}
	refused := func(what string, r *http.Request) {
		t.Helper()
		_, err := n.Authenticate(r)
		var e *model.Error
		if !errors.As(err, &e) || e.Status != http.StatusForbidden {
			t.Errorf("%s: %v", what, err)
		}
	}
	for _, host := range []string{"evil.example", "10.0.0.12", "localhost.evil.example:9696", "0.0.0.0:9696"} {
		refused("Host "+host, request(host))
		refused("Origin "+host, request("localhost", "Origin", "https://"+host))
	}
	refused("opaque Origin", request("localhost", "Origin", "null"))
	refused("second Origin", request("localhost", "Origin", "http://localhost", "Origin", "http://evil.example"))
	noHost := request("localhost")
	noHost.Host = ""
	refused("no Host", noHost)
}
