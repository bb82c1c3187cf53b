package api

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/planck-sdn/planck/model"
	"github.com/planck-sdn/planck/model/store"
)

func TestQuotas(t *testing.T) {
	s := newServerWith(t, store.Options{Source: model.SystemSource()}, Options{})
	red, blue := as("red", "member"), as("blue", "member")
	limits := func(want, path string, headers ...string) {
		t.Helper()
		q := s.expect("200", "GET", path, "", headers...).object("quota")
		if got := fmt.Sprintf("network %v, port %v", q["network"], q["port"]); got != want {
			t.Errorf("GET %s shows %s, not %s", path, got, want)
		}
	}
	limits("network 100, port 500", "/v2.0/quotas/red", red...)
	limits("network 100, port 500", "/v2.0/quotas/red/default", red...)
	if a := s.expect("200", "GET", "/v2.0/quotas", ""); a.body != `{"quotas":[]}` {
		t.Errorf("quotas of their own have %s", a.body)
	}
	s.expect("200", "PUT", "/v2.0/quotas/red", `{"quota":{"network":2}}`)
	s.expect("200", "PUT", "/v2.0/quotas/red", `{"quota":{"port":"-1"}}`)
	limits("network 2, port -1", "/v2.0/quotas/red.json", red...)
	limits("network 100, port 500", "/v2.0/quotas/red/default", red...)
	limits("network 100, port 500", "/v2.0/quotas/blue", blue...)
	if q := s.do("GET", "/v2.0/quotas", "").list("quotas"); len(q) != 1 || q[0]["project_id"] != "red" || q[0]["tenant_id"] != "red" {
		t.Errorf("quotas of their own have %v", q)
	}
	if got := s.do("GET", "/v2.0/quotas/tenant", "", red...).object("tenant"); got["tenant_id"] != "red" {
		t.Errorf("the requester's project is %v", got)
	}
	if got := s.do("GET", "/v2.0/quotas/project", "", red...).object("project"); got["project_id"] != "red" {
		t.Errorf("the requester's project is %v", got)
	}
	s.expect("400 QuotaMissingTenant", "GET", "/v2.0/quotas/tenant", "", as("", "member")...)
	for body, want := range map[string]string{
		`{"quota":{"network":-2}}`:         badValue,
		`{"quota":{"network":2147483648}}`: badValue,
		`{"quota":{"network":null}}`:       badInput,
		`{"quota":{"network":"x"}}`:        badInput,
		`{"quota":{"networks":1}}`:         badValue,
		`{"quota":{"project_id":"blue"}}`:  badValue,
		`{"quota":7}`:                      badValue,
		`{}`:                               badValue,
	} {
		s.expect(want, "PUT", "/v2.0/quotas/red", body)
	}
	limits("network 2, port -1", "/v2.0/quotas/red", red...)

	// Another project's is nobody's business.
	const forbidden = "403 PolicyNotAuthorized"
	s.expect(forbidden, "GET", "/v2.0/quotas/blue", "", red...)
	s.expect(forbidden, "GET", "/v2.0/quotas/blue/details.json", "", red...)
	s.expect(forbidden, "GET", "/v2.0/quotas/blue/default", "", red...)
	s.expect(forbidden, "PUT", "/v2.0/quotas/red", `{"quota":{"network":7}}`, red...)
	s.expect(forbidden, "DELETE", "/v2.0/quotas/red", "", red...)

	// They are what is made at most, in bulk too.
	s.expect("409 OverQuota", "POST", "/v2.0/networks", `{"networks":[{},{},{}]}`, red...)
	s.expect("201", "POST", "/v2.0/networks", `{"networks":[{},{}]}`, red...)
	a := s.expect("409 OverQuota", "POST", "/v2.0/networks", `{"network":{}}`, red...)
	if !strings.Contains(a.neutronError().Message, "Quota exceeded for resources: ['network'].") {
		t.Errorf("refused with %s", a.body)
	}
	s.expect("201", "POST", "/v2.0/networks", `{"network":{}}`, blue...)
	details := s.expect("200", "GET", "/v2.0/quotas/red/details.json", "", red...).object("quota")
	if got := fmt.Sprint(details["network"], details["port"]); got != "map[limit:2 reserved:0 used:2] map[limit:-1 reserved:0 used:0]" {
		t.Errorf("in detail: %s", got)
	}
	// A limit that is exceeded already has to be meant.
	s.expect(badValue, "PUT", "/v2.0/quotas/red", `{"quota":{"port":7,"network":1}}`)
	s.expect(badValue, "PUT", "/v2.0/quotas/red", `{"quota":{"network":1,"force":false,"check_limit":true}}`)
	limits("network 2, port -1", "/v2.0/quotas/red")
	s.expect("200", "PUT", "/v2.0/quotas/red", `{"quota":{"network":2,"check_limit":true}}`)
	if q := s.expect("200", "PUT", "/v2.0/quotas/red", `{"quota":{"network":1,"force":true}}`).object("quota"); q["network"] != 1.0 || q["force"] != nil {
		t.Errorf("forced to %v", q)
	}
	s.expect("204", "DELETE", "/v2.0/quotas/red", "")
	s.expect("404 TenantQuotaNotFound", "DELETE", "/v2.0/quotas/red", "")
	limits("network 100, port 500", "/v2.0/quotas/red", red...)
}

func TestQuotaAttributes(t *testing.T) {
	s := newServer(t)
	s.create("network", `{}`)
	number := func(name, below string) attributeTries {
		return attributeTries{name, nil,
			[]try{{absent, updated, "-1"}, {"null", badInput, ""}, {"7", updated, "7"}, {`"8"`, updated, "8"}, {"2147483647", updated, "2147483647"}, {"0", below, ""}, {"-1", updated, "-1"},
				{"-2", badValue, ""}, {"2147483648", badValue, ""}, {"true", badInput, ""}, {`"x"`, badInput, ""}, {"1.5", badInput, ""}, {"1e400", badInput, ""}, {"{}", badInput, ""}}}
	}
	said := func(name string) attributeTries {
		return attributeTries{name, nil, []try{{absent, updated, ""}, {"null", badInput, ""}, {"true", updated, ""}, {"false", updated, ""}, {"7", badInput, ""}, {"[]", badInput, ""}}}
	}
	all := []attributeTries{
		readOnly("tenant_id", `"red"`, "7"), readOnly("project_id", `"red"`, "7"),
		number("network", badValue), number("subnet", updated), number("port", updated), number("rbac_policy", updated), number("router", updated), number("floatingip", updated),
		number("security_group", badValue), number("security_group_rule", badValue),
		said("force"), said("check_limit"),
	}
	tried := map[string]bool{}
	for _, a := range all {
		tried[a.attribute] = true
		for _, try := range a.put {
			tryPut(t, s, "quota", "/v2.0/quotas/red", a.attribute, try)
		}
	}
	r := quotas(Operations[quota]{})
	for _, a := range r.Attributes {
		if !tried[a.Name] {
			t.Errorf("%s has no tries", a.Name)
		}
		if a.Post != Nobody {
			t.Errorf("%s is for a POST", a.Name)
		}
	}
	s.expect("405 HTTPMethodNotAllowed", http.MethodPost, "/v2.0/quotas", `{"quota":{}}`)
}
