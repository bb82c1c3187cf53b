package lab

import "fmt"

// What is cut is cut by policy routing on the node: its packets to the controller (or only those to one TCP port)
// find a black hole. Connections that stand get no more acknowledgements, new ones do not come about, and neither
// side is told, as when a cable is pulled.

// The ports that DESIGN.md gives planckd.
const (
	OVSDBPort    = 6640
	OpenFlowPort = 6653
)

// CutControl cuts the machine off from the controller, for OVSDB and OpenFlow.
func (m *machine) CutControl() { m.rule("add", "") }

// RestoreControl ends CutControl.
func (m *machine) RestoreControl() { m.rule("del", "") }

// CutOVSDB cuts the node's OVSDB connection to the controller; OpenFlow goes on.
func (n *Node) CutOVSDB() { n.rule("add", fmt.Sprint("ipproto tcp dport ", OVSDBPort)) }

// RestoreOVSDB ends CutOVSDB.
func (n *Node) RestoreOVSDB() { n.rule("del", fmt.Sprint("ipproto tcp dport ", OVSDBPort)) }

// CutOpenFlow cuts the node's OpenFlow connection to the controller; OVSDB goes on.
func (n *Node) CutOpenFlow() { n.rule("add", fmt.Sprint("ipproto tcp dport ", OpenFlowPort)) }

// RestoreOpenFlow ends CutOpenFlow.
func (n *Node) RestoreOpenFlow() { n.rule("del", fmt.Sprint("ipproto tcp dport ", OpenFlowPort)) }

func (m *machine) rule(verb, what string) {
	if err := m.ns.ip(fmt.Sprintf("rule %s to %s %s blackhole", verb, controllerIP, what)); err != nil {
		m.lab.fatal("%s: %v", m.Name, err)
	}
}

// CutUnderlay pulls the node's cable to the other nodes.
func (n *Node) CutUnderlay() { n.link("eth0", "down") }

// RestoreUnderlay ends CutUnderlay.
func (n *Node) RestoreUnderlay() { n.link("eth0", "up") }

func (m *machine) link(name, to string) {
	if err := m.ns.ip("link set " + name + " " + to); err != nil {
		m.lab.fatal("%s: %v", m.Name, err)
	}
}
