package verify

import (
	"slices"

	"github.com/planck-sdn/planck/apps/pipeline"
	"github.com/planck-sdn/planck/model/flow"
)

// entry is a flow entry of the switch, and how it is found.
type entry struct {
	flow.Entry
	encoded flow.Encoded
	foreign bool      // does what cannot be read
	sel     idField   // what it matches as a whole
	id      [3]uint32 // and the values: network, port, router
	need    idField   // what else must be known to judge what it does
	next    int32     // another one that matches the same; none
}

const none int32 = -1

// kind is how entries of one table are indexed: by which fields, and which must be known.
type kind struct {
	sel, need idField
	all       []int32
}

// place is where entries are found that match the same network, port and router.
type place struct {
	table, kind      uint8
	net, key, router uint32
}

// anyGroup stands for all groups where it matters what looks at what.
const (
	anyGroup = 256
	nodes    = anyGroup + 1
)

// edge is a way from a table to another, or to the groups.
type edge struct {
	to     int
	writes fieldSet // what every entry that leads there has written by then
	back   bool     // the packet comes back from there
}

// tables is what a switch holds, indexed.
type tables struct {
	site     *site
	entries  []entry
	kinds    [256][]kind
	heads    map[place]int32
	groups   [][][]flow.Action // buckets in the order of their execution
	groupIDs []uint32
	groupAt  map[uint32]int32
	meters   map[uint32]bool

	edges   [nodes][]edge
	live    [nodes]fieldSet // what is looked at from here on
	changes [nodes]fieldSet // what may be written from here on until the packet comes back
}

func newTables(s *site, held *flow.Tables) *tables {
	t := &tables{site: s, entries: make([]entry, 0, len(held.Flows)), heads: make(map[place]int32, len(held.Flows)),
		groupAt: make(map[uint32]int32, len(held.Groups)), meters: make(map[uint32]bool, len(held.Meters))}
	for i, g := range held.Groups {
		t.groupAt[g.ID] = int32(i)
		t.addGroup(g)
	}
	for _, m := range held.Meters {
		t.meters[m.ID] = true
	}
	for _, f := range held.Flows {
		t.add(f)
	}
	t.close()
	return t
}

func (t *tables) add(f flow.Encoded) {
	e := entry{encoded: f}
	var err error
	if e.Entry, err = f.Decode(); err != nil {
		e.Entry, _ = f.Key().Decode() // without a match, if that cannot be read either: then everything meets it
		e.Table, e.Priority, e.Cookie, e.foreign = f.Table(), f.Priority(), f.Cookie(), f.Instructions() != ""
	}
	var reads fieldSet
	for _, m := range e.Match {
		reads.write(m.Field, m.Mask, false)
		switch m.Field {
		case flow.Metadata:
			e.selects(idKey, m.Mask, portMask, m.Value&portMask)
			e.selects(idNet, m.Mask, networkMask, m.Value&networkMask>>networkBit)
		case pipeline.Router:
			e.selects(idRouter, m.Mask, m.Field.AllOnes(), m.Value)
		}
	}
	s := scan{tables: t, from: int(e.Table), entry: &e}
	s.actions(e.Apply)
	if e.MetadataMask != 0 {
		s.writes(flow.Metadata, e.WriteMetadata, e.MetadataMask)
	}
	if e.HasGoto {
		s.edge(int(e.Goto), true)
	}
	if e.Table == pipeline.Guard.ID && e.passes() {
		s.need |= idNet | idKey
	}
	e.need |= s.need
	reads.ids |= e.need
	t.live[e.Table] = t.live[e.Table].union(reads)
	t.changes[e.Table] = t.changes[e.Table].union(s.may)
	t.insert(e)
}

// selects notes what a match says of one of the fields by which entries are indexed.
func (e *entry) selects(f idField, mask, whole, value uint64) {
	switch {
	case mask&whole == whole:
		e.sel |= f
		*e.idOf(f) = uint32(value)
	case mask&whole != 0:
		e.need |= f
	}
}

func (e *entry) idOf(f idField) *uint32 { return &e.id[f>>1] } // 1, 2, 4: 0, 1, 2

// passes tells whether an entry does more than to drop or to send to the controller.
func (e *entry) passes() bool {
	return e.HasGoto || e.foreign || slices.ContainsFunc(e.Apply, func(a flow.Action) bool {
		o, output := a.(flow.Output)
		_, punt := a.(flow.Punt)
		return !punt && !(output && o.Port == flow.PortController)
	})
}

// drops tells whether an entry does nothing at all.
func (e *entry) drops() bool { return !e.HasGoto && !e.foreign && len(e.Apply) == 0 }

func (t *tables) insert(e entry) {
	list := t.kinds[e.Table]
	k := slices.IndexFunc(list, func(k kind) bool { return k.sel == e.sel && k.need == e.need })
	if k < 0 {
		k = len(list)
		t.kinds[e.Table] = append(list, kind{sel: e.sel, need: e.need})
	}
	i := int32(len(t.entries))
	t.kinds[e.Table][k].all = append(t.kinds[e.Table][k].all, i)
	p := place{e.Table, uint8(k), e.id[0], e.id[1], e.id[2]}
	e.next = none
	if head, ok := t.heads[p]; ok {
		e.next = head
	}
	t.heads[p] = i
	t.entries = append(t.entries, e)
}

// scan looks at what a list of actions reads, writes, and leads to.
type scan struct {
	*tables
	from   int
	entry  *entry // nil: a bucket of a group
	need   idField
	done   fieldSet // surely written
	may    fieldSet // perhaps written
	tunnel uint64   // tun_id as written; 0: not
}

func (t *tables) addGroup(g flow.Group) {
	buckets := make([][]flow.Action, len(g.Buckets))
	for i, b := range g.Buckets {
		buckets[i] = bucketOrder(b)
		s := scan{tables: t, from: anyGroup}
		s.actions(buckets[i])
		t.live[anyGroup].ids |= s.need
	}
	t.groups, t.groupIDs = append(t.groups, buckets), append(t.groupIDs, g.ID)
}

func (s *scan) writes(f flow.Field, value, mask uint64) {
	s.done.write(f, mask, true)
	s.may.write(f, mask, false)
	switch {
	case f == flow.Metadata && mask&networkMask != 0:
		s.need |= idRouter
		if e := s.entry; e == nil || e.sel&idRouter == 0 || e.id[2] == 0 {
			s.need |= idNet
		}
	case f == pipeline.Router:
		s.need |= idNet
	case f == flags && value&mask&uint64(allowedMask) != 0 && s.from != int(pipeline.GroupRules.ID),
		f == flow.Reg3 && s.from == int(pipeline.Groups.ID):
		s.need |= idNet | idKey
	case f == flow.TunnelID:
		s.tunnel = value
	}
}

func (s *scan) actions(list []flow.Action) {
	for _, a := range list {
		switch a := a.(type) {
		case flow.SetField:
			s.writes(a.Field, a.Value, a.Mask)
		case flow.Move:
			s.may.write(a.To, a.To.AllOnes(), false)
		case flow.CheckLarger:
			s.may.write(a.To, 1<<a.Bit, false)
		case flow.PushVLAN, flow.PopVLAN:
			s.may.vlan = true
		case flow.Output:
			s.need |= s.outputNeeds(a.Port)
		case flow.ToGroup:
			s.edge(anyGroup, false)
		case flow.Resubmit:
			s.edge(s.table(a.Table), true)
		case flow.Conntrack:
			if a.Next != flow.NoTable {
				s.edge(int(a.Next), false)
			}
		}
	}
}

func (s *scan) table(id uint8) int {
	if id == 255 && s.entry != nil { // the current one (nicira-ext.h)
		return int(s.entry.Table)
	}
	return int(id)
}

// outputNeeds is what must be known to judge an output.
func (s *scan) outputNeeds(port uint32) idField {
	switch {
	case port == flow.PortController:
		return 0
	case port == s.site.node.TunnelPort:
		if s.tunnel == 0 || s.site.routers[uint32(s.tunnel)] != nil {
			return idNet | idRouter
		}
		return idNet
	case port == flow.PortInPort || s.site.patches[port] != "":
		return idNet
	}
	return idNet | idKey
}

func (s *scan) edge(to int, back bool) {
	for i := range s.edges[s.from] {
		if e := &s.edges[s.from][i]; e.to == to && e.back == back {
			e.writes = e.writes.intersect(s.done)
			return
		}
	}
	s.edges[s.from] = append(s.edges[s.from], edge{to, s.done, back})
}

// close follows the edges until nothing more is found.
func (t *tables) close() {
	for again := true; again; {
		again = false
		for from := range nodes {
			live, changes := t.live[from], t.changes[from]
			for _, e := range t.edges[from] {
				live = live.union(t.live[e.to].without(e.writes))
				if e.back {
					changes = changes.union(t.changes[e.to])
				}
			}
			if live != t.live[from] || changes != t.changes[from] {
				t.live[from], t.changes[from], again = live, changes, true
			}
		}
	}
}

// bucketOrder is a bucket's action set in the order of its execution (OpenFlow 1.3.5, 5.10, and flow.Group): of groups, outputs, resubmits
// and conntrack only the last of the first kind that there is.
func bucketOrder(bucket []flow.Action) []flow.Action {
	rank := func(a flow.Action) int {
		switch a.(type) {
		case flow.PopVLAN:
			return 0
		case flow.PushVLAN:
			return 1
		case flow.DecTTL:
			return 2
		case flow.ToGroup:
			return 4
		case flow.Output:
			return 5
		case flow.Resubmit:
			return 6
		case flow.Conntrack:
			return 7
		}
		return 3
	}
	const final = 4
	byRank := func(a, b flow.Action) int { return rank(a) - rank(b) }
	if slices.IsSortedFunc(bucket, byRank) && (len(bucket) < 2 || rank(bucket[len(bucket)-2]) < final) {
		return bucket
	}
	list := slices.Clone(bucket)
	slices.SortStableFunc(list, byRank)
	first := slices.IndexFunc(list, func(a flow.Action) bool { return rank(a) >= final })
	if first < 0 {
		return list
	}
	last := first
	for last+1 < len(list) && rank(list[last+1]) == rank(list[first]) {
		last++
	}
	return append(list[:first], list[last])
}
