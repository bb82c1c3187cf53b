package api

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/planck-sdn/planck/model"
	"github.com/planck-sdn/planck/model/store"
	"github.com/planck-sdn/planck/northbound/auth"
)

// server is the API over an SQLite database of its own.
type server struct {
	t       testing.TB
	handler http.Handler
	store   *store.Store
	backend backend
	log     *observer.ObservedLogs
	vlans   int // of external networks

	database string // URL of a PostgreSQL database
}

func newServer(t testing.TB) *server {
	t.Helper()
	return newServerWith(t, store.Options{Source: model.SystemSource(), Quotas: unlimited}, Options{})
}

// unlimited are quotas that are in nobody's way.
var unlimited = map[string]int{"network": -1, "subnet": -1, "port": -1, "rbac_policy": -1, "router": -1, "floatingip": -1, "security_group": -1, "security_group_rule": -1}

func newServerWith(t testing.TB, db store.Options, options Options) *server {
	t.Helper()
	st, err := store.Open(context.Background(), "sqlite:"+filepath.Join(t.TempDir(), "planck.db"), db)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := st.Close(); err != nil {
			t.Error(err)
		}
	})
	core, logs := observer.New(zapcore.DebugLevel)
	options.Log = zap.New(core)
	return &server{t: t, handler: New(st, auth.NewNone(), options), store: st, backend: newBackend(st, options), log: logs}
}

// exactly counts UUIDs and MACs instead of drawing them, and stops the clock.
func exactly() model.Source {
	var ids, macs uint64
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	return model.Source{
		Now:  func() time.Time { return now },
		UUID: func() string { ids++; return fmt.Sprintf("00000000-0000-4000-8000-%012d", ids) },
		MAC: func() model.MAC {
			macs++
			return model.MAC{0xfa, 0x16, 0x3e, byte(macs >> 16), byte(macs >> 8), byte(macs)}
		},
	}
}

// answered is an answer with its body read.
type answered struct {
	status int
	header http.Header
	body   string
}

// do sends a request of an administrator of project red. Headers are pairs; an empty value takes one away.
func (s *server) do(method, path, body string, headers ...string) answered {
	s.t.Helper()
	var reader *strings.Reader
	if body != "" {
		reader = strings.NewReader(body)
	} else {
		reader = strings.NewReader("")
	}
	r := httptest.NewRequest(method, "http://localhost:9696"+path, reader)
	r.Header.Set("X-Project-Id", "red")
	for i := 0; i < len(headers); i += 2 {
		if headers[i+1] == "" {
			r.Header.Del(headers[i])
		} else {
			r.Header.Set(headers[i], headers[i+1])
		}
	}
	w := httptest.NewRecorder()
	s.handler.ServeHTTP(w, r)
	return answered{w.Code, w.Header(), w.Body.String()}
}

// as are the headers of a requester with roles in a project.
func as(project, roles string) []string { return []string{"X-Project-Id", project, "X-Roles", roles} }

// outcome is the status, and of an error its type.
func (a answered) outcome() string {
	if a.status < 400 {
		return fmt.Sprint(a.status)
	}
	e := a.neutronError()
	return fmt.Sprintf("%d %s", a.status, e.Type)
}

type neutronError struct{ Type, Message, Detail string }

func (a answered) neutronError() neutronError {
	var body struct{ NeutronError neutronError }
	if err := json.Unmarshal([]byte(a.body), &body); err != nil {
		return neutronError{Type: "not an error of Neutron: " + a.body}
	}
	return body.NeutronError
}

// object is the one of the answer.
func (a answered) object(name string) map[string]any {
	var body map[string]map[string]any
	if err := json.Unmarshal([]byte(a.body), &body); err != nil || body[name] == nil {
		return map[string]any{"error": fmt.Sprintf("no %s in %q: %v", name, a.body, err)}
	}
	return body[name]
}

// list is the one of the answer.
func (a answered) list(collection string) []map[string]any {
	var body map[string]json.RawMessage
	var objects []map[string]any
	if json.Unmarshal([]byte(a.body), &body) != nil || json.Unmarshal(body[collection], &objects) != nil {
		return nil
	}
	return objects
}

// create creates one object that has to come into being.
func (s *server) create(name, body string, headers ...string) map[string]any {
	s.t.Helper()
	a := s.do(http.MethodPost, "/v2.0/"+strings.ReplaceAll(name, "_", "-")+"s", wrap(name, body), headers...)
	if a.status != http.StatusCreated {
		s.t.Fatalf("POST %s %s: %d %s", name, body, a.status, a.body)
	}
	return a.object(name)
}

// external makes an external network with a subnet 192.0.2.0/24.
func (s *server) external() (network, subnet string) {
	s.t.Helper()
	s.vlans++
	network = s.create("network", fmt.Sprintf(`{"router:external":true,"provider:network_type":"vlan","provider:physical_network":"public","provider:segmentation_id":%d}`, s.vlans))["id"].(string)
	return network, s.subnet(network, "192.0.2.0/24")
}

// subnet makes a subnet without DHCP.
func (s *server) subnet(network, cidr string) string {
	s.t.Helper()
	return s.create("subnet", fmt.Sprintf(`{"network_id":%q,"ip_version":4,"cidr":%q,"enable_dhcp":false}`, network, cidr))["id"].(string)
}

// routed makes a router to an external network, and a subnet of a network of its own behind it.
func (s *server) routed(external, cidr string, headers ...string) (router, network, subnet string) {
	s.t.Helper()
	router = s.create("router", fmt.Sprintf(`{"external_gateway_info":{"network_id":%q}}`, external), headers...)["id"].(string)
	network = s.create("network", `{}`, headers...)["id"].(string)
	subnet = s.create("subnet", fmt.Sprintf(`{"network_id":%q,"ip_version":4,"cidr":%q,"enable_dhcp":false}`, network, cidr), headers...)["id"].(string)
	s.expect("200", http.MethodPut, "/v2.0/routers/"+router+"/add_router_interface", fmt.Sprintf(`{"subnet_id":%q}`, subnet), headers...)
	return router, network, subnet
}

// portAt makes a port with an address.
func (s *server) portAt(network, ip string, headers ...string) string {
	s.t.Helper()
	return s.create("port", fmt.Sprintf(`{"network_id":%q,"fixed_ips":[{"ip_address":%q}]}`, network, ip), headers...)["id"].(string)
}

func (s *server) count(collection string) int {
	s.t.Helper()
	return len(s.names(collection, "", "id"))
}

// names lists one attribute of the objects that a query finds.
func (s *server) names(collection, query, attribute string, headers ...string) []string {
	s.t.Helper()
	a := s.do(http.MethodGet, "/v2.0/"+collection+"?"+query, "", headers...)
	if a.status != http.StatusOK {
		s.t.Fatalf("GET %s?%s: %d %s", collection, query, a.status, a.body)
	}
	names := []string{}
	for _, o := range a.list(strings.ReplaceAll(strings.TrimSuffix(collection, ".json"), "-", "_")) {
		names = append(names, fmt.Sprint(o[attribute]))
	}
	return names
}

// expect checks the outcome of a request.
func (s *server) expect(want, method, path, body string, headers ...string) answered {
	s.t.Helper()
	a := s.do(method, path, body, headers...)
	if got := a.outcome(); got != want {
		s.t.Errorf("%s %s %.200s: %s, not %s: %.300s", method, path, body, got, want, a.body)
	}
	return a
}

// node makes a node known that runs nothing.
func (s *server) node(hostname string) {
	s.t.Helper()
	if _, _, err := s.store.ReportNode(s.t.Context(), model.Node{SystemID: hostname, Hostname: hostname}); err != nil {
		s.t.Fatal(err)
	}
}

// wrap makes a body with one object.
func wrap(name, body string) string { return fmt.Sprintf(`{%q:%s}`, name, body) }

// indented is JSON that people can compare.
func indented(t testing.TB, body string) string {
	t.Helper()
	var b bytes.Buffer
	if err := json.Indent(&b, []byte(body), "", "  "); err != nil {
		t.Fatalf("%v in %s", err, body)
	}
	return b.String() + "\n"
}
