package lab

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/digitalocean/go-openvswitch/ovs"
)

// env points Open vSwitch's tools to the machine's own daemons.
func (m *machine) env() []string {
	return []string{"OVS_RUNDIR=" + m.dir, "OVS_LOGDIR=" + m.dir, "OVS_DBDIR=" + m.dir, "OVS_SYSCONFDIR=" + m.dir}
}

// run is the hook through which go-openvswitch runs its commands.
func (m *machine) run(name string, args ...string) ([]byte, error) {
	out, err := m.ns.exec(m.env(), "", name, args...)
	return []byte(out), err
}

// pipe is run for commands that read standard input.
func (m *machine) pipe(stdin io.Reader, name string, args ...string) ([]byte, error) {
	text, err := io.ReadAll(stdin)
	if err != nil {
		return nil, err
	}
	out, err := m.ns.exec(m.env(), string(text), name, args...)
	return []byte(out), err
}

// Vsctl runs ovs-vsctl on the machine. It returns once ovs-vswitchd has taken over what it changed.
func (m *machine) Vsctl(args ...string) (string, error) {
	return m.ns.exec(m.env(), "", "ovs-vsctl", append([]string{"--timeout=10"}, args...)...)
}

// Ofctl runs ovs-ofctl with OpenFlow 1.3 on the machine.
func (m *machine) Ofctl(args ...string) (string, error) {
	return m.ns.exec(m.env(), "", "ovs-ofctl", append([]string{"-OOpenFlow13", "--timeout=20"}, args...)...)
}

// Appctl runs ovs-appctl against the machine's ovs-vswitchd.
func (m *machine) Appctl(args ...string) (string, error) {
	return m.ns.exec(m.env(), "", "ovs-appctl", append([]string{"--timeout=10"}, args...)...)
}

// WaitRevalidated waits until the datapath forwards by the present entries. ovs-vswitchd confirms entries with a barrier before it has
// looked through what the datapath remembers of earlier packets.
func (m *machine) WaitRevalidated() error {
	_, err := m.Appctl("revalidator/wait")
	return err
}

// ForgetPackets has the datapath forget all earlier packets. The userspace datapath of Open vSwitch 3.1.0 may go on by what it
// remembers, even after WaitRevalidated: of two of its entries that overlap it may change the wrong one, and the other
// stays as it was for as long as packets use it. (Seen with entries for TCP and for any protocol, for over 20 s;
// ofproto/trace said otherwise.)
func (m *machine) ForgetPackets() {
	if _, err := m.Appctl("revalidator/purge"); err != nil {
		m.lab.fatal("%s: %v", m.Name, err)
	}
}

// AddFlows adds flow entries in ovs-ofctl's syntax, one a line, to a bridge.
func (m *machine) AddFlows(bridge string, flows ...string) error {
	_, err := m.ns.exec(m.env(), strings.Join(flows, "\n")+"\n", "ovs-ofctl", "-OOpenFlow13", "--timeout=20", "--bundle", "add-flows", bridge, "-")
	return err
}

// Entries lists what a bridge holds, one flow entry, group or meter a line in ovs-ofctl's syntax, without durations
// and counters, sorted: equal lists are equal tables. On a large table it is work for ovs-vswitchd.
func (m *machine) Entries(bridge string) ([]string, error) {
	var entries []string
	for _, what := range []string{"dump-flows", "dump-groups", "dump-meters"} {
		args := []string{what, bridge}
		if what == "dump-flows" {
			args = append([]string{"--no-stats", "--no-names"}, args...)
		}
		out, err := m.Ofctl(args...)
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
func (m *machine) Trace(bridge string, inPort uint32, protocol ovs.Protocol, matches ...ovs.Match) (*ovs.ProtoTrace, error) {
	// Without a port, Open vSwitch answers in_port=ANY, which go-openvswitch cannot parse.
	return m.OVS.App.ProtoTrace(bridge, protocol, append([]ovs.Match{ovs.InPortMatch(int(inPort))}, matches...))
}

// Ofport is the number of an interface on its bridge.
func (m *machine) Ofport(name string) (uint32, error) {
	out, err := m.Vsctl("get", "Interface", name, "ofport")
	if err != nil {
		return 0, err
	}
	var port uint32
	if _, err := fmt.Sscan(out, &port); err != nil || port == 0 {
		return 0, fmt.Errorf("interface %s of %s has ofport %s", name, m.Name, strings.TrimSpace(out))
	}
	return port, nil
}

// Shell is a line that runs a command on the machine from the host, for people to copy.
func (m *machine) Shell(command string) string {
	return fmt.Sprintf("nsenter --net=%s env OVS_RUNDIR=%s %s", m.ns.path(), m.dir, command)
}
