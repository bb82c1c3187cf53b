package e2e

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"slices"

	"github.com/planck-sdn/planck/northbound/admin"
	"github.com/planck-sdn/planck/tests/lab"
	"github.com/planck-sdn/planck/tests/proxy"
)

// fabric is the physical network that physical switches are of.
const fabric = "fabric"

// onFabric maps a node to that physical network, where it hangs on a switch and on nothing else.
var onFabric = lab.NodeOptions{Mappings: map[string]string{fabric: "br-ex"}, Unwired: true}

// Hardware is a physical switch, with a recorder between it and planckd.
type Hardware struct {
	*lab.Switch
	Strict *Strict // nil: it is Open vSwitch
	Proxy  *proxy.Proxy
	Driver string // for Declare; empty: by its description

	cloud *Cloud
}

// AddHardware makes a switch, which is Open vSwitch, not yet declared. That nothing but OpenFlow 1.3's standard passes between it and planckd
// is seen to at the end of the test.
func (c *Cloud) AddHardware(name string, datapathID uint64) *Hardware {
	c.t.Helper()
	listener, err := c.Lab.ListenController(net.JoinHostPort(c.Lab.ControllerIP().String(), "0"))
	if err != nil {
		c.t.Fatal(err)
	}
	p := c.recorder(name, listener)
	return &Hardware{Switch: c.Lab.AddSwitch(name, datapathID, p.Addr()), Proxy: p, cloud: c}
}

// recorder stands between a switch and planckd.
func (c *Cloud) recorder(name string, listener net.Listener) *proxy.Proxy {
	c.t.Helper()
	planckd := net.JoinHostPort(c.Lab.ControllerIP().String(), fmt.Sprint(lab.OpenFlowPort))
	t := c.t
	p := proxy.Listen(t, listener, func() (net.Conn, error) {
		return c.Lab.DialController(context.Background(), "tcp", planckd)
	})
	t.Cleanup(func() {
		for _, what := range p.Alien() {
			t.Errorf("switch %s: %s", name, what)
		}
	})
	return p
}

func (h *Hardware) path() string { return fmt.Sprintf("%s/switches/%016x", admin.Prefix, h.DatapathID) }

// Declare tells planckd of the switch; its uplinks may be left out.
func (h *Hardware) Declare(uplinks ...admin.SwitchUplink) {
	h.cloud.t.Helper()
	d := admin.SwitchDeclaration{Name: h.Name, PhysicalNetwork: fabric, Driver: h.Driver, Uplinks: uplinks}
	h.cloud.must(h.cloud.request(http.MethodPut, h.path(), d, nil))
}

// Shown is the switch as planckctl switch show has it.
func (h *Hardware) Shown() (s admin.Switch, err error) {
	err = h.cloud.request(http.MethodGet, h.path(), nil, &s)
	return s, err
}

// WaitReady waits until the switch holds what it should.
func (h *Hardware) WaitReady() {
	h.cloud.t.Helper()
	lab.Eventually(h.cloud.t, limit, "switch "+h.Name+" is ready", func() error {
		s, err := h.Shown()
		if err == nil && s.State != "ready" {
			err = fmt.Errorf("it is %s: %s", s.State, s.Problem)
		}
		return err
	})
}

// Cable joins two ports.
type Cable interface {
	Cut() // both ends see it go
	Mend()
}

// Connect lays a cable to a port of another switch.
func (h *Hardware) Connect(port uint32, other *Hardware, otherPort uint32) Cable {
	if h.Strict != nil {
		return h.Strict.wire(port, other.Strict, otherPort)
	}
	return h.Wire(port, other.Switch, otherPort)
}

// Uplink lays a cable from a port to a node's mapped bridge, and says what to declare of it.
func (h *Hardware) Uplink(port uint32, n *lab.Node) (*lab.Wire, admin.SwitchUplink) {
	w := h.Switch.Uplink(port, n, n.Mapping(fabric))
	return w, admin.SwitchUplink{Port: fmt.Sprint(port), Hostname: n.Name}
}

// Fabric is the fabric as planckctl switch trees shows it.
func (c *Cloud) Fabric() admin.Fabric {
	c.t.Helper()
	var answer struct{ Fabrics []admin.Fabric }
	c.must(c.request(http.MethodGet, admin.Prefix+"/fabrics", nil, &answer))
	i := slices.IndexFunc(answer.Fabrics, func(f admin.Fabric) bool { return f.PhysicalNetwork == fabric })
	if i < 0 {
		return admin.Fabric{}
	}
	return answer.Fabrics[i]
}

// WaitLinks waits until the fabric has so many links between switches, and is whole.
func (c *Cloud) WaitLinks(n int) {
	c.t.Helper()
	lab.Eventually(c.t, limit, fmt.Sprintf("the fabric has %d links", n), func() error {
		if f := c.Fabric(); len(f.Links) != n || len(f.Parts) != 1 {
			return fmt.Errorf("links %+v, parts %v", f.Links, f.Parts)
		}
		return nil
	})
}

// hostPort is the first port of a ring's switch at which servers are.
const hostPort = 10

// Ring is three switches, each with a cable to the two others: port 1 of each leads to port 2 of the next.
type Ring struct {
	*Cloud
	Switches []*Hardware
	Cables   []Cable // from the switch of that index to the next
}

// Ring racks a ring of switches, which are Open vSwitch, and declares them. uplinks are nodes that hang on port 20 of the first, the second...
func (c *Cloud) Ring(uplinks ...*lab.Node) *Ring {
	c.t.Helper()
	return c.RingOf(c.AddHardware, uplinks...)
}

// RingOf is Ring of other switches.
func (c *Cloud) RingOf(add func(name string, datapathID uint64) *Hardware, uplinks ...*lab.Node) *Ring {
	c.t.Helper()
	r := &Ring{Cloud: c}
	for i := range 3 {
		r.Switches = append(r.Switches, add(fmt.Sprintf("leaf%d", i+1), 0xa0+uint64(i)))
	}
	for i, s := range r.Switches {
		r.Cables = append(r.Cables, s.Connect(1, r.Switches[(i+1)%len(r.Switches)], 2))
	}
	for i, s := range r.Switches {
		var declared []admin.SwitchUplink
		if i < len(uplinks) {
			_, uplink := s.Uplink(20, uplinks[i])
			declared = append(declared, uplink)
		}
		s.Declare(declared...)
	}
	for _, s := range r.Switches {
		s.WaitReady()
	}
	c.WaitLinks(len(r.Cables))
	return r
}

// VLAN makes a network that is a VLAN of the fabric, with a subnet.
func (c *Cloud) VLAN(id int, cidr string) (Network, Subnet) {
	c.t.Helper()
	n := c.CreateNetwork(fmt.Sprintf("vlan%d", id), Attrs{"provider:network_type": "vlan", "provider:physical_network": fabric,
		"provider:segmentation_id": id})
	return n, c.CreateSubnet(n, cidr, nil)
}

// Profile is the binding:profile of a server at a port of the switch, with the tag of its frames; 0: none.
func (h *Hardware) Profile(port uint32, tag int) Attrs {
	return link(fmt.Sprintf("%016x", h.DatapathID), fmt.Sprintf("eth%d", port), tag)
}

func link(switchID, portID string, tag int) Attrs {
	profile := Attrs{"local_link_information": []Attrs{{"switch_id": switchID, "port_id": portID}}}
	if tag != 0 {
		profile["tag"] = tag
	}
	return profile
}

// BareMetal are the attributes of a bare-metal port with that MAC address and binding:profile.
func BareMetal(mac string, profile Attrs) Attrs {
	return Attrs{"binding:vnic_type": "baremetal", "binding:host_id": "8d1c5ba5-63b4-4c2e-a5cf-5e1b2f0c1a11", "binding:profile": profile, "mac_address": mac}
}

// Rack racks a server at a port of the switch, without a port in any network.
func (h *Hardware) Rack(name string, port uint32, tag int) *VM {
	h.cloud.t.Helper()
	v := h.AddServer(name, port, tag, fmt.Sprintf("02:00:00:%02x:%02x:%02x", tag&0xff, h.DatapathID&0xff, port))
	lab.Eventually(h.cloud.t, limit, fmt.Sprintf("switch %s has port %d", h.Name, port), func() error {
		s, err := h.Shown()
		if err == nil && !slices.ContainsFunc(s.Ports, func(p admin.SwitchPort) bool { return p.Number == port && p.Up }) {
			err = fmt.Errorf("it has %+v", s.Ports)
		}
		return err
	})
	return &VM{VM: v, cloud: h.cloud}
}

// Join makes a racked server a member of a network, and has it get its address by DHCP.
func (h *Hardware) Join(v *VM, n Network, port uint32, tag int) *VM {
	h.cloud.t.Helper()
	return h.boot(v, h.cloud.CreatePort(n, v.Name, BareMetal(v.MAC, h.Profile(port, tag))))
}

// boot has a racked server get its port's address by DHCP.
func (h *Hardware) boot(v *VM, p Port) *VM {
	h.cloud.t.Helper()
	v.Port, v.IP = h.cloud.WaitActive(p.ID), p.IP()
	if v.Port.VIFType != "other" {
		h.cloud.t.Errorf("port %s has vif_type %s, expected other", p.Name, v.Port.VIFType)
	}
	lease, err := v.DHCP(lab.Udhcpc)
	if err != nil {
		h.cloud.t.Fatal(err)
	}
	if got := lease.IP.Addr().String(); got != v.IP {
		h.cloud.t.Fatalf("%s got address %s by DHCP, its port has %s", v.Name, got, v.IP)
	}
	v.Lease = lease
	return v
}

// Server racks a server and makes it a member of a network.
func (h *Hardware) Server(n Network, name string, port uint32, tag int) *VM {
	h.cloud.t.Helper()
	return h.Join(h.Rack(name, port, tag), n, port, tag)
}

// sent counts what planckd has sent to the switches that changes what they hold: flow, group and meter modifications.
func (r *Ring) sent() (n int) {
	const flowMod, groupMod, meterMod = 14, 15, 29 // OpenFlow 1.3.5, 7.1
	for _, s := range r.Switches {
		for kind, count := range s.Proxy.Counts() {
			if kind.ToSwitch && (kind.Type == flowMod || kind.Type == groupMod || kind.Type == meterMod) {
				n += count
			}
		}
	}
	return n
}
