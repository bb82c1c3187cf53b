package topology_test

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"

	"github.com/planck-sdn/planck/model"
	"github.com/planck-sdn/planck/model/topology"
)

// group adds a security group with rules for IPv4.
func (c *cloud) group(n int, rules ...model.SecurityGroupRule) *model.SecurityGroup {
	g := &model.SecurityGroup{Number: model.Number(n), ID: fmt.Sprint("g", n), Stateful: true, Rules: rules}
	for i := range rules {
		rules[i].Number, rules[i].EtherType = model.Number(100*n+i), model.EtherTypeIPv4
	}
	c.add(g)
	return g
}

// member adds a port on network 1 that has groups.
func (c *cloud) member(last int, groups ...string) *model.Port {
	p := c.port(1, last, "", "")
	p.SecurityGroups = groups
	return p
}

func from(group, protocol string) model.SecurityGroupRule {
	return model.SecurityGroupRule{Direction: model.Ingress, Protocol: protocol, RemoteGroupID: group}
}

func single(last int) netip.Prefix { return netip.PrefixFrom(addr(1, last), 32) }

func part(last int) uint8 { return topology.MemberPartOf(single(last)) }

// TestSecurityTouches: a change touches what it has to, and nothing more. Group 1 lets in ssh from group 2, and is used on nodes 1 and
// 2, where ports 1 and 2 are, and not on node 3. Group 2 has the ports 3 (on node 3) and 4 (nowhere) at 1.13 and 1.14; group 3 has none,
// and is named by nobody.
func TestSecurityTouches(t *testing.T) {
	type touch struct {
		node model.Number
		kind model.Kind
		n    model.Number
		part uint8
	}
	group := func(node, n model.Number, part uint8) touch {
		return touch{node, model.KindSecurityGroup, n, part}
	}
	onUsers := func(part uint8) []touch { return []touch{group(1, 1, part), group(2, 1, part)} }
	port := func(node, n model.Number) touch { return touch{node, model.KindPort, n, 0} }
	editPort := func(last int, edit func(*model.Port)) func(*topology.View) model.Object {
		return func(v *topology.View) model.Object { p := *v.Port(model.Number(last - 10)); edit(&p); return &p }
	}
	editGroup := func(n model.Number, edit func(*model.SecurityGroup)) func(*topology.View) model.Object {
		return func(v *topology.View) model.Object {
			g := *v.SecurityGroup(n)
			g.Rules = slices.Clone(g.Rules)
			edit(&g)
			return &g
		}
	}
	for _, test := range []struct {
		name   string
		change func(*topology.View) model.Object
		want   []touch
	}{
		{"a name", editGroup(1, func(g *model.SecurityGroup) { g.Name, g.RevisionNumber = "x", 7 }), nil},
		{"a rule for IPv6", editGroup(1, func(g *model.SecurityGroup) {
			g.Rules = append(g.Rules, model.SecurityGroupRule{Direction: model.Ingress, EtherType: model.EtherTypeIPv6, RemoteGroupID: "g3"})
		}), nil},
		{"another service from the same group", editGroup(1, func(g *model.SecurityGroup) { g.Rules[0].Protocol = "udp" }), onUsers(0)},
		{"every service from the same group", editGroup(1, func(g *model.SecurityGroup) { g.Rules[0].Protocol = "" }),
			slices.Concat(onUsers(0), onUsers(part(13)), onUsers(part(14)))},
		{"from another group", editGroup(1, func(g *model.SecurityGroup) { g.Rules[0].RemoteGroupID = "g3" }),
			slices.Concat(onUsers(0), onUsers(part(13)), onUsers(part(14)))},
		{"stateless", editGroup(1, func(g *model.SecurityGroup) { g.Stateful = false }),
			slices.Concat(onUsers(0), onUsers(part(13)), onUsers(part(14)), []touch{port(1, 1), port(2, 2)})},
		{"rules of a group that is only named", editGroup(2, func(g *model.SecurityGroup) { g.Rules = nil }), []touch{group(3, 2, 0)}},
		{"a member that is plugged joins", editPort(13, func(p *model.Port) { p.SecurityGroups = []string{"g2", "g3"} }),
			[]touch{port(3, 3), group(3, 3, 0)}},
		{"a member that is not plugged leaves", editPort(14, func(p *model.Port) { p.SecurityGroups = nil }), onUsers(part(14))},
		{"a member has a pair", editPort(14, func(p *model.Port) {
			p.AllowedAddressPairs = []model.AddressPair{{IP: single(99), MAC: p.MAC}}
		}), onUsers(part(99))},
		{"a member has an address that another has", editPort(14, func(p *model.Port) {
			p.FixedIPs = []model.FixedIP{{IPAddress: addr(1, 13)}}
		}), onUsers(part(14))},
		{"a member has an IPv6 address", editPort(14, func(p *model.Port) {
			p.FixedIPs = append(slices.Clone(p.FixedIPs), model.FixedIP{IPAddress: netip.MustParseAddr("2001:db8::1")})
		}), nil},
		{"a member has port security off", editPort(14, func(p *model.Port) { p.PortSecurityEnabled = false }), onUsers(part(14))},
		{"the last user on a node leaves", editPort(12, func(p *model.Port) { p.SecurityGroups = nil }),
			[]touch{port(2, 2), group(2, 1, 0), group(2, 1, part(13)), group(2, 1, part(14))}},
		{"the first user on a node comes", editPort(13, func(p *model.Port) { p.SecurityGroups = []string{"g1", "g2"} }),
			[]touch{port(3, 3), group(3, 1, 0), group(3, 1, part(13)), group(3, 1, part(14))}},
		{"a group that is named goes", func(*topology.View) model.Object { return nil },
			slices.Concat(onUsers(0), onUsers(part(13)), onUsers(part(14)), []touch{port(3, 3), group(3, 2, 0)})},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := &cloud{}
			c.network(1)
			c.group(1, from("g2", "tcp"))
			c.group(2, model.SecurityGroupRule{Direction: model.Egress})
			c.group(3)
			users := []*model.Port{c.member(11, "g1"), c.member(12, "g1"), c.member(13, "g2")}
			c.member(14, "g2")
			for i, p := range users {
				c.node(i+1, false, p)
			}
			v := c.view()
			change := model.Change{Ref: model.Ref{Kind: model.KindSecurityGroup, Number: 2}}
			if o := test.change(v); o != nil {
				change = model.Change{Ref: o.Ref(), Object: o}
			}
			_, touches := v.Apply([]model.Change{change})
			var got []string
			for _, x := range touches {
				if p, ok := change.Object.(*model.Port); ok && len(v.Attachments(p.Number)) == 0 && x.Unit.Kind == model.KindPort {
					continue // that it may send from elsewhere is known everywhere
				}
				got = append(got, fmt.Sprint(touch{x.Node, x.Unit.Kind, x.Unit.Number, x.Unit.Part}))
			}
			var want []string
			for _, x := range test.want {
				want = append(want, fmt.Sprint(x))
			}
			slices.Sort(got)
			slices.Sort(want)
			if !slices.Equal(got, want) {
				t.Errorf("touched %v, want %v", got, want)
			}
		})
	}
}

// BenchmarkJoin is a port that joins a group that its own rules name, used on 50 nodes; and the same port when it gets another address,
// without a group.
func BenchmarkJoin(b *testing.B) {
	for _, members := range []int{100, 1000, 10000} {
		c := &cloud{}
		c.network(1)
		c.group(1, from("g1", ""))
		joins, plain := *c.member(5), *c.member(6)
		plugged := make([][]*model.Port, 50)
		plugged[0] = []*model.Port{&joins, &plain}
		for i := range members {
			plugged[i%50] = append(plugged[i%50], c.member(10+i, "g1"))
		}
		for i, ports := range plugged {
			c.node(i+1, false, ports...)
		}
		v := c.view()
		joins.SecurityGroups = []string{"g1"}
		plain.FixedIPs = []model.FixedIP{{IPAddress: addr(1, 7)}}
		for name, p := range map[string]*model.Port{"member": &joins, "plain": &plain} {
			b.Run(fmt.Sprintf("%s/members=%d", name, members), func(b *testing.B) {
				b.ReportAllocs()
				touched := 0
				for b.Loop() {
					_, list := v.Apply([]model.Change{{Ref: p.Ref(), Object: p}})
					touched = len(list)
				}
				b.ReportMetric(float64(touched), "units")
			})
		}
	}
}
