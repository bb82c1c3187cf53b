package dhcpopt

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

// kind is how a value is written and encoded (RFC 2132).
type kind uint8

const (
	guess     kind = iota // by the way in which it is written
	address               // one IPv4 address
	addresses             // some, with commas between them
	pairs                 // an even number of them
	u8
	u16
	u32
	signed // 32 bits
	mtu    // 16 bits, at least 68 (RFC 2132, 5.1)
	flag   // 0 or 1
	text
	names  // domain names (RFC 3397)
	sip    // domain names or addresses (RFC 3361)
	routes // destination,router,destination,router (RFC 3442)
	octets // hexadecimal, with colons between them
)

func (k kind) encode(s string) ([]byte, error) {
	switch k {
	case address, addresses, pairs:
		list, err := parseAddresses(s)
		switch {
		case err != nil:
			return nil, err
		case k == address && len(list) != 4:
			return nil, fmt.Errorf("'%s' is not one IPv4 address", s)
		case k == pairs && len(list)%8 != 0:
			return nil, fmt.Errorf("'%s' is not a list of pairs of IPv4 addresses", s)
		}
		return list, nil
	case u8:
		return unsigned(s, 8, 0)
	case u16:
		return unsigned(s, 16, 0)
	case u32:
		return unsigned(s, 32, 0)
	case mtu:
		return unsigned(s, 16, 68)
	case signed:
		n, err := strconv.ParseInt(s, 10, 32)
		if err != nil {
			return nil, fmt.Errorf("'%s' is not a number of 32 bits", s)
		}
		return binary.BigEndian.AppendUint32(nil, uint32(n)), nil
	case flag:
		if s != "0" && s != "1" {
			return nil, fmt.Errorf("'%s' is neither 0 nor 1", s)
		}
		return []byte{s[0] - '0'}, nil
	case text:
		return []byte(unquote(s)), nil
	case names:
		return encodeNames(s, true)
	case sip:
		if list, err := parseAddresses(s); err == nil {
			return append([]byte{1}, list...), nil
		}
		list, err := encodeNames(s, false)
		return append([]byte{0}, list...), err
	case routes:
		return encodeRoutes(s)
	case octets:
		return parseOctets(s)
	}
	return guessed(s)
}

// guessed encodes what dnsmasq would take the value for.
func guessed(s string) ([]byte, error) {
	if list, err := parseAddresses(s); err == nil {
		return list, nil
	}
	if strings.Contains(s, ":") {
		if b, err := parseOctets(s); err == nil {
			return b, nil
		}
	}
	digits, width := s, 0
	if n := len(s) - 1; n > 0 {
		if w := map[byte]int{'b': 8, 's': 16, 'i': 32}[s[n]]; w != 0 {
			digits, width = s[:n], w
		}
	}
	n, err := strconv.ParseUint(digits, 10, 32)
	if err != nil {
		return []byte(unquote(s)), nil
	}
	switch {
	case width != 0:
	case n < 1<<8:
		width = 8
	case n < 1<<16:
		width = 16
	default:
		width = 32
	}
	return unsigned(digits, width, 0)
}

func unsigned(s string, width int, least uint64) ([]byte, error) {
	n, err := strconv.ParseUint(s, 10, width)
	if err != nil || n < least {
		return nil, fmt.Errorf("'%s' is not a number from %d to %d", s, least, uint64(1)<<width-1)
	}
	return binary.BigEndian.AppendUint32(nil, uint32(n))[4-width/8:], nil
}

// unquote takes away the quotes that keep dnsmasq from taking a text for something else.
func unquote(s string) string {
	if len(s) > 2 && s[0] == '"' && s[len(s)-1] == '"' {
		return s[1 : len(s)-1]
	}
	return s
}

func parseAddress(s string) (netip.Addr, error) {
	a, err := netip.ParseAddr(strings.TrimSpace(s))
	if err != nil || !a.Is4() {
		return a, fmt.Errorf("'%s' is not an IPv4 address", s)
	}
	return a, nil
}

func parseAddresses(s string) ([]byte, error) {
	var b []byte
	for part := range strings.SplitSeq(s, ",") {
		a, err := parseAddress(part)
		if err != nil {
			return nil, err
		}
		b = append(b, a.AsSlice()...)
	}
	return b, nil
}

func parseOctets(s string) ([]byte, error) {
	var b []byte
	for part := range strings.SplitSeq(s, ":") {
		octet, err := hex.DecodeString(part)
		if err != nil || len(octet) != 1 {
			return nil, fmt.Errorf("'%s' is not a list of octets such as 01:ab:ff", s)
		}
		b = append(b, octet...)
	}
	return b, nil
}

func encodeRoutes(s string) ([]byte, error) {
	parts := strings.Split(s, ",")
	if len(parts)%2 != 0 {
		return nil, fmt.Errorf("'%s' is not a list such as 192.0.2.0/24,10.0.0.1,0.0.0.0/0,10.0.0.254", s)
	}
	var b []byte
	for i := 0; i < len(parts); i += 2 {
		destination := strings.TrimSpace(parts[i])
		if !strings.Contains(destination, "/") {
			destination += "/32"
		}
		to, err := netip.ParsePrefix(destination)
		if err != nil || !to.Addr().Is4() {
			return nil, fmt.Errorf("'%s' is not an IPv4 destination", parts[i])
		}
		via, err := parseAddress(parts[i+1])
		if err != nil {
			return nil, err
		}
		b = AppendRoute(b, to, via)
	}
	return b, nil
}

// AppendRoute adds a classless static route (RFC 3442): the width of the destination, those of its octets that count, and the router.
func AppendRoute(b []byte, to netip.Prefix, via netip.Addr) []byte {
	octets := to.Masked().Addr().As4()
	b = append(b, byte(to.Bits()))
	b = append(b, octets[:(to.Bits()+7)/8]...)
	return append(b, via.AsSlice()...)
}

// encodeNames writes domain names (RFC 1035, 3.1); compressed, what two have in common at their ends is written once (4.1.4).
func encodeNames(s string, compressed bool) ([]byte, error) {
	const (
		maxLabel = 63
		maxName  = 255
		pointer  = 0xc000
	)
	var b []byte
	written := map[string]int{} // what names end with -> where that begins
	for part := range strings.SplitSeq(s, ",") {
		name := strings.TrimSuffix(strings.TrimSpace(part), ".")
		if len(name)+2 > maxName {
			return nil, fmt.Errorf("'%s' is too long for a domain name", name)
		}
		if name == "" {
			return nil, fmt.Errorf("'%s' lacks a domain name", s)
		}
		for name != "" {
			if at, ok := written[strings.ToLower(name)]; ok && compressed && at < 0x4000 {
				b = binary.BigEndian.AppendUint16(b, uint16(pointer|at))
				break
			}
			written[strings.ToLower(name)] = len(b)
			label, rest, more := strings.Cut(name, ".")
			if label == "" || len(label) > maxLabel || more && rest == "" {
				return nil, fmt.Errorf("'%s' is not a domain name", part)
			}
			b = append(append(b, byte(len(label))), label...)
			if name = rest; name == "" {
				b = append(b, 0)
			}
		}
	}
	return b, nil
}
