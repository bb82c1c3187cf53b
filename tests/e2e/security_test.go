package e2e

import (
	"testing"

	"github.com/planck-sdn/planck/tests/lab"
)

// secured is a cloud whose default security groups are as they are made.
type secured struct {
	*Cloud
	nodes           []*lab.Node
	w               *World // on the first node
	red, blue       *Client
	group           Group   // red's default group
	inside, south   Network // red's, joined by a router
	server          *VM     // red's inside, on the first node, in the default group, with a floating IP
	near, far       *VM     // as well, on the first and on the second node, without floating IPs
	routed          *VM     // red's in south, on the second node, in the default group
	loner, farLoner *VM     // red's inside, on the first and on the second node, in a group of their own
	floating        FloatingIP
}

func startSecured(t *testing.T) *secured {
	t.Helper()
	s := &secured{Cloud: Start(t, Options{ClosedGroups: true})}
	s.nodes = []*lab.Node{s.AddNode("compute1", public), s.AddNode("compute2", public)}
	s.w = s.World(s.nodes[0], "br-ex")
	s.red, s.blue = s.Project("red"), s.Project("blue")
	router := s.red.CreateRouter("router", Via(s.w.Net, nil))
	s.inside, _ = s.red.Routed(router.ID, "inside", "10.1.0.0/24", nil)
	s.south, _ = s.red.Routed(router.ID, "south", "10.2.0.0/24", nil)
	alone := In(s.red.CreateGroup("alone", nil))
	for _, v := range []struct {
		vm    **VM
		name  string
		node  int
		net   Network
		group Attrs
	}{
		{&s.server, "server", 0, s.inside, nil}, {&s.near, "near", 0, s.inside, nil}, {&s.far, "far", 1, s.inside, nil},
		{&s.routed, "routed", 1, s.south, nil},
		{&s.loner, "loner", 0, s.inside, alone}, {&s.farLoner, "farloner", 1, s.inside, alone},
	} {
		*v.vm = s.Boot(s.nodes[v.node], s.red.CreatePort(v.net, v.name, v.group))
		(*v.vm).Serve(talkPort)
	}
	s.group = s.red.DefaultGroup()
	s.floating = s.red.CreateFloatingIP(s.w.Net, Attrs{"port_id": s.server.Port.ID})
	s.WaitConverged()
	return s
}

// TestSecurityGroups: what ports send and get is what the rules of their groups let through.
func TestSecurityGroups(t *testing.T) {
	t.Parallel()
	s := startSecured(t)
	s.Run("default group", s.defaultGroup)
	s.Run("another tenant on a shared network", s.sharedNetwork)
	s.Run("rules for what comes in", s.ingressRules)
	s.Run("rules for what goes out", s.egressRules)
	s.Run("members come and go", s.membership)
	s.Run("groups of a port come and go", s.groupsOfAPort)
	s.Run("changes that do not concern a stream", s.stream)
	s.Run("two tenants with everything alike", s.twins)
	s.Run("broadcast and multicast", s.broadcast)
	s.Run("IPv6", s.ipv6)
	s.Run("fragments", s.fragments)
	s.Run("stateless", s.stateless)
	s.Run("random rules", s.random)
	s.Run("a port's successor", s.successor)
	s.Run("planckd restarts, and nodes are cut off", s.withoutControl)
	s.Run("ovs-vswitchd restarts", s.forgotten)
}

// in has red's VM be in these groups, on every node.
func (s *secured) in(v *VM, groups ...Group) {
	s.t.Helper()
	s.red.SetGroups(v.Port, groups...)
	s.WaitConverged()
}

// as has the server be in a new group with these rules while f runs, and then in the default group again.
func (s *secured) as(attributes Attrs, rules []Attrs, f func(g Group)) {
	s.t.Helper()
	g := s.red.CreateGroup("server", attributes, rules...)
	s.in(s.server, g)
	f(g)
	s.in(s.server, s.group)
	s.red.DeleteGroup(g.ID)
}
