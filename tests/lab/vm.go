package lab

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"
	"sync"
)

// VM is a machine with one network interface, eth0.
type VM struct {
	Name string
	MAC  string

	lab    *Lab
	ns     namespace
	portID string // external_ids:iface-id; empty for a host outside the cloud

	mu          sync.Mutex
	attachments []*attachment // the first is eth0
	dhcp        *dhcpClient
	raw         int // AF_PACKET socket for Send; 0: none yet
}

// attachment is a veth pair between a VM and a bridge of a node, or of a physical switch.
type attachment struct {
	node    *Node // nil: at a physical switch
	machine *machine
	bridge  string
	vlan    int
	port    string // the end that is plugged into the bridge
	inside  string // the VM's end
	plugged bool
	link    func(up bool) // see wireEnd
}

// AddVM boots a VM on the node with its interface in br-int, as Nova plugs it: named by the port's id and MAC. It has
// no address yet: see DHCP and SetAddress.
func (n *Node) AddVM(name, portID, mac string) *VM {
	return n.add(&VM{Name: name, MAC: mac, portID: portID}, "br-int", 0)
}

// AddHost makes a machine outside the cloud on a bridge of the node, such as br-ex, whose physical network it is then
// on. It is behind an access port for the VLAN; for VLAN 0 it sees what has no tag.
func (n *Node) AddHost(name, bridge string, vlan int, mac string) *VM {
	return n.add(&VM{Name: name, MAC: mac}, bridge, vlan)
}

func (n *Node) add(v *VM, bridge string, vlan int) *VM {
	v.lab = n.lab
	err := func() (err error) {
		if _, err := net.ParseMAC(v.MAC); err != nil {
			return err
		}
		if v.ns, err = n.lab.addNamespace(v.Name); err != nil {
			return err
		}
		a, err := v.attach(n, bridge, vlan)
		if err != nil {
			return err
		}
		v.attachments = []*attachment{a}
		if err := v.ns.ip("link set eth0 up"); err != nil {
			return err
		}
		// Kernels hold ICMP errors back when they sent one lately; a test counts on each.
		if err := v.ns.sysctl("net/ipv4/icmp_ratelimit", "0"); err != nil {
			return err
		}
		return v.plug(a)
	}()
	if err != nil {
		n.lab.fatal("%s on node %s: %v", v.Name, n.Name, err)
	}
	return v
}

// attach lays the cable to a node. The VM's end is eth0 if there is none yet.
func (v *VM) attach(n *Node, bridge string, vlan int) (*attachment, error) {
	number := n.lab.next()
	a := &attachment{node: n, machine: &n.machine, bridge: bridge, vlan: vlan, port: fmt.Sprintf("vm%d", number), inside: "eth0"}
	if len(v.attachments) > 0 {
		a.inside = fmt.Sprintf("eth%d", number)
	}
	if err := namespace("").ip(fmt.Sprintf("link add %s netns %s address %s type veth peer name %s netns %s",
		a.inside, v.ns, v.MAC, a.port, n.ns)); err != nil {
		return nil, err
	}
	if err := v.ns.noOffload(a.inside); err != nil {
		return nil, err
	}
	if err := n.ns.noOffload(a.port); err != nil {
		return nil, err
	}
	return a, n.ns.ip("link set " + a.port + " up")
}

func (v *VM) plug(a *attachment) error {
	if a.plugged {
		return fmt.Errorf("%s is plugged into node %s already", v.Name, a.node.Name)
	}
	var err error
	if v.portID != "" {
		err = a.node.Plug(a.port, v.portID, v.MAC)
	} else {
		vlan := fmt.Sprintf("tag=%d", a.vlan)
		if a.vlan == 0 {
			vlan = "trunks=0" // untagged frames only; without it the port is a trunk of all VLANs
		}
		err = v.lab.replugging(func() error {
			_, err := a.node.Vsctl("add-port", a.bridge, a.port, vlan)
			return err
		})
	}
	a.plugged = err == nil
	return err
}

// Plug adds an interface of the node to br-int the way Nova does. On a dummy node the interface need not exist.
func (n *Node) Plug(name, portID, mac string) error {
	return n.lab.replugging(func() error {
		_, err := n.Vsctl("add-port", "br-int", name, "--", "set", "Interface", name,
			"external_ids:iface-id="+portID, "external_ids:attached-mac="+mac, "external_ids:iface-status=active")
		return err
	})
}

// Unplug takes an interface out of br-int.
func (n *Node) Unplug(name string) error {
	return n.lab.replugging(func() error { return n.OVS.VSwitch.DeletePort("br-int", name) })
}

// must reports what went wrong in a method that returns no error.
func (v *VM) must(doing string, err error) {
	if err != nil {
		v.lab.fatal("%s: %s: %v", v.Name, doing, err)
	}
}

// on returns the VM's attachment to the node; nil: none.
func (v *VM) on(n *Node) *attachment {
	for _, a := range v.attachments {
		if a.node == n {
			return a
		}
	}
	return nil
}

// Node is the node on which the VM runs; nil: it is a server at a physical switch.
func (v *VM) Node() *Node {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.attachments[0].node
}

// Interface is the name of the VM's interface on the node on which it runs.
func (v *VM) Interface() string {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.attachments[0].port
}

// Unplug takes the VM's interface out of the bridge. The VM keeps its end, with its address.
func (v *VM) Unplug() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.must("unplug", v.unplug(v.attachments[0]))
}

func (v *VM) unplug(a *attachment) error {
	if a.link != nil {
		a.link(false)
		a.plugged = false
		return nil
	}
	err := v.lab.replugging(func() error { return a.machine.OVS.VSwitch.DeletePort(a.bridge, a.port) })
	if err != nil {
		return err
	}
	a.plugged = false
	return nil
}

// Plug puts the VM's interface into the bridge again.
func (v *VM) Plug() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.must("plug", v.plug(v.attachments[0]))
}

// PrepareMove plugs the VM into another node as well, as a live migration does before it starts. It still runs where
// it was.
func (v *VM) PrepareMove(to *Node) {
	v.mu.Lock()
	defer v.mu.Unlock()
	from := v.attachments[0]
	a, err := v.attach(to, from.bridge, from.vlan)
	v.must("plug into node "+to.Name, err)
	v.attachments = append(v.attachments, a)
	v.must("plug into node "+to.Name, v.plug(a))
}

// Move has the VM run on the node for which PrepareMove was called: eth0 is now the interface there, with the same
// address and routes. It announces itself by RARP, as QEMU does. The interface on the old node stays plugged until
// FinishMove. A DHCP client must be started anew.
func (v *VM) Move(to *Node) {
	v.must("move to node "+to.Name, v.move(to))
	v.must("announce", v.Send(v.rarp()))
}

func (v *VM) move(to *Node) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	a, old := v.on(to), v.attachments[0]
	if a == nil || a == old {
		return errors.New("it was not prepared")
	}
	addresses, err := v.ns.exec(nil, "", "ip", "-o", "-4", "addr", "show", "dev", "eth0")
	if err != nil {
		return err
	}
	routes, err := v.ns.exec(nil, "", "ip", "-4", "route", "show", "dev", "eth0")
	if err != nil {
		return err
	}
	parked := a.inside + "-old"
	lines := []string{
		"link set eth0 down", "link set eth0 name " + parked, "addr flush dev " + parked,
		"link set " + a.inside + " name eth0", "link set eth0 up",
	}
	for line := range strings.Lines(addresses) {
		if f := strings.Fields(line); len(f) > 3 {
			lines = append(lines, "addr add "+f[3]+" brd + dev eth0")
		}
	}
	for line := range strings.Lines(routes) {
		if route := strings.TrimSpace(line); route != "" && !strings.Contains(route, "proto kernel") {
			lines = append(lines, "route add "+route+" dev eth0")
		}
	}
	if err := v.ns.ip(lines...); err != nil {
		return err
	}
	old.inside, a.inside = parked, "eth0"
	v.attachments = slices.DeleteFunc(v.attachments, func(o *attachment) bool { return o == a })
	v.attachments = slices.Insert(v.attachments, 0, a)
	v.closeRaw() // it was bound to the old interface
	return nil
}

// FinishMove unplugs the VM from the node where it ran before Move.
func (v *VM) FinishMove(from *Node) {
	v.mu.Lock()
	defer v.mu.Unlock()
	a := v.on(from)
	if a == nil || a == v.attachments[0] {
		v.must("finish move", fmt.Errorf("it still runs on node %s, or never did", from.Name))
	}
	v.must("unplug from node "+from.Name, v.unplug(a))
	v.must("remove its interface", v.ns.ip("link del "+a.inside))
	v.attachments = slices.DeleteFunc(v.attachments, func(o *attachment) bool { return o == a })
}

// SetAddress gives eth0 an address in place of those it had, such as "10.0.0.5/24".
func (v *VM) SetAddress(prefix string) {
	_, err := netip.ParsePrefix(prefix)
	if err == nil {
		err = v.ns.ip("addr flush dev eth0", "addr add "+prefix+" brd + dev eth0")
	}
	v.must("set address", err)
}

// SetMTU sets eth0's MTU. (A veth's peer needs room for what comes from elsewhere, so it keeps its own.)
func (v *VM) SetMTU(mtu int) { v.must("set MTU", v.ns.ip(fmt.Sprintf("link set eth0 mtu %d", mtu))) }

// Connect lays a cable to another VM, with an interface wire at both ends, their addresses (such as "192.0.2.1/30") and
// the MTU: for what is behind a router outside the cloud.
func (v *VM) Connect(to *VM, own, other string, mtu int) {
	v.must("connect to "+to.Name, func() error {
		if err := namespace("").ip(fmt.Sprintf("link add wire mtu %d netns %s type veth peer name wire mtu %d netns %s",
			mtu, v.ns, mtu, to.ns)); err != nil {
			return err
		}
		for end, address := range map[*VM]string{v: own, to: other} {
			if err := end.ns.noOffload("wire"); err != nil {
				return err
			}
			if err := end.ns.ip("addr add "+address+" dev wire", "link set wire up"); err != nil {
				return err
			}
		}
		return nil
	}())
}

// Forward makes the VM a router: it forwards IPv4 packets that are not for itself.
func (v *VM) Forward() { v.must("forward", v.ns.sysctl("net/ipv4/ip_forward", "1")) }

// Route has the VM send what is for the destination (a prefix, or "default") by way of the next hop.
func (v *VM) Route(destination, nextHop string) {
	v.must("route", v.ns.ip("route replace "+destination+" via "+nextHop))
}

// AddAddress gives the VM one more address, such as "10.9.0.1/32", on an interface ("lo": reached by any of them).
func (v *VM) AddAddress(prefix, iface string) {
	v.must("add address", v.ns.ip("addr add "+prefix+" dev "+iface))
}

// Exec runs a command in the VM to its end and returns its standard output.
func (v *VM) Exec(args ...string) (string, error) { return v.ns.exec(nil, "", args[0], args[1:]...) }

// Start runs a program in the VM until it ends, Stop or Kill ends it, or the lab is closed.
func (v *VM) Start(args ...string) (*Process, error) {
	return v.lab.start(v.ns, nil, v.lab.Dir, v.Name+"."+args[0], args...)
}

// Dial connects from inside the VM to a numeric address.
func (v *VM) Dial(ctx context.Context, network, address string) (net.Conn, error) {
	return v.ns.dial(ctx, nil, network, address)
}

// DialFrom is Dial from a local address of its own choice, a *net.TCPAddr or *net.UDPAddr.
func (v *VM) DialFrom(ctx context.Context, local net.Addr, network, address string) (net.Conn, error) {
	return v.ns.dial(ctx, local, network, address)
}

// Listen listens inside the VM, for streams. They say nothing by themselves: no keepalives.
func (v *VM) Listen(network, address string) (listener net.Listener, err error) {
	c := net.ListenConfig{KeepAlive: -1}
	c.SetMultipathTCP(false) // plain TCP, as its peers speak
	err = v.ns.do(func() error {
		listener, err = c.Listen(context.Background(), network, address)
		return err
	})
	return listener, err
}

// ListenPacket listens inside the VM, for datagrams.
func (v *VM) ListenPacket(network, address string) (conn net.PacketConn, err error) {
	err = v.ns.do(func() error {
		conn, err = net.ListenPacket(network, address)
		return err
	})
	return conn, err
}

// Namespace is the VM's network namespace, for ip netns.
func (v *VM) Namespace() string { return string(v.ns) }

// Shell is a line that runs a command in the VM from the host, for people to copy.
func (v *VM) Shell(command string) string {
	return fmt.Sprintf("nsenter --net=%s %s", v.ns.path(), command)
}

// Close switches the VM off: it is unplugged everywhere and gone.
func (v *VM) Close() {
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, a := range v.attachments {
		if _, err := os.Stat(a.machine.ns.path()); err == nil {
			v.must("unplug from "+a.machine.Name, v.unplug(a))
		}
	}
	v.closeRaw()
	v.must("close", v.lab.removeNamespace(v.ns))
}
