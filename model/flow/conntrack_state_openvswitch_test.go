package flow

import (
	"encoding/binary"
	"fmt"
	"slices"
	"testing"
)

// tellTable sends what conntrack says of a packet by port 2, in the addresses of three frames; of what it takes for invalid only the state.
// Only what is committed and went on without a table is untracked there.
var tellTable = []string{
	"table=1,priority=2,ct_state=-inv+trk,ip actions=set_field:0->in_port," +
		"move:NXM_NX_CT_STATE[]->NXM_OF_ETH_DST[0..31],move:NXM_NX_CT_NW_SRC[]->NXM_OF_ETH_SRC[0..31],output:2," +
		"move:NXM_NX_CT_NW_DST[]->NXM_OF_ETH_DST[0..31],move:NXM_NX_CT_NW_PROTO[]->NXM_OF_ETH_SRC[0..7],output:2," +
		"move:NXM_NX_CT_TP_SRC[]->NXM_OF_ETH_DST[0..15],move:NXM_NX_CT_TP_DST[]->NXM_OF_ETH_SRC[0..15],output:2",
	"table=1,priority=1,ip actions=move:NXM_NX_CT_STATE[]->NXM_OF_ETH_DST[0..31],set_field:0->in_port,output:2",
}

// What a frame asks for, in its destination address: to be looked up in zone 5 or 6, or to be committed there, with or without a table.
const (
	lookUp5 byte = iota
	lookUp6
	commit5
	commit6
	commit5Only
	snat5
)

var askingWorld = append([]string{
	"priority=1,ip,dl_dst=02:00:00:00:00:00 actions=set_field:0xa0005->metadata,ct(zone=OXM_OF_METADATA[0..15],table=1)",
	"priority=1,ip,dl_dst=02:00:00:00:00:01 actions=set_field:0xa0006->reg3,ct(zone=NXM_NX_REG3[0..15],table=1)",
	"priority=1,ip,dl_dst=02:00:00:00:00:02 actions=set_field:0xb0005->metadata,ct(commit,zone=OXM_OF_METADATA[0..15],table=1)",
	"priority=1,ip,dl_dst=02:00:00:00:00:03 actions=ct(commit,zone=6,table=1)",
	"priority=1,ip,dl_dst=02:00:00:00:00:04 actions=set_field:5->metadata,ct(zone=OXM_OF_METADATA[0..15],table=2),output:1",
	"table=2,priority=1,ip actions=ct(commit,zone=OXM_OF_METADATA[0..15]),resubmit(,1)",
	"priority=1,ip,dl_dst=02:00:00:00:00:05 actions=ct(commit,zone=5,table=1,nat(src=10.9.9.9))",
}, tellTable...)

// ask is frame with what it asks for.
func ask(what byte, frame []byte) []byte {
	frame = slices.Clone(frame)
	copy(frame, []byte{2, 0, 0, 0, 0, what})
	return frame
}

// fixUDP corrects the checksums of a UDP frame that was changed.
func fixUDP(frame []byte) []byte {
	ip := frame[etherLen:]
	binary.BigEndian.PutUint16(ip[10:], 0)
	binary.BigEndian.PutUint16(ip[10:], ^sum16(ip[:ipv4Len]))
	binary.BigEndian.PutUint16(ip[26:], 0)
	binary.BigEndian.PutUint16(ip[26:], ^sum16(pseudoHeader(ip, len(ip)-ipv4Len), ip[ipv4Len:]))
	return frame
}

func TestConntrackStateAsOpenVSwitch(t *testing.T) {
	n := newNATSwitches(t, askingWorld...)
	both := func(what string, asks byte, frame []byte) {
		t.Helper()
		memory, real := n.send(1, ask(asks, frame))
		if len(memory[1]) == 0 || fmt.Sprintf("%x", memory) != fmt.Sprintf("%x", real) {
			t.Errorf("%s, %x:\nswitch in memory: %x\nOpen vSwitch:     %x", what, frame, memory, real)
		}
	}
	u, back := udpFrame(vm1, 4000, world, 53), udpFrame(world, 53, vm1, 4000)
	both("UDP", lookUp5, u)
	both("UDP again, as it was not committed", lookUp5, u)
	both("UDP, committed", commit5Only, u)
	both("UDP, repeated", lookUp5, u)
	both("UDP, repeated and committed", commit5, u)
	both("UDP in another zone", lookUp6, u)
	both("error about UDP", lookUp5, errorFrame(hop, vm1, 3, u, 28))
	both("UDP answer in another zone", lookUp6, back)
	both("UDP answer", lookUp5, back)
	both("UDP, answered", lookUp5, u)
	both("UDP answer, committed", commit5, back)
	both("error about UDP", lookUp5, errorFrame(hop, vm1, 3, u, 1000))
	both("error about UDP, committed", commit5, errorFrame(hop, vm1, 11, u, 1000))
	both("error about a UDP answer", lookUp5, errorFrame(vm1, world, 3, back, 1000))
	both("source quench", lookUp5, errorFrame(hop, vm1, 4, u, 1000))
	both("redirect", lookUp5, errorFrame(hop, vm1, 5, u, 1000))
	both("error to another one", lookUp5, errorFrame(hop, vm2, 3, u, 1000))
	both("error with too little inside", lookUp5, errorFrame(hop, vm1, 3, u, 27))
	both("error about nothing known", lookUp5, errorFrame(hop, vm1, 3, udpFrame(vm1, 9, world, 9), 1000))
	both("error about an error", lookUp5, errorFrame(hop, vm1, 3, errorFrame(vm1, world, 3, u, 28), 1000))
	fragment := slices.Clone(u)
	fragment[etherLen+6] |= 0x20
	both("error about a fragment", lookUp5, errorFrame(hop, vm1, 3, fragment, 1000))
	both("UDP from port 0", lookUp5, udpFrame(vm1, 0, world, 53))
	long := slices.Clone(u)
	long[etherLen+ipv4Len+5]++
	both("UDP longer than the packet", lookUp5, fixUDP(long))
	short := slices.Clone(u)
	short[etherLen+ipv4Len+5] = 7
	both("UDP shorter than its header", lookUp5, fixUDP(short))
	bad := slices.Clone(u)
	bad[len(bad)-1]++
	both("wrong checksum of UDP", lookUp5, bad)
	bad = slices.Clone(u)
	bad[etherLen+10]++
	both("wrong checksum of IPv4", lookUp5, bad)

	both("translated", snat5, udpFrame(vm2, 4000, world, 53))
	both("translated, looked up", lookUp5, udpFrame(vm2, 4000, world, 53))
	both("answer to it", snat5, udpFrame(world, 53, gateway, 4000))
	both("answer to it, not translated", lookUp5, udpFrame(world, 53, gateway, 4000))
	both("error about it", snat5, errorFrame(hop, gateway, 3, udpFrame(gateway, 4000, world, 53), 1000))
	both("error to it", snat5, errorFrame(vm2, world, 3, udpFrame(world, 53, vm2, 4000), 1000))

	for kind := range 20 {
		both(fmt.Sprintf("ICMP %d", kind), lookUp5, echoFrame(vm1, world, byte(kind), 7))
	}
	both("ping", commit5Only, echoFrame(vm1, world, 8, 7))
	both("ping, repeated", lookUp5, echoFrame(vm1, world, 8, 7))
	both("error about a ping", lookUp5, errorFrame(hop, vm1, 11, echoFrame(vm1, world, 8, 7), 1000))
	both("pong", lookUp5, echoFrame(world, vm1, 0, 7))
	both("ping, answered", lookUp5, echoFrame(vm1, world, 8, 7))
	both("pong of another one", lookUp5, echoFrame(world, vm1, 0, 8))
	both("ping back", lookUp5, echoFrame(world, vm1, 8, 7))
	both("timestamp", commit5, echoFrame(vm1, world, 13, 7))
	both("timestamp reply", lookUp5, echoFrame(world, vm1, 14, 7))
	code := echoFrame(vm1, world, 8, 9)
	code[etherLen+ipv4Len+1], code[etherLen+ipv4Len+3] = 1, code[etherLen+ipv4Len+3]-1
	both("ping with a code", lookUp5, code)

	for _, proto := range []byte{2, 4, 41, 47, 50, 51, 58, 89, 112, 132, 136} {
		f, b := ipFrame(vm1, world, proto, -1, make([]byte, 24)), ipFrame(world, vm1, proto, -1, make([]byte, 24))
		both(fmt.Sprint("protocol ", proto), lookUp5, f)
		both(fmt.Sprint("protocol, committed ", proto), commit5Only, f)
		both(fmt.Sprint("protocol, repeated ", proto), lookUp5, f)
		both(fmt.Sprint("error about protocol ", proto), lookUp5, errorFrame(hop, vm1, 3, f, 20))
		both(fmt.Sprint("protocol, back ", proto), lookUp5, b)
		both(fmt.Sprint("protocol, answered ", proto), lookUp5, f)
	}
	both("IGMP with options", lookUp5, ipFrame(vm1, 0xe0000016, 2, -1, make([]byte, 8)))

	port := uint16(5000)
	for flags := range byte(64) {
		port++
		both(fmt.Sprintf("TCP flags %#x", flags), lookUp5, tcpFrame(vm1, port, world, 80, flags))
		both(fmt.Sprintf("TCP flags %#x, committed", flags), commit5Only, tcpFrame(vm1, port, world, 80, flags))
		both(fmt.Sprintf("TCP flags %#x, looked up", flags), lookUp5, tcpFrame(vm1, port, world, 80, flags))
		both(fmt.Sprintf("TCP flags %#x, answered", flags), lookUp5, tcpFrame(world, 80, vm1, port, flags))
	}
	both("TCP to port 0", lookUp5, tcpFrame(vm1, 1, world, 0, flagSYN))
	offset := tcpFrame(vm1, 1, world, 2, flagSYN)
	offset[etherLen+ipv4Len+12] = 0x60
	offset[etherLen+ipv4Len+16] -= 0x10
	both("TCP with a header longer than the packet", lookUp5, offset)
}

// Two ports' zones, and whatever packets of a small world in them: state and original tuple are those of Open vSwitch all the time.
func TestRandomConntrackAsOpenVSwitch(t *testing.T) {
	s := switchWith(t, SwitchConfig{}, askingWorld...)
	o := startOpenVSwitch(t)
	o.add(append(slices.Clip(askingWorld), markerEntry())...)
	d := drawSeed(1)
	seen, told := 0, map[string]bool{}
	for round := range 60 {
		var want [][]byte
		var frames []string
		for range 80 { // a dummy port keeps at most 100 that wait
			f := ask(pick(d, lookUp5, lookUp5, lookUp6, commit5, commit6, commit5Only), d.tracked())
			if s.crossedSYN(f) {
				continue
			}
			frames = append(frames, fmt.Sprintf("%x", f))
			r := run(t, s, Input{Frame: f, InPort: 1})
			for _, e := range r.Emissions {
				want = append(want, e.Frame)
			}
			told[fmt.Sprintf("%x", r.Emissions[0].Frame[:6])] = true
		}
		end := marker(round)
		o.appctl(append([]string{"netdev-dummy/receive", "p1"}, append(frames, fmt.Sprintf("%x", end))...)...)
		var got [][]byte
		o.waitFor("a marker", func() bool {
			got = o.captured("p2")[seen:]
			return len(got) > 0 && slices.Equal(got[len(got)-1], end)
		})
		seen += len(got)
		for i := range min(len(want), len(got)-1) {
			if !slices.Equal(got[i], want[i]) {
				t.Fatalf("round %d, frame %d: \nOpen vSwitch     %x\nswitch in memory %x", round, i, got[i], want[i])
			}
		}
		if len(want) != len(got)-1 {
			t.Fatalf("round %d: %d frames, Open vSwitch %d", round, len(want), len(got)-1)
		}
	}
	t.Logf("%d frames, %d different states", seen, len(told))
	if len(told) < 7 { // untracked, invalid, new, established and related in both directions
		t.Error("that shows little")
	}
}

// crossedSYN tells whether a frame is a SYN against the direction of a known connection: Open vSwitch looks for sequence numbers after it
// that those here do not have.
func (s *Switch) crossedSYN(frame []byte) bool {
	p, _ := parse(frame)
	t, ok := p.tuple()
	if !ok || t.proto != protoTCP || p.transport()[13]&(tcpSYN|tcpACK) != tcpSYN {
		return false
	}
	for _, zone := range s.zones {
		if c := zone[t]; c != nil && c.original != t {
			return true
		}
	}
	return false
}

// tracked draws a packet of few hosts and ports, in either direction.
func (d draw) tracked() []byte {
	src, dst := uint32(vm1), uint32(vm1+d.int(1, 2))
	sport, dport := uint16(d.int(1, 2)), uint16(d.int(80, 81))
	kind := byte(8)
	if d.chance(50) {
		src, dst, sport, dport, kind = dst, src, dport, sport, 0
	}
	f := func() []byte {
		switch d.int(0, 7) {
		case 0, 1:
			return udpFrame(src, sport, dst, dport)
		case 2:
			return echoFrame(src, dst, kind, sport+dport)
		case 3:
			return ipFrame(src, dst, pick(d, byte(2), 47, 112, 132), -1, make([]byte, 24))
		}
		return tcpFrame(src, sport, dst, dport, pick(d, byte(flagSYN), flagSYN, flagSYN|flagACK, flagSYN|flagACK, flagACK, flagACK, flagACK|1, flagACK|1, flagRST|flagACK))
	}()
	if d.chance(25) {
		return errorFrame(pick(d, uint32(dst), hop), src, pick(d, byte(3), 4, 5, 11, 12), f, d.int(26, 60))
	}
	return f
}
