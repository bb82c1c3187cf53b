package lab

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/digitalocean/go-openvswitch/ovs"
)

// integrate makes br-int, as a controller would, with a VXLAN port.
func integrate(t *testing.T, n *Node) {
	t.Helper()
	if _, err := n.Vsctl("add-br", "br-int", "--", "set", "Bridge", "br-int", "datapath_type=netdev", "fail_mode=secure",
		"protocols=OpenFlow13", "--", "add-port", "br-int", "vxlan", "--", "set", "Interface", "vxlan", "type=vxlan",
		"options:remote_ip=flow", "options:key=flow", "ofport_request=1"); err != nil {
		t.Fatal(err)
	}
}

// connect sends what the VM sends into the tunnel to the other node, and what comes out of the tunnel to the VM.
func connect(t *testing.T, vm *VM, to *Node) {
	t.Helper()
	port, err := vm.Node().Ofport(vm.Interface())
	if err != nil {
		t.Fatal(err)
	}
	if err := vm.Node().AddFlows("br-int",
		fmt.Sprintf("in_port=%d,actions=set_field:42->tun_id,set_field:%s->tun_dst,output:1", port, to.EncapIP),
		fmt.Sprintf("in_port=1,tun_id=42,actions=output:%d", port)); err != nil {
		t.Fatal(err)
	}
}

func mustReach(t *testing.T, vm *VM, ip string) {
	t.Helper()
	Eventually(t, 5*time.Second, vm.Name+" reaches "+ip, func() error { return vm.Reaches(ip) })
}

// pair makes two nodes with a VM each, joined by a tunnel.
func pair(t *testing.T, l *Lab) (a, b *VM) {
	t.Helper()
	nodes := l.AddNodes("compute1", "compute2")
	l.WarmTunnels()
	for _, n := range nodes {
		integrate(t, n)
	}
	a = nodes[0].AddVM("a", "port-a", "fa:16:3e:00:00:01")
	b = nodes[1].AddVM("b", "port-b", "fa:16:3e:00:00:02")
	connect(t, a, nodes[1])
	connect(t, b, nodes[0])
	for vm, address := range map[*VM]string{a: "192.168.7.1/24", b: "192.168.7.2/24"} {
		vm.SetAddress(address)
		vm.SetMTU(1450)
	}
	return a, b
}

func TestTwoNodes(t *testing.T) {
	l := ForTest(t)
	began := time.Now()
	a, b := pair(t, l)
	t.Logf("two nodes with a VM each after %v", time.Since(began).Round(time.Millisecond))

	wire := l.CaptureUnderlay("udp port 4789")
	inside := b.Capture("inbound and icmp[icmptype] == icmp-echo")
	if err := a.Reaches("192.168.7.2"); err != nil { // at once: the tunnels are warm
		t.Error(err)
	}
	if err := b.CannotReach("192.168.7.9"); err != nil {
		t.Error(err)
	}
	if err := inside.Seen(3); err != nil {
		t.Error(err)
	}
	frames, err := wire.Frames()
	if err != nil || len(frames) < 6 {
		t.Errorf("underlay: %d frames, %v; expected three requests and three answers at least", len(frames), err)
	}
	// 1450 bytes of IP are what VXLAN leaves of 1500, and not one more.
	full, err := a.Ping("192.168.7.2", PingOptions{Size: 1450 - 28, DF: true})
	if err != nil || full.Lost() > 0 {
		t.Errorf("full-size frames: %v, %v", full, err)
	}
	a.SetMTU(1500)
	tooBig, err := a.Ping("192.168.7.2", PingOptions{Size: 1451 - 28, DF: true, Timeout: 300 * time.Millisecond})
	if err != nil || tooBig.Received > 0 {
		t.Errorf("frames that do not fit the underlay: %v, %v", tooBig, err)
	}
	a.SetMTU(1450)
	if got := transfer(t, a, b, "192.168.7.2:7000", 4<<20); got != 4<<20 {
		t.Errorf("TCP carried %d of %d bytes", got, 4<<20)
	}
	tcpdumpAgrees(t, a, inside)
}

// transfer sends bytes from a to b by TCP and returns how many arrived.
func transfer(t *testing.T, a, b *VM, address string, size int) int64 {
	t.Helper()
	listener, err := b.Listen("tcp4", address)
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	received := make(chan int64, 1)
	go func() {
		conn, err := listener.Accept()
		if err != nil {
			received <- -1
			return
		}
		defer conn.Close()
		n, _ := io.Copy(io.Discard, conn)
		received <- n
	}()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	conn, err := a.Dial(ctx, "tcp4", address)
	if err != nil {
		t.Fatal(err)
	}
	conn.SetDeadline(time.Now().Add(20 * time.Second))
	if _, err := conn.Write(make([]byte, size)); err != nil {
		t.Error(err)
	}
	conn.Close()
	select {
	case n := <-received:
		return n
	case <-time.After(20 * time.Second):
		return -1
	}
}

// tcpdumpAgrees checks a capture of ours, of the echo requests that b received from a, against tcpdump's.
func tcpdumpAgrees(t *testing.T, a *VM, ours *Capture) {
	t.Helper()
	b := "192.168.7.2"
	dump, err := a.Start("tcpdump", "-i", "eth0", "-n", "-l", "--immediate-mode", "icmp[icmptype] == icmp-echo")
	if err != nil {
		t.Fatal(err)
	}
	Eventually(t, 5*time.Second, "tcpdump starts", func() error {
		if !strings.Contains(dump.Output(), "listening on") {
			return fmt.Errorf("it said %q", dump.Output())
		}
		return nil
	})
	before, err := ours.Frames()
	if err != nil {
		t.Fatal(err)
	}
	count := len(before)
	if err := a.Reaches(b); err != nil {
		t.Error(err)
	}
	Eventually(t, 5*time.Second, "tcpdump prints three echo requests", func() error {
		if n := strings.Count(dump.Output(), "ICMP echo request"); n != 3 {
			return fmt.Errorf("%d", n)
		}
		return nil
	})
	after, err := ours.Frames()
	if err != nil || len(after) != count+3 {
		t.Errorf("captured %d echo requests, %v; tcpdump saw 3", len(after)-count, err)
	}
	dump.Kill()
}

func TestCapture(t *testing.T) {
	l := ForTest(t)
	n := l.AddNode("compute1", NodeOptions{})
	integrate(t, n)
	a := n.AddVM("a", "port-a", "fa:16:3e:00:00:01")
	b := n.AddVM("b", "port-b", "fa:16:3e:00:00:02")
	if err := n.AddFlows("br-int", "actions=NORMAL"); err != nil {
		t.Fatal(err)
	}
	all, tagged, in, out := b.Capture(""), b.Capture("vlan 7"), b.Capture("inbound"), b.Capture("outbound")
	header := "\xfa\x16\x3e\x00\x00\x02\xfa\x16\x3e\x00\x00\x01"
	frame := []byte(header + "\x81\x00\x00\x07\x88\xb5" + strings.Repeat("x", 60))
	if err := a.Send(frame); err != nil {
		t.Fatal(err)
	}
	if err := a.Send([]byte(header + "\x88\xb5" + strings.Repeat("y", 60))); err != nil {
		t.Fatal(err)
	}
	Eventually(t, 5*time.Second, "both frames arrive", func() error { return all.Seen(2) })
	for name, c := range map[string]struct {
		capture *Capture
		frames  int
	}{"all": {all, 2}, "vlan 7": {tagged, 1}, "inbound": {in, 2}, "outbound": {out, 0}} {
		if frames, err := c.capture.Frames(); err != nil || len(frames) != c.frames {
			t.Errorf("%s: %d frames, %v; expected %d", name, len(frames), err, c.frames)
		}
	}
	frames, _ := tagged.Frames()
	if len(frames) == 1 && !slices.Equal(frames[0].Data(), frame) {
		t.Errorf("the tagged frame came as\n% x, was\n% x", frames[0].Data(), frame)
	}
	if err := out.Nothing(); err != nil {
		t.Error(err)
	}
	if err := in.Nothing(); err == nil {
		t.Error("two frames came in, and Nothing says there was nothing")
	}
}

func TestRestart(t *testing.T) {
	l := ForTest(t)
	a, b := pair(t, l)
	mustReach(t, a, "192.168.7.2")
	n := a.Node()
	ping := a.StartPing("192.168.7.2", 10*time.Millisecond)
	if err := n.RestartVswitchd(); err != nil {
		t.Fatal(err)
	}
	if entries, err := n.Entries("br-int"); err != nil || len(entries) != 0 {
		t.Fatalf("after its restart ovs-vswitchd has %v, %v; expected no entries", entries, err)
	}
	connect(t, a, b.Node())
	mustReach(t, a, "192.168.7.2")
	result := ping.Stop()
	if result.Lost() == 0 || result.Outage == 0 || result.Received == 0 {
		t.Errorf("a ping across a restart: %v; expected both answers and an outage", result)
	}
	t.Logf("ping across a restart of ovs-vswitchd: %v", result)
	steady := b.StartPing("192.168.7.1", 10*time.Millisecond)
	Eventually(t, 5*time.Second, "50 requests", func() error { return steady.Sent(50) })
	if r := steady.Stop(); r.Lost() > 0 || r.Outage > 0 || r.Duplicates > 0 {
		t.Errorf("a ping that nothing disturbs: %v", r)
	}
	if err := n.StopOVSDB(); err != nil {
		t.Fatal(err)
	}
	if err := n.StartOVSDB(); err != nil {
		t.Fatal(err)
	}
	mustReach(t, a, "192.168.7.2")
	if ports, err := n.OVS.VSwitch.ListPorts("br-int"); err != nil || len(ports) != 2 {
		t.Errorf("ports after the restart of ovsdb-server: %v, %v", ports, err)
	}
}

func TestMove(t *testing.T) {
	l := ForTest(t)
	a, b := pair(t, l)
	mustReach(t, a, "192.168.7.2")
	if _, err := b.Exec("ip", "route", "add", "10.99.0.0/16", "via", "192.168.7.1"); err != nil {
		t.Fatal(err)
	}
	from := b.Node()
	to := l.AddNode("compute3", NodeOptions{})
	integrate(t, to)
	b.PrepareMove(to)
	mustReach(t, a, "192.168.7.2") // it still runs where it was
	rarp := to.Capture(b.attachments[1].port, "ether proto 0x8035")
	b.Move(to)
	if b.Node() != to {
		t.Fatalf("it runs on %s", b.Node().Name)
	}
	Eventually(t, 5*time.Second, "its announcement", func() error { return rarp.Seen(1) })
	l.WarmTunnels()
	connect(t, b, a.Node())
	connect(t, a, to)
	mustReach(t, a, "192.168.7.2")
	if route, err := b.Exec("ip", "route", "get", "10.99.1.1"); err != nil || !strings.Contains(route, "via 192.168.7.1") {
		t.Errorf("its route: %s, %v", route, err)
	}
	b.FinishMove(from)
	if ports, err := from.OVS.VSwitch.ListPorts("br-int"); err != nil || !slices.Equal(ports, []string{"vxlan"}) {
		t.Errorf("ports where it was: %v, %v", ports, err)
	}
	b.Unplug()
	if err := a.CannotReach("192.168.7.2"); err != nil {
		t.Error(err)
	}
	b.Plug()
	connect(t, b, a.Node()) // its interface has another number now
	mustReach(t, a, "192.168.7.2")
	b.Close()
	if ports, err := to.OVS.VSwitch.ListPorts("br-int"); err != nil || !slices.Equal(ports, []string{"vxlan"}) {
		t.Errorf("ports after it is gone: %v, %v", ports, err)
	}
	if err := from.Close(); err != nil {
		t.Error(err)
	}
	if got := len(l.Nodes()); got != 2 {
		t.Errorf("%d nodes after one of three was closed", got)
	}
}

func TestProviderNetworks(t *testing.T) {
	l := ForTest(t)
	public := NodeOptions{Mappings: map[string]string{"public": "br-ex", "storage": "br-st"}}
	one, two := l.AddNode("compute1", public), l.AddNode("compute2", public)
	a := one.AddHost("a", "br-ex", 100, "fa:16:3e:00:00:01")
	b := two.AddHost("b", "br-ex", 100, "fa:16:3e:00:00:02")
	c := two.AddHost("c", "br-ex", 0, "fa:16:3e:00:00:03")
	d := two.AddHost("d", "br-st", 100, "fa:16:3e:00:00:04")
	for vm, address := range map[*VM]string{a: "192.168.8.1/24", b: "192.168.8.2/24", c: "192.168.8.2/24", d: "192.168.8.2/24"} {
		vm.SetAddress(address)
	}
	wire, elsewhere, untagged := one.Capture("ph0", "vlan 100 and icmp"), d.Capture("inbound"), c.Capture("inbound")
	full, err := a.Ping("192.168.8.2", PingOptions{Size: 1500 - 28, DF: true})
	if err != nil || full.Lost() > 0 || full.Duplicates > 0 {
		t.Errorf("full-size frames in a VLAN: %v, %v", full, err)
	}
	if err := wire.Seen(6); err != nil {
		t.Error("tagged frames on the wire:", err)
	}
	for _, other := range []*Capture{elsewhere, untagged} {
		if err := other.Nothing(); err != nil {
			t.Error("on another physical network, and outside the VLAN:", err)
		}
	}
	attach := one.Attach("tcp:198.18.0.1:6640")
	const mappings = `external_ids:planck-bridge-mappings="public:br-ex,storage:br-st"`
	if !strings.Contains(attach, mappings) {
		t.Errorf("the command to attach, %s, lacks %s", attach, mappings)
	}
	if got, err := one.Vsctl("get", "Open_vSwitch", ".", "external_ids:planck-bridge-mappings"); err != nil || strings.TrimSpace(got) != `"public:br-ex,storage:br-st"` {
		t.Errorf("mappings in the database: %s, %v", got, err)
	}
}

func TestCuts(t *testing.T) {
	l := ForTest(t)
	n := l.AddNode("compute1", NodeOptions{})
	var listener net.Listener
	if err := l.ctl.do(func() (err error) {
		listener, err = net.Listen("tcp4", fmt.Sprintf("%s:%d", l.ControllerIP(), OVSDBPort))
		return err
	}); err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	n.Attach("tcp:" + listener.Addr().String())
	conn, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if got, _, _ := net.SplitHostPort(conn.RemoteAddr().String()); got != n.mgmtIP.String() {
		t.Errorf("the node comes from %s, expected %s", got, n.mgmtIP)
	}
	// ovsdb-server answers an echo (RFC 7047, 4.1.11), unless its answer finds no way.
	echo := func(limit time.Duration) error {
		if _, err := io.WriteString(conn, `{"method":"echo","id":"x","params":[]}`); err != nil {
			return err
		}
		conn.SetReadDeadline(time.Now().Add(limit))
		_, err := conn.Read(make([]byte, 4096))
		return err
	}
	for _, step := range []struct {
		name          string
		cut, restore  func()
		ovsdbGetsThru bool
	}{
		{"OpenFlow", n.CutOpenFlow, n.RestoreOpenFlow, true},
		{"OVSDB", n.CutOVSDB, n.RestoreOVSDB, false},
		{"control", n.CutControl, n.RestoreControl, false},
	} {
		if err := echo(5 * time.Second); err != nil {
			t.Fatalf("before %s is cut: %v", step.name, err)
		}
		step.cut()
		limit := 500 * time.Millisecond
		if step.ovsdbGetsThru {
			limit = 5 * time.Second
		}
		if err := echo(limit); (err == nil) != step.ovsdbGetsThru {
			t.Errorf("OVSDB while %s is cut: %v", step.name, err)
		}
		step.restore()
		if !step.ovsdbGetsThru {
			conn.SetReadDeadline(time.Now().Add(10 * time.Second))
			if _, err := conn.Read(make([]byte, 4096)); err != nil { // what was held up arrives
				t.Fatalf("after %s is restored: %v", step.name, err)
			}
		}
	}
}

func TestOpenVSwitchTools(t *testing.T) {
	l := ForTest(t)
	n := l.AddNode("compute1", NodeOptions{})
	integrate(t, n)
	if entries, err := n.Entries("br-int"); err != nil || len(entries) > 0 {
		t.Fatalf("an empty bridge has %q, %v", entries, err)
	}
	for _, args := range [][]string{
		{"add-group", "br-int", "group_id=5,type=all,bucket=output:1"},
		{"add-meter", "br-int", "meter=7,pktps,burst,band=type=drop,rate=10,burst_size=5"},
		{"add-flow", "br-int", "cookie=0x11,table=3,priority=9,ip,nw_dst=10.0.0.1,actions=group:5"},
		{"add-flow", "br-int", "table=0,priority=1,actions=goto_table:3"},
	} {
		if _, err := n.Ofctl(args...); err != nil {
			t.Fatal(err)
		}
	}
	want := []string{
		"cookie=0x11, table=3, priority=9,ip,nw_dst=10.0.0.1 actions=group:5",
		"group_id=5,type=all,bucket=actions=output:1",
		"meter=7 pktps burst bands= type=drop rate=10 burst_size=5",
		"priority=1 actions=goto_table:3",
	}
	entries, err := n.Entries("br-int")
	if err != nil || !slices.Equal(entries, want) {
		t.Errorf("entries %q, %v; expected %q", entries, err, want)
	}
	trace, err := n.Trace("br-int", 1, ovs.ProtocolTCPv4, ovs.NetworkDestination("10.0.0.1"))
	if err != nil || !slices.Contains(trace.FlowActions, "group:5") {
		t.Errorf("trace %+v, %v; expected it to go to the group", trace, err)
	}
	if _, err := n.Ofctl("add-flow", "br-int", "nonsense"); err == nil || !strings.Contains(err.Error(), "nonsense") {
		t.Errorf("nonsense: %v; expected an error that names it", err)
	}
}

func TestDummyNode(t *testing.T) {
	l := ForTest(t)
	n := l.AddNode("compute1", NodeOptions{Dummy: true, EncapIP: netip.MustParseAddr("10.0.9.9")})
	if _, err := n.Vsctl("add-br", "br-int"); err != nil {
		t.Fatal(err)
	}
	if err := n.Plug("vm1", "port-1", "fa:16:3e:00:00:01"); err != nil {
		t.Fatal(err)
	}
	if port, err := n.Ofport("vm1"); err != nil || port == 0 {
		t.Errorf("ofport %d, %v", port, err)
	}
	if err := n.Unplug("vm1"); err != nil {
		t.Error(err)
	}
	if ports, err := n.OVS.VSwitch.ListPorts("br-int"); err != nil || len(ports) > 0 {
		t.Errorf("ports %v, %v", ports, err)
	}
	if got := n.Attach("tcp:198.18.0.1:6640"); strings.Contains(got, "datapath-type") || !strings.Contains(got, "planck-encap-ip=10.0.9.9 ") {
		t.Errorf("the command to attach: %s", got)
	}
}

// TestOneNIC: tunnels and a physical network on one interface, on one machine with the controller and on others.
func TestOneNIC(t *testing.T) {
	l := ForTest(t)
	mapped := NodeOptions{Mappings: map[string]string{"public": "br-phy"}}
	one := l.AddNode("compute1", NodeOptions{Mappings: mapped.Mappings, InController: true})
	two := l.AddNode("compute2", mapped)
	three := l.AddNode("compute3", NodeOptions{Mappings: map[string]string{"public": "br-ex"}})
	l.WarmTunnels()
	var hosts []*VM
	for i, n := range []*Node{one, two, three} {
		bridge := n.options.Mappings["public"]
		h := n.AddHost(fmt.Sprint("host", i), bridge, 0, fmt.Sprintf("02:00:00:00:00:0%d", i+1))
		h.SetAddress(fmt.Sprintf("203.0.113.%d/24", i+1))
		hosts = append(hosts, h)
	}
	mustReach(t, hosts[0], "203.0.113.2")
	mustReach(t, hosts[0], "203.0.113.3")
	// The node is where the controller is.
	if _, err := one.Exec("ping", "-c", "1", "-W", "1", l.ControllerIP().String()); err != nil || one.Namespace() != l.ControllerNamespace() {
		t.Errorf("the node is in %s, the controller in %s; %v", one.Namespace(), l.ControllerNamespace(), err)
	}
	if err := one.Close(); err == nil || !one.Vswitchd().Running() {
		t.Errorf("the controller's machine burnt down: %v", err)
	}
	if _, err := l.physnet("other", false); err != nil {
		t.Error(err)
	}
	if _, err := l.physnet("other", true); err == nil {
		t.Error("a physical network with a wire of its own is the underlay as well")
	}
}

// TestOutsideRouter: a host behind a router outside the cloud, and what the router says of packets that are too big.
func TestOutsideRouter(t *testing.T) {
	l := ForTest(t)
	n := l.AddNode("compute1", NodeOptions{Mappings: map[string]string{"public": "br-ex"}})
	host := n.AddHost("host", "br-ex", 0, "02:00:00:00:00:01")
	router := n.AddHost("router", "br-ex", 0, "02:00:00:00:00:02")
	far := n.AddHost("far", "br-ex", 99, "02:00:00:00:00:03")
	host.SetAddress("203.0.113.2/24")
	router.SetAddress("203.0.113.1/24")
	router.Connect(far, "198.51.100.1/24", "198.51.100.2/24", 1400)
	far.Route("default", "198.51.100.1")
	host.Route("default", "203.0.113.1")
	if err := host.CannotReach("198.51.100.2"); err != nil {
		t.Errorf("before it forwards: %v", err)
	}
	router.Forward()
	mustReach(t, host, "198.51.100.2")
	far.AddAddress("192.0.2.7/32", "lo")
	router.Route("192.0.2.0/24", "198.51.100.2")
	mustReach(t, host, "192.0.2.7")
	tooBig := host.Capture("inbound and icmp[icmptype] == icmp-unreach")
	if r, err := host.Ping("198.51.100.2", PingOptions{Size: 1450, DF: true, Count: 1}); err != nil || r.Received != 0 {
		t.Errorf("%v, %v", r, err)
	}
	if err := tooBig.Seen(1); err != nil {
		t.Error(err)
	}
}
