package flow

// Encoded is an entry in canonical form: equal entries are equal strings, whatever order or spelling a switch
// gave them. It is what wanted and confirmed tables hold and share.
//
// The bytes up to the end of the match (table, priority, match) are the Key, so that Key shares the Encoded's memory.
// Encoded strings sort by table, then by priority, then by match. All methods are safe on any bytes.
type Encoded string

// Key identifies an entry on a switch: table, priority and match (OpenFlow 1.3.5, 5.2).
type Key string

// Layout, all numbers big-endian:
//
//	table 1 | priority 2 | length of match 2 | match | cookie 8 | flags 2 | idle timeout 2 | hard timeout 2 | instructions
const (
	offPriority = 1
	offLength   = 3
	offMatch    = 5

	// From the end of the key.
	offFlags        = 8
	offIdle         = 10
	offHard         = 12
	offInstructions = 14
)

// split returns where the key and where the header before the instructions end, and false for bytes that Encode
// did not make.
func (e Encoded) split() (key, header int, ok bool) {
	if len(e) < offMatch {
		return 0, 0, false
	}
	key = offMatch + int(be16(string(e[offLength:])))
	header = key + offInstructions
	return key, header, header <= len(e)
}

// Key is the entry's identity; it shares e's memory. It is empty for bytes that Encode did not make.
func (e Encoded) Key() Key {
	key, _, ok := e.split()
	if !ok {
		return ""
	}
	return Key(e[:key])
}

// Table is the entry's table.
func (e Encoded) Table() uint8 { return Key(e).Table() }

// Priority is the entry's priority.
func (e Encoded) Priority() uint16 { return Key(e).Priority() }

// Cookie is the entry's cookie.
func (e Encoded) Cookie() Cookie {
	key, _, ok := e.split()
	if !ok {
		return 0
	}
	return Cookie(be64(string(e[key:])))
}

// Flags are the entry's flags (Entry.Flags).
func (e Encoded) Flags() uint16 {
	key, _, ok := e.split()
	if !ok {
		return 0
	}
	return be16(string(e[key+offFlags:]))
}

// HardTimeout is after how many seconds the entry goes by itself; 0: never.
func (e Encoded) HardTimeout() uint16 {
	key, _, ok := e.split()
	if !ok {
		return 0
	}
	return be16(string(e[key+offHard:]))
}

// Instructions are the bytes of the instructions in canonical form: equal for entries that do the same. It shares
// e's memory.
func (e Encoded) Instructions() string {
	_, header, ok := e.split()
	if !ok {
		return ""
	}
	return string(e[header:])
}

// SameExceptInstructions tells whether a MODIFY_STRICT turns other into e: all but the instructions are equal.
// Where it is false for entries of one Key, an ADD is needed, as MODIFY keeps cookie, flags and timeouts
// (OpenFlow 1.3.5, 6.4).
func (e Encoded) SameExceptInstructions(other Encoded) bool {
	_, header, ok := e.split()
	return ok && header <= len(other) && e[:header] == other[:header]
}

// Table is the table of the entry that k identifies.
func (k Key) Table() uint8 {
	if len(k) < offMatch {
		return 0
	}
	return k[0]
}

// Priority is the priority of the entry that k identifies.
func (k Key) Priority() uint16 {
	if len(k) < offMatch {
		return 0
	}
	return be16(string(k[offPriority:]))
}

func be16(s string) uint16 { return uint16(s[0])<<8 | uint16(s[1]) }
func be32(s string) uint32 { return uint32(be16(s))<<16 | uint32(be16(s[2:])) }
func be64(s string) uint64 { return uint64(be32(s))<<32 | uint64(be32(s[4:])) }
