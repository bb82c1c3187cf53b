package apps_test

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/planck-sdn/planck/apps/example"
	"github.com/planck-sdn/planck/model"
	"github.com/planck-sdn/planck/model/flow"
)

// maze is a random cloud, with its rows beside it: what the model's own answer is computed from.
type maze struct {
	example.Cloud
	cidr     map[string]netip.Prefix
	vms      []*model.Port
	ifs      map[*model.Router][]*model.Port
	routers  []*model.Router
	floating []*model.FloatingIP
}

// reach is the port that a packet from src to dst arrives at after a router has got it; nil: none of the cloud's.
func (m *maze) reach(r *model.Router, src *model.Port, dst netip.Addr, passed int) *model.Port {
	best, via, hop := -1, (*model.Port)(nil), dst
	for _, p := range m.ifs[r] {
		if p.FixedIPs[0].IPAddress == dst {
			return nil
		}
		if c := m.cidr[p.NetworkID]; c.Contains(dst) {
			best, via = c.Bits(), p
		}
	}
	for _, route := range r.Routes {
		for _, p := range m.ifs[r] {
			own := p.FixedIPs[0].IPAddress == route.NextHop
			if route.Destination.Contains(dst) && route.Destination.Bits() > best && m.cidr[p.NetworkID].Contains(route.NextHop) && !own {
				best, via, hop = route.Destination.Bits(), p, route.NextHop
			}
		}
	}
	if g := r.Gateway; g != nil && (best < 0 || best < 24 && outerCIDR.Contains(dst)) {
		return m.reachOutside(r, src, dst)
	}
	if via == nil {
		return nil
	}
	for _, p := range m.vms {
		if p.NetworkID == via.NetworkID && p.FixedIPs[0].IPAddress == hop {
			return p
		}
	}
	for next, list := range m.ifs {
		for _, p := range list {
			if p.NetworkID == via.NetworkID && p.FixedIPs[0].IPAddress == hop && passed < 2 {
				return m.reach(next, src, dst, passed+1)
			}
		}
	}
	return nil
}

var outerCIDR = netip.MustParsePrefix("203.0.113.0/24")

// reachOutside is where a packet gets that a router sends to the external network: to a floating IP, if its source may leave.
func (m *maze) reachOutside(r *model.Router, src *model.Port, dst netip.Addr) *model.Port {
	leaves := r.Gateway.Node != 0
	for _, f := range m.floating {
		leaves = leaves || m.served(f) && f.PortID == src.ID && f.RouterID == r.ID
	}
	for _, f := range m.floating {
		if leaves && f.Address == dst && m.served(f) {
			return m.reach(m.routerByID(f.RouterID), src, f.FixedIP, 0)
		}
	}
	return nil
}

// served tells whether a floating IP is on a node: its port's if that has the bridge, or else its router's gateway node.
func (m *maze) served(f *model.FloatingIP) bool {
	for _, p := range m.vms {
		if p.ID == f.PortID && len(p.Name) > 0 && p.Name[len(p.Name)-1] == 'm' { // on a mapped node
			return true
		}
	}
	return m.routerByID(f.RouterID).Gateway.Node != 0
}

func (m *maze) routerByID(id string) *model.Router {
	for _, r := range m.routers {
		if r.ID == id {
			return r
		}
	}
	return nil
}

// drawMaze makes two tenants with the same addresses, and an external network for both.
func drawMaze(t *rapid.T) *maze {
	m := &maze{cidr: map[string]netip.Prefix{}, ifs: map[*model.Router][]*model.Port{}}
	nodes := []*model.Node{m.Node("n1", physnet, outer), m.Node("n2", physnet, outer), m.Node("n3")}
	ext := m.External("ext", outer, outerCIDR.String())
	pick := func(n int, what string) int { return rapid.IntRange(0, n-1).Draw(t, what) }
	for tenant := range 2 {
		var own []*model.Network
		for i := range 1 + pick(3, "networks") {
			name := fmt.Sprintf("t%d-net%d", tenant, i)
			var n *model.Network
			if pick(2, "kind") == 0 {
				n = m.Network(name)
			} else {
				n = m.VLAN(name, physnet, uint32(100+10*tenant+i))
			}
			s := m.BareSubnet(n, fmt.Sprintf("10.%d.0.0/24", i))
			m.cidr[n.ID] = s.CIDR
			own = append(own, n)
			for j := range pick(3, "VMs") {
				node, mark := nodes[pick(3, "node")], "m"
				if node == nodes[2] {
					if n.NetworkType == model.NetworkVLAN {
						continue
					}
					mark = "u"
				}
				m.vms = append(m.vms, m.VM(n, node, fmt.Sprintf("%s-vm%d%s", name, j, mark), fmt.Sprintf("10.%d.0.%d", i, 11+j)))
			}
		}
		var hops []string
		for i := range own {
			for j := range 3 {
				hops = append(hops, fmt.Sprintf("10.%d.0.%d", i, 1+j), fmt.Sprintf("10.%d.0.%d", i, 11+j))
			}
		}
		for k := range pick(4, "routers") {
			r := m.Router(fmt.Sprintf("t%d-r%d", tenant, k))
			m.routers = append(m.routers, r)
			for i, n := range own {
				if rapid.Bool().Draw(t, "interface") {
					m.ifs[r] = append(m.ifs[r], m.Interface(r, n, fmt.Sprintf("10.%d.0.%d", i, 1+k)))
				}
			}
			seen := map[string]bool{}
			for range pick(4, "routes") {
				to := []string{"10.0.0.0/24", "10.1.0.0/24", "10.2.0.0/24", "10.0.0.0/8", "10.1.0.8/29", "0.0.0.0/0", "203.0.113.64/26"}[pick(7, "destination")]
				if !seen[to] {
					seen[to] = true
					m.Route(r, to, hops[pick(len(hops), "hop")])
				}
			}
			if rapid.Bool().Draw(t, "gateway") {
				m.Gateway(r, ext, fmt.Sprintf("203.0.113.%d", 10+len(m.routers)), []*model.Node{nil, nodes[0], nodes[1]}[pick(3, "gateway node")])
			}
			for _, p := range m.vms {
				joined := false
				for _, i := range m.ifs[r] {
					joined = joined || i.NetworkID == p.NetworkID
				}
				if r.Gateway != nil && joined && rapid.Bool().Draw(t, "floating") {
					m.floating = append(m.floating, m.FloatingIP(ext, fmt.Sprintf("203.0.113.%d", 100+len(m.floating)), p, r))
				}
			}
		}
	}
	v := m.View()
	for _, r := range m.routers { // found by ARP
		for _, f := range m.floating {
			if r.Gateway != nil {
				m.Neighbour(r, f.Address.String(), v.PortByID(f.FloatingPortID).MAC)
			}
		}
	}
	return m
}

// TestReachable sends from every port, by every router that it has, to every address: it arrives exactly where the model says.
func TestReachable(t *testing.T) {
	arrived := 0
	rapid.Check(t, func(rt *rapid.T) {
		m := drawMaze(rt)
		w := build(t, &m.Cloud)
		addresses := map[netip.Addr]bool{addr("8.8.8.8"): true, addr("10.1.0.9"): true, addr("203.0.113.70"): true}
		w.view.Ports(func(p *model.Port) {
			for _, f := range p.FixedIPs {
				addresses[f.IPAddress] = true
			}
		})
		for _, src := range m.vms {
			for r, list := range m.ifs {
				for _, via := range list {
					if via.NetworkID != src.NetworkID {
						continue
					}
					for dst := range addresses {
						want := ""
						if p := m.reach(r, src, dst, 0); p != nil {
							want, arrived = p.Name, arrived+1
						}
						frame := ipv4(src.MAC, via.MAC, src.FixedIPs[0].IPAddress.String(), dst.String())
						if got := w.reached(src, frame); got != want {
							rt.Fatalf("%s by %s to %s arrives at %q, not %q", src.Name, r.Name, dst, got, want)
						}
					}
				}
			}
		}
	})
	if arrived == 0 {
		t.Error("nothing ever arrived")
	}
}

// reached tells at which port a frame from src arrives, if at any; several are joined.
func (w *world) reached(src *model.Port, frame []byte) string {
	l, _ := w.view.Location(src.Number)
	r := run{world: w, todo: []hop{{w.view.Node(l.Node), flow.Input{Frame: frame, InPort: l.Ofport}}}}
	r.drain(frame)
	var names []string
	for _, a := range r.got {
		if w.view.PortByID(a.where) != nil {
			names = append(names, a.where)
		}
	}
	return strings.Join(names, ", ")
}
