package topology

import (
	"cmp"
	"slices"

	"github.com/planck-sdn/planck/model"
)

// Fabric is the physical switches of a physical network: how they reach each other and what hangs on them. It is never changed.
//
// All networks use one forest, pruned to the switches that each needs. It is the one that Kruskal's algorithm gives for links in order of
// their number, so the oldest links that make no loop: a link that comes changes nothing unless it joins what was apart, and for one
// that goes, one takes its place. Whatever mixture of the old and the new forest the switches are programmed with meanwhile, the links in
// use make no loop: they are those of the new forest and links that are dead.
type Fabric struct {
	PhysicalNetwork string
	Switches        []model.Number // in order
	Links           []FabricLink   // between switches, in order of number

	index   map[model.Number]int
	next    [][]uint32 // from one switch towards another, both by index: the port; 0: no way
	uplinks map[model.Number]Uplink
	outside []Uplink // in order of switch and port
}

// FabricLink is a link between two switches of a fabric.
type FabricLink struct {
	*model.Link
	Up     bool // both ports are
	InTree bool
}

// Uplink is a switch's port behind which a node's mapped bridge is, or the world outside.
type Uplink struct {
	Switch model.Number
	Port   uint32
}

// Next is the port by which a switch reaches another one; 0: not at all, or it is the same.
func (f *Fabric) Next(from, to model.Number) uint32 {
	i, known := f.index[from]
	j, alsoKnown := f.index[to]
	if !known || !alsoKnown {
		return 0
	}
	return f.next[i][j]
}

// UplinkOf is where a node hangs on the fabric.
func (f *Fabric) UplinkOf(node model.Number) (Uplink, bool) {
	u, ok := f.uplinks[node]
	return u, ok
}

// Outside lists the ports to the world outside that are used: one of each part of the fabric whose switches reach each other, so that
// what is outside makes no loop of two.
func (f *Fabric) Outside() []Uplink { return f.outside }

// TreePorts lists a switch's ports that frames with the tags of networks come in by, in order: those of links in the forest, and uplinks.
func (f *Fabric) TreePorts(number model.Number) []uint32 {
	var ports []uint32
	for _, l := range f.Links {
		for _, end := range []model.LinkEnd{l.A, l.B} {
			if l.InTree && end.Node == number {
				ports = append(ports, end.Port)
			}
		}
	}
	for _, u := range f.uplinks {
		if u.Switch == number {
			ports = append(ports, u.Port)
		}
	}
	for _, u := range f.outside {
		if u.Switch == number {
			ports = append(ports, u.Port)
		}
	}
	slices.Sort(ports)
	return slices.Compact(ports)
}

// cabling is what a view holds of physical switches.
type cabling struct {
	links    table[model.Number, *model.Link]
	services table[model.Number, *model.Service]

	serviceOf  table[model.Number, model.Number] // router's interface -> service
	servicesAt table[pair, struct{}]             // node, service

	// Derived from the rows above:
	bareMetal table[model.Number, struct{}] // ports, attached or not
	switches  []*model.Node
	fabrics   map[string]*Fabric // by physical network
}

func newCabling() cabling {
	return cabling{
		links:      newTable[model.Number, *model.Link](lessNumber),
		services:   newTable[model.Number, *model.Service](lessNumber),
		serviceOf:  newTable[model.Number, model.Number](lessNumber),
		servicesAt: newTable[pair, struct{}](lessPair),
		bareMetal:  newTable[model.Number, struct{}](lessNumber),
	}
}

func (c *cabling) copy() cabling {
	return cabling{
		links:      c.links.copy(),
		services:   c.services.copy(),
		serviceOf:  c.serviceOf.copy(),
		servicesAt: c.servicesAt.copy(),
		bareMetal:  c.bareMetal.copy(),
		switches:   c.switches,
		fabrics:    c.fabrics,
	}
}

// Fabric returns the fabric of a physical network, or nil.
func (v *View) Fabric(physicalNetwork string) *Fabric { return v.fabrics[physicalNetwork] }

// Switches returns the physical switches in order of number.
func (v *View) Switches() []*model.Node { return v.switches }

// Link returns a link by number, or nil.
func (v *View) Link(n model.Number) *model.Link { x, _ := v.links.get(n); return x }

// Links visits all links in order of number.
func (v *View) Links(visit func(*model.Link)) {
	v.links.all(func(_ model.Number, l *model.Link) bool { visit(l); return true })
}

// isSwitch tells whether a node is a physical switch.
func (v *View) isSwitch(n model.Number) bool {
	x := v.Node(n)
	return x != nil && x.Switch != nil
}

// findFabrics derives the switches and the fabrics from the rows of nodes and links.
func (v *View) findFabrics() {
	v.switches, v.fabrics = nil, map[string]*Fabric{}
	v.Nodes(func(n *model.Node) {
		if n.Switch == nil {
			return
		}
		v.switches = append(v.switches, n)
		f := v.fabrics[n.Switch.PhysicalNetwork]
		if f == nil {
			f = &Fabric{PhysicalNetwork: n.Switch.PhysicalNetwork, index: map[model.Number]int{}, uplinks: map[model.Number]Uplink{}}
			v.fabrics[f.PhysicalNetwork] = f
		}
		f.index[n.Number] = len(f.Switches)
		f.Switches = append(f.Switches, n.Number)
	})
	for _, f := range v.fabrics {
		f.connect(v)
	}
}

// connect finds the forest, the ways between switches, and the uplinks.
func (f *Fabric) connect(v *View) {
	part := make([]int, len(f.Switches)) // of switches that reach each other, by index
	for i := range part {
		part[i] = i
	}
	neighbours := make([][]hop, len(f.Switches))
	var found []*model.Link // that a node's bridge was seen by
	v.Links(func(l *model.Link) {
		i, ok := f.index[l.A.Node]
		j, both := f.index[l.B.Node]
		if !ok || !both {
			if ok != both {
				found = append(found, l)
			}
			return
		}
		link := FabricLink{Link: l, Up: v.portUp(l.A) && v.portUp(l.B) && i != j}
		if link.Up && part[i] != part[j] {
			link.InTree = true
			gone := part[j]
			for k := range part {
				if part[k] == gone {
					part[k] = part[i]
				}
			}
			neighbours[i] = append(neighbours[i], hop{j, l.A.Port})
			neighbours[j] = append(neighbours[j], hop{i, l.B.Port})
		}
		f.Links = append(f.Links, link)
	})
	f.next = make([][]uint32, len(f.Switches))
	for i := range f.next {
		f.next[i] = make([]uint32, len(f.Switches))
		for _, h := range neighbours[i] {
			f.spread(neighbours, i, h)
		}
	}
	f.hang(v, part, found)
}

type hop struct {
	to   int
	port uint32
}

// spread enters for all switches behind a hop from one switch that they are reached by its port.
func (f *Fabric) spread(neighbours [][]hop, from int, by hop) {
	type visit struct{ last, at int }
	for list := []visit{{from, by.to}}; len(list) > 0; {
		s := list[len(list)-1]
		list = list[:len(list)-1]
		f.next[from][s.at] = by.port
		for _, h := range neighbours[s.at] {
			if h.to != s.last {
				list = append(list, visit{s.at, h.to})
			}
		}
	}
}

// hang finds where nodes and the world outside hang on the fabric. Of several uplinks of a node the first is used whose port is up: a declared one before
// those that were found, then by switch and port.
func (f *Fabric) hang(v *View, part []int, found []*model.Link) {
	type candidate struct {
		Uplink
		node model.Number // 0: outside
		rank int
	}
	var list []candidate
	for _, number := range f.Switches {
		s := v.Node(number).Switch
		for _, u := range s.Uplinks {
			p := s.Port(u.Port)
			if p == nil || !p.Up {
				continue
			}
			c := candidate{Uplink: Uplink{number, p.Number}}
			if u.Hostname != "" {
				n := v.NodeByHostname(u.Hostname)
				if n == nil || n.Switch != nil {
					continue
				}
				c.node = n.Number
			}
			list = append(list, c)
		}
	}
	for rank, l := range found {
		end, node := l.A, l.B.Node
		if _, ok := f.index[end.Node]; !ok {
			end, node = l.B, l.A.Node
		}
		if n := v.Node(node); n != nil && n.Switch == nil && v.portUp(end) {
			list = append(list, candidate{Uplink{end.Node, end.Port}, node, 1 + rank})
		}
	}
	slices.SortFunc(list, func(a, b candidate) int {
		return cmp.Or(cmp.Compare(a.rank, b.rank), cmp.Compare(a.Switch, b.Switch), cmp.Compare(a.Port, b.Port))
	})
	used := map[int]bool{}
	for _, c := range list {
		if c.node != 0 {
			if _, has := f.uplinks[c.node]; !has {
				f.uplinks[c.node] = c.Uplink
			}
			continue
		}
		if p := part[f.index[c.Switch]]; !used[p] {
			used[p] = true
			f.outside = append(f.outside, c.Uplink)
		}
	}
}

// portUp tells whether a switch's port is up.
func (v *View) portUp(e model.LinkEnd) bool {
	n := v.Node(e.Node)
	if n == nil || n.Switch == nil {
		return false
	}
	p := n.Switch.PortByNumber(e.Port)
	return p != nil && p.Up
}
