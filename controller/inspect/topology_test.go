package inspect

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/planck-sdn/planck/apps/example"
	"github.com/planck-sdn/planck/northbound/admin"
)

// twoProjects is a project acme with a network, a router, a floating IP, and a port in a network that corp shares; and corp, which has that,
// and the external network.
func twoProjects() *example.Cloud {
	c := &example.Cloud{}
	node1, node2 := c.Node("node1", "outer"), c.Node("node2", "outer")
	red, shared, public := c.Network("red"), c.VLAN("shared", "dc", 7), c.External("public", "outer", "203.0.113.0/24")
	c.Subnet(red, "10.1.0.0/24")
	c.Subnet(shared, "10.2.0.0/24")
	shared.Shared, red.ProjectID, shared.ProjectID, public.ProjectID = true, "acme", "corp", "corp"
	r := c.Router("edge")
	r.ProjectID = "acme"
	c.Interface(r, red, "10.1.0.1")
	c.Gateway(r, public, "203.0.113.10", node1)
	web1, guest, other := c.VM(red, node1, "web1", "10.1.0.11"), c.VM(shared, node1, "guest", "10.2.0.11"), c.VM(shared, node2, "other", "10.2.0.12")
	lost := c.Port(red, "lost", "10.1.0.12")
	web1.ProjectID, guest.ProjectID, lost.ProjectID, other.ProjectID = "acme", "acme", "acme", "corp"
	c.FloatingIP(public, "203.0.113.20", web1, r)
	return c
}

func TestTopology(t *testing.T) {
	v := twoProjects().View()
	for _, test := range []struct{ project, want string }{
		{"", "red[red-dhcp web1@node1 lost] shared[shared-dhcp guest other] public[] | edge(red>public at node1 203.0.113.20@node1) | node1(web1 guest) node2(other)"},
		{"acme", "red[red-dhcp web1@node1 lost] shared[guest] public[] | edge(red>public at node1 203.0.113.20@node1) | node1(web1 guest)"},
		{"corp", "shared[shared-dhcp guest other] public[] |  | node1(guest) node2(other)"},
		{"nobody", " |  | "},
	} {
		got := topologyOf(v, test.project)
		if s := brief(got); s != test.want {
			t.Errorf("project %q:\n%s, not\n%s", test.project, s, test.want)
		}
		if text, err := json.Marshal(got); err != nil || strings.Contains(string(text), "null") {
			t.Errorf("project %q: %v, %s", test.project, err, text)
		}
	}
}

// brief writes a topology in one line.
func brief(t admin.Topology) string {
	var networks, routers, nodes []string
	for _, n := range t.Networks {
		var ports []string
		for _, p := range n.Ports {
			if p.Node != "" {
				p.Name += "@" + p.Node
			}
			ports = append(ports, p.Name)
		}
		networks = append(networks, n.Name+"["+strings.Join(ports, " ")+"]")
	}
	for _, r := range t.Routers {
		s := r.Name + "("
		for _, i := range r.Interfaces {
			s += i.NetworkID
		}
		if r.Gateway != nil {
			s += ">" + r.Gateway.NetworkID + " at " + r.GatewayNode
		}
		for _, f := range r.FloatingIPs {
			s += " " + f.Address + "@" + f.Node
		}
		routers = append(routers, s+")")
	}
	for _, n := range t.Nodes {
		nodes = append(nodes, n.Name+"("+strings.Join(n.Ports, " ")+")")
	}
	return strings.Join([]string{strings.Join(networks, " "), strings.Join(routers, " "), strings.Join(nodes, " ")}, " | ")
}

func TestSought(t *testing.T) {
	for _, bad := range []struct{ cookie, entry string }{{"web1", ""}, {"-1", ""}, {"0x1ffffffffffffffff", ""}, {"", "table=x,actions=drop"}, {"", "web1"}} {
		if s, err := soughtFrom(bad.cookie, bad.entry); err == nil {
			t.Errorf("%+v is taken for %+v", bad, s)
		}
	}
	pasted := " cookie=0x66207a4000000002, duration=17.4s, table=76, n_packets=0, n_bytes=0, send_flow_rem priority=30,metadata=0x13890000/0xffffff0000,dl_dst=fa:16:3e:00:00:02 actions=write_metadata:0xa/0xffff,goto_table:80"
	whole, err := soughtFrom("", pasted)
	if err != nil {
		t.Fatal(err)
	}
	match, err := soughtFrom("", "table=deliver,priority=30,metadata=0x13890000/0xffffff0000,dl_dst=fa:16:3e:00:00:02")
	if err != nil {
		t.Fatal(err)
	}
	if !match.is(whole.entry) || !whole.is(whole.entry) || whole.is(match.entry) {
		t.Error("an entry and its match are not the same, or one without the cookie passes for the other")
	}
	byCookie, err := soughtFrom("0x66207a4000000002", "")
	if err != nil || !byCookie.is(whole.entry) || byCookie.is(match.entry) {
		t.Errorf("by cookie: %+v, %v", byCookie, err)
	}
}
