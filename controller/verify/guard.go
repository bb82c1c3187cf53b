package verify

import (
	"net/netip"

	"github.com/planck-sdn/planck/apps/pipeline"
	"github.com/planck-sdn/planck/model/flow"
)

// headers is what is known of the headers of packets: bits of fields.
type headers struct {
	value, mask packet
}

// add adds a match; false: no packet has both, and nothing is added.
func (h *headers) add(list []flow.FieldMatch) bool {
	for _, m := range list {
		if (h.value[m.Field]^m.Value)&h.mask[m.Field]&m.Mask != 0 {
			return false
		}
	}
	for _, m := range list {
		h.value[m.Field] |= m.Value
		h.mask[m.Field] |= m.Mask
	}
	return true
}

// is tells whether all of the packets match.
func (h *headers) is(list ...flow.FieldMatch) bool {
	for _, m := range list {
		if h.mask[m.Field]&m.Mask != m.Mask || h.value[m.Field]&m.Mask != m.Value {
			return false
		}
	}
	return true
}

func (h *headers) within(f flow.Field, p netip.Prefix) bool { return h.is(pipeline.Prefix(f, p)) }

// forbidden is what must not come in, whatever else a port may send.
type forbidden struct {
	match []flow.FieldMatch
	text  string
}

var (
	linkLocal = forbidden{pipeline.Match(pipeline.LinkLocalMulticast()), "link-local multicast"}
	server    = forbidden{pipeline.Match(pipeline.IP(), flow.Exact(flow.IPProto, pipeline.ProtoUDP), flow.Exact(flow.UDPDst, 68)),
		"answers of a DHCP server"}
	fromWires = []forbidden{linkLocal,
		{pipeline.Match(pipeline.EthType(pipeline.EthTypeVLAN)), "a second VLAN tag"},
		{pipeline.Match(pipeline.EthType(pipeline.EthTypeQinQ)), "a second VLAN tag"}}
)

// guard judges what an entry of table guard lets through of what a port sends, or one of table from_wire of what comes from outside.
func (r *execution) guard(e *entry) {
	switch {
	case e.Table == pipeline.FromWire.ID && r.l.from == fromWire:
		r.keepsOut(e, fromWires...)
		r.l.stage = sent
	case e.Table == pipeline.Guard.ID && r.l.from == fromPort:
		p := r.port()
		if p == nil {
			return // the label is wrong, which has been said
		}
		if !p.PortSecurityEnabled {
			r.keepsOut(e, linkLocal)
			r.l.stage = sent
			return
		}
		r.source(e, p)
		r.keepsOut(e, linkLocal, server)
		r.l.stage = guarded
	}
}

// source judges the addresses from which an entry lets a port send.
func (r *execution) source(e *entry, p *local) {
	var h headers
	h.add(e.Match)
	for _, a := range e.Apply {
		if s, ok := a.(flow.SetField); ok && s.Field >= flow.EthDst {
			r.violation(ContractSource, "changes headers of what port %s sends", nameOf(p.ID, p.Name))
			return
		}
	}
	isIP, isARP, isRARP := h.is(pipeline.IP()), h.is(pipeline.EthType(pipeline.EthTypeARP)), h.is(pipeline.EthType(pipeline.EthTypeRARP))
	if !isIP && !isARP && !isRARP {
		r.violation(ContractSource, "lets port %s send what is neither IPv4 nor ARP nor RARP", nameOf(p.ID, p.Name))
		return
	}
	own := false
	for _, s := range p.from {
		if !h.is(flow.Exact(flow.EthSrc, s.mac)) {
			continue
		}
		own = true
		sender := isIP || h.is(flow.Exact(flow.ARPSHA, s.mac))
		switch {
		case isRARP && sender,
			isIP && s.prefix.IsValid() && h.within(flow.IPv4Src, s.prefix),
			isARP && sender && s.prefix.IsValid() && h.within(flow.ARPSPA, s.prefix),
			isARP && sender && h.is(flow.Exact(flow.ARPOp, 1), flow.Exact(flow.ARPSPA, 0)),
			isIP && h.is(flow.Exact(flow.IPProto, pipeline.ProtoUDP), flow.Exact(flow.IPv4Src, 0), flow.Exact(flow.UDPSrc, 68), flow.Exact(flow.UDPDst, 67)):
			return
		}
	}
	if own {
		r.violation(ContractSource, "lets port %s send from addresses that are not its", nameOf(p.ID, p.Name))
	} else {
		r.violation(ContractSource, "lets port %s send from a MAC address that is not its", nameOf(p.ID, p.Name))
	}
}

// keepsOut judges that of what an entry lets through, something is dropped before by entries of higher priority.
func (r *execution) keepsOut(e *entry, list ...forbidden) {
	for _, f := range list {
		var both headers
		if both.add(e.Match); !both.add(f.match) || r.droppedBefore(e, &both) {
			continue
		}
		r.extra = f.match
		if r.l.from == fromWire {
			r.violation(ContractSource, "lets in %s from a mapped bridge", f.text)
		} else {
			r.violation(ContractSource, "lets through %s from a port", f.text)
		}
		r.extra = nil
	}
}

func (r *execution) droppedBefore(e *entry, h *headers) bool {
	for _, i := range r.drops(e.Table) {
		if d := &r.entries[i]; d.Priority > e.Priority && r.covers(d, h) {
			return true
		}
	}
	return false
}

// covers tells whether all packets of the label's that have the headers match an entry.
func (r *execution) covers(d *entry, h *headers) bool {
	for _, m := range d.Match {
		switch m.Field {
		case flow.Metadata:
			have := uint64(r.l.net)<<networkBit | uint64(r.l.key) | uint64(r.l.meta)<<restBit
			known := networkMask | portMask | uint64(r.l.metaOf)<<restBit
			if m.Mask&^known != 0 || have&m.Mask != m.Value {
				return false
			}
		default:
			if !h.is(m) {
				return false
			}
		}
	}
	return true
}

// drops lists the entries of a table that drop, and may concern the label's port.
func (r *execution) drops(table uint8) []int32 {
	at := [2]uint32{r.l.net, r.l.key}
	if table != pipeline.Guard.ID {
		at = [2]uint32{unknown, uint32(table)}
	}
	if list, known := r.guards[at]; known {
		return list
	}
	list := []int32{}
	for k, kind := range r.kinds[table] {
		p := place{table: table, kind: uint8(k)}
		kind.sel.each(func(f idField) { *p.id(f) = *r.l.id(f) })
		head, ok := r.heads[p]
		if !ok {
			continue
		}
		for i := head; i != none; i = r.entries[i].next {
			if r.entries[i].drops() {
				list = append(list, i)
			}
		}
	}
	r.guards[at] = list
	return list
}
