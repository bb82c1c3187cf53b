package lab

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/digitalocean/go-openvswitch/ovs"
)

// env points Open vSwitch's tools to the node's own daemons.
func (n *Node) env() []string {
	return []string{"OVS_RUNDIR=" + n.dir, "OVS_LOGDIR=" + n.dir, "OVS_DBDIR=" + n.dir, "OVS_SYSCONFDIR=" + n.dir}
}

// run is the hook through which go-openvswitch runs its commands.
func (n *Node) run(name string, args ...string) ([]byte, error) {
	out, err := n.ns.exec(n.env(), "", name, args...)
	return []byte(out), err
}

// pipe is run for commands that read standard input.
func (n *Node) pipe(stdin io.Reader, name string, args ...string) ([]byte, error) {
	text, err := io.ReadAll(stdin)
	if err != nil {
		return nil, err
	}
	out, err := n.ns.exec(n.env(), string(text), name, args...)
	return []byte(out), err
}

// Vsctl runs ovs-vsctl on the node. It returns once ovs-vswitchd has taken over what it changed.
func (n *Node) Vsctl(args ...string) (string, error) {
	return n.ns.exec(n.env(), "", "ovs-vsctl", append([]string{"--timeout=10"}, args...)...)
}

// Ofctl runs ovs-ofctl with OpenFlow 1.3 on the node.
func (n *Node) Ofctl(args ...string) (string, error) {
	return n.ns.exec(n.env(), "", "ovs-ofctl", append([]string{"-OOpenFlow13", "--timeout=20"}, args...)...)
}

// Appctl runs ovs-appctl against the node's ovs-vswitchd.
func (n *Node) Appctl(args ...string) (string, error) {
	return n.ns.exec(n.env(), "", "ovs-appctl", append([]string{"--timeout=10"}, args...)...)
}

// WaitRevalidated waits until the datapath forwards by the present entries. ovs-vswitchd confirms entries with a barrier before it has
// looked through what the datapath remembers of earlier packets.
func (n *Node) WaitRevalidated() error {
	_, err := n.Appctl("revalidator/wait")
	return err
}

// ForgetPackets has the datapath forget all earlier packets. The userspace datapath of Open vSwitch 3.1.0 may go on by what it
// remembers, even after WaitRevalidated: of two of its entries that overlap it may change the wrong one, and the other
// stays as it was for as long as packets use it. (Seen with entries for TCP and for any protocol, for over 20 s;
// ofproto/trace said otherwise.)
func (n *Node) ForgetPackets() {
	if _, err := n.Appctl("revalidator/purge"); err != nil {
		n.lab.fatal("node %s: %v", n.Name, err)
	}
}

// AddFlows adds flow entries in ovs-ofctl's syntax, one a line, to a bridge.
func (n *Node) AddFlows(bridge string, flows ...string) error {
	_, err := n.ns.exec(n.env(), strings.Join(flows, "\n")+"\n", "ovs-ofctl", "-OOpenFlow13", "--timeout=20", "--bundle", "add-flows", bridge, "-")
	return err
}

// Entries lists what a bridge holds, one flow entry, group or meter a line in ovs-ofctl's syntax, without durations
// and counters, sorted: equal lists are equal tables. On a large table it is work for ovs-vswitchd.
func (n *Node) Entries(bridge string) ([]string, error) {
	var entries []string
	for _, what := range []string{"dump-flows", "dump-groups", "dump-meters"} {
		args := []string{what, bridge}
		if what == "dump-flows" {
			args = append([]string{"--no-stats", "--no-names"}, args...)
		}
		out, err := n.Ofctl(args...)
		if err != nil {
			return nil, err
		}
		if what == "dump-meters" {
			out = strings.ReplaceAll(out, "\ntype=", " type=") // its bands stand on lines of their own
		}
		for line := range strings.Lines(out) {
			line = strings.TrimSpace(line)
			if line != "" && !strings.HasPrefix(line, "OFPST_") { // the reply's header
				entries = append(entries, line)
			}
		}
	}
	slices.Sort(entries)
	return entries, nil
}

// Trace asks ofproto/trace what the bridge would do with a packet that comes in by a port.
func (n *Node) Trace(bridge string, inPort uint32, protocol ovs.Protocol, matches ...ovs.Match) (*ovs.ProtoTrace, error) {
	// Without a port, Open vSwitch answers in_port=ANY, which go-openvswitch cannot parse.
	return n.OVS.App.ProtoTrace(bridge, protocol, append([]ovs.Match{ovs.InPortMatch(int(inPort))}, matches...))
}

// Ofport is the number of an interface on its bridge.
func (n *Node) Ofport(name string) (uint32, error) {
	out, err := n.Vsctl("get", "Interface", name, "ofport")
	if err != nil {
		return 0, err
	}
	var port uint32
	if _, err := fmt.Sscan(out, &port); err != nil || port == 0 {
		return 0, fmt.Errorf("interface %s of node %s has ofport %s", name, n.Name, strings.TrimSpace(out))
	}
	return port, nil
}

// Shell is a line that runs a command on the node from the host, for people to copy.
func (n *Node) Shell(command string) string {
	return fmt.Sprintf("nsenter --net=%s env OVS_RUNDIR=%s %s", n.ns.path(), n.dir, command)
}
