package inspect

import (
	"fmt"
	"slices"
	"time"

	"github.com/planck-sdn/planck/apps/guard"
	"github.com/planck-sdn/planck/apps/pipeline"
	"github.com/planck-sdn/planck/controller/reconcile"
	"github.com/planck-sdn/planck/model"
	"github.com/planck-sdn/planck/model/flow"
	"github.com/planck-sdn/planck/model/topology"
	"github.com/planck-sdn/planck/southbound/openflow"
)

// away says why nothing can be asked of the port's switch; empty: it can be.
func (x *examination) away() string {
	switch {
	case x.virtual():
		return "not of one node"
	case x.s == nil:
		return "its switch cannot be asked"
	case !x.placed || x.at.Node != x.node.Number:
		return "it has no place on its node"
	}
	return ""
}

func (x *examination) entries() (string, string) {
	if reason := x.away(); reason != "" {
		return unknown, reason
	}
	list, err := x.s.Flows(x.ctx, topology.Unit{Ref: x.port.Ref()})
	if err != nil {
		return unknown, err.Error()
	}
	missing := 0
	for _, l := range list {
		if !l.Present {
			missing++
		}
	}
	switch {
	case len(list) == 0:
		return wrong, fmt.Sprintf("No flow entry is wanted for it on node %s", x.node.Hostname)
	case missing > 0:
		return wrong, fmt.Sprintf("Node %s has not confirmed %d of its %d flow entries", x.node.Hostname, missing, len(list))
	}
	return fine, fmt.Sprintf("node %s has confirmed its %d flow entries", x.node.Hostname, len(list))
}

// refusals looks for what the switch has refused of the port and of what it depends on.
func (x *examination) refusals() (string, string) {
	if x.s == nil {
		return unknown, "its switch cannot be asked"
	}
	sum, err := x.s.Summary(x.ctx)
	if err != nil {
		return unknown, err.Error()
	}
	mine := []model.Ref{x.port.Ref(), x.network.Ref(), x.node.Ref()}
	for _, g := range x.view.SecurityGroupsOf(x.port) {
		mine = append(mine, g.Ref())
	}
	for _, r := range x.view.RoutersOn(x.network.Number) {
		mine = append(mine, model.Ref{Kind: model.KindRouter, Number: r})
	}
	for u, reason := range sum.Quarantined {
		if slices.Contains(mine, u.Ref) {
			return wrong, fmt.Sprintf("The entries of %s are left out on node %s: %s", owner(x.view, u.Ref), x.node.Hostname, reason)
		}
	}
	return fine, fmt.Sprintf("node %s has refused nothing of it", x.node.Hostname)
}

// tables reads the switch: what is there of the port's entries, and what does not belong there.
func (x *examination) tables() (string, string) {
	if reason := x.away(); reason != "" {
		return unknown, reason
	}
	session, ok := x.s.Connection().(*openflow.Session)
	if !ok {
		return unknown, "its switch cannot be asked"
	}
	wanted, err := x.s.Flows(x.ctx)
	if err != nil {
		return unknown, err.Error()
	}
	x.counters = map[flow.Key]openflow.FlowStats{}
	if err := session.ReadStats(x.ctx, func(f openflow.FlowStats) { x.counters[f.Flow.Key()] = f }); err != nil {
		x.counters = nil
		return unknown, fmt.Sprintf("node %s does not tell: %v", x.node.Hostname, err)
	}
	known := map[flow.Key]bool{}
	var damage []string
	for _, l := range wanted {
		if !l.Wanted {
			continue
		}
		key := l.Entry.Key()
		known[key] = true
		if held, there := x.counters[key]; !there || held.Flow != l.Entry {
			what := "lacks"
			if there {
				what = "has another entry in place of"
			}
			damage = append(damage, fmt.Sprintf("%s %s, of %s", what, x.text(l.Entry), owner(x.view, l.Owners[0].Ref)))
		}
	}
	for key, held := range x.counters {
		if !known[key] && !(held.Flow.Cookie().IsPlanck() && held.Flow.HardTimeout() != 0) {
			damage = append(damage, fmt.Sprintf("has %s, which nothing asks for", x.text(held.Flow)))
		}
	}
	if len(damage) == 0 {
		return fine, fmt.Sprintf("node %s holds its %d flow entries as they should be, and no others", x.node.Hostname, len(known))
	}
	slices.Sort(damage)
	const most = 3
	evidence := fmt.Sprintf("Somebody has changed the tables of node %s: it %s", x.node.Hostname, list(damage[:min(most, len(damage))], ""))
	if len(damage) > most {
		evidence += fmt.Sprintf(", and %d more", len(damage)-most)
	}
	return wrong, evidence + " (planckctl check --node " + x.node.Hostname + ")"
}

// text is an entry of the node's switch in ovs-ofctl syntax, with names of tables.
func (x *examination) text(f flow.Encoded) string {
	e, err := f.Decode()
	if err != nil {
		return "an entry that Planck cannot read"
	}
	return flow.Format(e, pipeline.NamesOf(x.node))
}

// count adds up the packets of the port's own entries that are chosen.
func (x *examination) count(of func(flow.Encoded) bool) (packets uint64) {
	ref := x.port.Ref()
	for _, c := range x.counters {
		cookie := c.Flow.Cookie()
		if cookie.IsPlanck() && model.Kind(cookie.Kind()) == ref.Kind && model.Number(cookie.Number()) == ref.Number && of(c.Flow) {
			packets += c.Packets
		}
	}
	return packets
}

func inTable(t *pipeline.Table) func(flow.Encoded) bool {
	return func(f flow.Encoded) bool { return f.Table() == t.ID }
}

func (x *examination) sends() (string, string) {
	if x.counters == nil {
		return unknown, "the switch's counters are not known"
	}
	first, check := pipeline.Classify, pipeline.Guard
	if x.port.IsBareMetal() {
		first, check = pipeline.SwitchPort, pipeline.SwitchGuard
	}
	sent, passed := x.count(inTable(first)), x.count(inTable(check))
	if sent == 0 {
		return unknown, "it has sent nothing since its entries are there: is the server up, and its interface?"
	}
	return fine, fmt.Sprintf("it has sent %d packets, of which the guard knows %d as its own", sent, passed)
}

// guard waits a moment for something that is dropped because of its source.
func (x *examination) guard() (string, string) {
	if reason := x.away(); reason != "" {
		return unknown, reason
	}
	if !x.port.PortSecurityEnabled {
		return none, "port security is off: it may send from any address"
	}
	if x.port.IsBareMetal() {
		return none, fmt.Sprintf("its switch drops what it sends from other addresses than its own, and does not tell. They are %s", x.sources())
	}
	began := x.Now()
	for _, e := range guard.Sample(x.network, x.port, x.at.Ofport) {
		x.s.Pass(e)
	}
	const patience, look = 1500 * time.Millisecond, 20 * time.Millisecond
	limit := time.NewTimer(patience)
	defer limit.Stop()
	tick := time.NewTicker(look)
	defer tick.Stop()
	for {
		if seen := x.s.Observed(x.port.Number, guard.App.Name); seen.At.After(began) {
			return wrong, fmt.Sprintf("The guard drops what it sends, as no source address of its own: %s. Its addresses are %s", seen.Text, x.sources())
		}
		select {
		case <-tick.C:
		case <-limit.C:
			return fine, fmt.Sprintf("within %s it has sent nothing from an address that is not its own", patience)
		case <-x.ctx.Done():
			return unknown, x.ctx.Err().Error()
		}
	}
}

// sources are the addresses from which the port may send.
func (x *examination) sources() string {
	var texts []string
	for _, f := range x.port.FixedIPs {
		texts = append(texts, fmt.Sprintf("%s at %s", f.IPAddress, x.port.MAC))
	}
	for _, p := range x.port.AllowedAddressPairs {
		texts = append(texts, fmt.Sprintf("%s at %s", p.IP, p.MAC))
	}
	return list(texts, "none")
}

func (x *examination) dhcp() (string, string) {
	served := false
	for _, s := range x.view.SubnetsOf(x.network.Number) {
		served = served || s.EnableDHCP && slices.ContainsFunc(x.port.FixedIPs, func(f model.FixedIP) bool { return f.SubnetID == s.ID })
	}
	var seen reconcile.Observation
	if x.s != nil {
		seen = x.s.Observed(x.port.Number, "dhcp")
	}
	switch {
	case x.virtual():
		return none, "no server"
	case len(x.port.FixedIPs) == 0:
		return wrong, "It has no fixed IP: there is nothing that DHCP could tell it"
	case !served:
		return none, "DHCP is disabled in the subnets of its fixed IPs (openstack subnet set --dhcp): the server must have its address from elsewhere"
	case seen.Text == "" && x.s != nil:
		return unknown, "no DHCP request has been seen from it since this planckd has run"
	case seen.Text == "":
		return unknown, "its switch cannot be asked"
	}
	return fine, "last at " + observed(seen)
}

func (x *examination) arp() (string, string) {
	if x.counters == nil {
		return unknown, "the switch's counters are not known"
	}
	if x.port.IsBareMetal() {
		return x.asksByARP()
	}
	if !x.port.PortSecurityEnabled {
		return none, "port security is off: its ARP is not counted"
	}
	n := x.count(func(f flow.Encoded) bool {
		e, err := f.Decode()
		return err == nil && e.Table == pipeline.Guard.ID &&
			slices.ContainsFunc(e.Match, func(m flow.FieldMatch) bool { return m.Field == flow.EthType && m.Value == pipeline.EthTypeARP })
	})
	if n == 0 {
		return unknown, "it has sent no ARP from its own addresses: it has looked for nobody yet"
	}
	return fine, fmt.Sprintf("it has sent %d ARP packets from its own addresses", n)
}

// addresses looks for others that may use the port's.
func (x *examination) addresses() (string, string) {
	for _, p := range x.view.OwnersOf(x.network.Number, x.port.MAC) {
		if p.Number != x.port.Number {
			return wrong, fmt.Sprintf("%s may send from its MAC address %s, too", named("Port", p.ID, p.Name), x.port.MAC)
		}
	}
	for _, f := range x.port.FixedIPs {
		for _, c := range x.view.ClaimsOf(x.network.Number, f.IPAddress) {
			if c.Port.Number != x.port.Number {
				return wrong, fmt.Sprintf("%s may use its address %s, too: nobody answers for it", named("Port", c.Port.ID, c.Port.Name), f.IPAddress)
			}
		}
	}
	return fine, "nobody else in the network may use its addresses"
}

func (x *examination) groups() (string, string) {
	if x.virtual() {
		return none, "no security groups"
	}
	if x.port.IsBareMetal() {
		return none, "a physical switch tracks no connections: ports of bare metal have no security groups"
	}
	if !x.port.PortSecurityEnabled {
		return none, "port security is off: everything passes"
	}
	groups := x.view.SecurityGroupsOf(x.port)
	if len(groups) == 0 {
		return wrong, "It has port security and no security group: nothing passes but ARP and DHCP"
	}
	var names []string
	in, out := 0, 0
	for _, g := range groups {
		names = append(names, called(g.ID, g.Name))
		for _, r := range g.Rules {
			switch {
			case r.EtherType != model.EtherTypeIPv4:
			case r.Direction == model.Ingress:
				in++
			default:
				out++
			}
		}
	}
	switch {
	case in+out == 0:
		return wrong, fmt.Sprintf("Its security groups have no rule for IPv4: %s", list(names, ""))
	case out == 0:
		return fine, fmt.Sprintf("%s: no egress rule: it can begin no connection", list(names, ""))
	case in == 0:
		return fine, fmt.Sprintf("%s: no ingress rule: nobody can begin a connection to it", list(names, ""))
	}
	return fine, fmt.Sprintf("%s: %d ingress and %d egress rules for IPv4 (planckctl trace says what they let through)", list(names, ""), in, out)
}
