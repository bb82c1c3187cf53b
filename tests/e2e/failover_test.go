package e2e

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/planck-sdn/planck/tests/lab"
)

// replaceLimit is how long a dead gateway node may go without being replaced.
const replaceLimit = 5 * time.Second

// returnLimit is how long anything that a gateway node serves may go without, when another gateway node comes back.
const returnLimit = 100 * time.Millisecond

// unmoved is how long nothing may move that must not: longer than it takes to see that a session is gone, and to replace a dead node.
const unmoved = 15 * time.Second

// failover is a cloud whose ways out are served by different nodes, so that one of them may end.
type failover struct {
	*Cloud
	w              *World
	gateways       []*lab.Node
	routers        [2]Router // served by different nodes
	serving        [2]*lab.Node
	compute        *lab.Node // without the bridge
	inside         [2]*VM    // on compute, without a floating IP, one behind each router
	central, local *VM       // with a floating IP behind the first router: on compute, and on a gateway node that does not serve it
	of             map[*VM]FloatingIP
}

func startFailover(t *testing.T) *failover {
	t.Helper()
	s := &failover{Cloud: Start(t, Options{}), of: map[*VM]FloatingIP{}}
	for i := range 3 {
		s.gateways = append(s.gateways, s.AddNode(fmt.Sprint("gateway", i+1), public))
	}
	s.compute = s.AddNode("compute1")
	s.w = s.World(s.Lab.AddNode("outside", public), "br-ex") // a switch of nobody's: any other may end
	s.serving = [2]*lab.Node(s.gateways[:2])
	for i := range s.routers {
		s.routers[i] = s.RouterOn(s.serving[i], s.Client, "router", s.w)
		net, _ := s.Routed(s.routers[i].ID, "net", fmt.Sprintf("10.%d.0.0/24", i+1), nil)
		s.inside[i] = s.Boot(s.compute, s.CreatePort(net, "inside", nil))
		if i == 0 {
			s.central = s.Boot(s.compute, s.CreatePort(net, "central", nil))
			s.local = s.Boot(s.gateways[2], s.CreatePort(net, "local", nil))
		}
	}
	for _, v := range []*VM{s.central, s.local} {
		s.of[v] = s.CreateFloatingIP(s.w.Net, Attrs{"port_id": v.Port.ID})
	}
	s.WaitConverged()
	return s
}

// pingAll pings through everything that there is.
func (s *failover) pingAll() map[string]*lab.Pinger {
	return map[string]*lab.Pinger{
		"source NAT":               s.inside[0].StartPing(hostIP, pingInterval),
		"another's source NAT":     s.inside[1].StartPing(hostIP, pingInterval),
		"centralised floating IP":  s.w.Host.StartPing(s.of[s.central].Address, pingInterval),
		"floating IP on its node":  s.w.Host.StartPing(s.of[s.local].Address, pingInterval),
		"out of a centralised one": s.central.StartPing(farIP, pingInterval),
		"out of one on its node":   s.local.StartPing(farIP, pingInterval),
	}
}

// onServing tells whether pings go by the first router's gateway node.
func onServing(what string) bool {
	return what == "source NAT" || what == "centralised floating IP" || what == "out of a centralised one"
}

// stays fails the test if a router has moved from where it was served.
func (s *failover) stays(what string) {
	s.t.Helper()
	for i, r := range s.routers {
		if now, err := s.GatewayNode(r.ID); err != nil || now != s.serving[i].Name {
			s.t.Errorf("%s: a router moved from %s to %s; %v", what, s.serving[i].Name, now, err)
		}
	}
}

// TestGatewayFailover: the node that serves a router's way out ends, or is only out of the controller's sight.
func TestGatewayFailover(t *testing.T) {
	s := startFailover(t)
	t.Logf("the routers' gateway nodes are %s and %s", s.serving[0].Name, s.serving[1].Name)
	warm := s.pingAll()
	for what, p := range warm {
		s.Answered(p, 20, what)
		p.Stop()
	}

	s.Run("the controller restarts", func(t *testing.T) {
		pings := s.pingAll()
		s.Planckd.Kill()
		s.Planckd.Start()
		s.WaitReady(append(s.gateways, s.compute)...)
		s.WaitConverged()
		for what, p := range pings {
			s.Answered(p, 20, what)
			lostNothing(t, p)
		}
		s.sentNothing()
		s.stays("a restart of the controller")
	})

	s.Run("control connections are cut", func(t *testing.T) {
		for _, cut := range [][]*lab.Node{{s.serving[0]}, s.gateways} { // one, and all at once
			pings := s.pingAll()
			began := time.Now()
			for _, n := range cut {
				n.CutControl()
			}
			for what, p := range pings {
				lab.Eventually(t, 2*unmoved, what, func() error { return p.AnsweredAfter(began.Add(unmoved), 20) })
			}
			if n, err := s.NodeStatus(s.serving[0].Name); err != nil || n.State != "away" {
				t.Errorf("the node that is cut off is %s, %v", n.State, err)
			}
			s.stays(fmt.Sprintf("%d control connections cut", len(cut)))
			for _, n := range cut {
				n.RestoreControl()
			}
			s.WaitReady(s.gateways...)
			s.WaitConverged()
			for what, p := range pings {
				t.Log(what)
				lostNothing(t, p)
			}
			s.stays("control connections that are back")
		}
	})

	s.Run("the node ends", func(t *testing.T) { s.gatewayEnds(t) })
}

// gatewayEnds kills the processes of the first router's gateway node: what went by it goes by another, and nothing else moves.
func (s *failover) gatewayEnds(t *testing.T) {
	dead := s.serving[0]
	heard := s.w.Host.Capture("inbound and arp")
	pings := s.pingAll()
	for what, p := range pings {
		s.Answered(p, 20, what)
	}
	began := time.Now()
	dead.KillVswitchd()
	dead.OVSDBServer().Kill()
	for what, p := range pings {
		if onServing(what) || dead != s.serving[1] {
			s.Answered(p, 20, what+" after the end of a gateway node")
		}
	}
	t.Logf("everything answers again %v after the end of %s", time.Since(began).Round(time.Millisecond), dead.Name)
	for what, p := range pings {
		if !onServing(what) {
			t.Log(what)
			lostNothing(t, p)
			continue
		}
		r := p.Stop()
		t.Logf("%s: %v", what, r)
		if r.Outage > replaceLimit {
			t.Errorf("%s: without service for %v", what, r.Outage)
		}
	}
	s.serving[0] = s.WaitGatewayNode(s.routers[0].ID, slices.DeleteFunc(slices.Clone(s.gateways), func(n *lab.Node) bool { return n == dead })...)
	s.stays("the end of a gateway node")
	for _, ip := range []string{s.routers[0].GatewayIP(), s.of[s.central].Address} {
		if err := announced(heard, ip); err != nil {
			t.Error(err)
		}
	}

	// It comes back, and what it served does not.
	after := s.pingAll()
	if err := dead.StartOVSDB(); err != nil {
		t.Fatal(err)
	}
	if err := dead.StartVswitchd(); err != nil {
		t.Fatal(err)
	}
	s.WaitReady(s.gateways...)
	s.WaitConverged()
	for what, p := range after {
		s.Answered(p, 100, what+" after the return of a gateway node")
		if strings.HasSuffix(what, "on its node") {
			t.Log(what)
			lostNothing(t, p)
			continue
		}
		// A single packet of what goes through tunnels to the other gateway node has been seen to be lost as this one's switch starts.
		r := p.Stop()
		t.Logf("%s: %v", what, r)
		if r.Outage > returnLimit {
			t.Errorf("%s: without service for %v when a gateway node returns", what, r.Outage)
		}
	}
	s.stays("the return of a gateway node")
	s.Lab.WarmTunnels()
	s.inside[0].MustBeSeenAs(s.routers[0].GatewayIP(), s.w.Host, hostIP)
}
