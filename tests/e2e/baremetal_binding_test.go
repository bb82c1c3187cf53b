package e2e

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/planck-sdn/planck/northbound/admin"
	"github.com/planck-sdn/planck/tests/lab"
)

// waitBinding waits until a port has that vif_type, and of a failed binding the reason with these words.
func (c *Cloud) waitBinding(id, vifType, reason string) Port {
	c.t.Helper()
	var p Port
	lab.Eventually(c.t, limit, "port "+id+" has vif_type "+vifType, func() error {
		if p = c.Port(id); p.VIFType != vifType || !strings.Contains(p.VIFDetails.Reason, reason) || (reason == "") != (p.VIFDetails.Reason == "") {
			return fmt.Errorf("it is %s, with reason %q; expected %q", p.VIFType, p.VIFDetails.Reason, reason)
		}
		return nil
	})
	return p
}

// address has a racked server, whose port is bound by now, get its address by DHCP.
func (v *VM) address(p Port) {
	v.cloud.t.Helper()
	v.Port, v.IP = v.cloud.WaitActive(p.ID), p.IP()
	lease, err := v.DHCP(lab.Udhcpc)
	if err != nil {
		v.cloud.t.Fatal(err)
	}
	if v.Lease = lease; lease.IP.Addr().String() != v.IP {
		v.cloud.t.Errorf("%s got address %v by DHCP, its port has %s", v.Name, lease.IP, v.IP)
	}
}

// TestBareMetalBinding: where a port of bare metal can be bound, how that is said, and what is said where it cannot.
func TestBareMetalBinding(t *testing.T) {
	t.Parallel()
	c := Start(t, Options{})
	ring := c.Ring(c.AddNode("compute1", onFabric))
	leaf1, leaf2, leaf3 := ring.Switches[0], ring.Switches[1], ring.Switches[2]
	red, _ := c.VLAN(100, "10.1.0.0/24")
	peer := leaf3.Server(red, "peer", hostPort, 0)
	spelled := leaf1.Rack("spelled", hostPort+1, 0)
	const bound, failed = "other", "binding_failed"
	create := func(n Network, v *VM, profile Attrs) Port { return c.CreatePort(n, v.Name, BareMetal(v.MAC, profile)) }

	c.Run("refused", func(t *testing.T) {
		place := Attrs{"switch_id": "a0", "port_id": "eth10"}
		for reason, profile := range map[string]Attrs{
			"bonds are not supported":  {"local_link_information": []Attrs{place, {"switch_id": "a1", "port_id": "eth10"}}},
			"no switch_id":             {"local_link_information": []Attrs{{"port_id": "eth10"}}},
			"no port_id":               {"local_link_information": []Attrs{{"switch_id": "a0"}}},
			"is not a list":            {"local_link_information": place},
			"VLAN id from 1 to 4094":   {"local_link_information": []Attrs{place}, "tag": 4095},
			"security groups":          nil,
			"tag is not a VLAN id fro": {"local_link_information": []Attrs{place}, "tag": "red"},
		} {
			attributes := BareMetal("02:00:00:00:09:09", profile).with(Attrs{"network_id": red.ID})
			if profile == nil {
				attributes["binding:profile"], attributes["security_groups"] = leaf1.Profile(hostPort, 0), []string{c.DefaultGroup().ID}
			}
			a, err := c.Try(http.MethodPost, "/v2.0/ports", Attrs{"port": attributes})
			if err != nil || a.Status != http.StatusBadRequest || !strings.Contains(strings.ToLower(a.ErrorMessage), strings.ToLower(reason)) {
				t.Errorf("status %d, %s, %v; expected 400 with %q", a.Status, a.Body, err, reason)
			}
		}
	})

	c.Run("not there, and never will be", func(t *testing.T) {
		vxlan := c.CreateNetwork("vxlan", nil)
		elsewhere := c.CreateNetwork("elsewhere", Attrs{"provider:network_type": "vlan", "provider:physical_network": "elsewhere", "provider:segmentation_id": 100})
		for _, n := range []Network{vxlan, elsewhere} {
			p := c.CreatePort(n, n.Name, BareMetal("02:00:00:00:09:09", leaf1.Profile(hostPort+1, 0)))
			if reason := "leaf1 carries vlan networks of the physical network " + fabric; p.VIFType != failed || !strings.Contains(p.VIFDetails.Reason, reason) {
				t.Errorf("in network %s: %s, %q; expected the reason %q", n.Name, p.VIFType, p.VIFDetails.Reason, reason)
			}
		}
	})

	c.Run("a switch that is declared later", func(t *testing.T) {
		leaf4 := c.AddHardware("leaf4", 0xff)
		v := &VM{VM: leaf4.AddServer("late", hostPort, 0, "02:00:00:00:ff:0a"), cloud: c}
		p := create(red, v, leaf4.Profile(hostPort, 0))
		c.waitBinding(p.ID, failed, "no physical switch is declared with the datapath id or MAC address 00000000000000ff")
		leaf4.Declare()
		leaf4.WaitReady()
		c.waitBinding(p.ID, bound, "")
		v.address(p)
		leaf4.Wire(1, leaf3.Switch, 3)
		c.WaitLinks(len(ring.Cables) + 1)
		v.MustReach(peer.IP)
		peer.MustReach(v.IP)
	})

	c.Run("a port that is there later", func(t *testing.T) {
		p := c.CreatePort(red, "plugged", BareMetal("02:00:00:00:a1:0c", leaf2.Profile(12, 0)))
		c.waitBinding(p.ID, failed, "switch leaf2 has no port eth12")
		v := leaf2.Rack("plugged", 12, 0)
		c.waitBinding(p.ID, bound, "")
		v.address(p)
		v.MustReach(peer.IP)
	})

	c.Run("an uplink", func(t *testing.T) {
		v := leaf2.Rack("instead", 13, 0)
		leaf2.Declare(admin.SwitchUplink{Port: "eth13"})
		p := create(red, v, leaf2.Profile(13, 0))
		c.waitBinding(p.ID, failed, "port eth13 of switch leaf2 is declared to be an uplink")
		leaf2.Declare()
		c.waitBinding(p.ID, bound, "")
		v.address(p)
		v.MustReach(peer.IP)
	})

	c.Run("a link", func(t *testing.T) {
		links := len(c.Fabric().Links)
		cable := ring.Cables[2] // from leaf3 to port 2 of leaf1
		p := c.CreatePort(red, "linked", BareMetal("02:00:00:00:a0:02", leaf1.Profile(2, 0)))
		c.waitBinding(p.ID, failed, "port eth2 of switch leaf1 is a link")
		cable.Cut()
		c.waitBinding(p.ID, bound, "")
		cable.Mend()
		c.WaitActive(p.ID)
		c.waitRounds(3)
		c.WaitLinks(links - 1)
		c.DeletePort(p.ID)
		c.WaitLinks(links)
	})

	c.Run("taken", func(t *testing.T) {
		v := leaf1.Rack("second", hostPort, 0)
		first := c.CreatePort(red, "first", BareMetal("02:00:00:00:09:01", leaf1.Profile(hostPort, 0)))
		c.waitBinding(first.ID, bound, "")
		p := create(red, v, leaf1.Profile(hostPort, 0))
		c.waitBinding(p.ID, failed, "port "+first.ID+" is bound there already, without a tag")
		tagged := c.CreatePort(red, "tagged", BareMetal("02:00:00:00:09:02", leaf1.Profile(hostPort, 7)))
		c.waitBinding(tagged.ID, bound, "")
		again := c.CreatePort(red, "again", BareMetal("02:00:00:00:09:03", leaf1.Profile(hostPort, 7)))
		c.waitBinding(again.ID, failed, "port "+tagged.ID+" is bound there already, with tag 7")
		v.SetAddress(p.IP() + "/24")
		v.MustNotReach(peer.IP)
		c.DeletePort(first.ID)
		c.waitBinding(p.ID, bound, "")
		v.address(p)
		v.MustReach(peer.IP)
		for _, other := range []Port{again, tagged, p} {
			c.DeletePort(other.ID)
		}
		v.Close()
	})

	c.Run("spellings", func(t *testing.T) {
		v := spelled
		shown, err := leaf1.Shown()
		if err != nil {
			t.Fatal(err)
		}
		places := []Attrs{}
		for _, id := range []string{"00000000000000a0", "0xa0", "A0", "00:00:00:00:00:00:00:A0", "00:00:00:00:00:a0", "0000000000a0", shown.Ports[0].MAC} {
			for _, port := range []any{"eth11", "11", 11} {
				places = append(places, Attrs{"switch_id": id, "port_id": port})
			}
		}
		p := create(red, v, Attrs{"local_link_information": places[:1]})
		for _, place := range places {
			c.UpdatePort(p.ID, Attrs{"binding:profile": Attrs{"local_link_information": []Attrs{{"switch_id": "ee", "port_id": "eth11"}}}})
			c.waitBinding(p.ID, failed, "no physical switch")
			c.UpdatePort(p.ID, Attrs{"binding:profile": Attrs{"local_link_information": []Attrs{place}}})
			if p := c.waitBinding(p.ID, bound, ""); p.Status != "ACTIVE" {
				c.WaitActive(p.ID)
			}
		}
		v.address(p)
		v.MustReach(peer.IP)

		c.UpdatePort(p.ID, Attrs{"binding:profile": Attrs{}})
		c.waitBinding(p.ID, failed, "has no local_link_information")
		c.WaitConverged()
		v.MustNotReach(peer.IP)
		c.UpdatePort(p.ID, Attrs{"binding:profile": leaf1.Profile(hostPort+1, 0)})
		c.WaitActive(p.ID)
		v.MustReach(peer.IP)
		c.UpdatePort(p.ID, Attrs{"binding:profile": Attrs{}, "binding:host_id": ""}) // as Ironic does
		c.waitBinding(p.ID, "unbound", "")
		c.WaitDown(p.ID)
		c.WaitConverged()
		heard := v.Watch("")
		v.MustNotReach(peer.IP)
		peer.MustNotReach(v.IP)
		peer.SendFrames(peer.IPv4Broadcast("to everybody"))
		peer.Settle()
		heard.Got()
		c.UpdatePort(p.ID, Attrs{"binding:profile": leaf1.Profile(hostPort+1, 0)})
		c.WaitActive(p.ID)
		v.MustReach(peer.IP)
	})
}
