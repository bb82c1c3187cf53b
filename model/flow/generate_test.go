package flow

import (
	"encoding/binary"
	"math/rand/v2"
	"slices"

	"pgregory.net/rapid"
)

// draw gives random entries and packets. Narrow values come from a small world, so that packets meet entries.
type draw struct {
	int    func(low, high int) int
	bits   func() uint64
	narrow bool
	// noPunt leaves out Punt, noMeter the meter instruction. A world has only one of them: ofproto/trace of Open vSwitch 3.1.0
	// loops for ever on a packet whose ARP header is changed between a meter instruction and a Punt.
	noPunt, noMeter bool
	// noLarger leaves out CheckLarger, of which ofproto/trace shows both ways, and noConntrack what depends on earlier packets.
	noLarger, noConntrack bool
	noLoop                bool // a loop behind a CheckLarger drops packets that do not go that way too
}

// drawRapid draws for a property test, which prefers values near the ends and shrinks what fails.
func drawRapid(t *rapid.T) draw {
	return draw{
		int:  func(low, high int) int { return rapid.IntRange(low, high).Draw(t, "int") },
		bits: func() uint64 { return rapid.Uint64().Draw(t, "bits") },
	}
}

// drawSeed draws evenly, and the same for the same seed.
func drawSeed(seed int) draw {
	r := rand.New(rand.NewPCG(uint64(seed), 0))
	return draw{int: func(low, high int) int { return low + r.IntN(high-low+1) }, bits: r.Uint64}
}

func (d draw) chance(percent int) bool { return d.int(1, 100) <= percent }
func pick[T any](d draw, from ...T) T  { return from[d.int(0, len(from)-1)] }

// The small world.
const (
	worldTables = 6 // 0 to 5
	worldPorts  = 4 // 1 to 4, and LOCAL
	worldGroups = 4 // 1 to 4
	worldMeters = 3 // 1 to 3
)

// value draws a value that a packet can have in f.
func (d draw) value(f Field) uint64 {
	if !d.narrow {
		v := d.bits() & f.AllOnes()
		switch f {
		case IPFrag:
			return pick(d, uint64(0), FragAny, FragAny|FragLater)
		case InPort:
			return v & 0xffff >> 1
		case ARPOp:
			return v & 0xff
		case VLANVID:
			return v | vidPresent
		}
		return v
	}
	n := uint64(d.int(1, 3))
	switch f {
	case InPort:
		return uint64(d.int(1, worldPorts))
	case EthDst, EthSrc, ARPSHA, ARPTHA:
		return 0xfa163e000000 + n
	case IPv4Src, IPv4Dst, ARPSPA, ARPTPA:
		return 0x0a000000 + n
	case VLANVID:
		return vidPresent + n
	}
	return n
}

func (d draw) mask(f Field) uint64 {
	if f == IPFrag {
		return f.AllOnes() // Open vSwitch has no words for most others
	}
	if info, _ := f.Info(); !info.Maskable || d.chance(60) {
		return f.AllOnes()
	}
	if d.narrow {
		return f.AllOnes() &^ uint64(d.int(0, 3))
	}
	return max(1, d.bits()&f.AllOnes())
}

var arpFields = []Field{ARPOp, ARPSPA, ARPTPA, ARPSHA, ARPTHA}

// match draws a valid match, and which header fields its packets have.
func (d draw) match() (Match, []Field) {
	var m Match
	optional := []Field{InPort, Metadata, Reg0, Reg1, Reg2, EthDst, EthSrc}
	if !d.narrow || d.chance(20) {
		optional = append(optional, TunnelID, TunnelSrc, TunnelDst)
	}
	if !d.narrow {
		optional = append(optional, Reg3, ConjunctionID)
	}
	header := []Field{Metadata, Reg0, Reg1, Reg2, TunnelID, TunnelDst, EthDst, EthSrc}
	require := func(f Field, v uint64) { m = append(m, Exact(f, v)) }
	switch kind := pick(d, "any", "tcp", "udp", "icmp", "ip", "arp", "arp", "rarp", "other"); kind {
	case "any":
	case "arp", "rarp":
		if kind == "arp" {
			require(EthType, etherARP)
		} else {
			require(EthType, etherRARP)
		}
		optional, header = append(optional, arpFields...), append(header, arpFields...)
	case "other":
		require(EthType, pick(d, uint64(0x88cc), 0x86dd, 0x05ff, 0x9000))
	default:
		require(EthType, etherIPv4)
		of := map[string][]Field{"tcp": {TCPSrc, TCPDst}, "udp": {UDPSrc, UDPDst}, "icmp": {ICMPType, ICMPCode}}[kind]
		if of != nil {
			require(IPProto, map[string]uint64{"tcp": protoTCP, "udp": protoUDP, "icmp": protoICMP}[kind])
		}
		of = append(of, IPv4Src, IPv4Dst, IPDSCP, IPTTL)
		if !d.narrow {
			m = append(m, d.connection()...)
			if of[0] == IPv4Src {
				optional = append(optional, IPFrag)
			} else if d.chance(50) {
				m = append(m, Masked(IPFrag, uint64(d.int(0, 1)), FragAny|FragLater)) // later ones have no ports
			}
		}
		optional, header = append(optional, of...), append(header, of...)
	}
	switch d.int(0, 7) {
	case 0: // no tag
		require(VLANVID, 0)
	case 1:
		m = append(m, Masked(VLANVID, 0, vidPresent))
	case 2, 3: // a tag
		m = append(m, Masked(VLANVID, vidPresent, vidPresent))
		if d.chance(50) {
			require(VLANPCP, d.value(VLANPCP))
		}
		header = append(header, VLANVID, VLANPCP)
	case 4:
		require(VLANVID, d.value(VLANVID))
		header = append(header, VLANVID, VLANPCP)
	}
	often := 25
	if d.narrow {
		often = 12
	}
	for _, f := range optional {
		if d.chance(often) {
			m = append(m, Masked(f, d.value(f), d.mask(f)))
		}
	}
	return m, header
}

// connection draws what an entry matches of what conntrack knows of IPv4 packets.
func (d draw) connection() Match {
	if d.chance(50) {
		return nil
	}
	state := Masked(CTState, CTTracked|d.bits()&CTReply, CTTracked|CTInvalid|d.bits()&ctStateBits)
	if d.chance(20) {
		return Match{Masked(CTState, d.bits()&^CTInvalid, max(1, d.bits()&ctStateBits))}
	}
	m := Match{state}
	fields := []Field{CTSrc, CTDst}
	if d.chance(50) {
		m = append(m, Exact(CTProto, max(1, d.value(CTProto))))
		fields = append(fields, CTSrcPort, CTDstPort)
	}
	for _, f := range fields {
		if d.chance(50) {
			m = append(m, Masked(f, d.value(f), d.mask(f)))
		}
	}
	return m
}

// actions draws a list that is valid for packets with the given header fields.
func (d draw) actions(header []Field, inBucket bool, table uint8) []Action {
	var list []Action
	tagged := slices.Contains(header, VLANVID)
	pushed := tagged
	for range d.int(0, 5) {
		switch d.int(0, 11) {
		case 0, 1:
			list = append(list, Output{Port: uint32(d.int(1, worldPorts))})
		case 2:
			list = append(list, pick[Action](d, Output{Port: PortInPort}, Output{Port: PortLocal}, Output{Port: PortController, MaxLen: 0xffff}, Output{Port: PortController, MaxLen: 128}))
		case 3:
			if !inBucket {
				list = append(list, ToGroup{uint32(d.int(1, worldGroups))})
			}
		case 4, 5:
			f := pick(d, header...)
			s := SetField{f, d.value(f), d.mask(f)}
			if f == VLANVID {
				s.Mask = f.AllOnes()
			}
			if f == ARPOp {
				s.Mask = f.AllOnes()
			}
			s.Value &= s.Mask
			list = append(list, s)
		case 6:
			from, to := pick(d, header...), pick(d, header...)
			if to == ARPOp { // Open vSwitch writes nothing into ARP headers while the operation is 0
				to = ARPSPA
			}
			list = append(list, Move{from, to, d.int(1, min(from.moveBits(), to.moveBits()))})
		case 7:
			switch {
			case inBucket: // its order is not the order of the list: prerequisites would be guesses
			case tagged && d.chance(50):
				list = append(list, PopVLAN{})
				tagged = false
				header = slices.DeleteFunc(slices.Clone(header), func(f Field) bool { return f == VLANVID || f == VLANPCP })
			case !pushed:
				list = append(list, PushVLAN{}, SetField{VLANVID, d.value(VLANVID), VLANVID.AllOnes()})
				tagged, pushed = true, true
				header = append(slices.Clone(header), VLANPCP)
			}
		case 8:
			if slices.Contains(header, IPTTL) {
				list = append(list, DecTTL{})
			}
		case 10:
			list = append(list, SetField{InPort, pick(d, 0, d.value(InPort)), InPort.AllOnes()})
		case 11:
			switch {
			case inBucket:
			case d.chance(50) && !d.noLarger:
				list = append(list, CheckLarger{Bytes: uint16(d.int(90, 130)), To: pick(d, Metadata, Reg0, Reg1, Reg2), Bit: uint8(d.int(0, 31))})
			case slices.Contains(header, IPTTL) && !d.noConntrack:
				list = append(list, d.conntrack(table))
			}
		case 9:
			back := 0
			if d.noLoop {
				back = 1
			}
			if d.chance(30) && !d.noPunt {
				list = append(list, Punt{MaxLen: 200, Meter: uint32(d.int(1, worldMeters))})
			} else {
				list = append(list, Resubmit{uint8(min(int(table)+pick(d, back, 1, 1, 1, 1, 1, 1, 2, 2), worldTables))})
			}
		}
	}
	return list
}

func (d draw) conntrack(table uint8) Conntrack {
	a := Conntrack{Zone: uint16(d.int(0, 2)), Commit: d.chance(60), NAT: NAT(d.int(0, 2)), Next: min(table+uint8(d.int(1, 2)), worldTables)}
	if a.NAT == NATSource {
		a.Commit, a.Addr = true, 0x0a000000+uint32(d.int(4, 5))
	}
	if d.narrow {
		return a
	}
	if d.chance(50) {
		a.Zone, a.ZoneFrom = 0, pick(d, Metadata, Reg3, EthSrc, IPv4Dst)
	}
	if a.NAT == NATNone && d.chance(50) {
		a.Next = NoTable
	}
	return a
}

// entry draws an entry that Open vSwitch accepts if the world's groups and meters are there.
func (d draw) entry(table uint8, priority uint16) Entry {
	e := Entry{Table: table, Priority: priority, Cookie: NewCookie(uint16(d.int(0, 9)), 1, uint64(d.int(0, 9)))}
	var header []Field
	e.Match, header = d.match()
	if !d.narrow && d.chance(10) {
		for range d.int(1, 3) {
			n := d.int(2, 64)
			e.Apply = append(e.Apply, Conjunction{uint32(d.bits()), uint8(d.int(1, n)), uint8(n)})
		}
		return e
	}
	e.Apply = d.actions(header, false, table)
	if d.chance(5) && !d.noMeter {
		e.Meter = uint32(d.int(1, worldMeters))
	}
	if d.chance(20) {
		e.WriteMetadata, e.MetadataMask = d.value(Metadata), d.mask(Metadata)
		e.WriteMetadata &= e.MetadataMask
	}
	if d.chance(60) && table < worldTables-1 {
		e.Goto, e.HasGoto = uint8(d.int(int(table)+1, worldTables-1)), true
	}
	if !d.narrow && d.chance(20) {
		e.IdleTimeout, e.HardTimeout = uint16(d.int(0, 60000)), uint16(d.int(0, 60000))
		e.Flags = pick(d, 0, FlagSendFlowRemoved, FlagSendFlowRemoved|8|16)
	}
	return e
}

func (d draw) group(id uint32) Group {
	g := Group{ID: id}
	from := uint8(worldTables - 2)
	if d.noLoop {
		from++
	}
	for range d.int(0, 4) {
		// The buckets of a small world are for packets of any kind.
		g.Buckets = append(g.Buckets, d.actions([]Field{Metadata, Reg0, Reg1, TunnelID, TunnelDst, EthDst, EthSrc}, true, from))
	}
	return g
}

func (d draw) anyEntry() Entry {
	return d.entry(uint8(d.int(0, worldTables-1)), uint16(d.int(0, 65535)))
}

// world draws a rule set in which no two entries of one table have the same priority: which of them a packet meets
// would be anybody's choice.
func (d draw) world(entries int) Tables {
	var all Tables
	for id := range uint32(worldMeters) {
		all.Meters = append(all.Meters, Meter{ID: id + 1, Rate: 1000000, Burst: 1000000})
	}
	for id := range uint32(worldGroups) {
		all.Groups = append(all.Groups, d.group(id+1))
	}
	for i := range entries {
		e := d.entry(uint8(i%worldTables), 0)
		e.Priority = uint16(len(e.Match)*1000 + i + 1) // or the few that match all would hide the others
		all.Flows = append(all.Flows, Encode(e))
	}
	return all
}

func (t Tables) changes() []Change {
	var list []Change
	for i := range t.Meters {
		list = append(list, Change{Op: OpAdd, Meter: &t.Meters[i]})
	}
	for i := range t.Groups {
		list = append(list, Change{Op: OpAdd, Group: &t.Groups[i]})
	}
	for _, f := range t.Flows {
		list = append(list, Change{Op: OpAdd, Flow: f})
	}
	return list
}

// packet draws a frame with right checksums.
func (d draw) packet() []byte {
	b := appendNumber(nil, d.value(EthDst), 6)
	b = appendNumber(b, d.value(EthSrc), 6)
	if d.chance(30) {
		b = binary.BigEndian.AppendUint16(append(b, 0x81, 0), uint16(d.value(VLANVID)&vidBits|d.value(VLANPCP)<<13))
	}
	kind := pick(d, uint64(protoTCP), protoUDP, protoICMP, 47, etherARP, etherRARP, 0x88cc, 0x9000)
	payload := slices.Repeat([]byte{0x5a}, d.int(60, 80))
	switch kind {
	case etherARP, etherRARP:
		b = append(appendNumber(b, kind, 2), 0, 1, 8, 0, 6, 4)
		for _, f := range []Field{ARPOp, ARPSHA, ARPSPA, ARPTHA, ARPTPA} {
			b = appendNumber(b, d.value(f), f.bytes())
		}
		return append(b, payload...)
	case 0x88cc, 0x9000:
		return append(appendNumber(b, kind, 2), payload...)
	}
	b = appendNumber(b, etherIPv4, 2)
	ip := []byte{0x45, 0, 0, 0, 0, 1, 0, 0, byte(d.int(1, 3)), byte(kind), 0, 0}
	ip = appendNumber(ip, d.value(IPv4Src), 4)
	ip = appendNumber(ip, d.value(IPv4Dst), 4)
	var l4 []byte
	switch kind {
	case protoTCP:
		l4 = slices.Concat(appendNumber(nil, d.value(TCPSrc), 2), appendNumber(nil, d.value(TCPDst), 2), make([]byte, 8), []byte{0x50, 2}, make([]byte, 6))
	case protoUDP:
		l4 = slices.Concat(appendNumber(nil, d.value(UDPSrc), 2), appendNumber(nil, d.value(UDPDst), 2), appendNumber(nil, uint64(8+len(payload)), 2), make([]byte, 2))
	case protoICMP:
		l4 = []byte{byte(d.value(ICMPType)), byte(d.value(ICMPCode)), 0, 0, 0, 1, 0, 1}
	}
	l4 = append(l4, payload...)
	binary.BigEndian.PutUint16(ip[2:], uint16(len(ip)+len(l4)))
	binary.BigEndian.PutUint16(ip[10:], ^sum16(ip))
	switch kind {
	case protoTCP:
		binary.BigEndian.PutUint16(l4[16:], ^sum16(pseudoHeader(ip, len(l4)), l4))
	case protoUDP:
		if d.chance(70) {
			binary.BigEndian.PutUint16(l4[6:], ^sum16(pseudoHeader(ip, len(l4)), l4))
		}
	case protoICMP:
		binary.BigEndian.PutUint16(l4[2:], ^sum16(l4))
	}
	return slices.Concat(b, ip, l4)
}

func pseudoHeader(ip []byte, length int) []byte {
	return slices.Concat(ip[12:20], []byte{0, ip[9]}, appendNumber(nil, uint64(length), 2))
}

// sum16 is the ones' complement sum of parts of even length but for the last (RFC 1071).
func sum16(parts ...[]byte) uint16 {
	var sum uint32
	for _, b := range parts {
		for i := 0; i < len(b); i += 2 {
			sum += uint32(b[i]) << 8
			if i+1 < len(b) {
				sum += uint32(b[i+1])
			}
			sum = sum>>16 + sum&0xffff
		}
	}
	return uint16(sum)
}
