package flow

import (
	"fmt"
	"strings"
)

// parseInstructions reads what follows "actions=". ovs-ofctl writes instructions among the actions: meter first,
// write_metadata and goto_table last, which is also the order of execution (OpenFlow 1.3.5, 5.9).
func parseInstructions(e *Entry, list string, names TableNames) error {
	list = strings.TrimSpace(list)
	if list == "drop" {
		return nil
	}
	stage := 0 // of the order meter 0, actions 1, write_metadata 2, goto_table 3
	for _, word := range splitActions(list) {
		name, argument := cutName(word)
		at := 1
		var err error
		switch name {
		case "meter":
			at = 0
			if e.Meter != 0 {
				err = fmt.Errorf("twice")
			} else if err = parseInto(&e.Meter, argument); err == nil && e.Meter == 0 {
				err = fmt.Errorf("meter 0 does not exist")
			}
		case "write_metadata":
			at = 2
			var m FieldMatch
			if e.MetadataMask != 0 {
				err = fmt.Errorf("twice")
			} else if m, err = parseMasked(Metadata, argument); err == nil {
				e.WriteMetadata, e.MetadataMask = m.Value, m.Mask
			}
		case "goto_table":
			at = 3
			if e.HasGoto {
				err = fmt.Errorf("twice")
			} else if e.Goto, err = parseTable(argument, names); err == nil {
				e.HasGoto = true
			}
		default:
			var a Action
			a, err = parseAction(name, argument, names)
			e.Apply = append(e.Apply, a)
		}
		if err == nil && at < stage {
			err = fmt.Errorf("stands after what is executed later")
		}
		if err != nil {
			return fmt.Errorf("action %q: %w", word, err)
		}
		stage = at
	}
	return nil
}

// splitActions splits at commas and spaces that are not in parentheses.
func splitActions(s string) (words []string) {
	depth, start := 0, 0
	for i, r := range s {
		switch {
		case r == '(':
			depth++
		case r == ')':
			depth--
		case depth <= 0 && isSeparator(r):
			if i > start {
				words = append(words, s[start:i])
			}
			start = i + 1
		}
	}
	if start < len(s) || len(words) == 0 {
		words = append(words, s[start:])
	}
	return words
}

// cutName splits name:argument and name(argument).
func cutName(word string) (name, argument string) {
	i := strings.IndexAny(word, ":(")
	if i < 0 {
		return word, ""
	}
	if word[i] == '(' {
		return word[:i], strings.TrimSuffix(word[i+1:], ")")
	}
	return word[:i], word[i+1:]
}

func parseAction(name, argument string, names TableNames) (Action, error) {
	switch name {
	case "output":
		return parseOutput(argument)
	case "CONTROLLER":
		o := Output{Port: PortController, MaxLen: 0xffff}
		if argument == "" {
			return o, nil
		}
		err := parseInto(&o.MaxLen, argument)
		return o, err
	case "controller":
		return parsePunt(argument)
	case "group":
		var g ToGroup
		err := parseInto(&g.ID, argument)
		return g, err
	case "set_field":
		return parseSetField(argument)
	case "load":
		return parseLoad(argument)
	case "move":
		return parseMove(argument)
	case "push_vlan":
		if tpid, err := parseNumber(argument, 16); err != nil || tpid != etherVLAN {
			return nil, fmt.Errorf("only tags of ethertype 0x8100 are pushed")
		}
		return PushVLAN{}, nil
	case "pop_vlan", "strip_vlan":
		return PopVLAN{}, noArgument(argument)
	case "dec_ttl":
		return DecTTL{}, noArgument(argument)
	case "resubmit":
		port, table, found := strings.Cut(argument, ",")
		if !found || port != "" {
			return nil, fmt.Errorf("only resubmit(,table) is supported")
		}
		id, err := parseTable(strings.TrimSpace(table), names)
		return Resubmit{Table: id}, err
	case "ct":
		return parseConntrack(argument, names)
	case "conjunction":
		return parseConjunction(argument)
	case "check_pkt_larger":
		return parseCheckLarger(argument)
	default:
		if argument == "" {
			return parseOutput(name) // a bare port
		}
		return nil, fmt.Errorf("not known")
	}
}

func noArgument(argument string) error {
	if argument != "" {
		return fmt.Errorf("arguments are not supported")
	}
	return nil
}

func parseOutput(port string) (Action, error) {
	p, err := parsePort(port)
	if err != nil {
		return nil, err
	}
	if p == PortController {
		return Output{Port: p, MaxLen: 0xffff}, nil
	}
	return Output{Port: p}, nil
}

// parsePunt reads the arguments of controller(...). Reason "action" is the only one that Punt has.
func parsePunt(arguments string) (Action, error) {
	p := Punt{MaxLen: 0xffff}
	for _, word := range strings.FieldsFunc(arguments, isSeparator) {
		name, value, _ := strings.Cut(word, "=")
		var err error
		switch {
		case name == "max_len":
			err = parseInto(&p.MaxLen, value)
		case name == "meter_id":
			err = parseInto(&p.Meter, value)
		case name == "reason" && value == "action":
		default:
			err = fmt.Errorf("not supported")
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", word, err)
		}
	}
	if p.Meter == 0 {
		return Output{Port: PortController, MaxLen: p.MaxLen}, nil
	}
	return p, nil
}

// parseConntrack reads the arguments of ct(...). What it does after recirculation is not optional here.
func parseConntrack(arguments string, names TableNames) (Action, error) {
	a := Conntrack{Next: NoTable}
	if arguments == "" {
		return a, nil
	}
	for _, word := range splitActions(arguments) {
		name, value, _ := strings.Cut(word, "=")
		var err error
		switch {
		case word == "commit":
			a.Commit = true
		case name == "zone":
			err = parseZone(&a, value)
		case name == "table":
			if a.Next, err = parseTable(value, names); err == nil && a.Next == NoTable {
				err = fmt.Errorf("no table has this number")
			}
		case word == "nat":
			a.NAT = NATKnown
		case strings.HasPrefix(word, "nat(src=") && strings.HasSuffix(word, ")"):
			var addr uint64
			addr, err = parseIPv4(word[len("nat(src=") : len(word)-1])
			a.NAT, a.Addr = NATSource, uint32(addr)
		default:
			err = fmt.Errorf("not supported")
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", word, err)
		}
	}
	return a, nil
}

// parseZone reads a number, or bits 0 to 15 of a field.
func parseZone(a *Conntrack, value string) error {
	if !strings.HasSuffix(value, "]") {
		a.ZoneFrom = 0
		return parseInto(&a.Zone, value)
	}
	f, low, n, err := parseSubfield(value)
	if err == nil && (low != 0 || n != zoneBits) {
		err = fmt.Errorf("not bits 0 to 15")
	}
	a.Zone, a.ZoneFrom = 0, f
	return err
}

// parseConjunction reads id,clause/clauses.
func parseConjunction(argument string) (Action, error) {
	var a Conjunction
	id, clause, _ := strings.Cut(argument, ",")
	if err := parseInto(&a.ID, id); err != nil {
		return nil, err
	}
	k, n, found := strings.Cut(strings.TrimSpace(clause), "/")
	if !found {
		return nil, fmt.Errorf("no clause/clauses")
	}
	if err := parseInto(&a.Clause, k); err != nil {
		return nil, err
	}
	err := parseInto(&a.Clauses, n)
	return a, err
}

// parseCheckLarger reads what follows check_pkt_larger(: bytes)->field[bit].
func parseCheckLarger(argument string) (Action, error) {
	bytes, target, found := strings.Cut(argument, ")->")
	if !found {
		return nil, fmt.Errorf("no ->")
	}
	var a CheckLarger
	if err := parseInto(&a.Bytes, bytes); err != nil {
		return nil, err
	}
	f, bit, n, err := parseSubfield(target)
	if err == nil && n != 1 {
		err = fmt.Errorf("%s is not one bit", target)
	}
	a.To, a.Bit = f, uint8(bit)
	return a, err
}

func parseSetField(argument string) (Action, error) {
	value, name, found := strings.Cut(argument, "->")
	if !found {
		return nil, fmt.Errorf("no ->")
	}
	f, ok := matchNames[name]
	if !ok {
		return nil, fmt.Errorf("%q is not known", name)
	}
	m, err := parseMasked(f, value)
	if err == nil && m.Mask == 0 {
		err = fmt.Errorf("no bit to set")
	}
	return SetField(m), err
}

func parseLoad(argument string) (Action, error) {
	value, target, found := strings.Cut(argument, "->")
	if !found {
		return nil, fmt.Errorf("no ->")
	}
	f, low, n, err := parseSubfield(target)
	if err != nil {
		return nil, err
	}
	v, err := parseNumber(value, n)
	if err != nil {
		return nil, err
	}
	return SetField{Field: f, Value: v << low, Mask: ^uint64(0) >> (64 - n) << low}, nil
}

func parseMove(argument string) (Action, error) {
	from, to, found := strings.Cut(argument, "->")
	if !found {
		return nil, fmt.Errorf("no ->")
	}
	f, fromLow, fromBits, err := parseSubfield(from)
	if err != nil {
		return nil, err
	}
	t, toLow, toBits, err := parseSubfield(to)
	if err != nil {
		return nil, err
	}
	if fromLow != 0 || toLow != 0 || fromBits != toBits {
		return nil, fmt.Errorf("only equally many bits from bit 0 are moved")
	}
	return Move{From: f, To: t, Bits: fromBits}, nil
}

// parseSubfield reads name[], name[bit] or name[first..last].
func parseSubfield(s string) (f Field, low, n int, err error) {
	name, bits, found := strings.Cut(strings.TrimSuffix(s, "]"), "[")
	f, ok := loadNames[name]
	if !found || !ok || !strings.HasSuffix(s, "]") {
		return 0, 0, 0, fmt.Errorf("%q is not known", s)
	}
	width := f.moveBits()
	if bits == "" {
		return f, 0, width, nil
	}
	first, last, isRange := strings.Cut(bits, "..")
	if !isRange {
		last = first
	}
	a, err := parseNumber(first, 8)
	if err != nil {
		return 0, 0, 0, err
	}
	b, err := parseNumber(last, 8)
	if err != nil {
		return 0, 0, 0, err
	}
	if a > b || int(b) >= width {
		return 0, 0, 0, fmt.Errorf("%s has no bits %s", name, bits)
	}
	return f, int(a), int(b-a) + 1, nil
}

// loadNames are the spellings of fields in load and move.
var loadNames = func() map[string]Field {
	m := make(map[string]Field, 2*fieldEnd)
	for f := InPort; f < fieldEnd; f++ {
		m[actionNames[f].load] = f
	}
	for name, f := range map[string]Field{
		"OXM_OF_ETH_DST": EthDst, "OXM_OF_ETH_SRC": EthSrc, "OXM_OF_ETH_TYPE": EthType, "OXM_OF_IP_PROTO": IPProto,
		"OXM_OF_IPV4_SRC": IPv4Src, "OXM_OF_IPV4_DST": IPv4Dst, "OXM_OF_TUNNEL_ID": TunnelID,
		"OXM_OF_TCP_SRC": TCPSrc, "OXM_OF_TCP_DST": TCPDst, "OXM_OF_UDP_SRC": UDPSrc, "OXM_OF_UDP_DST": UDPDst,
		"OXM_OF_ICMPV4_TYPE": ICMPType, "OXM_OF_ICMPV4_CODE": ICMPCode, "OXM_OF_ARP_OP": ARPOp, "OXM_OF_ARP_SPA": ARPSPA,
		"OXM_OF_ARP_TPA": ARPTPA, "OXM_OF_ARP_SHA": ARPSHA, "OXM_OF_ARP_THA": ARPTHA, "NXM_OF_IN_PORT": InPort,
	} {
		m[name] = f
	}
	return m
}()
