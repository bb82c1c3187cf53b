package verify

import (
	"fmt"
	"math/bits"
	"slices"

	"github.com/planck-sdn/planck/apps/l2"
	"github.com/planck-sdn/planck/apps/pipeline"
	"github.com/planck-sdn/planck/model"
	"github.com/planck-sdn/planck/model/flow"
)

func shiftOf(mask uint64) int { return bits.TrailingZeros64(mask) }

// execution is an entry, or a bucket, that packets with a label meet.
type execution struct {
	*explorer
	state int32 // where they are
	entry int32 // none: a bucket
	l     *label
	arp   bool              // they are ARP or RARP, says the match
	meter uint32            // that they have passed
	group uint32            // of the bucket
	extra []flow.FieldMatch // what they have besides, for a violation
}

// to lets them go on in a table, or anyGroup and a group.
func (r *execution) to(at int32) {
	r.outcomes = append(r.outcomes, outcome{spot{at, *r.l}, r.entry})
}

func (r *execution) actions(list []flow.Action) {
	l := r.l
	for _, a := range list {
		switch a := a.(type) {
		case flow.Output:
			r.output(a.Port, r.meter)
		case flow.Punt:
			r.output(flow.PortController, a.Meter)
		case flow.ToGroup:
			if g, ok := r.groupAt[a.ID]; ok {
				r.to(anyGroup + g)
			}
		case flow.SetField:
			r.set(a)
		case flow.Move:
			var written fieldSet
			written.write(a.To, 1<<a.Bits-1, false)
			l.forget(written)
			if written.ids&(idNet|idRouter) != 0 {
				r.violation(ContractRouter, "computes its network or router from a header")
			}
			l.peer = l.peer && a.To != flow.TunnelSrc
		case flow.CheckLarger:
			var written fieldSet
			written.write(a.To, 1<<a.Bit, false)
			l.forget(written)
		case flow.PushVLAN:
			if l.vlan == 0 {
				l.vlan = 0x1000
			} else {
				l.vlan = unknown
			}
			r.disguised()
		case flow.PopVLAN:
			if l.stage == unlabelled && l.popped == 0 {
				l.popped = l.vlan
			}
			l.vlan = 0 // a second tag is what table from_wire is held against
		case flow.Resubmit:
			r.resubmit(a.Table)
		case flow.Conntrack:
			if a.Next != flow.NoTable {
				r.to(int32(a.Next))
			}
		case flow.DecTTL, flow.Conjunction:
		default:
			r.violation(ContractReadable, "does something that Planck cannot read")
		}
	}
}

func (r *execution) resubmit(table uint8) {
	if table == 255 && r.entry != none {
		table = r.entries[r.entry].Table
	}
	if table == pipeline.Groups.ID {
		switch r.l.stage {
		case guarded:
			r.l.stage = asked
		case addressed:
			r.l.stage = askedThere
		}
	}
	r.to(int32(table))
	changes := r.changes[table]
	if r.l.forget(changes); changes.ids&idKey != 0 {
		r.l.stage = min(r.l.stage, addressed) // to whom is not known
	}
}

// disguised notes that packets no longer have the tag that they came with: it says nothing about their network.
func (r *execution) disguised() {
	if r.l.stage == unlabelled {
		r.l.popped = unknown
	}
}

func (r *execution) set(a flow.SetField) {
	l, whole := r.l, a.Mask == a.Field.AllOnes()
	switch a.Field {
	case flow.Metadata:
		r.metadata(a.Value, a.Mask)
	case pipeline.Router:
		if !whole {
			l.router = unknown
			r.violation(ContractRouter, "computes its router")
			return
		}
		r.enter(uint32(a.Value))
	case flags:
		l.flags = l.flags&^uint32(a.Mask) | uint32(a.Value)
		l.flagsOf |= uint32(a.Mask)
		if uint32(a.Value&a.Mask)&allowedMask != 0 {
			r.allow()
		}
	case flow.Reg3:
		if r.entry != none && r.entries[r.entry].Table == pipeline.Groups.ID {
			r.ask(a.Value)
		}
	case flow.TunnelID:
		l.peer = l.peer && l.tunnel == a.Value // no key but the one it came with says anything about its network
		if l.tunnel = anyTunnel; whole {
			l.tunnel = a.Value
		}
	case flow.TunnelDst:
		if l.to = anyTunnel; whole {
			l.to = a.Value
		}
	case flow.TunnelSrc:
		l.peer = false
	case flow.VLANVID:
		if l.vlan == 0x1000 && whole { // the tag that was pushed just now
			l.vlan = uint32(a.Value)
		} else {
			l.vlan = unknown
		}
		r.disguised()
	case flow.InPort:
		l.in = uint32(a.Value)
		if l.in != 0 {
			r.violation(ContractLabel, "has packets come by %s that have not", portName(l.in))
		}
	}
}

// metadata writes bits of metadata, and judges what becomes of the label.
func (r *execution) metadata(value, mask uint64) {
	l := r.l
	old := *l
	write := func(field *uint32, part uint64) {
		switch m := mask & part; {
		case m == part:
			*field = uint32(value & part >> shiftOf(part))
		case m != 0 && (*field == unknown || *field == keep):
			*field = unknown
		case m != 0:
			*field = *field&^uint32(m>>shiftOf(part)) | uint32(value&m>>shiftOf(part))
		}
	}
	write(&l.net, networkMask)
	write(&l.key, portMask)
	l.meta = l.meta&^uint32(mask>>restBit) | uint32(value&mask>>restBit)
	l.metaOf |= uint32(mask >> restBit)
	if mask&networkMask != 0 && (l.net != old.net || l.net == unknown) {
		r.network(old.net)
	}
	if mask&portMask != 0 && old.stage != unlabelled {
		r.address()
	}
}

// network judges a new network in the label: the one to which the packet belongs as it comes in, or one that its router is on.
func (r *execution) network(old uint32) {
	l := r.l
	if l.stage == unlabelled {
		r.label()
		return
	}
	to, known := r.site.routers[l.router]
	switch {
	case !known:
		r.violation(ContractRouter, "puts packets of %s into %s, and no router has them", r.net(old), r.net(l.net))
	case !to.networks[l.net]:
		r.violation(ContractRouter, "has router %s put packets into %s, on which it is not", nameOf(to.ID, to.Name), r.net(l.net))
	}
	l.from = fromRouter
}

// label judges the first label of a packet.
func (r *execution) label() {
	l := r.l
	l.peer = l.peer && l.in == r.site.node.TunnelPort
	switch p := r.site.ports[l.in]; {
	case p != nil:
		l.from, l.stage = fromPort, labelled
		if l.net != uint32(p.network.Key) {
			r.violation(ContractLabel, "labels what port %s sends with %s, and the port is in %s", nameOf(p.ID, p.Name), r.net(l.net), r.net(uint32(p.network.Key)))
		}
		if l.vlan != 0 {
			r.violation(ContractLabel, "takes tagged frames from port %s", nameOf(p.ID, p.Name))
		}
		l.vlan = 0
	case l.in != 0 && l.in == r.site.node.TunnelPort:
		l.from, l.stage = fromTunnel, sent
		switch {
		case !l.peer:
			r.violation(ContractLabel, "takes tunnel packets from addresses that are no node's")
		case l.tunnel != uint64(l.net):
			r.violation(ContractLabel, "labels tunnel packets with %s that have not its key", r.net(l.net))
		}
		l.vlan = 0 // no node sends tagged frames into a tunnel: contract tunnel
	case r.site.patches[l.in] != "":
		l.from, l.stage = fromWire, labelled
		tagged := l.popped
		if tagged == 0 {
			tagged = l.vlan
		}
		n := r.site.networks[l.net]
		switch {
		case n == nil || !r.site.onWire(n, l.in):
			r.violation(ContractLabel, "labels frames of physical network %s with %s, which is not on it", r.site.patches[l.in], r.net(l.net))
		case tagged != tag(n):
			r.violation(ContractLabel, "labels frames of physical network %s with %s that have not its tag", r.site.patches[l.in], r.net(l.net))
		}
		l.vlan = 0
	default:
		l.from, l.stage = fromNowhere, sent
		r.violation(ContractLabel, "lets in packets that come by %s, which is no port of a network", portName(l.in))
	}
	l.popped, l.peer = 0, false
}

// labelledWhole judges the rest of a label, when the entry that wrote it is done.
func (r *execution) labelledWhole() {
	l := r.l
	if l.from == fromNowhere || l.net == 0 { // said already; or handed to a router
		return
	}
	origin := pipeline.FromPort
	switch l.from {
	case fromTunnel:
		origin = pipeline.FromTunnelPeer
	case fromWire:
		origin = pipeline.FromBridge
	}
	want := uint32(pipeline.CameFrom(origin).Value >> restBit)
	if l.metaOf&(originMask|routedMask) != originMask|routedMask || l.meta&(originMask|routedMask) != want {
		r.violation(ContractLabel, "does not say truly where packets of %s come from", r.net(l.net))
	}
	if l.from != fromPort {
		return
	}
	if l.key != l.in {
		r.violation(ContractLabel, "labels what comes by port %d with the key of port %d", l.in, l.key)
	}
	l.in = sender
}

// address judges a new port key in the label.
func (r *execution) address() {
	l := r.l
	if l.key == 0 { // none
		if l.stage > sent {
			l.stage = sent
		}
		return
	}
	r.leaves()
	l.stage = addressed
}

// leaves judges whether packets may leave the port that sent them.
func (r *execution) leaves() bool {
	switch {
	case r.l.stage == labelled && r.l.from == fromWire:
		r.violation(ContractSource, "sends on what came from a mapped bridge and has not been through table from_wire")
	case r.l.stage == labelled:
		r.violation(ContractSource, "sends on packets of a port that have not been through the guard")
	case (r.l.stage == guarded || r.l.stage == asked) && !r.arp:
		r.violation(ContractGroups, "sends on packets of a port that its security groups have not let through")
	default:
		return true
	}
	return false
}

// enter judges that packets come into a router.
func (r *execution) enter(key uint32) {
	l := r.l
	l.router = key
	if key == 0 {
		return
	}
	to, known := r.site.routers[key]
	switch {
	case !known:
		r.violation(ContractRouter, "hands packets of %s to router %#x, which the node has not", r.net(l.net), key)
	case l.stage == unlabelled:
		if l.in == 0 || l.in != r.site.node.TunnelPort || !l.peer || l.tunnel != uint64(key) {
			r.violation(ContractLabel, "hands packets to router %s that have not come from a node under its key", nameOf(to.ID, to.Name))
		}
	case !to.networks[l.net]:
		r.violation(ContractRouter, "hands packets of %s to router %s, which is not on it", r.net(l.net), nameOf(to.ID, to.Name))
	}
	l.from = fromRouter
	if l.stage == unlabelled {
		l.stage, l.vlan, l.popped, l.peer = sent, 0, 0, false
	}
}

// allow judges that packets are marked as let through by security groups.
func (r *execution) allow() {
	if r.entry != none && r.entries[r.entry].Table == pipeline.GroupRules.ID {
		for _, m := range r.entries[r.entry].Match {
			if m.Field == flow.Reg3 && m.Mask == m.Field.AllOnes() {
				return
			}
		}
		r.violation(ContractGroups, "lets packets through whatever security group is asked")
		return
	}
	if p := r.port(); p == nil || p.PortSecurityEnabled {
		r.violation(ContractGroups, "marks packets as let through that no rule of a security group has")
	}
}

// ask judges which security group is asked for a port.
func (r *execution) ask(group uint64) {
	if p := r.port(); p == nil || !p.groups[group] {
		r.violation(ContractGroups, "asks security group %d, which is not one of the port's", group)
	}
}

// port is the port whose key the label has, if it is in the label's network.
func (r *execution) port() *local {
	if p := r.site.ports[r.l.key]; p != nil && uint32(p.network.Key) == r.l.net {
		return p
	}
	return nil
}

// output judges what leaves the switch.
func (r *execution) output(port, meter uint32) {
	l := r.l
	switch {
	case port == flow.PortController:
		if meter == 0 || !r.meters[meter] {
			r.violation(ContractPunt, "sends packets to the controller without a meter")
		}
		return
	case port == flow.PortInPort:
		r.back()
		return
	case port == l.in: // the switch does not send it back (OpenFlow 1.3.5, 4.5)
		return
	case l.stage == unlabelled:
		r.violation(ContractLabel, "outputs to %s what has no label", portName(port))
		return
	}
	switch {
	case port == r.site.node.TunnelPort:
		r.intoTunnel()
	case r.site.patches[port] != "":
		r.ontoWire(port)
	case r.site.ports[port] != nil:
		r.deliver(r.site.ports[port])
	default:
		r.violation(ContractDeliver, "outputs packets of %s to %s, where no port is attached", r.net(l.net), portName(port))
	}
}

// back judges what goes back to where it came from.
func (r *execution) back() {
	l := r.l
	switch {
	case l.in == sender, l.in == 0: // to who sent it; nowhere
	case l.in != unknown && r.site.patches[l.in] != "" && l.stage != unlabelled:
		r.ontoWire(l.in)
	case l.stage == unlabelled && r.isProbe():
	default:
		r.violation(ContractTunnel, "sends packets back that came by %s", portName(l.in))
	}
}

// isProbe tells whether a packet is another node's question whether this one forwards, on its way back.
func (r *execution) isProbe() bool {
	if r.entry == none || r.l.in == 0 || r.l.in != r.site.node.TunnelPort || !r.l.peer || r.l.tunnel != 0 {
		return false
	}
	e, question, answer := &r.entries[r.entry], false, false
	for _, m := range e.Match {
		question = question || m == pipeline.EthDst(l2.ProbeQuestion)
	}
	for _, a := range e.Apply {
		s, ok := a.(flow.SetField)
		answer = answer || ok && s.Field == flow.EthDst && s.Value == l2.ProbeAnswer.Uint64()
	}
	return question && answer
}

// toBareMetal tells whether the entry is one for bare metal to which this node routes, also for nodes without the network's wire.
func (r *execution) toBareMetal() bool {
	n := r.site.networks[r.l.net]
	if r.entry == none || n == nil || r.site.view.ServesBareMetal(n.Number) != r.site.node.Number {
		return false
	}
	m := r.site.membersOf(n)
	return slices.ContainsFunc(r.entries[r.entry].Match, func(f flow.FieldMatch) bool {
		return f.Field == flow.EthDst && f.Mask == flow.EthDst.AllOnes() && slices.ContainsFunc(m.macs[f.Value], func(i int) bool {
			at := r.site.view.Node(m.members[i].at.Node)
			return at != nil && at.Switch != nil
		})
	})
}

func (r *execution) intoTunnel() {
	l := r.l
	if !r.leaves() {
		return
	}
	n := r.site.networks[l.net]
	_, isRouter := r.site.routers[uint32(l.tunnel)]
	byRouter := isRouter && l.tunnel == uint64(l.router)
	switch {
	case l.tunnel == anyTunnel || l.tunnel != uint64(l.net) && !byRouter:
		r.violation(ContractTunnel, "sends packets of %s into the tunnel under %s", r.net(l.net), keyName(l.tunnel))
	case l.to == anyTunnel || !r.site.isPeer(l.to):
		r.violation(ContractTunnel, "sends packets of %s into the tunnel to an address that is no other node's", r.net(l.net))
	case l.vlan != 0:
		r.violation(ContractTunnel, "sends packets of %s into the tunnel with a VLAN tag", r.net(l.net))
	case l.from == fromRouter:
	case l.from == fromTunnel:
		r.violation(ContractTunnel, "sends packets of %s from one tunnel into another", r.net(l.net))
	case n != nil && !encapsulated(n):
		r.violation(ContractTunnel, "sends packets of %s into the tunnel, which is no network of type %s", r.net(l.net), model.NetworkVXLAN)
	}
}

func (r *execution) ontoWire(patch uint32) {
	l := r.l
	if !r.leaves() {
		return
	}
	n := r.site.networks[l.net]
	switch {
	case n == nil || !r.site.onWire(n, patch):
		r.violation(ContractWire, "sends packets of %s to physical network %s, which is not its", r.net(l.net), r.site.patches[patch])
	case l.vlan != tag(n):
		r.violation(ContractWire, "sends packets of %s to physical network %s, and not with its tag", r.net(l.net), r.site.patches[patch])
	case l.from == fromTunnel && !r.toBareMetal():
		r.violation(ContractWire, "sends packets of %s from the tunnel to physical network %s", r.net(l.net), r.site.patches[patch])
	}
}

func (r *execution) deliver(p *local) {
	l := r.l
	name := func() string { return nameOf(p.ID, p.Name) }
	switch {
	case l.net != uint32(p.network.Key):
		r.violation(ContractDeliver, "outputs packets of %s to port %s, which is in %s", r.net(l.net), name(), r.net(uint32(p.network.Key)))
	case l.vlan != 0:
		r.violation(ContractDeliver, "outputs packets with a VLAN tag to port %s", name())
	case l.stage < addressed:
		if r.leaves() && p.PortSecurityEnabled {
			r.violation(ContractGroups, "outputs to port %s what its security groups have not let through", name())
		}
	case l.key != p.ofport:
		r.violation(ContractDeliver, "outputs to port %s what is for the port with key %d", name(), l.key)
	case l.stage != cleared && p.PortSecurityEnabled:
		r.violation(ContractGroups, "outputs to port %s what its security groups have not let through", name())
	}
}

func (r *execution) net(key uint32) string {
	if n := r.site.networks[key]; n != nil {
		return "network " + nameOf(n.ID, n.Name)
	}
	switch key {
	case 0:
		return "no network"
	case unknown, keep:
		return "some network"
	}
	return fmt.Sprintf("network key %d, which the node does not know", key)
}

func keyName(key uint64) string {
	if key == anyTunnel {
		return "a key that no entry has set"
	}
	return fmt.Sprintf("key %d", key)
}

func nameOf(id, name string) string {
	if name == "" {
		return id
	}
	return fmt.Sprintf("%s (%s)", id, name)
}

func portName(port uint32) string {
	switch port {
	case unknown:
		return "any port"
	case sender:
		return "a port of a network"
	case flow.PortLocal:
		return "port LOCAL"
	}
	return fmt.Sprintf("port %d", port)
}
