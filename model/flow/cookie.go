package flow

// Cookie says who owns an entry: Planck's mark (12 bits), the rule that built it (12), the kind of the object (4)
// and the object's number (36), most significant first. It is opaque to switches (OpenFlow 1.3.5, 7.3.4.1).
type Cookie uint64

// Mark is the upper 12 bits of every entry of Planck's. (The digits are those of Planck's constant.)
const Mark = 0x662

// NewCookie composes a cookie. rule must fit 12 bits, kind 4, number 36.
func NewCookie(rule uint16, kind uint8, number uint64) Cookie {
	return Cookie(uint64(Mark)<<52 | uint64(rule&0xfff)<<40 | uint64(kind&0xf)<<36 | number&(1<<36-1))
}

// IsPlanck tells whether the entry carries Planck's mark.
func (c Cookie) IsPlanck() bool { return c>>52 == Mark }

// Rule is the number of the rule that built the entry.
func (c Cookie) Rule() uint16 { return uint16(c>>40) & 0xfff }

// Kind is the kind of the owning object.
func (c Cookie) Kind() uint8 { return uint8(c>>36) & 0xf }

// Number is the number of the owning object.
func (c Cookie) Number() uint64 { return uint64(c) & (1<<36 - 1) }
