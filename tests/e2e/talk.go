package e2e

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/planck-sdn/planck/tests/lab"
)

// patience is how long a program in a VM waits for an answer that comes at once when all is well.
const patience = 2 * time.Second

// Serve answers on a TCP and a UDP port of the VM until the lab is closed: to each line and each datagram with the VM's
// name and the address that the client is seen to have.
func (v *VM) Serve(port int) {
	v.cloud.t.Helper()
	address := fmt.Sprint("0.0.0.0:", port)
	streams, err := v.Listen("tcp4", address)
	if err != nil {
		v.cloud.t.Fatal(err)
	}
	socket, err := v.ListenPacket("udp4", address)
	if err != nil {
		v.cloud.t.Fatal(err)
	}
	datagrams := socket.(*net.UDPConn)
	// It says to which of a machine's addresses a datagram came, in ancillary data that makes it the source of the answer.
	if err := setOption(datagrams, unix.IP_PKTINFO, 1); err != nil {
		v.cloud.t.Fatal(err)
	}
	v.cloud.Lab.OnClose(func() { streams.Close(); datagrams.Close() })
	go func() {
		buf, oob := make([]byte, 2048), make([]byte, 64)
		for {
			_, n, _, from, err := datagrams.ReadMsgUDP(buf, oob)
			if errors.Is(err, net.ErrClosed) {
				return
			}
			if err == nil { // an ICMP error of an earlier answer is one, too
				_, _, _ = datagrams.WriteMsgUDP(v.says(from), oob[:n], from)
			}
		}
	}()
	go func() {
		for {
			conn, err := streams.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				for lines := bufio.NewScanner(conn); lines.Scan(); {
					if _, err := conn.Write(v.says(conn.RemoteAddr())); err != nil {
						return
					}
				}
			}()
		}
	}()
}

// setOption sets one of ip(7)'s options of a socket.
func setOption(conn *net.UDPConn, option, value int) error {
	raw, err := conn.SyscallConn()
	if err != nil {
		return err
	}
	var refused error
	err = raw.Control(func(fd uintptr) { refused = unix.SetsockoptInt(int(fd), unix.IPPROTO_IP, option, value) })
	return errors.Join(err, refused)
}

func (v *VM) says(to net.Addr) []byte { return fmt.Appendf(nil, "%s %s\n", v.Name, to) }

// Talk is a conversation of a VM with one that serves.
type Talk struct {
	conn    net.Conn
	in      *bufio.Reader
	what    string
	waiting int // answers that are still to come to what was said by TCP
}

// Heard is what the other side says: who it is, and which address it sees.
type Heard struct {
	By   string
	From netip.AddrPort
}

// Talk begins a conversation by "tcp4" or "udp4". It ends with the lab.
func (v *VM) Talk(network, ip string, port int) (*Talk, error) {
	return v.TalkFrom(nil, network, ip, port)
}

// TalkFrom is Talk from a local address of its own choice.
func (v *VM) TalkFrom(local net.Addr, network, ip string, port int) (*Talk, error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	address := net.JoinHostPort(ip, strconv.Itoa(port))
	conn, err := v.DialFrom(ctx, local, network, address)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", v.Name, err)
	}
	v.cloud.Lab.OnClose(func() { conn.Close() })
	return &Talk{conn: conn, in: bufio.NewReader(conn), what: fmt.Sprintf("%s speaks %s to %s", v.Name, network, address)}, nil
}

// Say says something and returns what the other side answers to it.
func (t *Talk) Say() (Heard, error) {
	var h Heard
	if err := t.conn.SetDeadline(time.Now().Add(patience)); err != nil {
		return h, err
	}
	if _, err := t.conn.Write([]byte("hello\n")); err != nil {
		return h, fmt.Errorf("%s: %w", t.what, err)
	}
	// What was held up arrives all the same by TCP, and its answers come before this one's.
	if _, stream := t.conn.(*net.TCPConn); stream {
		t.waiting++
	} else {
		t.waiting = 1
	}
	var line string
	for ; t.waiting > 0; t.waiting-- {
		var err error
		if line, err = t.in.ReadString('\n'); err != nil {
			return h, fmt.Errorf("%s: %w", t.what, err)
		}
	}
	name, from, _ := strings.Cut(strings.TrimSpace(line), " ")
	var err error
	if h.From, err = netip.ParseAddrPort(from); err != nil {
		return h, fmt.Errorf("%s: it heard %q: %w", t.what, line, err)
	}
	h.By = name
	return h, nil
}

// Close ends the conversation.
func (t *Talk) Close() { t.conn.Close() }

// Hears is what a server at the address says after "hello".
func (v *VM) Hears(network, ip string, port int) (Heard, error) {
	t, err := v.Talk(network, ip, port)
	if err != nil {
		return Heard{}, err
	}
	defer t.Close()
	return t.Say()
}

// MustBeSeenAs fails the test unless the machine "by" serves at ip, and sees this one as from, by TCP and UDP, soon.
func (v *VM) MustBeSeenAs(from string, by *VM, ip string) {
	v.cloud.t.Helper()
	for _, network := range []string{"tcp4", "udp4"} {
		lab.Eventually(v.cloud.t, 10*time.Second, fmt.Sprintf("%s speaks %s to %s at %s", v.Name, network, by.Name, ip), func() error {
			h, err := v.Hears(network, ip, talkPort)
			if err == nil && (h.By != by.Name || h.From.Addr().String() != from) {
				err = fmt.Errorf("%s answers, and sees %v; expected %s", h.By, h.From, from)
			}
			return err
		})
	}
}

// MustNotHear fails the test if a server at the address answers, by TCP or UDP.
func (v *VM) MustNotHear(ip string) {
	v.cloud.t.Helper()
	for _, network := range []string{"tcp4", "udp4"} {
		if h, err := v.Hears(network, ip, talkPort); err == nil {
			v.cloud.t.Errorf("%s speaks %s to %s: %s answers, and sees %v", v.Name, network, ip, h.By, h.From)
		}
	}
}
