package reconcile

import (
	"encoding/binary"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/planck-sdn/planck/apps/l2"
	"github.com/planck-sdn/planck/model"
	"github.com/planck-sdn/planck/model/flow"
	"github.com/planck-sdn/planck/model/topology/history"
)

// wiredFabric is physical switches with wires between them, that are programmed message by message.
type wiredFabric struct {
	*cloud
	random   func(n int) int
	switches []*model.Node // rows
	memory   map[model.Number]*flow.Switch
	wires    map[model.LinkEnd]model.LinkEnd // both ways; those that are cut are not there
	planned  map[model.LinkEnd]model.LinkEnd // all that there ever were
	links    map[model.LinkEnd]*model.Link   // by the lower end
	hosts    []*model.Port
	networks []*model.Network
	next     model.Number
	held     map[model.LinkEnd]flow.Encoded // by which ports that went down take nothing in
}

const (
	fabricPorts = 48
	firstHost   = 31 // ports below are for wires
)

func (f *wiredFabric) number() model.Number { f.next++; return f.next }

func newWiredFabric(t *rapid.T) *wiredFabric {
	f := &wiredFabric{cloud: newCloud(), memory: map[model.Number]*flow.Switch{}, wires: map[model.LinkEnd]model.LinkEnd{}, planned: map[model.LinkEnd]model.LinkEnd{},
		links: map[model.LinkEnd]*model.Link{}, held: map[model.LinkEnd]flow.Encoded{}, random: func(n int) int { return rapid.IntRange(0, n-1).Draw(t, "choice") }}
	var changes []model.Change
	count := rapid.IntRange(1, 30).Draw(t, "switches")
	driver := rapid.SampledFrom([]string{"generic", "openvswitch"}).Draw(t, "driver")
	for range count {
		n := f.number()
		node := &model.Node{Number: n, Hostname: fmt.Sprint("switch", n), DatapathID: uint64(n), SystemID: model.SwitchSystemID(uint64(n)),
			Switch: &model.Switch{PhysicalNetwork: "dc", Driver: driver, Uplinks: []model.Uplink{{Port: "30", Hostname: fmt.Sprint("node of ", n)}}}}
		for p := range fabricPorts {
			node.Switch.Ports = append(node.Switch.Ports, model.SwitchPort{Number: uint32(p + 1), Up: true})
		}
		f.switches = append(f.switches, node)
		f.memory[n] = flow.NewSwitch(flow.SwitchConfig{})
		changes = append(changes, model.Change{Ref: node.Ref(), Object: node})
	}
	f.wire(rapid.SampledFrom([]string{"ring", "tree", "mesh"}).Draw(t, "shape"))
	changes = append(changes, f.discover()...)
	for i := range 2 {
		n := &model.Network{Number: f.number(), ID: fmt.Sprint("net", i), AdminStateUp: true, NetworkType: model.NetworkVLAN, PhysicalNetwork: "dc",
			SegmentationID: uint32(100 + i), Key: model.NetworkKey(100 + i)}
		f.networks = append(f.networks, n)
		changes = append(changes, model.Change{Ref: n.Ref(), Object: n})
	}
	for range rapid.IntRange(2, 8).Draw(t, "hosts") {
		changes = append(changes, f.addHost())
	}
	f.must(t, changes)
	return f
}

// wire makes wires of a shape. Ports are taken in order.
func (f *wiredFabric) wire(shape string) {
	used := map[int]uint32{}
	join := func(a, b int) {
		if a == b || used[a] >= 29 || used[b] >= 29 {
			return
		}
		used[a]++
		used[b]++
		x, y := model.LinkEnd{Node: f.switches[a].Number, Port: used[a]}, model.LinkEnd{Node: f.switches[b].Number, Port: used[b]}
		f.wires[x], f.wires[y], f.planned[x], f.planned[y] = y, x, y, x
	}
	n := len(f.switches)
	for i := 1; i < n; i++ {
		switch shape {
		case "ring":
			join(i-1, i)
		default:
			join(f.random(i), i)
		}
	}
	if shape == "ring" {
		join(n-1, 0)
	}
	if shape == "mesh" {
		for range n {
			join(f.random(n), f.random(n))
		}
	}
}

// discover makes rows of wires that have none.
func (f *wiredFabric) discover() []model.Change {
	var changes []model.Change
	for _, a := range slices.SortedFunc(maps.Keys(f.wires), compareEnds) {
		b := f.wires[a]
		if compareEnds(a, b) > 0 || f.links[a] != nil {
			continue
		}
		l := &model.Link{Number: f.number(), A: a, B: b}
		f.links[a] = l
		changes = append(changes, model.Change{Ref: l.Ref(), Object: l})
	}
	return changes
}

func compareEnds(a, b model.LinkEnd) int {
	if a.Node != b.Node {
		return int(a.Node) - int(b.Node)
	}
	return int(a.Port) - int(b.Port)
}

func (f *wiredFabric) addHost() model.Change {
	n := f.number()
	s := f.switches[f.random(len(f.switches))]
	p := &model.Port{Number: n, ID: fmt.Sprint("port", n), NetworkID: f.networks[f.random(len(f.networks))].ID, AdminStateUp: true, PortSecurityEnabled: f.random(3) > 0,
		MAC: model.MAC{2, 0, 0, 0, byte(n >> 8), byte(n)}, FixedIPs: []model.FixedIP{{IPAddress: netip.AddrFrom4([4]byte{10, 0, byte(n >> 8), byte(n)})}},
		VNICType: model.VNICTypeBareMetal, VIFType: model.VIFTypeOther}
	p.Profile = map[string]any{"local_link_information": []any{map[string]any{"switch_id": fmt.Sprintf("%016x", s.DatapathID), "port_id": fmt.Sprint(firstHost + f.random(fabricPorts-firstHost))}}}
	p.Profile["tag"] = float64(n%4000 + 1) // so that hosts may share a port of a switch
	f.hosts = append(f.hosts, p)
	return model.Change{Ref: p.Ref(), Object: p}
}

// change draws something that happens to a fabric.
func (f *wiredFabric) change(t *rapid.T) []model.Change {
	switch kind := rapid.SampledFrom([]string{"cut", "cut", "mend", "host", "host gone"}).Draw(t, "change"); {
	case kind == "cut" && len(f.wires) > 0:
		ends := slices.SortedFunc(maps.Keys(f.wires), compareEnds)
		a := ends[f.random(len(ends))]
		b := f.wires[a]
		delete(f.wires, a)
		delete(f.wires, b)
		changes := append(f.setPort(a, false), f.setPort(b, false)...)
		for _, end := range []model.LinkEnd{a, b} {
			f.hold(end)
			if l := f.links[end]; l != nil {
				delete(f.links, end)
				changes = append(changes, model.Change{Ref: l.Ref()})
			}
		}
		return changes
	case kind == "mend":
		var changes []model.Change
		for _, a := range slices.SortedFunc(maps.Keys(f.planned), compareEnds) {
			if _, there := f.wires[a]; !there && f.random(2) == 0 {
				b := f.planned[a]
				f.wires[a], f.wires[b] = b, a
				changes = append(changes, append(f.setPort(a, true), f.setPort(b, true)...)...)
			}
		}
		return append(changes, f.discover()...)
	case kind == "host":
		return []model.Change{f.addHost()}
	case kind == "host gone" && len(f.hosts) > 2:
		i := f.random(len(f.hosts))
		p := f.hosts[i]
		f.hosts = slices.Delete(f.hosts, i, i+1)
		return []model.Change{{Ref: p.Ref()}}
	}
	return nil
}

func (f *wiredFabric) setPort(end model.LinkEnd, up bool) []model.Change {
	for i, old := range f.switches {
		if old.Number == end.Node {
			n, s := *old, *old.Switch
			s.Ports = slices.Clone(s.Ports)
			s.Ports[end.Port-1].Up = up
			n.Switch = &s
			f.switches[i] = &n
			return []model.Change{{Ref: n.Ref(), Object: &n}}
		}
	}
	return nil
}

// hold has a port that went down take nothing in, as controller/nodes does at once.
func (f *wiredFabric) hold(end model.LinkEnd) {
	f.held[end] = l2.Hold(f.view.Node(end.Node), end.Port)
	f.memory[end.Node].Apply([]flow.Change{{Op: flow.OpAdd, Flow: f.held[end]}})
}

// release ends all holds: their time is over.
func (f *wiredFabric) release() {
	for end, e := range f.held {
		f.memory[end.Node].Apply([]flow.Change{{Op: flow.OpDelete, Flow: e}})
		delete(f.held, end)
	}
}

func (f *wiredFabric) must(t *rapid.T, changes []model.Change) {
	if err := f.apply(changes); err != nil {
		t.Fatal(err)
	}
}

// TestFabricPrefixes: while a fabric goes from one topology to another, each switch at a pace of its own, message by message, nothing is
// in a loop, and no frame gets to a host of another network, or twice to one. At the end every member of each network is reached once, if there is a way.
func TestFabricPrefixes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := newWiredFabric(t)
		for range rapid.IntRange(2, 10).Draw(t, "steps") {
			f.program(t)
			f.all(t)
			var changes []model.Change
			for range rapid.IntRange(1, 2).Draw(t, "changes at once") {
				changes = append(changes, f.change(t)...)
			}
			f.must(t, history.Last(changes))
		}
		f.program(t)
		f.all(t)
	})
}

// program sends the switches what they lack, one message at a time of a switch that is drawn, and looks at a frame after each.
func (f *wiredFabric) program(t *rapid.T) {
	queues := map[model.Number][]flow.Change{}
	for n, w := range f.nodes {
		held := f.memory[n].Tables()
		w.readBack(&held)
		for _, b := range planSteps(w, w.differing(false), hardware{}) {
			for _, p := range b.changes {
				queues[n] = append(queues[n], p.Change)
			}
		}
	}
	for len(queues) > 0 {
		numbers := slices.Sorted(maps.Keys(queues))
		n := numbers[f.random(len(numbers))]
		burst := min(len(queues[n]), 1+f.random(8))
		if refused := f.memory[n].Apply(queues[n][:burst]); len(refused) > 0 {
			t.Fatalf("switch %d refused: %v", n, refused)
		}
		if queues[n] = queues[n][burst:]; len(queues[n]) == 0 {
			delete(queues, n)
		}
		f.send(t, f.hosts[f.random(len(f.hosts))], broadcastMAC)
	}
	f.release()
}

var broadcastMAC = model.MAC{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}

// all sends broadcast from every host, and a frame to every other one.
func (f *wiredFabric) all(t *rapid.T) {
	for _, from := range f.hosts {
		got := f.send(t, from, broadcastMAC)
		for _, to := range f.hosts {
			expected := 0
			if to != from && to.NetworkID == from.NetworkID && f.connected(f.at(from).Node, f.at(to).Node) && f.at(to) != f.at(from) {
				expected = 1
			}
			if got[to.Number] != expected {
				t.Fatalf("broadcast of port %d came to port %d %d times", from.Number, to.Number, got[to.Number])
			}
			if expected == 0 {
				continue
			}
			if got := f.send(t, from, to.MAC); got[to.Number] != 1 || len(got) != 1 {
				t.Fatalf("a frame of port %d to port %d came to %v", from.Number, to.Number, got)
			}
		}
	}
}

func (f *wiredFabric) at(p *model.Port) model.LinkEnd {
	link, _, _ := model.LocalLinkOf(p.Profile)
	for _, s := range f.switches {
		if fmt.Sprintf("%016x", s.DatapathID) == link.SwitchID {
			return model.LinkEnd{Node: s.Number, Port: s.Switch.Port(link.PortID).Number}
		}
	}
	panic("no such switch")
}

// connected finds a way by wires.
func (f *wiredFabric) connected(a, b model.Number) bool {
	seen := map[model.Number]bool{a: true}
	for list := []model.Number{a}; len(list) > 0; list = list[1:] {
		if list[0] == b {
			return true
		}
		for from, to := range f.wires {
			if from.Node == list[0] && !seen[to.Node] {
				seen[to.Node] = true
				list = append(list, to.Node)
			}
		}
	}
	return false
}

// maxFrames is how many copies of a frame there are at most without a loop.
const maxFrames = 1000

// send has a host send a frame, and counts how often each host gets it. A host that gets it twice, or is of another network, is a failure.
func (f *wiredFabric) send(t *rapid.T, from *model.Port, to model.MAC) map[model.Number]int {
	type arriving struct {
		at    model.LinkEnd
		frame []byte
	}
	tag := uint32(from.Profile["tag"].(float64))
	got := map[model.Number]int{}
	queue := []arriving{{f.at(from), ipFrame(from, to, tag)}}
	for i := 0; i < len(queue); i++ {
		if i > maxFrames {
			t.Fatalf("a frame of port %d to %s is in a loop", from.Number, to)
		}
		a := queue[i]
		result, err := f.memory[a.at.Node].Execute(flow.Input{Frame: a.frame, InPort: a.at.Port})
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range result.Emissions {
			end := model.LinkEnd{Node: a.at.Node, Port: e.Port}
			if other, ok := f.wires[end]; ok {
				queue = append(queue, arriving{other, e.Frame})
				continue
			}
			for _, host := range f.hosts {
				if f.at(host) != end || binary.BigEndian.Uint16(e.Frame[12:]) != 0x8100 || uint32(binary.BigEndian.Uint16(e.Frame[14:]))&0xfff != uint32(host.Profile["tag"].(float64)) {
					continue
				}
				if got[host.Number]++; got[host.Number] > 1 {
					t.Fatalf("a frame of port %d to %s came to port %d twice", from.Number, to, host.Number)
				}
				if host.NetworkID != from.NetworkID {
					t.Fatalf("a frame of port %d of %s came to port %d of %s", from.Number, from.NetworkID, host.Number, host.NetworkID)
				}
			}
		}
	}
	return got
}

// ipFrame is an IPv4 packet with a tag, to a host that is no DHCP server.
func ipFrame(from *model.Port, to model.MAC, tag uint32) []byte {
	frame := append(append([]byte{}, to[:]...), from.MAC[:]...)
	frame = append(frame, 0x81, 0x00, byte(tag>>8), byte(tag), 0x08, 0x00)
	src := from.FixedIPs[0].IPAddress.As4()
	header := []byte{0x45, 0, 0, 20, 0, 0, 0, 0, 64, 253, 0, 0, src[0], src[1], src[2], src[3], 10, 0, 255, 255}
	return append(frame, append(header, make([]byte, 26)...)...)
}
