package lab

import (
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
)

// dhcpServer gives one address to whoever asks, and remembers what it was asked.
type dhcpServer struct {
	leaseSeconds uint32

	mu    sync.Mutex
	asked []layers.DHCPMsgType
}

func (s *dhcpServer) serve(conn net.PacketConn) {
	buf := make([]byte, 1500)
	for {
		n, from, err := conn.ReadFrom(buf)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		var query layers.DHCPv4
		if err != nil || query.DecodeFromBytes(buf[:n], gopacket.NilDecodeFeedback) != nil {
			continue
		}
		i := slices.IndexFunc(query.Options, func(o layers.DHCPOption) bool { return o.Type == layers.DHCPOptMessageType })
		if i < 0 || len(query.Options[i].Data) != 1 {
			continue
		}
		kind := layers.DHCPMsgType(query.Options[i].Data[0])
		s.mu.Lock()
		s.asked = append(s.asked, kind)
		s.mu.Unlock()
		answer := map[layers.DHCPMsgType]layers.DHCPMsgType{
			layers.DHCPMsgTypeDiscover: layers.DHCPMsgTypeOffer, layers.DHCPMsgTypeRequest: layers.DHCPMsgTypeAck,
		}[kind]
		if answer == 0 {
			continue
		}
		reply := layers.DHCPv4{
			Operation: layers.DHCPOpReply, HardwareType: layers.LinkTypeEthernet, HardwareLen: 6, Xid: query.Xid, Flags: query.Flags,
			YourClientIP: net.IPv4(192, 168, 9, 77), ClientHWAddr: query.ClientHWAddr,
			Options: layers.DHCPOptions{
				layers.NewDHCPOption(layers.DHCPOptMessageType, []byte{byte(answer)}),
				layers.NewDHCPOption(layers.DHCPOptServerID, []byte{192, 168, 9, 70}),
				layers.NewDHCPOption(layers.DHCPOptLeaseTime, binary.BigEndian.AppendUint32(nil, s.leaseSeconds)),
				layers.NewDHCPOption(layers.DHCPOptSubnetMask, []byte{255, 255, 255, 192}),
				layers.NewDHCPOption(layers.DHCPOptRouter, []byte{192, 168, 9, 65}),
				layers.NewDHCPOption(layers.DHCPOptDNS, []byte{9, 9, 9, 9, 8, 8, 8, 8}),
				layers.NewDHCPOption(layers.DHCPOptInterfaceMTU, []byte{0x05, 0x78}),
				layers.NewDHCPOption(layers.DHCPOptHostname, []byte("host-77")),
				layers.NewDHCPOption(layers.DHCPOptClasslessStaticRoute, []byte{
					20, 10, 1, 16, 192, 168, 9, 66, // 10.1.16.0/20 via 192.168.9.66
					32, 169, 254, 169, 254, 192, 168, 9, 67, // 169.254.169.254/32 via 192.168.9.67
					16, 10, 7, 0, 0, 0, 0, // 10.7.0.0/16 on the link
					0, 192, 168, 9, 65, // 0.0.0.0/0 via 192.168.9.65
				}),
			},
		}
		out := gopacket.NewSerializeBuffer()
		if gopacket.SerializeLayers(out, gopacket.SerializeOptions{FixLengths: true}, &reply) != nil {
			continue
		}
		to := from
		if query.ClientIP.Equal(net.IPv4zero) {
			to = &net.UDPAddr{IP: net.IPv4(192, 168, 9, 127), Port: 68} // the host has no default route
		}
		conn.WriteTo(out.Bytes(), to)
	}
}

func (s *dhcpServer) count(kind layers.DHCPMsgType) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(slices.DeleteFunc(slices.Clone(s.asked), func(k layers.DHCPMsgType) bool { return k != kind }))
}

func TestDHCPClients(t *testing.T) {
	l := ForTest(t)
	n := l.AddNode("compute1", NodeOptions{})
	integrate(t, n)
	if err := n.AddFlows("br-int", "actions=NORMAL"); err != nil {
		t.Fatal(err)
	}
	host := n.AddVM("server", "port-server", "fa:16:3e:00:00:02")
	host.SetAddress("192.168.9.70/26")
	conn, err := host.ListenPacket("udp4", ":67")
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	server := &dhcpServer{leaseSeconds: 6}
	go server.serve(conn)
	address := netip.MustParseAddr
	want := Lease{
		IP:      netip.MustParsePrefix("192.168.9.77/26"),
		Routers: []netip.Addr{address("192.168.9.65")},
		DNS:     []netip.Addr{address("9.9.9.9"), address("8.8.8.8")},
		MTU:     1400,
		Routes: []Route{
			{netip.MustParsePrefix("10.1.16.0/20"), address("192.168.9.66")},
			{netip.MustParsePrefix("169.254.169.254/32"), address("192.168.9.67")},
			{netip.MustParsePrefix("10.7.0.0/16"), address("0.0.0.0")},
			{netip.MustParsePrefix("0.0.0.0/0"), address("192.168.9.65")},
		},
		Server:    address("192.168.9.70"),
		LeaseTime: 6 * time.Second,
		Hostname:  "host-77",
	}
	for _, c := range []struct {
		kind                   DHCPClient
		mac, bound, renew, new string
	}{
		{Udhcpc, "fa:16:3e:00:00:11", "bound", "renew", "bound"},
		{Dhclient, "fa:16:3e:00:00:12", "BOUND", "RENEW", "REBOOT"},
	} {
		vm := n.AddVM(string(c.kind), "port-"+string(c.kind), c.mac)
		expect := func(what, event string, lease Lease, err error) {
			t.Helper()
			want.Event = event
			if err != nil || !reflect.DeepEqual(lease, want) {
				t.Errorf("%s: %s: %+v, %v; expected %+v", c.kind, what, lease, err, want)
			}
		}
		began := time.Now()
		lease, err := vm.DHCP(c.kind)
		expect("first lease", c.bound, lease, err)
		t.Logf("%s has its address after %v", c.kind, time.Since(began).Round(time.Millisecond))

		if ifi, err := vm.Exec("ip", "-o", "addr", "show", "dev", "eth0"); err != nil || !strings.Contains(ifi, "192.168.9.77/26") {
			t.Errorf("%s: eth0 has %s, %v", c.kind, ifi, err)
		}
		if link, err := vm.Exec("ip", "-o", "link", "show", "dev", "eth0"); err != nil || !strings.Contains(link, "mtu 1400") {
			t.Errorf("%s: eth0 is %s, %v", c.kind, link, err)
		}
		for destination, way := range map[string]string{
			"10.1.31.1": "via 192.168.9.66", "169.254.169.254": "via 192.168.9.67", "10.7.1.1": "10.7.1.1 dev", "8.8.8.8": "via 192.168.9.65",
		} {
			if route, err := vm.Exec("ip", "route", "get", destination); err != nil || !strings.Contains(route, way) {
				t.Errorf("%s: to %s %s, %v; expected %s", c.kind, destination, route, err, way)
			}
		}

		renewal := vm.Capture("outbound and udp dst port 67 and not ether broadcast")
		lease, err = vm.Renew(10 * time.Second)
		expect("renewal", c.renew, lease, err)
		if err := renewal.Seen(1); err != nil {
			t.Errorf("%s: unicast renewal: %v", c.kind, err)
		}

		discovers := server.count(layers.DHCPMsgTypeDiscover)
		lease, err = vm.DHCP(c.kind)
		expect("started anew", c.new, lease, err)
		if again := server.count(layers.DHCPMsgTypeDiscover) - discovers; (again == 0) != (c.kind == Dhclient) {
			t.Errorf("%s: %d times DISCOVER when started anew", c.kind, again)
		}

		releases := server.count(layers.DHCPMsgTypeRelease)
		if err := vm.Release(); err != nil {
			t.Errorf("%s: release: %v", c.kind, err)
		}
		Eventually(t, 5*time.Second, "the server hears of the release", func() error {
			if server.count(layers.DHCPMsgTypeRelease) == releases {
				return errors.New("no RELEASE yet")
			}
			return nil
		})
		if ifi, err := vm.Exec("ip", "-o", "-4", "addr", "show", "dev", "eth0"); err != nil || ifi != "" {
			t.Errorf("%s: after the release eth0 has %s, %v", c.kind, ifi, err)
		}
		vm.Close()
	}
	conn.Close()
	silent := n.AddVM("silent", "port-silent", "fa:16:3e:00:00:13")
	c := &dhcpClient{kind: Udhcpc, leases: l.Dir + "/none", process: startUdhcpc(t, silent)}
	if _, err := c.await("silent", 0, time.Second); err == nil {
		t.Error("a lease without a server")
	}
}

func startUdhcpc(t *testing.T, vm *VM) *Process {
	t.Helper()
	p, err := vm.Start("udhcpc", "-f", "-i", "eth0", "-s", "/bin/true")
	if err != nil {
		t.Fatal(err)
	}
	return p
}
