package e2e

import (
	"bytes"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"

	"github.com/planck-sdn/planck/tests/lab"
)

// linkLocal is what switches and bridges say to each other: LLDP, and what is sent to the addresses that no bridge forwards.
const linkLocal = "inbound and (ether proto 0x88cc or (ether[0:4] = 0x0180c200 and ether[4] = 0))"

// lldp is a frame of LLDP as anybody may send it.
func lldp(v *VM, chassis, port string) []byte {
	buffer := gopacket.NewSerializeBuffer()
	err := gopacket.SerializeLayers(buffer, gopacket.SerializeOptions{},
		&layers.Ethernet{SrcMAC: hw(v.MAC), DstMAC: hw("01:80:c2:00:00:0e"), EthernetType: layers.EthernetTypeLinkLayerDiscovery},
		&layers.LinkLayerDiscovery{
			ChassisID: layers.LLDPChassisID{Subtype: layers.LLDPChassisIDSubTypeLocal, ID: []byte(chassis)},
			PortID:    layers.LLDPPortID{Subtype: layers.LLDPPortIDSubtypeLocal, ID: []byte(port)},
			TTL:       120,
		})
	if err != nil {
		v.cloud.t.Fatal(err)
	}
	return buffer.Bytes()
}

// sendRaw sends frames as they are.
func (v *VM) sendRaw(frames ...[]byte) {
	v.cloud.t.Helper()
	for _, f := range frames {
		if err := v.Send(f); err != nil {
			v.cloud.t.Fatal(err)
		}
	}
}

// TestForgedLLDP: hosts that send what switches do make no link, end none, and are heard by nobody.
func TestForgedLLDP(t *testing.T) {
	c := Start(t, Options{})
	node := c.AddNode("compute1", onFabric)
	ring := c.Ring(node)
	leaf1, leaf2, leaf3 := ring.Switches[0], ring.Switches[1], ring.Switches[2]
	red, _ := c.VLAN(100, "10.1.0.0/24")
	bound := leaf1.Server(red, "bound", hostPort, 0)
	tagged := leaf1.Server(red, "tagged", hostPort+1, 300)
	far := leaf2.Server(red, "far", hostPort, 0)
	vm := c.Boot(node, c.CreatePort(red, "vm", nil))
	loose, other := leaf1.Rack("loose", hostPort+2, 0), leaf3.Rack("other", hostPort+2, 0) // at ports without a binding
	place := map[*VM]*Hardware{loose: leaf1, other: leaf3}
	members := []*VM{bound, tagged, far, vm}
	links := c.Fabric().Links
	frames := func(result string) float64 {
		return c.Planckd.Metric(fmt.Sprintf("planck_fabric_frames_total{result=%q}", result))
	}
	// rises waits until so many more frames were found to be this.
	rises := func(t *testing.T, result string, from float64, by int) {
		t.Helper()
		lab.Eventually(t, limit, result+" frames are counted", func() error {
			if now := frames(result); now < from+float64(by) {
				return fmt.Errorf("%v were, and now %v", from, now)
			}
			return nil
		})
	}
	unchanged := func(t *testing.T) {
		t.Helper()
		if now := c.Fabric().Links; !slices.Equal(now, links) {
			t.Errorf("links\n%+v\nwere\n%+v", now, links)
		}
	}

	quiet := map[*VM]*lab.Capture{}
	for _, v := range members {
		quiet[v] = v.Capture(linkLocal)
	}
	heard := map[*VM]*lab.Capture{loose: loose.Capture(linkLocal), other: other.Capture(linkLocal)}
	for v, capture := range heard {
		lab.Eventually(t, limit, v.Name+" sees Planck's own frames", func() error { return capture.Seen(3) })
	}
	latest := func(v *VM) []byte {
		all, err := heard[v].Frames()
		if err != nil {
			t.Fatal(err)
		}
		return all[len(all)-1].Data()
	}
	old := latest(loose)
	c.waitRounds(3)

	c.Run("replayed", func(t *testing.T) {
		before := frames("replayed")
		for range 10 {
			loose.sendRaw(old)
			other.sendRaw(old)
		}
		rises(t, "replayed", before, 20)
		unchanged(t)
	})

	c.Run("relayed", func(t *testing.T) {
		// What is new is true as well: one that hears it elsewhere is where its sender is, if the reverse is heard too.
		lab.Eventually(t, limit, "frames are taken and reflected", func() error {
			loose.sendRaw(latest(loose))
			other.sendRaw(latest(loose))
			if frames("reflected") < 5 {
				return fmt.Errorf("%v reflected", frames("reflected"))
			}
			return nil
		})
		c.waitRounds(5)
		unchanged(t)
	})

	c.Run("forged", func(t *testing.T) {
		before := frames("forged")
		bad := 0
		for at := len(old) - 10; at < len(old)-2; at++ { // within the proof, before the end of LLDPDU
			f := bytes.Clone(latest(loose))
			f[at] ^= 1
			loose.sendRaw(f)
			other.sendRaw(f)
			bad += 2
		}
		rises(t, "forged", before, bad)
		unchanged(t)
	})

	c.Run("of others", func(t *testing.T) {
		before := frames("foreign")
		for _, v := range []*VM{loose, other} {
			v.sendRaw(lldp(v, "00000000000000a1", "1"), lldp(v, "00000000000000a2", "1"), lldp(v, "server", "eno1"))
		}
		rises(t, "foreign", before, 6)
		unchanged(t)
	})

	c.Run("from ports of servers", func(t *testing.T) {
		const results = "planck_fabric_frames_total{"
		up := func() (n float64) { // what came up and was not from the other end of a cable
			return c.Planckd.Metric(results) - frames("accepted")
		}
		before := up()
		for _, v := range []*VM{bound, tagged, far, vm} {
			for range 20 {
				v.sendRaw(old, latest(loose), latest(other), lldp(v, "00000000000000a1", "1"))
			}
		}
		const rounds = 4
		c.waitRounds(rounds)
		unchanged(t)
		if now := up(); now > before+4*rounds { // what the node's bridge sends by a port that is declared to be its uplink is not looked at, either
			t.Errorf("%v frames of servers came up", now-before)
		}
	})

	c.Run("spanning tree", func(t *testing.T) {
		for _, v := range append(members, loose, other) {
			for last := range 16 {
				v.SendFrames(Ethernet("BPDU", v.MAC, fmt.Sprintf("01:80:c2:00:00:%02x", last), layers.EthernetTypeLLC))
			}
		}
		unchanged(t)
	})

	c.Run("a flood", func(t *testing.T) {
		before := frames("foreign")
		f := lldp(loose, "server", "eno1")
		stop := loose.flood(f)
		rises(t, "foreign", before, 200)
		began := time.Now()
		c.waitRounds(10)
		unchanged(t)
		t.Logf("%.0f frames came up in %v of a flood of %d", frames("foreign")-before, time.Since(began).Round(time.Millisecond), stop())
	})

	bound.Settle(tagged.Watch(""), far.Watch(""), vm.Watch(""))
	for v, capture := range quiet {
		if err := capture.Nothing(); err != nil {
			t.Errorf("%s: %v", v.Name, err)
		}
	}
	for v, capture := range heard {
		all, err := capture.Frames()
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range all { // nothing but what Planck sends there
			info, ok := f.Layer(layers.LayerTypeLinkLayerDiscovery).(*layers.LinkLayerDiscovery)
			if !ok || string(info.ChassisID.ID) != fmt.Sprintf("%016x", place[v].DatapathID) || string(info.PortID.ID) != fmt.Sprint(hostPort+2) {
				t.Errorf("%s sees %v", v.Name, f)
			}
		}
	}
	for _, v := range members[1:] {
		v.MustReach(bound.IP)
	}
}
