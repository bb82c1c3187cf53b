package proxy

import (
	"encoding/binary"
	"fmt"
)

const experimenter = 0xffff

// Examine lists what in a message is not of OpenFlow 1.3's standard, or cannot be read.
func Examine(m []byte) []string {
	var e examination
	e.message(m)
	return e.found
}

type examination struct{ found []string }

func (e *examination) report(format string, args ...any) {
	e.found = append(e.found, fmt.Sprintf(format, args...))
}

// fits tells whether b has n octets, and reports it if not.
func (e *examination) fits(what string, b []byte, n int) bool {
	if len(b) < n {
		e.report("%s of %d octets where it should have %d", what, len(b), n)
		return false
	}
	return true
}

func be16(b []byte) int    { return int(binary.BigEndian.Uint16(b)) }
func be32(b []byte) uint32 { return binary.BigEndian.Uint32(b) }

func (e *examination) message(m []byte) {
	const headerLen, hello, version = 8, 0, 4
	if !e.fits("message", m, headerLen) || !e.fits("message", m, be16(m[2:])) {
		return
	}
	if m[0] != version && m[1] != hello {
		e.report("message of version %d", m[0])
	}
	b := m[headerLen:]
	switch m[1] {
	case 1: // error
		if e.fits("error", b, 4) && be16(b) == experimenter {
			e.report("experimenter error % x", b)
		}
	case 4:
		e.report("experimenter message % x", b)
	case 10: // packet-in
		if e.fits("packet-in", b, 16) {
			e.match(b[16:])
		}
	case 11: // flow-removed
		if e.fits("flow-removed", b, 40) {
			e.match(b[40:])
		}
	case 13: // packet-out
		if e.fits("packet-out", b, 16) && e.fits("packet-out", b[16:], be16(b[8:])) {
			e.actions(b[16 : 16+be16(b[8:])])
		}
	case 14: // flow-mod
		if e.fits("flow-mod", b, 40) {
			e.instructions(e.match(b[40:]))
		}
	case 15: // group-mod
		if e.fits("group-mod", b, 8) {
			e.buckets(b[8:])
		}
	case 18, 19:
		if e.fits("multipart", b, 8) {
			e.multipart(be16(b), b[8:], m[1] == 19)
		}
	case 29: // meter-mod
		if e.fits("meter-mod", b, 8) {
			e.list("meter band", b[8:], 4, 0, 2, func(b []byte) { e.kind("meter band", be16(b), b) })
		}
	default:
		if m[1] > 29 {
			e.report("message of unknown type")
		}
	}
}

func (e *examination) kind(what string, kind int, b []byte) {
	if kind == experimenter {
		e.report("%s of an experimenter: % x", what, b)
	}
}

// list calls each for the elements that fill b, which have at least least octets and their length at at; pad is to what their lengths are padded
// beyond what they say.
func (e *examination) list(what string, b []byte, least, pad, at int, each func([]byte)) {
	for len(b) > 0 {
		if !e.fits(what, b, least) {
			return
		}
		n := be16(b[at:])
		if n < least || n > len(b) {
			e.report("%s of %d octets in %d", what, n, len(b))
			return
		}
		each(b[:n])
		if pad > 0 {
			n = min((n+pad-1)/pad*pad, len(b))
		}
		b = b[n:]
	}
}

// match examines an ofp_match, and returns what follows it.
func (e *examination) match(b []byte) []byte {
	if !e.fits("match", b, 8) {
		return nil
	}
	n := be16(b[2:])
	if be16(b) != 1 {
		e.report("match of type %d", be16(b))
		return nil
	}
	if n < 4 || (n+7)&^7 > len(b) {
		e.report("match of %d octets in %d", n, len(b))
		return nil
	}
	for fields := b[4:n]; len(fields) > 0; {
		if !e.fits("field", fields, 4) || !e.fits("field", fields, 4+int(fields[3])) {
			return nil
		}
		e.field(fields)
		fields = fields[4+int(fields[3]):]
	}
	return b[(n+7)&^7:]
}

func (e *examination) field(b []byte) {
	const basic = 0x8000
	if be16(b) != basic {
		e.report("field %#08x, of class %#04x", be32(b), be16(b))
	} else if number := b[2] >> 1; number > 39 {
		e.report("field %d of the basic class, which 1.3 does not have", number)
	}
}

func (e *examination) actions(b []byte) {
	const setField = 25
	e.list("action", b, 8, 0, 2, func(b []byte) {
		e.kind("action", be16(b), b)
		if be16(b) == setField {
			e.field(b[4:])
		}
	})
}

func (e *examination) instructions(b []byte) {
	e.list("instruction", b, 8, 0, 2, func(b []byte) {
		e.kind("instruction", be16(b), b)
		if kind := be16(b); kind == 3 || kind == 4 { // write-actions, apply-actions
			e.actions(b[8:])
		}
	})
}

func (e *examination) buckets(b []byte) {
	e.list("bucket", b, 16, 0, 0, func(b []byte) { e.actions(b[16:]) })
}

func (e *examination) multipart(kind int, b []byte, reply bool) {
	switch {
	case kind == experimenter:
		e.report("multipart message of an experimenter: % x", b)
	case kind > 13:
		e.report("multipart message of type %d", kind)
	case (kind == 1 || kind == 2) && !reply: // flow, aggregate
		if e.fits("request of flow statistics", b, 32) {
			e.match(b[32:])
		}
	case kind == 1:
		e.list("flow statistics", b, 48, 0, 0, func(b []byte) { e.instructions(e.match(b[48:])) })
	case kind == 7 && reply:
		e.list("group description", b, 8, 0, 0, func(b []byte) { e.buckets(b[8:]) })
	case kind == 10 && reply:
		e.list("meter configuration", b, 8, 0, 0, func(b []byte) {
			e.list("meter band", b[8:], 4, 0, 2, func(b []byte) { e.kind("meter band", be16(b), b) })
		})
	case kind == 12 && !reply: // in a reply it is what the switch could do, and nobody has asked it to: Open vSwitch names all of its own fields
		e.list("table features", b, 64, 0, 0, func(b []byte) { e.list("table property", b[64:], 4, 8, 2, e.property) })
	}
}

// property examines a property of table features (OpenFlow 1.3.5, 7.3.5.5.2).
func (e *examination) property(b []byte) {
	switch kind := be16(b); {
	case kind >= 0xfffe:
		e.report("table property of an experimenter: % x", b)
	case kind > 15:
		e.report("table property of type %d", kind)
	case kind <= 1, kind >= 4 && kind <= 7:
		e.list("instruction or action id", b[4:], 4, 0, 2, func(b []byte) { e.kind("instruction or action id", be16(b), b) })
	case kind >= 8:
		for ids := b[4:]; len(ids) > 0; ids = ids[4:] {
			if !e.fits("field id", ids, 4) {
				return
			}
			e.field(ids)
		}
	}
}
