package api

import (
	"fmt"
	"strings"
	"testing"
)

func TestBindingAttributes(t *testing.T) {
	s := newServer(t)
	for _, host := range []string{"first", "second", "third"} {
		s.node(host)
	}
	network := s.create("network", `{}`)["id"].(string)
	port := s.create("port", fmt.Sprintf(`{"network_id":%q,"binding:host_id":"first","device_owner":"compute:nova"}`, network))["id"].(string)
	tryAttributesAt(t, s, bindings(), "/v2.0/ports/"+port+"/bindings", "host", []attributeTries{
		{"host",
			[]try{{absent, badValue, ""}, {"null", badValue, ""}, {`"second"`, created, `"second"`}, {`"first"`, "409 PortBindingAlreadyExists", ""}, {`""`, badValue, ""}, {"7", badValue, ""}, {text256(), badValue, ""}},
			[]try{{absent, updated, `"third"`}, {"null", badValue, ""}, {`"third"`, updated, `"third"`}, {`"first"`, "409 PortBindingAlreadyExists", ""}, {`""`, badValue, ""}, {"[]", badValue, ""}}},
		readOnly("vif_type", `"ovs"`, "7"),
		readOnly("vif_details", "{}", "7"),
		readOnly("status", `"ACTIVE"`, "7"),
		{"vnic_type",
			[]try{{absent, created, `"normal"`}, {"null", badValue, ""}, {`"direct"`, created, `"direct"`}, {"7", badValue, ""}, {`"abnormal"`, badValue, ""}},
			[]try{{absent, updated, `"normal"`}, {"null", badValue, ""}, {`"direct"`, updated, `"direct"`}, {"[]", badValue, ""}, {`"abnormal"`, badValue, ""}}},
		{"profile",
			[]try{{absent, created, "{}"}, {"null", created, "{}"}, {`{"a":[1]}`, created, `{"a":[1]}`}, {"7", badValue, ""}, {"[]", badValue, ""}, {`{"a":"` + strings.Repeat("x", 4096) + `"}`, badInput, ""}},
			[]try{{absent, updated, "{}"}, {"null", updated, "{}"}, {`{"a":1}`, updated, `{"a":1}`}, {`"x"`, badValue, ""}, {`{"a":1e400}`, badInput, ""}}},
	}, func() string { return `{"host":"third"}` })
}
