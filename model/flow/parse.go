package flow

import (
	"fmt"
	"math/bits"
	"net/netip"
	"strconv"
	"strings"
)

// defaultPriority is what ovs-ofctl means, and leaves out, where no priority is written.
const defaultPriority = 32768

// Parse reads one entry in ovs-ofctl syntax: what Format writes, and what `ovs-ofctl -OOpenFlow13 dump-flows` prints for
// entries of the kinds that Entry can hold. Statistics are ignored; anything else that is not known is an error. The
// match comes sorted; prerequisites are not checked (a switch does that).
func Parse(line string, names TableNames) (Entry, error) {
	e, err := parseEntry(line, names)
	if err != nil {
		return Entry{}, fmt.Errorf("flow entry %q: %w", line, err)
	}
	return e, nil
}

func parseEntry(line string, names TableNames) (Entry, error) {
	head, list, found := strings.Cut(line, "actions=")
	if !found {
		return Entry{}, fmt.Errorf("no actions")
	}
	e := Entry{Priority: defaultPriority}
	var m matchParser
	for _, word := range strings.FieldsFunc(head, isSeparator) {
		name, value, _ := strings.Cut(word, "=")
		known, err := parseProperty(&e, name, value, names)
		if err == nil && !known {
			err = m.word(name, value)
		}
		if err != nil {
			return Entry{}, err
		}
	}
	var err error
	if e.Match, err = m.match(); err != nil {
		return Entry{}, err
	}
	err = parseInstructions(&e, list, names)
	return e, err
}

func isSeparator(r rune) bool { return r == ',' || r == ' ' || r == '\t' || r == '\r' || r == '\n' }

// parseProperty reads what stands before the actions and is not a match; it returns false for everything else.
func parseProperty(e *Entry, name, value string, names TableNames) (bool, error) {
	var err error
	switch name {
	case "cookie":
		var v uint64
		v, err = parseNumber(value, 64)
		e.Cookie = Cookie(v)
	case "table":
		e.Table, err = parseTable(value, names)
	case "priority":
		err = parseInto(&e.Priority, value)
	case "idle_timeout":
		err = parseInto(&e.IdleTimeout, value)
	case "hard_timeout":
		err = parseInto(&e.HardTimeout, value)
	case "duration", "n_packets", "n_bytes", "idle_age", "hard_age":
	default:
		for i, flag := range flagNames {
			if name == flag {
				e.Flags |= 1 << i
				return true, nil
			}
		}
		return false, nil
	}
	if err != nil {
		return true, fmt.Errorf("%s: %w", name, err)
	}
	return true, nil
}

// ParseGroup reads one group of type all in ovs-ofctl syntax.
func ParseGroup(line string, names TableNames) (Group, error) {
	g, err := parseGroup(line, names)
	if err != nil {
		return Group{}, fmt.Errorf("group %q: %w", line, err)
	}
	return g, nil
}

func parseGroup(line string, names TableNames) (Group, error) {
	parts := strings.Split(strings.TrimSpace(line), "bucket=")
	var g Group
	var hasID, all bool
	for _, word := range strings.FieldsFunc(parts[0], isSeparator) {
		name, value, _ := strings.Cut(word, "=")
		var err error
		switch name {
		case "group_id":
			hasID = true
			err = parseInto(&g.ID, value)
		case "type":
			all = value == "all"
		default:
			err = fmt.Errorf("unknown")
		}
		if err != nil {
			return g, fmt.Errorf("%s: %w", name, err)
		}
	}
	if !hasID || !all {
		return g, fmt.Errorf("no group_id, or not of type all")
	}
	for _, part := range parts[1:] {
		_, list, found := strings.Cut(part, "actions=") // what stands before is of no use to type all
		if !found {
			return g, fmt.Errorf("bucket without actions")
		}
		var e Entry
		if err := parseInstructions(&e, strings.TrimRight(list, ", \t\r\n"), names); err != nil {
			return g, err
		}
		if e.Meter != 0 || e.MetadataMask != 0 || e.HasGoto {
			return g, fmt.Errorf("instruction in a bucket")
		}
		g.Buckets = append(g.Buckets, e.Apply)
	}
	return g, nil
}

// ParseMeter reads one meter of packets per second with one band of type drop in ovs-ofctl syntax.
func ParseMeter(line string) (Meter, error) {
	var m Meter
	var pktps, drop bool
	for _, word := range strings.FieldsFunc(line, isSeparator) {
		name, value, _ := strings.Cut(word, "=")
		var err error
		switch name {
		case "meter":
			err = parseInto(&m.ID, value)
		case "pktps":
			pktps = true
		case "burst":
		case "bands": // bands=type=drop, or the type in the next line
			drop = drop || value == "type=drop"
		case "type":
			drop = value == "drop"
		case "rate":
			err = parseInto(&m.Rate, value)
		case "burst_size":
			err = parseInto(&m.Burst, value)
		default:
			err = fmt.Errorf("unknown")
		}
		if err != nil {
			return Meter{}, fmt.Errorf("meter %q: %s: %w", line, name, err)
		}
	}
	if m.ID == 0 || !pktps || !drop {
		return Meter{}, fmt.Errorf("meter %q: no number, not in packets per second, or not of type drop", line)
	}
	return m, nil
}

// parseNumber reads a decimal number, or a hexadecimal one after 0x, of at most size bits.
func parseNumber(s string, size int) (uint64, error) {
	digits, base := s, 10
	if after, ok := strings.CutPrefix(s, "0x"); ok {
		digits, base = after, 16
	}
	v, err := strconv.ParseUint(digits, base, size)
	if err != nil {
		return 0, fmt.Errorf("%q is not a number of at most %d bits", s, size)
	}
	return v, nil
}

// parseInto reads a number that fits v.
func parseInto[T uint8 | uint16 | uint32](v *T, s string) error {
	n, err := parseNumber(s, bits.Len64(uint64(^T(0))))
	*v = T(n)
	return err
}

func parseTable(s string, names TableNames) (uint8, error) {
	for id, name := range names {
		if name == s {
			return id, nil
		}
	}
	v, err := parseNumber(s, 8)
	return uint8(v), err
}

func parsePort(s string) (uint32, error) {
	for port, name := range portNames {
		if name == s {
			return port, nil
		}
	}
	v, err := parseNumber(s, 32)
	return uint32(v), err
}

// parseMAC reads six pairs of hexadecimal digits with colons between.
func parseMAC(s string) (v uint64, err error) {
	octets := strings.Split(s, ":")
	if len(octets) != 6 {
		return 0, fmt.Errorf("%q is not a MAC address", s)
	}
	for _, o := range octets {
		n, err := strconv.ParseUint(o, 16, 8)
		if err != nil || len(o) != 2 {
			return 0, fmt.Errorf("%q is not a MAC address", s)
		}
		v = v<<8 | n
	}
	return v, nil
}

func parseIPv4(s string) (uint64, error) {
	a, err := netip.ParseAddr(s)
	if err != nil || !a.Is4() {
		return 0, fmt.Errorf("%q is not an IPv4 address", s)
	}
	b := a.As4()
	return uint64(be32(string(b[:]))), nil
}

// parseValue reads a value of f in the field's notation.
func parseValue(f Field, s string) (v uint64, err error) {
	switch f.notation() {
	case macAddress:
		v, err = parseMAC(s)
	case ipv4Address:
		v, err = parseIPv4(s)
	case portNumber:
		var port uint32
		port, err = parsePort(s)
		v = uint64(port)
	default:
		v, err = parseNumber(s, 64)
	}
	if err == nil && v&^f.AllOnes() != 0 {
		err = fmt.Errorf("%s does not fit", s)
	}
	return v, err
}

// parseMasked reads value or value/mask of f, or its words.
func parseMasked(f Field, s string) (FieldMatch, error) {
	if m, isWords, err := parseWords(f, s); isWords {
		return m, err
	}
	value, mask, hasMask := strings.Cut(s, "/")
	v, err := parseValue(f, value)
	if err != nil || !hasMask {
		return Exact(f, v), err
	}
	if f.notation() == ipv4Address && !strings.Contains(mask, ".") {
		ones, err := parseNumber(mask, 8)
		if err != nil || ones > 32 {
			return FieldMatch{}, fmt.Errorf("%q is not a prefix length", mask)
		}
		return Masked(f, v, f.AllOnes()&^(1<<(32-ones)-1)), nil
	}
	m, err := parseValue(f, mask)
	return Masked(f, v, m), err
}
