package api

import (
	"fmt"
	"testing"
)

// TestIfMatch: a change can be made to depend on nobody else having changed the object (extension revision-if-match).
func TestIfMatch(t *testing.T) {
	s := newServer(t)
	n := s.create("network", `{}`)["id"].(string)
	objects := map[string]string{
		"network":        "/v2.0/networks/" + n,
		"subnet":         "/v2.0/subnets/" + s.create("subnet", fmt.Sprintf(`{"network_id":%q,"ip_version":4,"cidr":"10.0.0.0/24"}`, n))["id"].(string),
		"port":           "/v2.0/ports/" + s.create("port", fmt.Sprintf(`{"network_id":%q}`, n))["id"].(string),
		"security_group": "/v2.0/security-groups/" + s.create("security_group", `{}`)["id"].(string),
	}
	const stale = "412 RevisionNumberConstraintFailed"
	for _, name := range []string{"port", "subnet", "network", "security_group"} {
		path := objects[name]
		body := wrap(name, `{"name":"new"}`)
		s.expect(stale, "PUT", path, body, "If-Match", "revision_number=7")
		s.expect(stale, "DELETE", path, "", "If-Match", "revision_number=7")
		s.expect(stale, "PUT", path+"/tags/a", "", "If-Match", "revision_number=7")
		s.expect(badValue, "PUT", path, body, "If-Match", "revision_number=x")
		s.expect(badValue, "PUT", path, body, "If-Match", "revision_number=-1")
		if o := s.do("GET", path, "").object(name); o["name"] != "" || o["revision_number"] != 1.0 {
			t.Errorf("refused changes left %v", o)
		}
		s.expect("200", "PUT", path, body, "If-Match", "revision_number=1")
		s.expect(stale, "PUT", path, body, "If-Match", "revision_number=1")
		s.expect("200", "PUT", path, body, "If-Match", `"some-etag"`) // not ours
		s.expect("204", "DELETE", path, "", "If-Match", "revision_number=2")
	}
}
