package api

import (
	"encoding/json"
	"fmt"
	"testing"
)

// Nova writes a profile back as it read it. (All of Nova's calls are in tests/clients.)
func TestNumbersOfAProfileComeBack(t *testing.T) {
	s := newServer(t)
	n := s.create("network", `{}`)["id"].(string)
	p := s.create("port", fmt.Sprintf(`{"network_id":%q,"binding:profile":{"n":1,"big":12345678,"x":[0.5]}}`, n))
	again, err := json.Marshal(p["binding:profile"])
	if err != nil {
		t.Fatal(err)
	}
	second := s.expect("200", "PUT", "/v2.0/ports/"+p["id"].(string), `{"port":{"binding:profile":`+string(again)+`}}`).object("port")
	if second["revision_number"] != p["revision_number"] {
		t.Errorf("the same profile makes revision %v of %v", second["revision_number"], p["revision_number"])
	}
}
