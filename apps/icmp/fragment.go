package icmp

import (
	"errors"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
)

// fragments cuts a packet into frames of at most mtu bytes of IP (RFC 791, 3.2). The first one has all options, the others those whose
// copied flag is set. None, if the header leaves no room for data. What fits stays whole.
func (p *Packet) fragments(mtu int) ([][]byte, error) {
	if int(p.IP.Length) <= mtu {
		return [][]byte{p.frame}, nil
	}
	if int(p.IP.FragOffset)*8+len(p.IP.Payload) > 0xffff {
		return nil, errors.New("fragment behind the end of any packet")
	}
	var frames [][]byte
	ip := p.IP // with options of its own from here on
	for at := 0; at < len(p.IP.Payload); {
		room := (mtu - headerLength(ip.Options)) &^ 7
		if room <= 0 {
			return nil, nil
		}
		data := p.IP.Payload[at:min(at+room, len(p.IP.Payload))]
		ip.FragOffset = p.IP.FragOffset + uint16(at/8)
		at += len(data)
		ip.Flags = p.IP.Flags
		if at < len(p.IP.Payload) {
			ip.Flags |= layers.IPv4MoreFragments
		}
		b := gopacket.NewSerializeBufferExpectedSize(ethernetHeader+headerLength(ip.Options), len(data))
		header := gopacket.Payload(p.frame[:ethernetHeader])
		err := gopacket.SerializeLayers(b, gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true}, header, &ip, gopacket.Payload(data))
		if err != nil {
			return nil, err
		}
		frames = append(frames, b.Bytes())
		if at == len(data) {
			ip.Options = copied(ip.Options)
		}
	}
	return frames, nil
}

// headerLength is how many bytes a header with these options has.
func headerLength(options []layers.IPv4Option) int {
	n := 0
	for _, o := range options {
		n += int(o.OptionLength) // 1 for the two that have no length
	}
	return ipHeader + (n+3)&^3
}

// copied returns the options that go into every fragment (RFC 791, 3.1). Padding between them is not needed.
func copied(options []layers.IPv4Option) []layers.IPv4Option {
	var list []layers.IPv4Option
	for _, o := range options {
		if o.OptionType&0x80 != 0 {
			list = append(list, o)
		}
	}
	return list
}
