package flow

import (
	"encoding/binary"
	"fmt"
	"slices"
	"testing"
)

// natWorld translates what comes from port 1 to 10.9.9.9 and lets it out by port 2; what comes in there goes back by port 1. Reg0
// would tell if anything got lost on the way.
var natWorld = []string{
	"priority=1,ip,in_port=1 actions=set_field:7->reg0,ct(commit,zone=5,nat(src=10.9.9.9),table=1)",
	"priority=1,ip,in_port=2 actions=set_field:8->reg0,ct(zone=5,nat,table=2)",
	"table=1,priority=1,reg0=7,in_port=1 actions=output:2",
	"table=2,priority=1,reg0=8,in_port=2 actions=output:1",
}

// Addresses and ports of packets that conntrack is shown.
const (
	vm1     = 0x0a000001
	vm2     = 0x0a000002
	world   = 0xc0000201
	world2  = 0xc0000202
	hop     = 0xc6336401
	gateway = 0x0a090909
)

const (
	flagSYN, flagRST, flagACK = 2, 4, 16
)

// ipFrame is a frame with a transport packet, whose checksum is at sum, or at none if that is negative.
func ipFrame(src, dst uint32, proto byte, sum int, l4 []byte) []byte {
	ip := []byte{0x45, 0, 0, 0, 0, 1, 0x40, 0, 64, proto, 0, 0}
	ip = binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(ip, src), dst)
	binary.BigEndian.PutUint16(ip[2:], uint16(len(ip)+len(l4)))
	binary.BigEndian.PutUint16(ip[10:], ^sum16(ip))
	switch {
	case proto == protoICMP:
		binary.BigEndian.PutUint16(l4[sum:], ^sum16(l4))
	case sum >= 0:
		binary.BigEndian.PutUint16(l4[sum:], ^sum16(pseudoHeader(ip, len(l4)), l4))
	}
	return slices.Concat([]byte{2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0}, ip, l4)
}

func udpFrame(src uint32, sport uint16, dst uint32, dport uint16) []byte {
	l4 := binary.BigEndian.AppendUint16(binary.BigEndian.AppendUint16(nil, sport), dport)
	return ipFrame(src, dst, protoUDP, 6, append(l4, 0, 13, 0, 0, 1, 2, 3, 4, 5))
}

func tcpFrame(src uint32, sport uint16, dst uint32, dport uint16, flags byte) []byte {
	l4 := binary.BigEndian.AppendUint16(binary.BigEndian.AppendUint16(nil, sport), dport)
	return ipFrame(src, dst, protoTCP, 16, append(l4, 0, 0, 0, 1, 0, 0, 0, 1, 0x50, flags, 0x10, 0, 0, 0, 0, 0))
}

func echoFrame(src, dst uint32, kind byte, id uint16) []byte {
	l4 := binary.BigEndian.AppendUint16([]byte{kind, 0, 0, 0}, id)
	return ipFrame(src, dst, protoICMP, 2, append(l4, 0, 1, 9, 9, 9))
}

// errorFrame is an ICMP error about the packet in about, of which it carries n bytes.
func errorFrame(src, dst uint32, kind byte, about []byte, n int) []byte {
	in := about[etherLen:]
	return ipFrame(src, dst, protoICMP, 2, append([]byte{kind, 1, 0, 0, 0, 0, 5, 0}, in[:min(n, len(in))]...))
}

// natSwitches are a switch in memory and an Open vSwitch with the same entries.
type natSwitches struct {
	t    *testing.T
	s    *Switch
	o    *openVSwitch
	seen map[string]int
}

func newNATSwitches(t *testing.T, lines ...string) *natSwitches {
	n := &natSwitches{t, switchWith(t, SwitchConfig{}, lines...), startOpenVSwitch(t), map[string]int{}}
	n.o.add(append(lines, markerEntry())...)
	return n
}

// markerEntry sends marker frames to all ports.
func markerEntry() string {
	return "priority=65535,dl_type=0x9001 actions=IN_PORT,output:1,output:2,output:3,output:4"
}

// marker is a frame that no other test uses, with a number.
func marker(n int) []byte {
	return slices.Concat([]byte{2, 0, 0, 0, 0, 3, 2, 0, 0, 0, 0, 4, 0x90, 0x01}, binary.BigEndian.AppendUint32(nil, uint32(n)), make([]byte, 46))
}

// send gives both switches a frame, and returns what left by ports 1 and 2 of either.
func (n *natSwitches) send(port uint32, frame []byte) (memory, real [2][][]byte) {
	n.t.Helper()
	r, err := n.s.Execute(Input{Frame: frame, InPort: port})
	if err != nil {
		n.t.Fatal(err)
	}
	for _, e := range r.Emissions {
		memory[e.Port-1] = append(memory[e.Port-1], e.Frame)
	}
	n.seen["markers"]++
	m := marker(n.seen["markers"])
	n.o.appctl("netdev-dummy/receive", fmt.Sprintf("p%d", port), fmt.Sprintf("%x", frame))
	n.o.appctl("netdev-dummy/receive", fmt.Sprintf("p%d", port), fmt.Sprintf("%x", m))
	for i := range real {
		name := fmt.Sprintf("p%d", i+1)
		n.o.waitFor("a marker on "+name, func() bool {
			all := n.o.captured(name)[n.seen[name]:]
			if len(all) == 0 || !slices.Equal(all[len(all)-1], m) {
				return false
			}
			real[i] = all[:len(all)-1]
			n.seen[name] += len(all)
			return true
		})
	}
	return memory, real
}

// both sends a frame that must leave both switches alike, and returns it as it left, or nil.
func (n *natSwitches) both(what string, port uint32, frame []byte) []byte {
	n.t.Helper()
	memory, real := n.send(port, frame)
	if fmt.Sprintf("%x", memory) != fmt.Sprintf("%x", real) {
		n.t.Errorf("%s, %x on port %d:\nswitch in memory: %x\nOpen vSwitch:     %x", what, frame, port, memory, real)
	}
	left := slices.Concat(memory[0], memory[1])
	if len(left) == 0 {
		return nil
	}
	if !checksums(left[0]) {
		n.t.Errorf("%s: wrong checksum in %x", what, left[0])
	}
	return left[0]
}

func TestNATAsOpenVSwitch(t *testing.T) {
	n := newNATSwitches(t, natWorld...)
	n.both("UDP from outside, unasked", 2, udpFrame(world, 53, gateway, 4000))
	u := n.both("UDP out", 1, udpFrame(vm1, 4000, world, 53))
	n.both("UDP back", 2, udpFrame(world, 53, gateway, 4000))
	n.both("UDP back from another port", 2, udpFrame(world, 54, gateway, 4000))
	n.both("UDP out again", 1, udpFrame(vm1, 4000, world, 53))
	n.both("the same port to another host", 1, udpFrame(vm1, 4000, world2, 53))
	n.both("a second VM's same port", 1, udpFrame(vm2, 4000, world, 53))
	n.both("a privileged port", 1, udpFrame(vm1, 500, world, 500))
	n.both("a second VM's same privileged port", 1, udpFrame(vm2, 500, world, 500))

	n.both("TCP SYN", 1, tcpFrame(vm1, 4000, world, 80, flagSYN))
	n.both("TCP SYN ACK back", 2, tcpFrame(world, 80, gateway, 4000, flagSYN|flagACK))
	n.both("TCP ACK", 1, tcpFrame(vm1, 4000, world, 80, flagACK))
	n.both("TCP SYN ACK of nothing", 1, tcpFrame(vm1, 4001, world, 80, flagSYN|flagACK))
	n.both("TCP RST of nothing", 1, tcpFrame(vm1, 4002, world, 80, flagRST))
	n.both("TCP ACK of a connection from before", 1, tcpFrame(vm1, 4003, world, 80, flagACK))

	e := n.both("echo request", 1, echoFrame(vm1, world, 8, 77))
	n.both("echo reply", 2, echoFrame(world, gateway, 0, 77))
	n.both("echo request from outside, with the same id", 2, echoFrame(world, gateway, 8, 77))
	n.both("echo reply to nothing", 1, echoFrame(vm1, world, 0, 78))
	n.both("echo request of a second VM with the same id", 1, echoFrame(vm2, world, 8, 77))
	n.both("timestamp request", 1, echoFrame(vm1, world, 13, 77))
	n.both("address mask request", 1, echoFrame(vm1, world, 17, 77))

	n.both("port unreachable", 2, errorFrame(world, gateway, 3, u, 1000))
	n.both("time exceeded from a router on the way", 2, errorFrame(hop, gateway, 11, u, 1000))
	n.both("time exceeded about a ping", 2, errorFrame(hop, gateway, 11, e, 1000))
	n.both("port unreachable about a reply", 1, errorFrame(vm1, world, 3, udpFrame(world, 53, vm1, 4000), 1000))
	n.both("error about nothing known", 2, errorFrame(hop, gateway, 3, udpFrame(gateway, 9, world, 9), 1000))
	n.both("GRE", 1, ipFrame(vm1, world, 47, -1, []byte{0, 0, 8, 0, 1, 2, 3, 4}))
	n.both("GRE back", 2, ipFrame(world, gateway, 47, -1, []byte{0, 0, 8, 0, 1, 2, 3, 4}))
	n.both("GRE of a second VM", 1, ipFrame(vm2, world, 47, -1, []byte{0, 0, 8, 0, 1, 2, 3, 4}))

	bad := udpFrame(vm1, 4100, world, 53)
	bad[len(bad)-1]++
	memory, real := n.send(1, bad)
	if fmt.Sprint(memory) != fmt.Sprint(real) {
		t.Errorf("wrong checksum: switch in memory %x, Open vSwitch %x", memory, real)
	}
}
