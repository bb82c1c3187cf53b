package verify_test

import (
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/planck-sdn/planck/apps/example"
	"github.com/planck-sdn/planck/apps/pipeline"
	"github.com/planck-sdn/planck/apps/routing"
	"github.com/planck-sdn/planck/controller/verify"
	"github.com/planck-sdn/planck/model"
	"github.com/planck-sdn/planck/model/flow"
	"github.com/planck-sdn/planck/model/topology"
)

// Whatever one entry or bucket of a node becomes: if packets then get where the model does not let them, there is a violation. What they may
// is said here anew, from the model, for packets that floating IPs have nothing to do with.
func TestMutationsThatLeakAreFound(t *testing.T) {
	v, _ := tenants()
	held := tables(t, v, 1)
	l := newLitmus(v, v.Node(1))
	if text := l.leak(held); text != "" {
		t.Fatalf("before any mutation: %s", text)
	}
	intent := verify.Of(v)
	leaking := 0
	rapid.Check(t, func(t *rapid.T) {
		mutant := flow.Tables{Flows: slices.Clone(held.Flows), Groups: slices.Clone(held.Groups), Meters: held.Meters}
		what := l.mutate(t, &mutant)
		text := l.leak(mutant)
		if text == "" {
			return
		}
		leaking++
		if found := intent.Switch(1, &mutant); len(found.Violations) == 0 {
			t.Fatalf("%s: %s, and there is no violation", what, text)
		}
	})
	if leaking == 0 {
		t.Error("no mutation leaked")
	}
	t.Logf("%d mutations leaked", leaking)
}

// litmus is a set of packets, and where each of them may come out.
type litmus struct {
	node    *model.Node
	packets []litmusPacket
	values  []uint64 // network keys, router keys, tags
	ports   []uint32
}

type litmusPacket struct {
	text    string
	in      flow.Input
	ports   map[uint32]bool // local ports that may get it
	keys    map[uint64]bool // tunnel keys under which it may leave
	tags    map[string]bool // patch port and tag with which it may leave
	nowhere bool            // it may go nowhere
}

func newLitmus(v *topology.View, node *model.Node) *litmus {
	l := &litmus{node: node}
	local := map[model.Number][]uint32{} // by network
	networks := map[model.Number]*model.Network{}
	var macs []model.MAC
	v.Ports(func(p *model.Port) {
		n := v.NetworkByID(p.NetworkID)
		networks[n.Number] = n
		macs = append(macs, p.MAC)
		if a, here := v.AttachmentOn(p.Number, node.Number); here {
			local[n.Number] = append(local[n.Number], a.Ofport)
			l.ports = append(l.ports, a.Ofport)
		}
	})
	macs = append(macs, model.MAC{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, model.MAC{0x01, 0, 0x5e, 0, 0, 1}, model.MAC{2, 0, 0, 0, 0, 9})
	may := func(n *model.Network) litmusPacket {
		p := litmusPacket{ports: map[uint32]bool{}, keys: map[uint64]bool{}, tags: map[string]bool{}}
		let := func(n *model.Network) {
			p.keys[uint64(n.Key)] = true
			for _, port := range local[n.Number] {
				p.ports[port] = true
			}
			if m, ok := node.Mapping(n.PhysicalNetwork); ok {
				p.tags[fmt.Sprint(m.PatchPort, " ", tagOf(n))] = true
			}
		}
		let(n)
		v.Routers(func(r *model.Router) {
			on := []*model.Network{}
			for _, i := range routing.Interfaces(v, r) {
				on = append(on, i.Network)
			}
			if g := routing.GatewayOf(v, r); g != nil {
				on = append(on, g.Network)
			}
			if slices.Contains(on, n) {
				p.keys[uint64(r.Key)] = true
				for _, n := range on {
					let(n)
				}
			}
		})
		return p
	}
	addresses := []uint64{0x0a01000b, 0x0a01000c, 0x0a02000b, 0x0a03000c, 0x0a04000c, 0x0a05000b, 0xc6336401}
	each := func(name string, allowed litmusPacket, port uint32, tunnel flow.Tunnel, vlan uint16, src model.MAC, ip uint64, nowhere bool) {
		for i, dst := range macs {
			for _, arp := range []bool{false, true} {
				p := allowed
				p.nowhere = nowhere
				p.in = flow.Input{InPort: port, Tunnel: tunnel, Frame: litmusFrame(dst, src, vlan, ip, addresses[i%len(addresses)], arp)}
				p.text = fmt.Sprintf("%s to %s", name, dst)
				l.packets = append(l.packets, p)
			}
		}
	}
	peer := uint32(pipeline.IPv4(v.Node(2).EncapIP))
	v.Ports(func(p *model.Port) {
		a, here := v.AttachmentOn(p.Number, node.Number)
		if !here {
			return
		}
		own := pipeline.IPv4(p.FixedIPs[0].IPAddress)
		allowed := may(v.NetworkByID(p.NetworkID))
		each("from "+p.Name, allowed, a.Ofport, flow.Tunnel{}, 0, p.MAC, own, false)
		each("tagged from "+p.Name, allowed, a.Ofport, flow.Tunnel{}, 101, p.MAC, own, true)
		if p.PortSecurityEnabled {
			each("with a foreign MAC from "+p.Name, allowed, a.Ofport, flow.Tunnel{}, 0, model.MAC{2, 0, 0, 0, 0, 8}, own, true)
			each("with a foreign address from "+p.Name, allowed, a.Ofport, flow.Tunnel{}, 0, p.MAC, 0x0a010063, true)
		}
	})
	for _, n := range networks {
		l.values = append(l.values, uint64(n.Key))
		if n.NetworkType == model.NetworkVXLAN {
			each("by tunnel in "+n.Name, may(n), node.TunnelPort, flow.Tunnel{ID: uint64(n.Key), Src: peer}, 0, model.MAC{2, 0, 0, 0, 0, 7}, 0x0a010063, false)
			each("by a stranger's tunnel in "+n.Name, may(n), node.TunnelPort, flow.Tunnel{ID: uint64(n.Key), Src: 0xc6336401}, 0, model.MAC{2, 0, 0, 0, 0, 7}, 0x0a010063, true)
		} else if m, ok := node.Mapping(n.PhysicalNetwork); ok {
			each("by wire in "+n.Name, may(n), m.PatchPort, flow.Tunnel{}, tagOf(n), model.MAC{2, 0, 0, 0, 0, 7}, 0x0a010063, false)
		}
	}
	each("from the host", litmusPacket{}, flow.PortLocal, flow.Tunnel{}, 0, model.MAC{2, 0, 0, 0, 0, 7}, 0x0a010063, true)
	v.Routers(func(r *model.Router) { l.values = append(l.values, uint64(r.Key)) })
	slices.Sort(l.values)
	l.values = append(l.values, 0x1000|101, 0x1000|102, 77)
	l.ports = append(l.ports, node.TunnelPort, node.Mappings[0].PatchPort, node.Mappings[1].PatchPort)
	return l
}

func tagOf(n *model.Network) uint16 {
	if n.NetworkType == model.NetworkFlat {
		return 0
	}
	return uint16(n.SegmentationID)
}

func litmusFrame(dst, src model.MAC, vlan uint16, from, to uint64, arp bool) []byte {
	word := func(v uint64) []byte { return []byte{byte(v >> 24), byte(v >> 16), byte(v >> 8), byte(v)} }
	f := append(slices.Clone(dst[:]), src[:]...)
	if vlan != 0 {
		f = append(f, 0x81, 0, byte(vlan>>8), byte(vlan))
	}
	if arp {
		f = append(f, 8, 6, 0, 1, 8, 0, 6, 4, 0, 1)
		f = append(append(f, src[:]...), word(from)...)
		return append(append(f, 0, 0, 0, 0, 0, 0), word(to)...)
	}
	f = append(f, 8, 0, 0x45, 0, 0, 40, 0, 1, 0, 0, 64, 6, 0, 0)
	f = append(append(f, word(from)...), word(to)...)
	return append(f, 0x9c, 0x40, 0, 80, 0, 0, 0, 0, 0, 0, 0, 0, 0x50, 2, 0, 0, 0, 0, 0, 0)
}

// leak sends all packets through a switch with these tables and tells of the first that comes out where it must not; empty: none does, or the
// switch refuses the tables.
func (l *litmus) leak(t flow.Tables) string {
	s := flow.NewSwitch(flow.SwitchConfig{})
	if len(s.Apply(example.Changes(t))) > 0 {
		return ""
	}
	for i := range l.packets {
		p := &l.packets[i]
		r, err := s.Execute(p.in)
		if err != nil {
			continue
		}
		for _, e := range r.Emissions {
			if e.Port == flow.PortController || e.Port == p.in.InPort && e.Port != l.node.TunnelPort {
				continue // back to who sent it
			}
			if text := l.judge(p, e); text != "" {
				return p.text + " " + text
			}
		}
	}
	return ""
}

func (l *litmus) judge(p *litmusPacket, e flow.Emission) string {
	switch {
	case p.nowhere:
		return fmt.Sprintf("leaves by port %d", e.Port)
	case e.Port == l.node.TunnelPort && p.in.InPort == e.Port:
		return "goes from tunnel to tunnel"
	case e.Port == l.node.TunnelPort:
		if !p.keys[e.Tunnel.ID] {
			return fmt.Sprintf("leaves by tunnel under key %d", e.Tunnel.ID)
		}
	case e.Port == l.node.Mappings[0].PatchPort || e.Port == l.node.Mappings[1].PatchPort:
		tag := uint16(0)
		if e.Frame[12] == 0x81 {
			tag = uint16(e.Frame[14])<<8 | uint16(e.Frame[15])
		}
		if !p.tags[fmt.Sprint(e.Port, " ", tag)] {
			return fmt.Sprintf("leaves by wire %d with tag %d", e.Port, tag)
		}
	case !p.ports[e.Port]:
		return fmt.Sprintf("comes to port %d", e.Port)
	}
	return ""
}

// mutate changes one entry or one bucket.
func (l *litmus) mutate(t *rapid.T, tables *flow.Tables) string {
	if rapid.IntRange(0, 9).Draw(t, "group") == 0 {
		i := rapid.IntRange(0, len(tables.Groups)-1).Draw(t, "which group")
		g := tables.Groups[i]
		g.Buckets = slices.Clone(g.Buckets)
		if len(g.Buckets) == 0 || rapid.Bool().Draw(t, "new bucket") {
			g.Buckets = append(g.Buckets, []flow.Action{flow.Output{Port: l.port(t)}})
		} else {
			b := rapid.IntRange(0, len(g.Buckets)-1).Draw(t, "bucket")
			g.Buckets[b] = l.actions(t, g.Buckets[b])
		}
		tables.Groups[i] = g
		return "now " + flow.FormatGroup(g, pipeline.Names)
	}
	i := rapid.IntRange(0, len(tables.Flows)-1).Draw(t, "entry")
	was := tables.Flows[i]
	e, err := was.Decode()
	if err != nil {
		t.Fatal(err)
	}
	switch kind := rapid.IntRange(0, 7).Draw(t, "kind"); {
	case kind == 0 && len(e.Match) > 0:
		m := rapid.IntRange(0, len(e.Match)-1).Draw(t, "match")
		e.Match = slices.Delete(slices.Clone(e.Match), m, m+1)
	case kind == 1 && len(e.Match) > 0:
		e.Match = slices.Clone(e.Match)
		m := &e.Match[rapid.IntRange(0, len(e.Match)-1).Draw(t, "match")]
		*m = flow.Masked(m.Field, l.value(t, m.Field, m.Value), m.Mask)
	case kind == 2 && e.MetadataMask != 0:
		e.WriteMetadata = l.value(t, flow.Metadata, e.WriteMetadata) & e.MetadataMask
	case kind == 3 && e.HasGoto:
		e.Goto = pipeline.OVS[rapid.IntRange(0, len(pipeline.OVS)-1).Draw(t, "goto")].ID
	case kind == 4:
		e.Apply = append([]flow.Action{flow.Output{Port: l.port(t)}}, e.Apply...)
	case kind == 5:
		e.Priority += 1000
	case kind == 6:
		tables.Flows = slices.Delete(tables.Flows, i, i+1)
		return "without " + example.Text(was)
	default:
		e.Apply = l.actions(t, e.Apply)
	}
	tables.Flows[i] = flow.Encode(e)
	for k, other := range tables.Flows {
		if k != i && other.Key() == tables.Flows[i].Key() { // it takes another's place
			tables.Flows = slices.Delete(tables.Flows, k, k+1)
			break
		}
	}
	return example.Text(was) + " is " + example.Text(flow.Encode(e))
}

func (l *litmus) port(t *rapid.T) uint32 { return rapid.SampledFrom(l.ports).Draw(t, "port") }

// value is another value of a field: of metadata another network or port.
func (l *litmus) value(t *rapid.T, f flow.Field, was uint64) uint64 {
	v := rapid.SampledFrom(l.values).Draw(t, "value")
	if f != flow.Metadata {
		if f == flow.InPort {
			return uint64(l.port(t))
		}
		return v & f.AllOnes()
	}
	key := pipeline.PortKey(0).Mask
	if rapid.Bool().Draw(t, "network") {
		return was&^pipeline.InNetwork(0).Mask | pipeline.InNetwork(model.NetworkKey(v)).Value
	}
	return was&^key | uint64(l.port(t))
}

func (l *litmus) actions(t *rapid.T, list []flow.Action) []flow.Action {
	list = slices.Clone(list)
	if len(list) == 0 {
		return []flow.Action{flow.Output{Port: l.port(t)}}
	}
	i := rapid.IntRange(0, len(list)-1).Draw(t, "action")
	switch a := list[i].(type) {
	case flow.SetField:
		a.Value = l.value(t, a.Field, a.Value) & a.Mask
		list[i] = a
	case flow.Output:
		a.Port, a.MaxLen = l.port(t), 0
		list[i] = a
	default:
		list = slices.Delete(list, i, i+1)
	}
	return list
}
