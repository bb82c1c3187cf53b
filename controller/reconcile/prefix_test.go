package reconcile

import (
	"encoding/binary"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/planck-sdn/planck/model"
	"github.com/planck-sdn/planck/model/flow"
	"github.com/planck-sdn/planck/model/topology"
	"github.com/planck-sdn/planck/model/topology/history"
)

// TestEveryPrefixIsSafe cuts plans into the smallest pieces, and after each piece sends packets from every port of the
// node: none may reach a port, a tunnel key or a tag of a network that the sender is not in and no routers lead to, neither before
// nor after the change.
func TestEveryPrefixIsSafe(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h, c := history.New(), newCloud()
		switches := map[model.Number]*flow.Switch{}
		for range 60 {
			var changes []model.Change
			for range rapid.IntRange(1, 6).Draw(t, "changes at once") {
				changes = append(changes, h.Step(t)...)
			}
			before := c.view
			if err := c.apply(history.Last(changes)); err != nil {
				t.Fatal(err)
			}
			for _, n := range slices.Sorted(maps.Keys(c.nodes)) {
				w, sw := c.nodes[n], switches[n]
				if sw == nil {
					sw = flow.NewSwitch(flow.SwitchConfig{})
					switches[n] = sw
				}
				held := sw.Tables()
				w.readBack(&held)
				for _, b := range plan(w, w.differing(false), rapid.IntRange(1, 8).Draw(t, "limit")) {
					install(t, sw, b)
					crossings(t, sw, n, before, c.view)
				}
				held = sw.Tables()
				w.readBack(&held)
				if left := plan(w, w.differing(false), unlimited); len(left) > 0 {
					t.Fatalf("node %d: after the plan there is another: %v", n, left)
				}
			}
		}
	})
}

func install(t *rapid.T, sw *flow.Switch, b batch) {
	changes := make([]flow.Change, len(b.changes))
	for i := range b.changes {
		changes[i] = b.changes[i].Change
	}
	for _, r := range apply(sw, changes, b.atomic) {
		t.Fatalf("refused: %s: %s", b.changes[r.Index].text(nil), r.Reason)
	}
}

// netAt is the network of the port with that ofport on a node; nil if there is none.
func netAt(v *topology.View, node model.Number, ofport uint32) *model.Network {
	n := v.Node(node)
	if n == nil {
		return nil
	}
	for _, i := range n.Interfaces {
		if p := v.PortByID(i.PortID); i.Ofport == ofport && p != nil {
			if _, ok := v.AttachmentOn(p.Number, node); ok {
				return v.NetworkByID(p.NetworkID)
			}
		}
	}
	return nil
}

// crossings sends unicast to every MAC and broadcast from every port of the node, and checks what comes out.
func crossings(t *rapid.T, sw *flow.Switch, node model.Number, before, after *topology.View) {
	targets := []target{{mac: model.MAC{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, ip: elsewhere}, {mac: model.MAC{2, 7, 7, 7, 7, 7}, ip: elsewhere}}
	addrs := map[netip.Addr]struct{}{elsewhere: {}}
	after.Ports(func(p *model.Port) {
		targets = append(targets, target{p.MAC, elsewhere})
		for _, fixed := range p.FixedIPs {
			addrs[fixed.IPAddress] = struct{}{}
		}
	})
	after.Routers(func(r *model.Router) { // through which any address may be reached
		for _, p := range after.InterfacesOf(r.Number) {
			for ip := range addrs {
				targets = append(targets, target{p.MAC, ip})
			}
		}
	})
	for _, from := range []*topology.View{before, after} {
		n := from.Node(node)
		if n == nil {
			continue
		}
		for _, i := range n.Interfaces {
			p := from.PortByID(i.PortID)
			if p == nil {
				continue
			}
			for _, to := range targets {
				result, err := sw.Execute(flow.Input{Frame: udpFrame(p, to), InPort: i.Ofport})
				if err != nil {
					t.Fatal(err)
				}
				for _, e := range result.Emissions {
					if why := crosses(e, node, i.Ofport, before, after); why != "" {
						t.Fatalf("node %d: from port %s (ofport %d) to %s, %s: %s\n%s", node, p.ID, i.Ofport, to.mac, to.ip, why, steps(result))
					}
				}
			}
		}
	}
}

// target is whom a packet is addressed to.
type target struct {
	mac model.MAC
	ip  netip.Addr
}

// elsewhere is an address that no port has.
var elsewhere = netip.MustParseAddr("10.1.0.99")

// crosses says which boundary an emission crosses that both topologies forbid; empty if none.
func crosses(e flow.Emission, node model.Number, from uint32, before, after *topology.View) string {
	if e.Port == flow.PortController {
		return ""
	}
	for _, v := range []*topology.View{before, after} {
		n, network := v.Node(node), netAt(v, node, from)
		if n == nil || network == nil {
			continue
		}
		networks, keys := within(v, network)
		to := netAt(v, node, e.Port)
		if e.Port == n.TunnelPort && keys[e.Tunnel.ID] {
			return ""
		}
		for _, x := range networks {
			if to != nil && to.Number == x.Number {
				return ""
			}
			if m, ok := n.Mapping(x.PhysicalNetwork); ok && m.PatchPort == e.Port && tagOf(e.Frame) == x.SegmentationID {
				return ""
			}
		}
	}
	return fmt.Sprintf("left by port %d, tunnel key %d, tag %d", e.Port, e.Tunnel.ID, tagOf(e.Frame))
}

// within lists the networks that a packet may come to from a network, through as many as three routers, and the tunnel keys under which
// it may do so.
func within(v *topology.View, from *model.Network) ([]*model.Network, map[uint64]bool) {
	networks, keys := []*model.Network{from}, map[uint64]bool{}
	add := func(id string) {
		if n := v.NetworkByID(id); n != nil && !slices.Contains(networks, n) {
			networks = append(networks, n)
		}
	}
	for range 3 {
		for _, n := range slices.Clone(networks) {
			for _, number := range v.RoutersOn(n.Number) {
				r := v.Router(number)
				if !r.AdminStateUp {
					continue
				}
				for _, p := range v.InterfacesOf(number) {
					add(p.NetworkID)
				}
				if r.Gateway != nil {
					keys[uint64(r.Key)] = true
					add(r.Gateway.NetworkID)
				}
			}
		}
	}
	for _, n := range networks {
		keys[uint64(n.Key)] = true // the segmentation id of a vxlan network; routed packets for others go to a node with the bridge
	}
	return networks, keys
}

func tagOf(frame []byte) uint32 {
	if binary.BigEndian.Uint16(frame[12:]) == 0x8100 {
		return uint32(binary.BigEndian.Uint16(frame[14:]) & 0xfff)
	}
	return 0
}

func steps(r flow.Result) string {
	s := ""
	for _, step := range r.Steps {
		if e, err := step.Entry.Decode(); err == nil {
			s += flow.Format(e, nil) + "\n"
		}
	}
	return s
}

// udpFrame is a packet that the guard lets pass.
func udpFrame(p *model.Port, to target) []byte {
	src, dst := [4]byte{}, to.ip.As4()
	if len(p.FixedIPs) > 0 {
		src = p.FixedIPs[0].IPAddress.As4()
	}
	f := append(append(append([]byte{}, to.mac[:]...), p.MAC[:]...), 0x08, 0x00)
	f = append(f, 0x45, 0, 0, 28, 0, 0, 0, 0, 64, 17, 0, 0)
	f = append(append(f, src[:]...), dst[:]...)
	return append(f, 0x30, 0x39, 0x30, 0x39, 0, 8, 0, 0)
}
