package flow

import (
	"encoding/binary"
	"slices"
)

// own makes the frame safe to write.
func (p *packet) own() {
	if p.shared {
		p.frame, p.shared = slices.Clone(p.frame), false
	}
}

// set writes the bits in mask of f, and keeps checksums right. A field that the packet does not have stays away, but for
// the VLAN id with its presence bit: it brings a tag along, as in Open vSwitch.
func (p *packet) set(f Field, value, mask uint64) {
	if f == VLANVID && p.tags == 0 && value&mask&vidPresent != 0 {
		p.pushVLAN()
	}
	if !p.has(f) {
		return
	}
	v := p.values[f]&^mask | value&mask
	if v == p.values[f] {
		return
	}
	p.values[f] = v
	at := places[f]
	if at.header == pipeline || at.header == headerARP && p.values[EthType] == etherRARP {
		return // Open vSwitch lets tables see what is set in RARP, and leaves the frame as it was
	}
	p.own()
	start := p.starts[at.header]
	switch f {
	case VLANVID:
		tci := binary.BigEndian.Uint16(p.frame[start:])
		binary.BigEndian.PutUint16(p.frame[start:], tci&^vidBits|uint16(v)&vidBits)
		return
	case VLANPCP:
		tci := binary.BigEndian.Uint16(p.frame[start:])
		binary.BigEndian.PutUint16(p.frame[start:], tci&0x1fff|uint16(v)<<13)
		return
	}
	if f == IPDSCP {
		v = v<<ecnBits | uint64(p.frame[start+at.offset])&(1<<ecnBits-1)
	}
	// Checksums are sums of 16-bit words: take all words that the field is in.
	from, to := start+at.offset&^1, start+(at.offset+f.bytes()+1)&^1
	var before [8]byte
	old := before[:copy(before[:], p.frame[from:to])]
	for i := range f.bytes() {
		p.frame[start+at.offset+i] = byte(v >> (8 * (f.bytes() - 1 - i)))
	}
	p.fixSums(at.header, f, old, p.frame[from:to])
}

// fixSums corrects the checksums that cover a field whose words were changed.
func (p *packet) fixSums(h header, f Field, old, now []byte) {
	switch h {
	case headerIPv4:
		fixSum(p.frame[p.starts[h]+10:], old, now)
		if f == IPv4Src || f == IPv4Dst { // they are in the pseudo header too (RFC 9293, 3.1; RFC 768)
			p.fixTransportSum(old, now)
		}
	case headerTCP, headerUDP:
		p.fixTransportSum(old, now)
	case headerICMP:
		fixSum(p.frame[p.starts[h]+2:], old, now)
	}
}

func (p *packet) fixTransportSum(old, now []byte) {
	if p.sum == 0 {
		return
	}
	fixTransportSum(p.frame[p.sum:], uint8(p.values[IPProto]), old, now)
}

// fixTransportSum corrects the checksum of TCP or UDP at the start of sum.
func fixTransportSum(sum []byte, proto uint8, old, now []byte) {
	if proto != protoUDP {
		fixSum(sum, old, now)
		return
	}
	// In UDP 0 means that there is no checksum, and a sum of 0 is written as its other form (RFC 768).
	if binary.BigEndian.Uint16(sum) == 0 {
		return
	}
	if fixSum(sum, old, now); binary.BigEndian.Uint16(sum) == 0 {
		binary.BigEndian.PutUint16(sum, 0xffff)
	}
}

// fixSum corrects the internet checksum at the start of sum for words that were changed (RFC 1624, equation 3).
func fixSum(sum, old, now []byte) {
	s := uint32(^binary.BigEndian.Uint16(sum))
	for i := 0; i < len(old); i += 2 {
		s += uint32(^binary.BigEndian.Uint16(old[i:])) + uint32(binary.BigEndian.Uint16(now[i:]))
	}
	for s > 0xffff {
		s = s>>16 + s&0xffff
	}
	binary.BigEndian.PutUint16(sum, ^uint16(s))
}

// move copies the low n bits of from to to, if the packet has both fields.
func (p *packet) move(m Move) {
	if p.has(m.From) {
		p.set(m.To, p.values[m.From], uint64(1)<<m.Bits-1) // a shift by 64 gives 0, and 0-1 all ones
	}
}

// pushVLAN adds an outermost tag with id and priority 0: Open vSwitch does not copy them from the tag inside. It keeps
// track of two tags, and a third one pushes the innermost out.
func (p *packet) pushVLAN() {
	tag := [tagLen]byte{etherVLAN >> 8, etherVLAN & 0xff}
	if p.tags == maxTags {
		p.frame, p.shared = slices.Concat(p.frame[:12], tag[:], p.frame[12:12+tagLen], p.frame[12+2*tagLen:]), false
		p.readTag()
		return
	}
	p.frame, p.shared = slices.Concat(p.frame[:12], tag[:], p.frame[12:]), false
	p.tags++
	p.moveHeaders(tagLen)
}

// popVLAN removes the outermost tag, if there is one.
func (p *packet) popVLAN() {
	if p.tags == 0 {
		return
	}
	p.frame, p.shared = slices.Concat(p.frame[:12], p.frame[12+tagLen:]), false
	p.tags--
	p.moveHeaders(-tagLen)
}

// moveHeaders follows a change of n bytes before all headers but Ethernet's.
func (p *packet) moveHeaders(n int) {
	for h := headerIPv4; h < headerEnd; h++ {
		if p.starts[h] != 0 {
			p.starts[h] += n
		}
	}
	if p.sum != 0 {
		p.sum += n
	}
	p.readTag()
}
