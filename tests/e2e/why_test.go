package e2e

import (
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/planck-sdn/planck/northbound/admin"
	"github.com/planck-sdn/planck/tests/lab"
)

// broken is a cloud in which things break, one after the other.
type broken struct {
	*Cloud
	one, two, three *lab.Node // the first has the external network's bridge
	w               *World
	red             *Client
	router          Router
	net             Network
	subnet          Subnet
	a, b            *VM // of net, on the second and on the third node
	closed          Group
}

// diagnosis is what must be said of something that is broken.
type diagnosis struct {
	// undo mends it.
	undo func()
	// port is asked about with why; empty: that of a.
	port string
	// cause must be in the cause, or in the evidence of the check that is named.
	cause, check string
	// packet is traced, if why is not what names the cause; verdict must be in the verdict.
	packet  url.Values
	verdict string
}

// TestWhy breaks a VM's network in every way that comes to mind, and expects planckctl why or planckctl trace to name the cause.
func TestWhy(t *testing.T) {
	t.Parallel()
	s := startBroken(t)
	if w := s.Why(s.a.Port.ID); w.Cause != "" {
		t.Fatalf("of a port that is well: %+v", w)
	}
	for _, c := range []struct {
		name   string
		damage func(*broken) diagnosis
	}{
		{"wrong host", (*broken).wrongHost},
		{"unknown host", (*broken).unknownHost},
		{"bound to nothing", (*broken).unbound},
		{"not plugged", (*broken).notPlugged},
		{"port down", (*broken).portDown},
		{"network down", (*broken).networkDown},
		{"node without a controller", (*broken).nodeAway},
		{"switch dead", (*broken).switchDead},
		{"node frozen", (*broken).frozen},
		{"entry deleted by hand", (*broken).entryDeleted},
		{"entry added by hand", (*broken).entryAdded},
		{"entry changed by hand", (*broken).entryChanged},
		{"wrong tunnel endpoint", (*broken).wrongEndpoint},
		{"underlay cut", (*broken).underlayCut},
		{"bridge deleted", (*broken).bridgeDeleted},
		{"DHCP disabled", (*broken).dhcpDisabled},
		{"address spoofed", (*broken).addressSpoofed},
		{"another's MAC address", (*broken).anothersMAC},
		{"MAC address of two", (*broken).sharedMAC},
		{"address of two", (*broken).sharedAddress},
		{"no group", (*broken).noGroup},
		{"group forbids", (*broken).groupForbids},
		{"group forbids to send", (*broken).egressForbidden},
		{"router down", (*broken).routerDown},
		{"router elsewhere", (*broken).routerElsewhere},
		{"no route", (*broken).noRoute},
		{"gateway node dead", (*broken).gatewayDead},
		{"floating IP of a shared address", (*broken).floatingNowhere},
		{"nobody there", (*broken).nobodyThere},
		{"too big", (*broken).tooBig},
	} {
		s.Run(c.name, func(t *testing.T) {
			d := c.damage(s)
			defer func() {
				d.undo()
				s.settled()
			}()
			if d.packet != nil {
				d.packet.Set("from", s.a.Port.ID)
				s.eventually("the trace names the cause", func() error {
					trace, err := s.traced(d.packet)
					if err == nil && !strings.Contains(trace.Verdict, d.verdict) {
						err = fmt.Errorf("%s: %s", trace.Outcome, trace.Verdict)
					}
					return err
				})
				return
			}
			if d.port == "" {
				d.port = s.a.Port.ID
			}
			s.eventually("why names the cause", func() error {
				w := s.Why(d.port)
				said := w.Cause
				for _, f := range w.Checks {
					if f.Check == d.check {
						said = f.Evidence
					}
				}
				if !strings.Contains(said, d.cause) {
					return fmt.Errorf("%q is not in %q; %+v", d.cause, said, w.Checks)
				}
				return nil
			})
		})
	}
}

func startBroken(t *testing.T) *broken {
	s := &broken{Cloud: Start(t, Options{})}
	s.one, s.two, s.three = s.AddNode("compute1", public), s.AddNode("compute2"), s.AddNode("compute3")
	s.w = s.World(s.one, "br-ex")
	s.red = s.Project("red")
	s.router = s.red.CreateRouter("router", Via(s.w.Net, nil))
	s.net, s.subnet = s.red.Routed(s.router.ID, "net", "10.1.0.0/24", nil)
	s.a = s.Boot(s.two, s.red.CreatePort(s.net, "a", nil))
	s.b = s.Boot(s.three, s.red.CreatePort(s.net, "b", nil))
	s.closed = s.red.CreateGroup("closed", nil)
	s.WaitGatewayNode(s.router.ID, s.one)
	s.a.MustReach(s.b.IP)
	s.a.MustReach(hostIP)
	return s
}

// settled waits until what was mended works again.
func (s *broken) settled() {
	s.t.Helper()
	s.WaitReady(s.one, s.two, s.three)
	s.WaitConverged()
	for _, n := range s.Lab.Nodes() {
		n.ForgetPackets()
	}
	s.a.MustReach(s.b.IP)
}

func (s *broken) eventually(what string, condition func() error) {
	s.t.Helper()
	lab.Eventually(s.t, 15*time.Second, what, condition)
}

// Why is what planckctl why says of a port.
func (c *Cloud) Why(port string) (w admin.Why) {
	c.t.Helper()
	c.must(c.request(http.MethodGet, admin.Prefix+"/ports/"+port+"/why", nil, &w))
	return w
}

func (s *broken) traced(packet url.Values) (w admin.Trace, err error) {
	err = s.request(http.MethodGet, admin.Prefix+"/trace?"+packet.Encode(), nil, &w)
	return w, err
}

func (s *broken) freeze(verb string, n *lab.Node) {
	s.t.Helper()
	s.must(s.request(http.MethodPost, admin.Prefix+"/"+verb+"?node="+n.Name, nil, nil))
	s.eventually(n.Name+" takes notice", func() error {
		status, err := s.NodeStatus(n.Name)
		if err == nil && status.Frozen != (verb == "freeze") {
			err = fmt.Errorf("frozen: %t", status.Frozen)
		}
		return err
	})
}

func (s *broken) vsctl(n *lab.Node, args ...string) {
	s.t.Helper()
	if _, err := n.Vsctl(args...); err != nil {
		s.t.Fatal(err)
	}
}

func (s *broken) ofctl(n *lab.Node, args ...string) {
	s.t.Helper()
	if _, err := n.Ofctl(append([]string{"-O", "OpenFlow13"}, args...)...); err != nil {
		s.t.Fatal(err)
	}
}

func (s *broken) inside(v *VM, command ...string) {
	s.t.Helper()
	if _, err := v.Exec(command...); err != nil {
		s.t.Fatal(err)
	}
}

func (s *broken) update(attributes, back Attrs, cause string) diagnosis {
	s.t.Helper()
	s.UpdatePort(s.a.Port.ID, attributes)
	return diagnosis{cause: cause, undo: func() { s.UpdatePort(s.a.Port.ID, back) }}
}

func (s *broken) wrongHost() diagnosis {
	return s.update(Attrs{"binding:host_id": "compute1"}, Attrs{"binding:host_id": ""},
		"plugged into compute2")
}

func (s *broken) unknownHost() diagnosis {
	return s.update(Attrs{"binding:host_id": "compute9"}, Attrs{"binding:host_id": ""}, "no node has the hostname compute9")
}

func (s *broken) unbound() diagnosis {
	p := s.red.CreatePort(s.net, "idle", nil)
	return diagnosis{port: p.ID, cause: "bound to no host", undo: func() { s.red.DeletePort(p.ID) }}
}

func (s *broken) notPlugged() diagnosis {
	s.UpdatePort(s.a.Port.ID, Attrs{"binding:host_id": "compute2"})
	s.a.Unplug()
	return diagnosis{cause: "plugged nowhere", undo: func() {
		s.a.Plug()
		s.UpdatePort(s.a.Port.ID, Attrs{"binding:host_id": ""})
	}}
}

func (s *broken) portDown() diagnosis {
	return s.update(Attrs{"admin_state_up": false}, Attrs{"admin_state_up": true}, "port is administratively down")
}

func (s *broken) networkDown() diagnosis {
	s.UpdateNetwork(s.net.ID, Attrs{"admin_state_up": false})
	return diagnosis{cause: "network is administratively down", undo: func() { s.UpdateNetwork(s.net.ID, Attrs{"admin_state_up": true}) }}
}

func (s *broken) nodeAway() diagnosis {
	s.vsctl(s.two, "del-manager")
	return diagnosis{cause: "no OVSDB session", undo: func() { s.Attach(s.two) }}
}

func (s *broken) switchDead() diagnosis {
	s.two.KillVswitchd()
	return diagnosis{cause: "no OpenFlow session", undo: func() {
		if err := s.two.StartVswitchd(); err != nil {
			s.t.Fatal(err)
		}
		s.Lab.WarmTunnels()
	}}
}

func (s *broken) frozen() diagnosis {
	s.freeze("freeze", s.two)
	return diagnosis{cause: "frozen", undo: func() { s.freeze("thaw", s.two) }}
}

// byHand changes the tables of a's node, which is frozen: otherwise it would be mended at once.
func (s *broken) byHand(cause string, args ...string) diagnosis {
	s.t.Helper()
	s.freeze("freeze", s.two)
	s.ofctl(s.two, args...)
	return diagnosis{check: "tables", cause: cause, undo: func() { s.freeze("thaw", s.two) }}
}

// guardEntry is the match of the entry by which a may send IPv4.
func (s *broken) guardEntry() string {
	return fmt.Sprintf("table=12,ip,dl_src=%s,nw_src=%s", s.a.MAC, s.a.IP)
}

func (s *broken) entryDeleted() diagnosis {
	return s.byHand("lacks cookie=", "del-flows", "br-int", s.guardEntry())
}

func (s *broken) entryAdded() diagnosis {
	return s.byHand("which nothing asks for", "add-flow", "br-int", fmt.Sprintf("table=0,priority=999,tcp,nw_dst=%s,actions=drop", s.b.IP))
}

func (s *broken) entryChanged() diagnosis {
	return s.byHand("another entry in place of", "mod-flows", "br-int", s.guardEntry()+",actions=drop")
}

func (s *broken) wrongEndpoint() diagnosis {
	right := s.three.EncapIP.String()
	s.vsctl(s.three, "set", "Open_vSwitch", ".", "external_ids:planck-encap-ip=10.0.99.99")
	return diagnosis{check: "tunnels", cause: "no answer comes from compute3 (10.0.99.99)", undo: func() {
		s.vsctl(s.three, "set", "Open_vSwitch", ".", "external_ids:planck-encap-ip="+right)
		s.Lab.WarmTunnels()
	}}
}

func (s *broken) underlayCut() diagnosis {
	s.three.CutUnderlay()
	return diagnosis{check: "tunnels", cause: "no answer comes from compute3", undo: func() {
		s.three.RestoreUnderlay()
		s.Lab.WarmTunnels()
	}}
}

// bridgeDeleted has a port on the external network itself.
func (s *broken) bridgeDeleted() diagnosis {
	p := s.CreatePort(s.w.Net, "wired", Attrs{"binding:host_id": "compute1"})
	v := s.Plug(s.one, p)
	mappings := "external_ids:planck-bridge-mappings"
	s.vsctl(s.one, "set", "Open_vSwitch", ".", mappings+"=public:br-gone")
	return diagnosis{port: p.ID, cause: "br-gone", undo: func() {
		s.vsctl(s.one, "set", "Open_vSwitch", ".", mappings+"=public:br-ex")
		v.Close()
		s.DeletePort(p.ID)
	}}
}

func (s *broken) dhcpDisabled() diagnosis {
	s.UpdateSubnet(s.subnet.ID, Attrs{"enable_dhcp": false})
	return diagnosis{check: "DHCP", cause: "DHCP is disabled", undo: func() { s.UpdateSubnet(s.subnet.ID, Attrs{"enable_dhcp": true}) }}
}

func (s *broken) addressSpoofed() diagnosis {
	s.a.AddAddress("10.1.0.66/32", "eth0")
	ping := s.pinging("-I", "10.1.0.66")
	return diagnosis{check: "guard", cause: "10.1.0.66", undo: func() {
		ping.Kill()
		s.inside(s.a, "ip", "address", "del", "10.1.0.66/32", "dev", "eth0")
	}}
}

func (s *broken) anothersMAC() diagnosis {
	s.inside(s.a, "ip", "link", "set", "eth0", "address", s.b.MAC)
	ping := s.pinging()
	return diagnosis{check: "guard", cause: s.b.MAC, undo: func() {
		ping.Kill()
		s.inside(s.a, "ip", "link", "set", "eth0", "address", s.a.MAC)
	}}
}

// pinging has a ping b all the time.
func (s *broken) pinging(more ...string) *lab.Process {
	s.t.Helper()
	p, err := s.a.Start(append(append([]string{"ping", "-i", "0.2"}, more...), s.b.IP)...)
	if err != nil {
		s.t.Fatal(err)
	}
	return p
}

// share lets a third port use an address.
func (s *broken) share(pair Attrs, cause string) diagnosis {
	s.t.Helper()
	p := s.red.CreatePort(s.net, "other", Attrs{"allowed_address_pairs": []Attrs{pair}})
	v := s.Plug(s.one, p)
	return diagnosis{check: "addresses", cause: cause, undo: func() {
		v.Close()
		s.red.DeletePort(p.ID)
	}}
}

func (s *broken) sharedMAC() diagnosis {
	return s.share(Attrs{"ip_address": "10.1.0.77", "mac_address": s.a.MAC}, "MAC address "+s.a.MAC)
}

func (s *broken) sharedAddress() diagnosis {
	return s.share(Attrs{"ip_address": s.a.IP}, "may use its address "+s.a.IP)
}

func (s *broken) noGroup() diagnosis {
	return s.update(Attrs{"security_groups": []string{}}, Attrs{"security_groups": s.a.Port.SecurityGroups}, "no security group")
}

func (s *broken) to(address, protocol, verdict string) diagnosis {
	return diagnosis{packet: url.Values{"to": {address}, "protocol": {protocol}}, verdict: verdict, undo: func() {}}
}

func (s *broken) groupForbids() diagnosis {
	s.red.SetGroups(s.b.Port, s.closed)
	d := s.to(s.b.Port.ID, "tcp", "no rule of group closed")
	d.packet.Set("port", "22")
	d.undo = func() { s.UpdatePort(s.b.Port.ID, Attrs{"security_groups": s.b.Port.SecurityGroups}) }
	return d
}

func (s *broken) egressForbidden() diagnosis {
	mute := s.red.CreateGroup("mute", nil)
	for _, r := range mute.Rules {
		s.red.DeleteRule(r.ID)
	}
	s.red.SetGroups(s.a.Port, mute)
	d := s.to(s.b.Port.ID, "icmp", "no rule of group mute")
	d.undo = func() {
		s.UpdatePort(s.a.Port.ID, Attrs{"security_groups": s.a.Port.SecurityGroups})
		s.red.DeleteGroup(mute.ID)
	}
	return d
}

func (s *broken) routerDown() diagnosis {
	s.red.UpdateRouter(s.router.ID, Attrs{"admin_state_up": false})
	return diagnosis{cause: "which is down", undo: func() { s.red.UpdateRouter(s.router.ID, Attrs{"admin_state_up": true}) }}
}

// routerElsewhere gives the router another address than the one that the servers are told.
func (s *broken) routerElsewhere() diagnosis {
	s.red.RemoveInterface(s.router.ID, s.subnet)
	p := s.red.CreatePort(s.net, "interface", Attrs{"fixed_ips": []Attrs{{"ip_address": "10.1.0.250"}}})
	s.red.AddInterfacePort(s.router.ID, p)
	return diagnosis{cause: "is nobody's, although the network has a router", undo: func() {
		s.red.RemoveInterface(s.router.ID, s.subnet)
		s.red.AddInterface(s.router.ID, s.subnet)
	}}
}

func (s *broken) noRoute() diagnosis {
	s.red.ClearGateway(s.router.ID)
	d := s.to("198.51.100.7", "icmp", "no route")
	d.undo = func() {
		s.red.SetGateway(s.router.ID, s.w.Net, nil)
		s.WaitGatewayNode(s.router.ID, s.one)
	}
	return d
}

func (s *broken) gatewayDead() diagnosis {
	s.one.KillVswitchd()
	return diagnosis{check: "gateway", cause: "Node compute1, which serves router", undo: func() {
		if err := s.one.StartVswitchd(); err != nil {
			s.t.Fatal(err)
		}
		s.Lab.WarmTunnels()
	}}
}

// floatingNowhere has a floating IP stand for an address that two ports may use, and that neither has announced.
func (s *broken) floatingNowhere() diagnosis {
	virtual := s.red.CreatePort(s.net, "virtual", nil)
	for _, v := range []*VM{s.a, s.b} {
		s.UpdatePort(v.Port.ID, Attrs{"allowed_address_pairs": []Attrs{{"ip_address": virtual.IP()}}})
	}
	f := s.red.CreateFloatingIP(s.w.Net, Attrs{"port_id": virtual.ID})
	return diagnosis{port: virtual.ID, check: "floating IP", cause: "No node serves floating IP " + f.Address, undo: func() {
		s.red.DeleteFloatingIP(f.ID)
		s.red.DeletePort(virtual.ID)
		for _, v := range []*VM{s.a, s.b} {
			s.UpdatePort(v.Port.ID, Attrs{"allowed_address_pairs": []Attrs{}})
		}
	}}
}

func (s *broken) nobodyThere() diagnosis {
	free := netip.MustParseAddr("10.1.0.199")
	return s.to(free.String(), "icmp", "nobody answers ARP for "+free.String())
}

func (s *broken) tooBig() diagnosis {
	d := s.to(s.b.Port.ID, "icmp", "1450")
	d.packet.Set("size", "1500")
	return d
}
