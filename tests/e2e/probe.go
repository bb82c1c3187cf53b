package e2e

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/planck-sdn/planck/tests/lab"
)

// closedPort is a port on which nobody serves.
const closedPort = 7999

// UDPError is what a program in the VM is told after it has sent a datagram to the address: ECONNREFUSED for a port that
// is closed, EHOSTUNREACH, ENETUNREACH... (ip(7)); nil after patience.
func (v *VM) UDPError(ip string, port int) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	conn, err := v.Dial(ctx, "udp4", net.JoinHostPort(ip, strconv.Itoa(port)))
	if err != nil {
		return err
	}
	defer conn.Close()
	// Without it a datagram socket is told of a closed port, and of nothing else.
	if err := setOption(conn.(*net.UDPConn), unix.IP_RECVERR, 1); err != nil {
		return err
	}
	if _, err := conn.Write([]byte("hello\n")); err != nil {
		return err
	}
	_ = conn.SetReadDeadline(time.Now().Add(patience))
	if _, err = conn.Read(make([]byte, 1)); errors.Is(err, os.ErrDeadlineExceeded) {
		return nil
	}
	return err
}

// PathMTU sends datagrams of so many bytes of IP with DF set, and returns the MTU of the path as the VM's kernel then knows
// it, once that is less than the datagrams or after patience.
func (v *VM) PathMTU(ip string, size int) (int, error) {
	if _, err := v.Exec("ip", "route", "flush", "cache"); err != nil { // of earlier errors
		return 0, err
	}
	conn, err := v.Dial(context.Background(), "udp4", net.JoinHostPort(ip, strconv.Itoa(discard)))
	if err != nil {
		return 0, err
	}
	defer conn.Close()
	if err := setOption(conn.(*net.UDPConn), unix.IP_MTU_DISCOVER, unix.IP_PMTUDISC_DO); err != nil {
		return 0, err
	}
	raw, err := conn.(*net.UDPConn).SyscallConn()
	if err != nil {
		return 0, err
	}
	var mtu int
	for deadline := time.Now().Add(patience); ; time.Sleep(50 * time.Millisecond) {
		var sockErr error
		err := raw.Control(func(fd uintptr) {
			mtu, sockErr = unix.GetsockoptInt(int(fd), unix.IPPROTO_IP, unix.IP_MTU)
		})
		if err = errors.Join(err, sockErr); err != nil || mtu < size || time.Now().After(deadline) {
			return mtu, err
		}
		_, _ = conn.Write(make([]byte, size-28)) // without the IPv4 and UDP headers; its error is an answer to an earlier one
	}
}

// Traceroute lists the hops of the path as traceroute finds them, "*" for one that does not answer; its options may be
// given, such as "-I" for echo requests instead of datagrams.
func (v *VM) Traceroute(ip string, options ...string) ([]string, error) {
	args := append([]string{"traceroute", "-n", "-q", "1", "-w", "1", "-m", "8"}, options...)
	out, err := v.Exec(append(args, ip)...)
	if err != nil {
		return nil, err
	}
	var hops []string
	for i, line := range strings.Split(strings.TrimSpace(out), "\n") {
		if f := strings.Fields(line); i > 0 && len(f) > 1 { // the first line is a title
			hop := f[1]
			if mark := f[len(f)-1]; strings.HasPrefix(mark, "!") { // unreachable, and how
				hop += mark
			}
			hops = append(hops, hop)
		}
	}
	return hops, nil
}

// MustTrace fails the test unless traceroute soon shows exactly these hops, "" for any that answers.
func (v *VM) MustTrace(ip string, options []string, expected ...string) {
	v.cloud.t.Helper()
	lab.Eventually(v.cloud.t, 15*time.Second, fmt.Sprintf("%s traces the path to %s", v.Name, ip), func() error {
		hops, err := v.Traceroute(ip, options...)
		if err != nil {
			return err
		}
		same := len(hops) == len(expected)
		for i := 0; same && i < len(hops); i++ {
			same = hops[i] == expected[i] || expected[i] == "" && hops[i] != "*"
		}
		if !same {
			return fmt.Errorf("hops %q, expected %q", hops, expected)
		}
		return nil
	})
}

// Transfer sends bytes to the other VM's address by TCP and returns how many arrived.
func (v *VM) Transfer(to *VM, ip string, size int) (int64, error) {
	listener, err := to.Listen("tcp4", "0.0.0.0:0")
	if err != nil {
		return 0, err
	}
	defer listener.Close()
	type result struct {
		n   int64
		err error
	}
	received := make(chan result, 1)
	go func() {
		conn, err := listener.Accept()
		if err != nil {
			received <- result{0, err}
			return
		}
		defer conn.Close()
		_ = conn.SetDeadline(time.Now().Add(3 * patience))
		n, err := io.Copy(io.Discard, conn)
		received <- result{n, err}
	}()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	_, port, _ := net.SplitHostPort(listener.Addr().String())
	conn, err := v.Dial(ctx, "tcp4", net.JoinHostPort(ip, port))
	if err != nil {
		return 0, err
	}
	_ = conn.SetDeadline(time.Now().Add(3 * patience))
	_, err = conn.Write(make([]byte, size))
	conn.Close()
	r := <-received
	return r.n, errors.Join(err, r.err)
}

// linkMTU is the MTU of the VM's own interface.
func (v *VM) linkMTU() (mtu int, err error) {
	out, err := v.Exec("ip", "-o", "link", "show", "dev", "eth0")
	if err == nil {
		_, rest, _ := strings.Cut(out, " mtu ")
		_, err = fmt.Sscan(rest, &mtu)
	}
	return mtu, err
}
