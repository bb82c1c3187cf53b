package apps_test

import (
	"bytes"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/planck-sdn/planck/apps"
	"github.com/planck-sdn/planck/apps/example"
	"github.com/planck-sdn/planck/apps/pipeline"
	"github.com/planck-sdn/planck/model"
	"github.com/planck-sdn/planck/model/flow"
	"github.com/planck-sdn/planck/model/topology"
)

// world is a cloud with a switch in memory on each node, tunnels between them, and one wire for each physical network.
type world struct {
	*testing.T
	view     *topology.View
	switches map[model.Number]*flow.Switch
}

// build renders every node into its switch. A switch that refuses anything, or unequal entries for one match, are defects.
func build(t *testing.T, c *example.Cloud) *world {
	t.Helper()
	w := &world{T: t, view: c.View(), switches: map[model.Number]*flow.Switch{}}
	w.view.Nodes(func(n *model.Node) {
		tables, err := example.Tables(apps.All(), w.view, n.Number)
		if err != nil {
			t.Fatalf("%s: %v", n.Hostname, err)
		}
		w.switches[n.Number] = flow.NewSwitch(flow.SwitchConfig{})
		changes := example.Changes(tables)
		for _, r := range w.switches[n.Number].Apply(changes) {
			t.Fatalf("%s refuses %+v: %s", n.Hostname, changes[r.Index], r.Reason)
		}
	})
	return w
}

// arrival is a frame that leaves the world's switches: at a port, at the controller, or on a wire.
type arrival struct {
	where string
	frame []byte
}

func (a arrival) String() string { return a.where + ": " + describe(a.frame) }

// at expects the frame at each of some ports.
func at(frame []byte, ports ...*model.Port) []arrival {
	list := make([]arrival, len(ports))
	for i, p := range ports {
		list[i] = arrival{p.Name, frame}
	}
	return list
}

// onWire expects the frame on the wire of a physical network.
func onWire(frame []byte, physnet string) []arrival { return []arrival{{"wire " + physnet, frame}} }

// up expects the frame at the controller, sent there for a port.
func up(frame []byte, p *model.Port) []arrival { return []arrival{{"controller, of " + p.Name, frame}} }

// upBy expects the frame at the controller, sent there by a rule.
func upBy(frame []byte, rule string) []arrival { return []arrival{{"controller, by " + rule, frame}} }

// send sends a frame from the interface of a port, on the node where others reach it. It must arrive exactly where
// expected says, each once.
func (w *world) send(p *model.Port, frame []byte, expected ...[]arrival) {
	w.Helper()
	l, ok := w.view.Location(p.Number)
	if !ok {
		w.Fatalf("%s is plugged nowhere", p.Name)
	}
	w.enter(w.view.Node(l.Node), flow.Input{Frame: frame, InPort: l.Ofport}, expected...)
}

// sendByWire sends a frame from somewhere on a wire to all nodes that it leads to.
func (w *world) sendByWire(physnet string, frame []byte, expected ...[]arrival) {
	w.Helper()
	r := run{world: w}
	r.wire(nil, physnet, frame)
	r.finish(frame, expected)
}

// enter sends a frame into a node's switch.
func (w *world) enter(n *model.Node, in flow.Input, expected ...[]arrival) {
	w.Helper()
	r := run{world: w, todo: []hop{{n, in}}}
	r.finish(in.Frame, expected)
}

// run is the way of one frame and its copies.
type run struct {
	*world
	todo []hop
	got  []arrival
	path []string
}

type hop struct {
	node *model.Node
	in   flow.Input
}

const maxHops = 100 // a frame that goes round

// drain follows the frame until it is nowhere any more.
func (r *run) drain(sent []byte) {
	r.Helper()
	for hops := 0; len(r.todo) > 0; hops++ {
		if hops == maxHops {
			r.Fatalf("%s goes round in circles:\n%s", describe(sent), strings.Join(r.path, "\n"))
		}
		h := r.todo[0]
		r.todo = r.todo[1:]
		r.through(h)
	}
}

func (r *run) finish(sent []byte, expected [][]arrival) {
	r.Helper()
	r.drain(sent)
	want := slices.Concat(expected...)
	order := func(a, b arrival) int {
		return strings.Compare(a.where+string(a.frame), b.where+string(b.frame))
	}
	slices.SortFunc(want, order)
	slices.SortFunc(r.got, order)
	if !slices.EqualFunc(want, r.got, func(a, b arrival) bool { return a.where == b.where && bytes.Equal(a.frame, b.frame) }) {
		r.Errorf("sent %s\narrived %v\nnot     %v\n%s", describe(sent), r.got, want, strings.Join(r.path, "\n"))
	}
}

func (r *run) through(h hop) {
	r.Helper()
	result, err := r.switches[h.node.Number].Execute(h.in)
	for _, s := range result.Steps {
		entry := "nothing matches"
		if s.Entry != "" {
			entry = example.Text(s.Entry)
		}
		r.path = append(r.path, fmt.Sprintf("  %s, %s%s: %s", h.node.Hostname, strings.Repeat("  ", s.Depth), pipeline.TableName(s.Table), entry))
	}
	if err != nil {
		r.Fatalf("%s: %v\n%s", h.node.Hostname, err, strings.Join(r.path, "\n"))
	}
	for _, e := range result.Emissions {
		switch physnet := physnetOf(h.node, e.Port); {
		case e.Port == flow.PortController:
			r.got = append(r.got, arrival{r.sentUp(h.node, e.PacketIn), e.Frame})
		case e.Port == h.node.TunnelPort:
			r.tunnel(h.node, e)
		case physnet != "":
			r.got = append(r.got, arrival{"wire " + physnet, e.Frame})
			r.wire(h.node, physnet, e.Frame)
		default:
			r.got = append(r.got, arrival{r.pluggedAt(h.node, e.Port), e.Frame})
		}
	}
}

// tunnel carries a frame to the node that has the address that it is sent to.
func (r *run) tunnel(from *model.Node, e flow.Emission) {
	found := false
	r.view.Nodes(func(n *model.Node) {
		if n.EncapIP.Is4() && pipeline.IPv4(n.EncapIP) == uint64(e.Tunnel.Dst) && n != from {
			found = true
			tunnel := flow.Tunnel{ID: e.Tunnel.ID, Src: uint32(pipeline.IPv4(from.EncapIP)), Dst: e.Tunnel.Dst}
			r.todo = append(r.todo, hop{n, flow.Input{Frame: e.Frame, InPort: n.TunnelPort, Tunnel: tunnel}})
		}
	})
	if !found {
		r.got = append(r.got, arrival{fmt.Sprintf("tunnel to %#x, which is no other node", e.Tunnel.Dst), e.Frame})
	}
}

// wire carries a frame to every node on a physical network but the one that it comes from: a hub.
func (r *run) wire(from *model.Node, physnet string, frame []byte) {
	r.view.Nodes(func(n *model.Node) {
		if m, ok := n.Mapping(physnet); ok && n != from {
			r.todo = append(r.todo, hop{n, flow.Input{Frame: frame, InPort: m.PatchPort}})
		}
	})
}

func physnetOf(n *model.Node, port uint32) string {
	for _, m := range n.Mappings {
		if m.PatchPort == port {
			return m.PhysicalNetwork
		}
	}
	return ""
}

func (r *run) pluggedAt(n *model.Node, ofport uint32) string {
	for _, i := range n.Interfaces {
		if i.Ofport != ofport {
			continue
		}
		p := r.view.PortByID(i.PortID)
		if l, ok := r.view.Location(p.Number); ok && l.Node != n.Number {
			return p.Name + " on " + n.Hostname
		}
		return p.Name
	}
	return fmt.Sprintf("port %d of %s, where nothing is plugged", ofport, n.Hostname)
}

// sentUp says for which port a packet came up, or by which rule.
func (r *run) sentUp(n *model.Node, in *flow.PacketIn) string {
	if model.Kind(in.Cookie.Kind()) != model.KindPort {
		return "controller, by " + pipeline.RuleByNumber(in.Cookie.Rule()).Name
	}
	key, ofport, _ := pipeline.MetadataParts(in.Metadata)
	return "controller, of " + r.portAt(n, key, ofport)
}

func (r *run) portAt(n *model.Node, key model.NetworkKey, ofport uint32) string {
	for _, i := range n.Interfaces {
		p := r.view.PortByID(i.PortID)
		if i.Ofport == ofport && r.view.NetworkByID(p.NetworkID).Key == key {
			return p.Name
		}
	}
	return fmt.Sprintf("port %d of network %d", ofport, key)
}

func addr(s string) netip.Addr { return netip.MustParseAddr(s) }
