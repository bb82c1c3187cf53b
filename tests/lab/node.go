package lab

import (
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"
)

// NodeOptions say how a node differs from the usual one.
type NodeOptions struct {
	// EncapIP is the address for tunnels, within 10.0.0.0/16. The zero Addr: 10.0.0.11 for the first node of the
	// lab, 10.0.0.12 for the second...
	EncapIP netip.Addr
	// Mappings names the bridge of each physical network, such as {"public": "br-ex"}. All nodes (and hosts, see
	// AddHost) with the same physical network share a wire that carries VLAN tags. A mapping to br-phy gives the node one
	// NIC for it and for the tunnels: the physical network's wire is then the underlay, for all nodes.
	Mappings map[string]string
	// Unwired leaves the bridges of the mappings without that wire: what hangs on them is laid by Switch.Uplink.
	Unwired bool
	// InController puts the node into the controller's namespace: one machine with all roles. There can be one, it has
	// no connection to a controller that could be cut, and it goes with the lab.
	InController bool
	// UnderlayMTU is the MTU of the node's underlay interface and of br-phy. Zero: 1500.
	UnderlayMTU int
	// Dummy gives the node OpenFlow and OVSDB as real as any, and no packets: every interface is a dummy. It is
	// for scale, and VMs are plugged with Plug.
	Dummy bool
}

// Node is a machine for VMs, attached by OVSDB.
type Node struct {
	machine
	EncapIP netip.Addr

	options  NodeOptions
	systemID string
}

// AddNode makes a node and starts its Open vSwitch. It is not attached to any controller yet.
func (l *Lab) AddNode(name string, o NodeOptions) *Node {
	n := l.newNode(name, o)
	if err := n.start(); err != nil {
		l.fatal("node %s: %v", name, err)
	}
	return n
}

// AddNodes makes several usual nodes at once.
func (l *Lab) AddNodes(names ...string) []*Node {
	nodes := make([]*Node, len(names))
	errs := make([]error, len(names))
	var group sync.WaitGroup
	for i, name := range names {
		n := l.newNode(name, NodeOptions{})
		nodes[i] = n
		group.Go(func() {
			if err := n.start(); err != nil {
				errs[i] = fmt.Errorf("node %s: %w", name, err)
			}
		})
	}
	group.Wait()
	if err := errors.Join(errs...); err != nil {
		l.fatal("%v", err)
	}
	return nodes
}

// newNode gives the node its numbers: which of them is made first must not depend on luck.
func (l *Lab) newNode(name string, o NodeOptions) *Node {
	l.mu.Lock()
	defer l.mu.Unlock()
	index := len(l.nodes)
	n := &Node{
		machine: machine{
			Name:   name,
			lab:    l,
			dir:    filepath.Join(l.Dir, name),
			mgmtIP: offset(controllerIP, index+1),
			dummy:  o.Dummy,
		},
		EncapIP:  o.EncapIP,
		options:  o,
		systemID: uuid.NewString(),
	}
	if !n.EncapIP.IsValid() {
		n.EncapIP = offset(encapFirst, index)
	}
	if n.options.UnderlayMTU == 0 {
		n.options.UnderlayMTU = 1500
	}
	n.OVS = n.tools()
	l.nodes = append(l.nodes, n)
	return n
}

func offset(ip netip.Addr, n int) netip.Addr {
	for range n {
		ip = ip.Next()
	}
	return ip
}

// Node returns the node with that name.
func (l *Lab) Node(name string) *Node {
	for _, n := range l.Nodes() {
		if n.Name == name {
			return n
		}
	}
	l.fatal("no node %s", name)
	return nil
}

// Nodes lists the nodes in the order in which they were added.
func (l *Lab) Nodes() []*Node {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.nodes)
}

// SystemID is the node's external_ids:system-id.
func (n *Node) SystemID() string { return n.systemID }

// SetTLS gives the node's Open vSwitch the files that it uses for ssl: targets.
func (n *Node) SetTLS(key, certificate, ca string) error {
	_, err := n.Vsctl("set-ssl", key, certificate, ca)
	return err
}

func (n *Node) start() error {
	began := time.Now()
	var err error
	if n.options.InController {
		n.ns = n.lab.ctl
	} else if n.ns, err = n.lab.addNamespace(n.Name); err != nil {
		return err
	}
	if err := os.Mkdir(n.dir, 0o755); err != nil {
		return err
	}
	if err := n.connectLinks(); err != nil {
		return err
	}
	if err := n.startServer(); err != nil {
		return err
	}
	if err := n.startVswitchd(); err != nil {
		return err
	}
	if err := n.configure(); err != nil {
		return err
	}
	if err := n.addressUnderlay(); err != nil {
		return err
	}
	n.lab.log("node %s: encapsulation address %s, up in %v", n.Name, n.EncapIP, time.Since(began).Round(time.Millisecond))
	return nil
}

// connectLinks lays the node's cables: to the controller, to the underlay, and to its physical networks.
func (n *Node) connectLinks() error {
	if !n.options.InController {
		if err := n.connectControl(); err != nil {
			return err
		}
	}
	if n.options.Dummy {
		return nil
	}
	if err := n.cable("eth0", n.lab.wire, underlayWire, n.options.UnderlayMTU); err != nil {
		return err
	}
	for i, physnet := range slices.Sorted(maps.Keys(n.options.Mappings)) {
		if n.options.Unwired {
			break
		}
		shared := n.options.Mappings[physnet] == underlayBridge
		wire, err := n.lab.physnet(physnet, shared)
		if err != nil {
			return err
		}
		if shared {
			continue
		}
		if err := n.cable(fmt.Sprintf("ph%d", i), n.lab.wire, wire, 1500); err != nil {
			return err
		}
	}
	return nil
}

// physnet returns the bridge that is the wire of a physical network, and makes it for its first user. shared: it is the
// underlay for one of its users.
func (l *Lab) physnet(name string, shared bool) (string, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	bridge, have := l.physnets[name]
	if have && shared && bridge != underlayWire {
		return "", fmt.Errorf("physical network %s has a wire of its own: the first node to name it says which it is", name)
	}
	if have {
		return bridge, nil
	}
	if bridge = underlayWire; !shared {
		bridge = fmt.Sprintf("physnet%d", len(l.physnets))
		if err := l.addWire(bridge); err != nil {
			return "", err
		}
	}
	l.physnets[name] = bridge
	return bridge, nil
}

// configure sets what a machine's installation would have set. It waits until ovs-vswitchd has taken it over.
func (n *Node) configure() error {
	args := []string{"set", "Open_vSwitch", ".", "external_ids:system-id=" + n.systemID}
	addBridge := func(bridge, port string, mtu int) {
		args = append(args, "--", "add-br", bridge,
			"--", "set", "Bridge", bridge, "datapath_type=netdev", "fail_mode=standalone",
			"--", "set", "Interface", bridge, fmt.Sprintf("mtu_request=%d", mtu))
		if port != "" {
			args = append(args, "--", "add-port", bridge, port)
		}
	}
	if !n.options.Dummy {
		addBridge(underlayBridge, "eth0", n.options.UnderlayMTU)
	}
	for i, physnet := range slices.Sorted(maps.Keys(n.options.Mappings)) {
		if n.options.Mappings[physnet] == underlayBridge {
			continue
		}
		port := fmt.Sprintf("ph%d", i)
		if n.options.Unwired {
			port = ""
		}
		addBridge(n.options.Mappings[physnet], port, 1500)
	}
	_, err := n.Vsctl(args...)
	return err
}

// addressUnderlay gives br-phy its address. br-phy is a tap interface of ovs-vswitchd, so this is due after each of
// its starts (on a machine, the network's configuration does it).
func (n *Node) addressUnderlay() error {
	if n.options.Dummy {
		return nil
	}
	if err := n.awaitInterface("br-phy"); err != nil {
		return err
	}
	return n.ns.ip(
		fmt.Sprintf("link set br-phy mtu %d up", n.options.UnderlayMTU),
		fmt.Sprintf("addr replace %s/%d dev br-phy", n.EncapIP, encapBits),
	)
}

// StartVswitchd starts ovs-vswitchd again, and returns when its bridges are there. They have no flow entries.
func (n *Node) StartVswitchd() error {
	if n.Vswitchd().Running() {
		return fmt.Errorf("node %s: ovs-vswitchd runs already", n.Name)
	}
	if err := n.startVswitchd(); err != nil {
		return err
	}
	if err := n.addressUnderlay(); err != nil {
		return err
	}
	return n.awaitBridges()
}

// RestartVswitchd kills ovs-vswitchd and starts it again.
func (n *Node) RestartVswitchd() error {
	n.KillVswitchd()
	return n.StartVswitchd()
}

// StopOVSDB ends ovsdb-server. Without it ovs-vswitchd loses the lock that it holds in the database, and until it is
// back does nothing: no OpenFlow and, on the userspace datapath, no forwarding. To cut OVSDB alone, see CutOVSDB.
func (n *Node) StopOVSDB() error { return n.OVSDBServer().Stop(5 * time.Second) }

// StartOVSDB starts ovsdb-server again on the same database.
func (n *Node) StartOVSDB() error {
	if n.OVSDBServer().Running() {
		return fmt.Errorf("node %s: ovsdb-server runs already", n.Name)
	}
	return n.startServer()
}

// Close ends the node as a machine that burns down: its processes, links and files are gone. VMs that were plugged
// into it live on without a network.
func (n *Node) Close() error {
	if n.options.InController {
		return fmt.Errorf("node %s is one machine with the controller", n.Name)
	}
	for _, p := range []*Process{n.Vswitchd(), n.OVSDBServer()} {
		if p != nil {
			p.Kill()
		}
	}
	n.lab.mu.Lock()
	n.lab.nodes = slices.DeleteFunc(n.lab.nodes, func(o *Node) bool { return o == n })
	n.lab.mu.Unlock()
	return errors.Join(n.lab.removeNamespace(n.ns), os.RemoveAll(n.dir))
}

// AttachCommand is the one command that an operator gives to attach the node to a controller, such as
// "tcp:198.18.0.1:6640", as words. planck-datapath-type is the lab's own: its kernel has no Open vSwitch.
func (n *Node) AttachCommand(controller string) []string {
	args := []string{"ovs-vsctl", "set", "Open_vSwitch", ".",
		"external_ids:hostname=" + n.Name,
		"external_ids:planck-encap-ip=" + n.EncapIP.String()}
	if len(n.options.Mappings) > 0 {
		var mappings []string
		for _, physnet := range slices.Sorted(maps.Keys(n.options.Mappings)) {
			mappings = append(mappings, physnet+":"+n.options.Mappings[physnet])
		}
		// Quoted for ovs-vsctl, to which a comma ends the value.
		args = append(args, `external_ids:planck-bridge-mappings="`+strings.Join(mappings, ",")+`"`)
	}
	if !n.options.Dummy {
		args = append(args, "external_ids:planck-datapath-type=netdev")
	}
	return append(args, "--", "set-manager", controller)
}

// Attach gives that command, and returns it as one line.
func (n *Node) Attach(controller string) string {
	command := n.AttachCommand(controller)
	if _, err := n.Vsctl(command[1:]...); err != nil {
		n.lab.fatal("attach node %s: %v", n.Name, err)
	}
	return strings.Join(command, " ")
}

// WarmTunnels has each node learn the MAC addresses of the others' encapsulation addresses. Without it the first
// packet of a tunnel is lost: the userspace datapath asks by ARP and does not keep the packet. (After some quiet, or
// when ovs-vswitchd is restarted, they are forgotten.)
func (l *Lab) WarmTunnels() {
	nodes := slices.DeleteFunc(l.Nodes(), func(n *Node) bool { return n.options.Dummy })
	errs := make([]error, len(nodes))
	var group sync.WaitGroup
	for i, n := range nodes {
		group.Go(func() {
			for _, peer := range nodes {
				if peer != n && errs[i] == nil {
					errs[i] = n.warmTunnel(peer)
				}
			}
		})
	}
	group.Wait()
	if err := errors.Join(errs...); err != nil {
		l.fatal("warm the tunnels: %v", err)
	}
}

// warmTunnel makes the node ask for a peer's MAC address. Open vSwitch learns from the answer alone, if it has a tunnel; and the kernel
// does not ask if the peer has asked it just before.
func (n *Node) warmTunnel(peer *Node) error {
	ports, err := n.Appctl("tnl/ports/show")
	if err != nil {
		return err
	}
	const attempts = 20
	var failure error
	for range attempts {
		// One ping may be lost: the peer flushes its own neighbours at the same time.
		silent, err := n.Exec("sh", "-c", fmt.Sprintf("ip neigh flush to %[1]s; ping -q -c 1 -W 1 %[1]s >/dev/null || echo silent", peer.EncapIP))
		if err != nil {
			return fmt.Errorf("node %s: %w", n.Name, err)
		}
		known, err := n.Appctl("tnl/neigh/show")
		switch {
		case err != nil:
			return err
		case silent != "":
			failure = fmt.Errorf("node %s: no answer over the underlay from %s", n.Name, peer.Name)
		case strings.Contains(known, peer.EncapIP.String()+" ") || !strings.Contains(ports, "vxlan"):
			return nil
		default:
			failure = fmt.Errorf("node %s: Open vSwitch does not learn the MAC address of %s", n.Name, peer.Name)
		}
	}
	return failure
}

// Mapping is the node's bridge of a physical network.
func (n *Node) Mapping(physicalNetwork string) string { return n.options.Mappings[physicalNetwork] }
