package lab

import (
	"encoding/binary"
	"errors"
	"net"
	"os"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// socket is all frames of an interface, as a program sends and receives them.
type socket struct {
	file *os.File
	raw  syscall.RawConn
}

func (ns namespace) socket(iface string) (s *socket, err error) {
	fd := -1
	err = ns.do(func() error {
		index, err := net.InterfaceByName(iface)
		if err != nil {
			return err
		}
		if fd, err = unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0); err != nil {
			return err
		}
		return errors.Join(
			unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, 16<<20),
			unix.SetsockoptInt(fd, unix.SOL_PACKET, unix.PACKET_AUXDATA, 1),
			unix.SetsockoptInt(fd, unix.SOL_PACKET, unix.PACKET_IGNORE_OUTGOING, 1),
			unix.SetsockoptPacketMreq(fd, unix.SOL_PACKET, unix.PACKET_ADD_MEMBERSHIP,
				&unix.PacketMreq{Ifindex: int32(index.Index), Type: unix.PACKET_MR_PROMISC}),
			unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: bigEndian(unix.ETH_P_ALL), Ifindex: index.Index}),
		)
	})
	if err == nil {
		s = &socket{file: os.NewFile(uintptr(fd), iface)}
		s.raw, err = s.file.SyscallConn()
	}
	if err != nil && fd >= 0 {
		_ = unix.Close(fd)
	}
	return s, err
}

// send sends a frame. Like a cable, it says nothing of what is lost.
func (s *socket) send(frame []byte) {
	_ = s.raw.Write(func(fd uintptr) bool {
		_, err := unix.Write(int(fd), frame)
		return !errors.Is(err, unix.EAGAIN)
	})
}

// receive gives what comes in to take, which may keep it, until the socket is closed.
func (s *socket) receive(take func(frame []byte)) {
	buf, oob := make([]byte, 1<<16), make([]byte, 256)
	for {
		var n, oobn int
		var failed error
		if s.raw.Read(func(fd uintptr) bool {
			n, oobn, _, _, failed = unix.Recvmsg(int(fd), buf[4:], oob, unix.MSG_DONTWAIT)
			return !errors.Is(failed, unix.EAGAIN)
		}) != nil {
			return
		}
		if failed != nil { // such as ENETDOWN, while the interface is down
			continue
		}
		if messages, err := unix.ParseSocketControlMessage(oob[:oobn]); err == nil {
			take(append([]byte(nil), retagged(buf, n, messages)...))
		}
	}
}

func (s *socket) close() { _ = s.file.Close() }

// retagged is the frame of n octets at buf[4:], with the VLAN tag that the kernel may have taken out of it (packet(7), PACKET_AUXDATA).
func retagged(buf []byte, n int, messages []unix.SocketControlMessage) []byte {
	for _, m := range messages {
		if m.Header.Level != unix.SOL_PACKET || m.Header.Type != unix.PACKET_AUXDATA || len(m.Data) < int(unsafe.Sizeof(unix.TpacketAuxdata{})) {
			continue
		}
		aux := (*unix.TpacketAuxdata)(unsafe.Pointer(&m.Data[0]))
		if aux.Status&unix.TP_STATUS_VLAN_VALID != 0 && n >= macs {
			copy(buf, buf[4:4+macs])
			binary.BigEndian.PutUint16(buf[macs:], aux.Vlan_tpid)
			binary.BigEndian.PutUint16(buf[macs+2:], aux.Vlan_tci)
			return buf[:4+n]
		}
	}
	return buf[4 : 4+n]
}
