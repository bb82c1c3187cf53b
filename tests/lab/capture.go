package lab

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"
	"unsafe"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
	"golang.org/x/sys/unix"
)

// Capture reads frames that pass an interface. Unlike a program whose output is on its way, it has missed nothing when
// it says that there was nothing: what the interface saw before Frames is called is in the answer, or Frames fails.
type Capture struct {
	fd     int
	frames []Frame
	lost   error
}

// Frame is one frame on the wire, with its VLAN tag if it had one.
type Frame struct {
	gopacket.Packet
	Time     time.Time
	Outgoing bool // sent by the machine whose interface is watched
}

// Capture watches eth0. The filter is tcpdump's (pcap-filter(7)), "inbound" and "outbound" included; the empty one
// lets everything through.
func (v *VM) Capture(filter string) *Capture {
	c, err := v.ns.capture("eth0", filter)
	v.must("capture", err)
	v.lab.OnClose(c.Close)
	return c
}

// Capture watches an interface of the machine, such as a node's eth0, br-phy or a VM's Interface.
func (m *machine) Capture(iface, filter string) *Capture {
	c, err := m.ns.capture(iface, filter)
	if err != nil {
		m.lab.fatal("capture on %s of %s: %v", iface, m.Name, err)
	}
	m.lab.OnClose(c.Close)
	return c
}

// CaptureUnderlay watches what the nodes send to each other, each frame once.
func (l *Lab) CaptureUnderlay(filter string) *Capture {
	c, err := l.wire.capture(underlayWire, filter)
	if err != nil {
		l.fatal("capture on the underlay: %v", err)
	}
	l.OnClose(c.Close)
	return c
}

func (ns namespace) capture(iface, filter string) (*Capture, error) {
	program, err := ns.compile(iface, filter)
	if err != nil {
		return nil, err
	}
	c := &Capture{fd: -1}
	err = ns.do(func() error {
		index, err := net.InterfaceByName(iface)
		if err != nil {
			return err
		}
		// Protocol 0 receives nothing until bind, so that no frame gets in before the filter.
		c.fd, err = unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
		if err != nil {
			return err
		}
		return errors.Join(
			unix.SetsockoptInt(c.fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, 64<<20),
			unix.SetsockoptInt(c.fd, unix.SOL_SOCKET, unix.SO_TIMESTAMPNS, 1),
			unix.SetsockoptInt(c.fd, unix.SOL_PACKET, unix.PACKET_AUXDATA, 1),
			unix.SetsockoptPacketMreq(c.fd, unix.SOL_PACKET, unix.PACKET_ADD_MEMBERSHIP,
				&unix.PacketMreq{Ifindex: int32(index.Index), Type: unix.PACKET_MR_PROMISC}),
			unix.SetsockoptSockFprog(c.fd, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER,
				&unix.SockFprog{Len: uint16(len(program)), Filter: &program[0]}),
			unix.Bind(c.fd, &unix.SockaddrLinklayer{Protocol: bigEndian(unix.ETH_P_ALL), Ifindex: index.Index}),
		)
	})
	if err != nil {
		c.Close()
		return nil, err
	}
	return c, nil
}

// bigEndian puts a number into network byte order, as bind wants it for AF_PACKET.
func bigEndian(v uint16) uint16 {
	return binary.NativeEndian.Uint16(binary.BigEndian.AppendUint16(nil, v))
}

// compile has tcpdump translate a filter into the kernel's program. It opens the interface for that, because where a
// VLAN tag and a direction are found depends on it.
func (ns namespace) compile(iface, filter string) ([]unix.SockFilter, error) {
	out, err := ns.exec(nil, "", "tcpdump", "-i", iface, "-ddd", filter)
	if err != nil {
		return nil, err
	}
	in := strings.NewReader(out)
	var count int
	if _, err := fmt.Fscan(in, &count); err != nil || count == 0 {
		return nil, fmt.Errorf("tcpdump -ddd: not understood: %q", out)
	}
	program := make([]unix.SockFilter, count)
	for i := range program {
		f := &program[i]
		if _, err := fmt.Fscan(in, &f.Code, &f.Jt, &f.Jf, &f.K); err != nil {
			return nil, fmt.Errorf("tcpdump -ddd: instruction %d: %w", i, err)
		}
	}
	return program, nil
}

// Frames returns what has been captured so far.
func (c *Capture) Frames() ([]Frame, error) {
	buf, oob := make([]byte, 1<<16), make([]byte, 256)
	for c.fd >= 0 {
		n, oobn, _, from, err := unix.Recvmsg(c.fd, buf[4:], oob, unix.MSG_DONTWAIT)
		if errors.Is(err, unix.EAGAIN) {
			break
		}
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return c.frames, err
		}
		frame := Frame{Time: time.Now()}
		if ll, ok := from.(*unix.SockaddrLinklayer); ok {
			frame.Outgoing = ll.Pkttype == unix.PACKET_OUTGOING
		}
		messages, err := unix.ParseSocketControlMessage(oob[:oobn])
		if err != nil {
			return c.frames, err
		}
		for _, m := range messages {
			if m.Header.Level == unix.SOL_SOCKET && m.Header.Type == unix.SO_TIMESTAMPNS && len(m.Data) >= int(unsafe.Sizeof(unix.Timespec{})) {
				frame.Time = time.Unix((*unix.Timespec)(unsafe.Pointer(&m.Data[0])).Unix())
			}
		}
		data := retagged(buf, n, messages)
		// The default options copy the data.
		frame.Packet = gopacket.NewPacket(data, layers.LayerTypeEthernet, gopacket.Default)
		frame.Metadata().Timestamp = frame.Time
		c.frames = append(c.frames, frame)
	}
	if c.fd >= 0 {
		stats, err := unix.GetsockoptTpacketStats(c.fd, unix.SOL_PACKET, unix.PACKET_STATISTICS)
		if err != nil {
			return c.frames, err
		}
		if stats.Drops > 0 && c.lost == nil {
			c.lost = fmt.Errorf("capture: the kernel dropped %d frames: use a narrower filter", stats.Drops)
		}
	}
	return c.frames, c.lost
}

// Seen returns an error unless at least n frames have been captured: a condition for Eventually.
func (c *Capture) Seen(n int) error {
	frames, err := c.Frames()
	if err == nil && len(frames) < n {
		err = fmt.Errorf("captured %d frames, expected %d", len(frames), n)
	}
	return err
}

// Nothing returns an error if any frame has been captured.
func (c *Capture) Nothing() error {
	frames, err := c.Frames()
	if err == nil && len(frames) > 0 {
		err = fmt.Errorf("captured %d frames, the first of them:\n%v", len(frames), frames[0])
	}
	return err
}

// Close ends the capture. Frames still returns what has been read before.
func (c *Capture) Close() {
	if c.fd >= 0 {
		unix.Close(c.fd)
		c.fd = -1
	}
}

// Send sends a frame as it is (from the destination MAC to the payload, without a checksum) out of eth0.
func (v *VM) Send(frame []byte) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.raw == 0 {
		if err := v.openRaw(); err != nil {
			return fmt.Errorf("%s: raw socket: %w", v.Name, err)
		}
	}
	_, err := unix.Write(v.raw, frame)
	return err
}

func (v *VM) openRaw() error {
	return v.ns.do(func() error {
		eth0, err := net.InterfaceByName("eth0")
		if err != nil {
			return err
		}
		// Protocol 0: it only sends.
		fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			return err
		}
		if err := unix.Bind(fd, &unix.SockaddrLinklayer{Ifindex: eth0.Index}); err != nil {
			unix.Close(fd)
			return err
		}
		v.raw = fd
		v.lab.OnClose(func() {
			v.mu.Lock()
			defer v.mu.Unlock()
			v.closeRaw()
		})
		return nil
	})
}

func (v *VM) closeRaw() {
	if v.raw != 0 {
		unix.Close(v.raw)
		v.raw = 0
	}
}

// SendLayers sends a frame made of gopacket's layers, with lengths and checksums filled in.
func (v *VM) SendLayers(parts ...gopacket.SerializableLayer) error {
	buf := gopacket.NewSerializeBuffer()
	if err := gopacket.SerializeLayers(buf, gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true}, parts...); err != nil {
		return err
	}
	return v.Send(buf.Bytes())
}

// rarp is the announcement that QEMU sends after a migration: a reverse ARP request (RFC 903) for its own MAC.
func (v *VM) rarp() []byte {
	mac, err := net.ParseMAC(v.MAC)
	v.must("announce", err)
	frame := append([]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, mac...)
	frame = binary.BigEndian.AppendUint16(frame, 0x8035)
	frame = append(frame, 0, 1, 8, 0, 6, 4, 0, 3)
	frame = append(append(frame, mac...), 0, 0, 0, 0)
	return append(append(frame, mac...), 0, 0, 0, 0)
}
