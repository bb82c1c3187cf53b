package flow

// Opaque is an action in a group read from a switch that no other type here can express: the bytes that the switch
// gave. It cannot be sent.
type Opaque struct{ Wire string }

func (Opaque) isAction() {}

const (
	foreignMatch        = 0    // where a match begins: no field has this number
	foreignInstructions = 0xfe // in place of a tag
)

// EncodeForeign is Encode for an entry read from a switch that Entry cannot express. instructions are those that the
// switch gave. match is empty if e.Match holds the whole match, and otherwise the switch's OXM fields. So an entry of somebody else's has a
// Key, which is that of Planck's entries if only the instructions are foreign, and can be deleted, but equals no
// entry of Planck's, and Decode refuses it.
func EncodeForeign(e Entry, match, instructions string) Encoded {
	e = Entry{
		Table: e.Table, Priority: e.Priority, Cookie: e.Cookie, Match: e.Match, Flags: e.Flags,
		IdleTimeout: e.IdleTimeout, HardTimeout: e.HardTimeout,
	}
	if match != "" {
		e.Match = nil
	}
	var buf [512]byte
	b := AppendEncode(buf[:0], &e)
	if match != "" {
		n := len(match) + 1
		head := append([]byte{b[0], b[1], b[2], byte(n >> 8), byte(n), foreignMatch}, match...)
		b = append(head, b[offMatch:]...)
	}
	return Encoded(append(append(b, foreignInstructions), instructions...))
}

// IsForeign tells whether EncodeForeign made e.
func (e Encoded) IsForeign() bool {
	i := e.Instructions()
	return i != "" && i[0] == foreignInstructions
}

// ForeignMatch returns the OXM fields that a switch gave as the match, if Match cannot express them.
func (k Key) ForeignMatch() (match string, ok bool) {
	if len(k) <= offMatch || k[offMatch] != foreignMatch {
		return "", false
	}
	return string(k[offMatch+1:]), true
}

// Decode gives the table, priority and match of k as an entry without anything else.
func (k Key) Decode() (Entry, error) {
	var header [offInstructions]byte
	return Encoded(string(k) + string(header[:])).Decode()
}
