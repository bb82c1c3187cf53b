package lab

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"
)

// Datapath is a program that is a switch.
type Datapath interface {
	// Plug gives it a port, whose link is there; what leaves by the port goes to send, which does not keep it.
	Plug(port uint32, name string, send func(frame []byte))
	// Input is a frame that comes in by a port.
	Input(port uint32, frame []byte)
	// SetLink takes the link of a port away, or gives it back.
	SetLink(port uint32, up bool)
	// Restart is a power cycle.
	Restart()
	// Dump is what it holds, in lines for people.
	Dump() string
}

// AddDatapath makes a switch of a program, which is seen to speak with the controller by others. Its ports are joined to cables by sockets.
func (l *Lab) AddDatapath(name string, datapathID uint64, datapath Datapath) *Switch {
	s := l.newSwitch(name, datapathID)
	s.datapath = datapath
	var err error
	if s.ns, err = l.addNamespace(name); err != nil {
		l.fatal("switch %s: %v", name, err)
	}
	return s
}

// join makes an interface that is there a port of the datapath. With a VLAN what comes in by the interface has no tag, and gets that one on its
// way to the datapath; what leaves loses it, and what has another one does not leave.
func (s *Switch) join(number uint32, vlan int) error {
	socket, err := s.ns.socket(portName(number))
	if err != nil {
		return fmt.Errorf("port %d: %w", number, err)
	}
	s.lab.OnClose(socket.close)
	s.datapath.Plug(number, portName(number), func(frame []byte) {
		if vlan != 0 {
			if frame = withoutTag(frame, vlan); frame == nil {
				return
			}
		}
		socket.send(frame)
	})
	go socket.receive(func(frame []byte) {
		if vlan != 0 {
			frame = withTag(frame, vlan)
		}
		s.datapath.Input(number, frame)
	})
	return nil
}

// macs is how long the MAC addresses of a frame are, behind which is its VLAN tag.
const macs = 12

// tagOf is a VLAN tag (IEEE Std 802.1Q) with priority 0.
func tagOf(vlan int) []byte {
	const tpid = 0x8100
	return binary.BigEndian.AppendUint32(nil, tpid<<16|uint32(vlan))
}

func withTag(frame []byte, vlan int) []byte {
	return slices.Insert(frame, macs, tagOf(vlan)...)
}

// withoutTag is nil if the frame has not that tag.
func withoutTag(frame []byte, vlan int) []byte {
	tag := tagOf(vlan)
	if len(frame) < macs+len(tag) || !bytes.Equal(frame[macs:macs+len(tag)], tag) {
		return nil
	}
	return slices.Concat(frame[:macs], frame[macs+len(tag):])
}
