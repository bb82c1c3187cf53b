package e2e

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/gopacket/layers"

	"github.com/planck-sdn/planck/apps/example"
	"github.com/planck-sdn/planck/model"
)

// mirror is a cloud's ports and groups once more, for a plain reading of the rules.
type mirror struct {
	*secured
	random *rand.Rand
	vms    []*VM
	groups map[string]Group
	begun  []example.Packet // connections of the last exchange; conntrack forgets those that are silent for half a minute
	judge  *example.Judge
	source uint16 // port of the last connection
	marks  int
}

// random: real packets pass random rules exactly when a plain reading of these says so. The judge is the one that the entries are held
// against in memory (apps/security_test.go).
func (s *secured) random(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	m := &mirror{secured: s, random: rand.New(rand.NewPCG(seed, 0)), vms: []*VM{s.server, s.near, s.far, s.loner, s.farLoner}, judge: example.NewJudge(), source: 20000}
	arrived, dropped := 0, 0
	for range 3 {
		m.groups = map[string]Group{}
		m.rules()
		a, d := m.exchange(t)
		arrived, dropped = arrived+a, dropped+d
		for _, v := range m.vms {
			s.red.SetGroups(v.Port, s.group)
		}
		for _, g := range m.groups {
			s.red.DeleteGroup(g.ID)
		}
	}
	for _, v := range []*VM{s.loner, s.farLoner} {
		s.red.UpdatePort(v.Port.ID, Attrs{"security_groups": v.Port.SecurityGroups})
	}
	s.WaitConverged()
	t.Logf("%d packets arrived, %d did not", arrived, dropped)
	if arrived == 0 || dropped == 0 {
		t.Error("the rules decided nothing")
	}
}

// rules gives the VMs new groups with random rules, in the cloud and in its mirror.
func (m *mirror) rules() {
	names := []string{"one", "two", "three"}
	var rules [][]model.SecurityGroupRule
	for _, name := range names {
		g := m.red.CreateGroup(name, nil)
		m.groups[name] = g
		var list []model.SecurityGroupRule
		if m.random.IntN(2) == 0 {
			for _, r := range g.Rules {
				m.red.DeleteRule(r.ID)
			}
		} else {
			list = append(list, example.Rule("egress any"))
		}
		rules = append(rules, list)
	}
	for i, name := range names {
		var lines []string
		seen := map[string]bool{"egress any": true}
		for range 2 + m.random.IntN(3) {
			words := m.pick("ingress", "ingress", "egress") + " " + m.pick("any", "udp", "udp 1000", "udp 1000-1001", "tcp 1000", "icmp 8", "gre")
			remote := m.pick("", "", "10.1.0.0/24", m.vms[0].IP+"/32", "one", "two", "three")
			if seen[words+remote] || seen[words] {
				continue // some of these the API would refuse as duplicates
			}
			seen[words+remote] = true
			attributes, line := Rule(words), words
			if g, ok := m.groups[remote]; ok {
				attributes = attributes.from(g)
			} else if remote != "" {
				attributes = attributes.from(remote)
			}
			if remote != "" {
				line += " from " + remote
			}
			m.red.CreateRule(m.groups[name], attributes)
			rules[i], lines = append(rules[i], example.Rule(line)), append(lines, line)
		}
		m.t.Logf("%s: %q, egress any: %v", name, lines, len(rules[i]) > len(lines))
	}
	var c example.Cloud
	n := c.Network("net")
	c.BareSubnet(n, "10.1.0.0/24")
	mirrored := map[string]*model.SecurityGroup{}
	for i, name := range names {
		mirrored[name] = c.Group(name, rules[i]...)
	}
	for _, v := range m.vms {
		p := c.Port(n, v.Name, v.IP)
		of := []string{m.pick(names...)}
		if second := m.pick(names...); second != of[0] && m.random.IntN(3) == 0 {
			of = append(of, second)
		}
		var groups []Group
		for _, name := range of {
			example.Join(p, mirrored[name])
			groups = append(groups, m.groups[name])
		}
		m.t.Logf("%s is in %v", v.Name, of)
		m.red.SetGroups(v.Port, groups...)
	}
	m.judge.Rules(c.View())
	m.WaitConverged()
	for _, n := range m.Lab.Nodes() {
		n.ForgetPackets()
	}
}

func (m *mirror) pick(list ...string) string { return list[m.random.IntN(len(list))] }

// exchange sends packets that begin connections, and then, of these and earlier ones, packets in either direction.
func (m *mirror) exchange(t *testing.T) (arrived, dropped int) {
	t.Helper()
	var first, then []example.Packet
	for _, p := range m.begun {
		if m.random.IntN(2) == 0 {
			p = p.Reply()
		}
		then = append(then, p)
	}
	m.begun = nil
	for range 40 {
		from := m.random.IntN(len(m.vms))
		to := (from + 1 + m.random.IntN(len(m.vms)-1)) % len(m.vms)
		p := example.Packet{Src: netip.MustParseAddr(m.vms[from].IP), Dst: netip.MustParseAddr(m.vms[to].IP), DstPort: uint16(1000 + m.random.IntN(3))}
		m.source++
		p.SrcPort = m.source
		switch m.random.IntN(5) {
		case 0:
			p.Proto = model.ProtocolTCP
		case 1:
			p.Proto, p.Type, p.DstPort = model.ProtocolICMP, 8, p.SrcPort
		default:
			p.Proto = model.ProtocolUDP
		}
		first = append(first, p)
		if p.Proto == model.ProtocolUDP { // what kernels do not answer by themselves
			then = append(then, p.Reply())
			m.begun = append(m.begun, p)
		}
	}
	for _, batch := range [][]example.Packet{first, then} {
		a, d := m.batch(t, batch)
		arrived, dropped = arrived+a, dropped+d
	}
	return arrived, dropped
}

// batch sends packets of different connections.
func (m *mirror) batch(t *testing.T, packets []example.Packet) (arrived, dropped int) {
	t.Helper()
	at := map[string]*VM{}
	watch, expected, frames := map[*VM]*Witness{}, map[*VM][]string{}, map[*VM][]Frame{}
	ports := map[*VM]*model.Port{}
	for _, v := range m.vms {
		at[v.IP], watch[v] = v, v.Watch("not (icmp and icmp[icmptype] == icmp-echoreply)")
		ports[v] = m.judge.Port(v.Name)
	}
	for i, p := range packets {
		from, to, name := at[p.Src.String()], at[p.Dst.String()], fmt.Sprintf("packet %d", i)
		frames[from] = append(frames[from], from.packet(name, to, p))
		if m.judge.Passes(ports[from], p, true) && m.judge.Passes(ports[to], p, false) {
			expected[to] = append(expected[to], name)
			arrived++
		} else {
			dropped++
		}
	}
	for _, v := range m.vms {
		v.SendFrames(frames[v]...)
	}
	for range 2 { // see Settle; ARP is no matter of groups
		m.marks++
		for _, v := range m.vms {
			v.SendFrames(ARP(fmt.Sprintf("mark %d of %s", m.marks, v.Name), Broadcast, layers.ARPRequest, v.MAC, v.IP, nobody, v.IP))
		}
		for v, w := range watch {
			for _, other := range m.vms {
				if other != v {
					w.Await(fmt.Sprintf("mark %d of %s", m.marks, other.Name))
				}
			}
		}
	}
	for v, w := range watch {
		got := slices.DeleteFunc(w.Names(), func(name string) bool { return strings.HasPrefix(name, "mark") })
		slices.Sort(expected[v])
		for i, p := range packets {
			name := fmt.Sprintf("packet %d", i)
			if gets, should := slices.Contains(got, name), slices.Contains(expected[v], name); gets != should {
				t.Errorf("%s gets %+v: %v, not %v", v.Name, p, gets, should)
			}
		}
	}
	return arrived, dropped
}
