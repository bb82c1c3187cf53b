package flow

import (
	"errors"
	"fmt"
)

var errNotCanonical = errors.New("flow entry is not in canonical form")

// Decode gives the entry back: in canonical order and spelling, so that Encode of it is e again. Bytes that are
// not the canonical form of a well-formed entry give an error.
func (e Encoded) Decode() (Entry, error) {
	key, header, ok := e.split()
	if !ok {
		return Entry{}, fmt.Errorf("encoded flow entry of %d bytes is cut short", len(e))
	}
	entry := Entry{
		Table:       e.Table(),
		Priority:    e.Priority(),
		Cookie:      e.Cookie(),
		Flags:       e.Flags(),
		IdleTimeout: be16(string(e[key+offIdle:])),
		HardTimeout: be16(string(e[key+offHard:])),
	}
	r := reader{rest: string(e[offMatch:key])}
	for len(r.rest) > 0 && r.err == nil {
		f := FieldMatch(r.field())
		if n := len(entry.Match); n > 0 && r.err == nil && entry.Match[n-1].Field == f.Field {
			r.err = fmt.Errorf("field %s is matched twice", f.Field)
		}
		if entry.Match == nil {
			entry.Match = make(Match, 0, 6)
		}
		entry.Match = append(entry.Match, f)
	}
	if r.err == nil {
		r.rest = string(e[header:])
		r.instructions(&entry)
	}
	if r.err != nil {
		return Entry{}, fmt.Errorf("encoded flow entry: %w", r.err)
	}
	// One comparison instead of a check of each rule of the canonical form.
	var buf [256]byte
	if string(AppendEncode(buf[:0], &entry)) != string(e) {
		return Entry{}, errNotCanonical
	}
	return entry, nil
}

// reader takes the canonical form apart. After the first error everything is zero.
type reader struct {
	rest string
	err  error
}

func (r *reader) number(width int) (v uint64) {
	if r.err == nil && len(r.rest) < width {
		r.err = errors.New("cut short")
	}
	if r.err != nil {
		return 0
	}
	for i := range width {
		v = v<<8 | uint64(r.rest[i])
	}
	r.rest = r.rest[width:]
	return v
}

func (r *reader) fieldNumber() Field {
	f := Field(r.number(1))
	if n := f &^ masked; r.err == nil && (n == 0 || n >= fieldEnd) {
		r.fail(fmt.Errorf("%d is no field", n))
		return 0
	}
	return f
}

func (r *reader) field() SetField {
	f := r.fieldNumber()
	if r.err != nil {
		return SetField{}
	}
	s := SetField{Field: f &^ masked}
	width := s.Field.bytes()
	s.Value, s.Mask = r.number(width), s.Field.AllOnes()
	if f&masked != 0 {
		s.Mask = r.number(width)
	}
	return s
}

func (r *reader) fail(err error) {
	if r.err == nil {
		r.err = err
	}
}

func (r *reader) instructions(e *Entry) {
	for len(r.rest) > 0 && r.err == nil {
		switch r.rest[0] {
		case tagMeter:
			r.rest = r.rest[1:]
			e.Meter = uint32(r.number(4))
		case tagWriteMetadata:
			r.rest = r.rest[1:]
			e.WriteMetadata, e.MetadataMask = r.number(8), r.number(8)
		case tagGoto:
			r.rest = r.rest[1:]
			e.Goto, e.HasGoto = uint8(r.number(1)), true
		default:
			if e.Apply == nil {
				e.Apply = make([]Action, 0, 4)
			}
			e.Apply = append(e.Apply, r.action())
		}
	}
}

func (r *reader) action() Action {
	switch tag := byte(r.number(1)); tag {
	case tagOutput:
		return Output{Port: uint32(r.number(4))}
	case tagController:
		return Output{Port: PortController, MaxLen: uint16(r.number(2))}
	case tagGroup:
		return ToGroup{ID: uint32(r.number(4))}
	case tagSetField:
		return r.field()
	case tagMove:
		return Move{From: r.fieldNumber(), To: r.fieldNumber(), Bits: int(r.number(1))}
	case tagPushVLAN:
		return PushVLAN{}
	case tagPopVLAN:
		return PopVLAN{}
	case tagDecTTL:
		return DecTTL{}
	case tagResubmit:
		return Resubmit{Table: uint8(r.number(1))}
	case tagPunt:
		return Punt{MaxLen: uint16(r.number(2)), Meter: uint32(r.number(4))}
	case tagConntrack:
		return r.conntrack()
	case tagCheckLarger:
		return CheckLarger{Bytes: uint16(r.number(2)), To: r.fieldNumber(), Bit: uint8(r.number(1))}
	case tagConjunction:
		return Conjunction{ID: uint32(r.number(4)), Clause: uint8(r.number(1)), Clauses: uint8(r.number(1))}
	default:
		r.fail(fmt.Errorf("%#x is no instruction or action", tag))
		return nil
	}
}

func (r *reader) conntrack() Action {
	how := byte(r.number(1))
	a := Conntrack{Commit: how&conntrackCommit != 0, NAT: NAT(how &^ (conntrackCommit | conntrackField))}
	if how&conntrackField != 0 {
		a.ZoneFrom = r.fieldNumber()
	} else {
		a.Zone = uint16(r.number(2))
	}
	a.Next = uint8(r.number(1))
	if a.NAT == NATSource {
		a.Addr = uint32(r.number(4))
	}
	return a
}
