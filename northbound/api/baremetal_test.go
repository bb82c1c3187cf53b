package api

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/planck-sdn/planck/model"
	"github.com/planck-sdn/planck/model/store"
)

// leaf declares a switch with ports eth1 to eth4 of the physical network dc, eth4 being an uplink. tables are what it promises.
func (s *server) leaf(datapathID uint64, name string, tables ...model.TableLimits) model.Number {
	s.t.Helper()
	declared := model.Node{Hostname: name, DatapathID: datapathID, Switch: &model.Switch{PhysicalNetwork: "dc", Uplinks: []model.Uplink{{Port: "eth4"}}}}
	node, _, err := s.store.DeclareSwitch(s.t.Context(), declared)
	if err != nil {
		s.t.Fatal(err)
	}
	report := model.Switch{Tables: tables}
	for n := range uint32(4) {
		report.Ports = append(report.Ports, model.SwitchPort{Number: n + 1, Name: fmt.Sprint("eth", n+1), MAC: model.MAC{2, 0, 0, 0, byte(datapathID), byte(n + 1)}, Up: true})
	}
	if _, _, err := s.store.ReportSwitch(s.t.Context(), node.Number, report); err != nil {
		s.t.Fatal(err)
	}
	return node.Number
}

func (s *server) onFabric(physicalNetwork string, vlan int) string {
	s.t.Helper()
	return s.create("network", fmt.Sprintf(`{"provider:network_type":"vlan","provider:physical_network":%q,"provider:segmentation_id":%d}`, physicalNetwork, vlan))["id"].(string)
}

// hangsOn is a binding:profile as Ironic writes it.
func hangsOn(switchID, portID string, more ...string) string {
	return fmt.Sprintf(`{"local_link_information":[{"switch_id":%q,"port_id":%q,"switch_info":"rack 7"}]%s}`, switchID, portID, strings.Join(more, ""))
}

// TestBareMetal binds ports as Ironic does: a port is made, and then told where its server hangs.
func TestBareMetal(t *testing.T) {
	s := newServer(t)
	leaf1, leaf2 := s.leaf(1, "leaf1"), s.leaf(2, "leaf2")
	s.leaf(3, "weak", model.TableLimits{ID: 1, Name: "guard", Lacks: []string{"nw_src"}})
	if _, _, err := s.store.AddLink(t.Context(), model.LinkEnd{Node: leaf1, Port: 3}, model.LinkEnd{Node: leaf2, Port: 3}); err != nil {
		t.Fatal(err)
	}
	network, tunnelled, lab := s.onFabric("dc", 7), s.create("network", `{}`)["id"].(string), s.onFabric("lab", 7)
	first := s.create("port", fmt.Sprintf(`{"network_id":%q,"binding:vnic_type":"baremetal","binding:host_id":"ironic","binding:profile":%s}`, network, hangsOn("00:00:00:00:00:00:00:01", "eth1")))
	if first["binding:vif_type"] != "other" || first["status"] != "DOWN" || fmt.Sprint(first["binding:vif_details"]) != "map[connectivity:l2 port_filter:false]" || len(first["security_groups"].([]any)) != 0 {
		t.Errorf("bound: %v", first)
	}
	for _, c := range []struct {
		network, body string
		outcome       string // of the update; and of one that is done:
		vifType       string
		reason        string // or the message
	}{
		{network, `"binding:profile":` + hangsOn("0000000000000002", "eth1"), "200", "other", ""},
		{network, `"binding:host_id":"","binding:profile":` + hangsOn("02:00:00:00:02:01", "2"), "200", "other", ""},
		{network, `"binding:profile":` + hangsOn("1", "eth1", `,"tag":100`), "200", "other", ""},
		{network, `"binding:profile":{"local_link_information":[{"switch_id":"1","port_id":2}]}`, "200", "other", ""},
		{network, `"binding:profile":` + hangsOn("1", "1"), "200", "binding_failed", "port " + first["id"].(string) + " is bound there already, without a tag"},
		{network, `"binding:profile":` + hangsOn("0xabc", "eth1"), "200", "binding_failed", "no physical switch is declared with the datapath id or MAC address 0xabc"},
		{network, `"binding:profile":` + hangsOn("1", "eth9"), "200", "binding_failed", "switch leaf1 has no port eth9"},
		{network, `"binding:profile":` + hangsOn("1", "eth3"), "200", "binding_failed", "port eth3 of switch leaf1 is a link to another switch or to a node"},
		{network, `"binding:profile":` + hangsOn("1", "eth4"), "200", "binding_failed", "port eth4 of switch leaf1 is declared to be an uplink"},
		{tunnelled, `"binding:profile":` + hangsOn("1", "eth2"), "200", "binding_failed", "switch leaf1 carries vlan networks of the physical network dc, and network " + tunnelled + " is none of these"},
		{lab, `"binding:profile":` + hangsOn("1", "eth2"), "200", "binding_failed", "switch leaf1 carries vlan networks of the physical network dc, and network " + lab + " is none of these"},
		{network, `"binding:profile":{}`, "200", "binding_failed", "binding:profile has no local_link_information, which says where it hangs"},
		{network, `"binding:vnic_type":"normal","binding:host_id":"leaf1"`, "200", "binding_failed", "leaf1 is a physical switch: only ports with binding:vnic_type baremetal can be bound there"},
		{network, `"binding:vnic_type":"normal","binding:host_id":"compute9"`, "200", "binding_failed", "no node has the hostname compute9"},
		{network, `"binding:profile":` + hangsOn("3", "eth1"), "409 PortSecurityNotAvailable", "", "Port security is not available at port eth1 of the physical switch: switch weak cannot match IPv4 source addresses in its table for that."},
		{network, `"port_security_enabled":false,"binding:profile":` + hangsOn("3", "eth1"), "200", "other", ""},
		{network, `"binding:profile":{"local_link_information":[{"switch_id":"1","port_id":"eth1"},{"switch_id":"2","port_id":"eth1"}]}`, "400 HTTPBadRequest", "",
			"Invalid input for binding:profile. Reason: local_link_information has 2 links: bonds are not supported."},
		{network, `"binding:profile":{"local_link_information":[{"switch_id":"1"}]}`, "400 HTTPBadRequest", "", "Invalid input for binding:profile. Reason: local_link_information has no port_id."},
		{network, `"binding:profile":` + hangsOn("1", "eth2", `,"tag":0`), "400 HTTPBadRequest", "", "Invalid input for binding:profile. Reason: tag is not a VLAN id from 1 to 4094."},
	} {
		id := s.create("port", fmt.Sprintf(`{"network_id":%q,"security_groups":[]}`, c.network))["id"].(string)
		body := fmt.Sprintf(`{"binding:vnic_type":"baremetal","binding:host_id":"ironic",%s}`, c.body)
		if strings.Contains(c.body, "host_id") {
			body = fmt.Sprintf(`{"binding:vnic_type":"baremetal",%s}`, c.body)
		}
		if strings.Contains(c.body, "vnic_type") {
			body = "{" + c.body + "}"
		}
		a := s.expect(c.outcome, http.MethodPut, "/v2.0/ports/"+id, wrap("port", body))
		if a.status != http.StatusOK {
			if got := a.neutronError().Message; got != c.reason {
				t.Errorf("%s:\n%s, not\n%s", c.body, got, c.reason)
			}
			if vifType := s.do(http.MethodGet, "/v2.0/ports/"+id, "").object("port")["binding:vif_type"]; vifType != "unbound" {
				t.Errorf("%s: refused, and %s", c.body, vifType)
			}
			continue
		}
		port := s.do(http.MethodGet, "/v2.0/ports/"+id, "").object("port")
		details, _ := port["binding:vif_details"].(map[string]any)
		reason, _ := details["reason"].(string)
		if port["binding:vif_type"] != c.vifType || reason != c.reason || port["status"] != "DOWN" {
			t.Errorf("%s:\n%s: %s, not\n%s: %s", c.body, port["binding:vif_type"], reason, c.vifType, c.reason)
		}
		if c.vifType == "other" { // and leave the place to the next
			s.expect("204", http.MethodDelete, "/v2.0/ports/"+id, "")
		}
	}
	server := s.create("port", fmt.Sprintf(`{"network_id":%q,"binding:vnic_type":"baremetal","binding:host_id":"ironic","device_owner":"compute:nova","binding:profile":%s}`, network, hangsOn("1", "eth9")))
	bindings := s.do(http.MethodGet, "/v2.0/ports/"+server["id"].(string)+"/bindings", "").list("bindings")
	if len(bindings) != 1 || fmt.Sprint(bindings[0]["vif_details"]) != "map[reason:switch leaf1 has no port eth9]" {
		t.Errorf("bindings %v", bindings)
	}
	hidden := s.do(http.MethodGet, "/v2.0/ports/"+server["id"].(string), "", as("red", "member")...)
	if strings.Contains(hidden.body, "eth9") {
		t.Errorf("a tenant reads where servers hang: %s", hidden.body)
	}
}

// TestAdmission answers what the one who knows the switches says.
func TestAdmission(t *testing.T) {
	full := model.Errorf(http.StatusConflict, "TableFull", "Table forward of switch leaf1 has room for 32 entries, and there would be 33.")
	s := newServerWith(t, store.Options{Source: model.SystemSource(), Quotas: unlimited, AdmitPort: admitTwo(full)}, Options{})
	network := s.create("network", `{}`)["id"].(string)
	one := fmt.Sprintf(`{"network_id":%q}`, network)
	s.expect("409 TableFull", http.MethodPost, "/v2.0/ports", fmt.Sprintf(`{"ports":[%s,%s,%s]}`, one, one, one))
	if n := s.count("ports"); n != 0 {
		t.Errorf("of a bulk that was refused %d are there", n)
	}
	s.create("port", one)
	s.create("port", one)
	a := s.expect("409 TableFull", http.MethodPost, "/v2.0/ports", wrap("port", one))
	if got := a.neutronError().Message; got != full.Message {
		t.Error(got)
	}
}

// admitTwo admits ports with the two lowest numbers.
func admitTwo(refusal error) func(context.Context, *model.Port, *model.Network) error {
	return func(_ context.Context, p *model.Port, _ *model.Network) error {
		if p.Number > 2 {
			return refusal
		}
		return nil
	}
}
