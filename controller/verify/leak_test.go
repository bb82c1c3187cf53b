package verify_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/planck-sdn/planck/apps/example"
	"github.com/planck-sdn/planck/apps/pipeline"
	"github.com/planck-sdn/planck/controller/verify"
	"github.com/planck-sdn/planck/model"
	"github.com/planck-sdn/planck/model/flow"
	"github.com/planck-sdn/planck/model/topology"
)

// tenants is a cloud of two tenants, with ports on two nodes: networks red and rear with router r1 between them, network blue with
// router r2, and networks green and gray on VLANs 101 and 102. Words in braces stand for its numbers in what is planted.
func tenants() (*topology.View, *strings.Replacer) {
	c := &example.Cloud{}
	node1, node2 := c.Node("node1", "dc", "outer"), c.Node("node2", "dc", "outer")
	var words []string
	word := func(name string, value any) { words = append(words, "{"+name+"}", fmt.Sprint(value)) }
	network := func(n *model.Network, cidr string) *model.Network {
		n.MTU = 1500 // everywhere: what comes back to a table after its size was looked at is as it was before
		c.Subnet(n, cidr)
		word(n.Name, fmt.Sprintf("metadata=%#x/%#x", pipeline.InNetwork(n.Key).Value, pipeline.InNetwork(n.Key).Mask))
		word("to "+n.Name, fmt.Sprintf("load:%#x->OXM_OF_METADATA[16..39]", n.Key))
		word("key of "+n.Name, fmt.Sprintf("%#x", n.Key))
		return n
	}
	vm := func(n *model.Network, at *model.Node, name, address string) *model.Port {
		p := c.VM(n, at, name, address)
		i := at.Interfaces[len(at.Interfaces)-1]
		word(name, i.Ofport)
		word("from "+name, fmt.Sprintf("metadata=%#x/%#x", pipeline.InNetwork(n.Key).Value|uint64(i.Ofport),
			pipeline.InNetwork(n.Key).Mask|pipeline.PortKey(0).Mask))
		word("to port "+name, fmt.Sprintf("load:%d->OXM_OF_METADATA[0..15]", i.Ofport))
		word("MAC of "+name, p.MAC)
		return p
	}
	red, rear, blue := network(c.Network("red"), "10.1.0.0/24"), network(c.Network("rear"), "10.3.0.0/24"), network(c.Network("blue"), "10.2.0.0/24")
	green, gray := network(c.VLAN("green", "dc", 101), "10.4.0.0/24"), network(c.VLAN("gray", "dc", 102), "10.5.0.0/24")
	r1, r2 := c.Router("r1"), c.Router("r2")
	word("r1", fmt.Sprintf("%#x", r1.Key))
	word("r2", fmt.Sprintf("%#x", r2.Key))
	c.Interface(r1, red, "10.1.0.1")
	c.Interface(r1, rear, "10.3.0.1")
	inBlue := c.Interface(r2, blue, "10.2.0.1")
	word("MAC of r2", inBlue.MAC)
	external := c.External("public", "outer", "203.0.113.0/24")
	c.Gateway(r1, external, "203.0.113.10", node2)
	c.Gateway(r2, external, "203.0.113.11", node1)
	mine, other := c.Group("mine", example.Rule("egress any"), example.Rule("ingress tcp 80"), example.Rule("ingress udp 53 from mine")),
		c.Group("other", example.Rule("ingress any"), example.Rule("egress any"))
	red1, red2 := vm(red, node1, "red1", "10.1.0.11"), vm(red, node2, "red2", "10.1.0.12")
	open := vm(red, node1, "open", "10.1.0.13")
	open.PortSecurityEnabled = false
	rear2 := vm(rear, node2, "rear2", "10.3.0.12")
	blue1, blue2 := vm(blue, node1, "blue1", "10.2.0.11"), vm(blue, node2, "blue2", "10.2.0.12")
	green1, _ := vm(green, node1, "green1", "10.4.0.11"), vm(green, node2, "green2", "10.4.0.12")
	vm(gray, node1, "gray1", "10.5.0.11")
	vm(gray, node2, "gray2", "10.5.0.12")
	c.FloatingIP(external, "203.0.113.20", blue1, r2)
	for _, p := range []*model.Port{red1, red2, rear2, green1} {
		example.Join(p, mine)
	}
	example.Join(blue1, other)
	example.Join(blue2, other)
	word("group mine", fmt.Sprintf("%#x", mine.Number))
	word("group other", fmt.Sprintf("%#x", other.Number))
	word("tunnel", example.TunnelPort)
	word("wire", node1.Mappings[0].PatchPort)
	word("outer", node1.Mappings[1].PatchPort)
	word("node2", node2.EncapIP)
	return c.View(), strings.NewReplacer(words...)
}

func TestTenantsKeepContracts(t *testing.T) {
	v, _ := tenants()
	if clean(t, v) < 30 {
		t.Error("hardly anything had to be reached")
	}
}

// damage is done to the tables of node1.
type damage struct {
	*flow.Tables
	t     *testing.T
	words *strings.Replacer
}

// plant adds an entry.
func (d damage) plant(text string) {
	d.t.Helper()
	e, err := flow.Parse(d.words.Replace(text), pipeline.Names)
	if err != nil {
		d.t.Fatal(err)
	}
	d.Flows = append(d.Flows, flow.Encode(e))
}

// edit changes the text of entries that have all these words in it: the first becomes the second.
func (d damage) edit(from, to string, having ...string) {
	d.t.Helper()
	d.change(func(text string) string { return strings.Replace(text, d.words.Replace(from), d.words.Replace(to), 1) }, append(having, from))
}

// remove removes the entries that have all these words.
func (d damage) remove(having ...string) {
	d.t.Helper()
	d.change(func(string) string { return "" }, having)
}

func (d damage) change(by func(string) string, having []string) {
	d.t.Helper()
	var list []flow.Encoded
	changed := 0
	for _, f := range d.Flows {
		text := example.Text(f)
		if slices.ContainsFunc(having, func(w string) bool { return !strings.Contains(text, d.words.Replace(w)) }) {
			list = append(list, f)
			continue
		}
		changed++
		if text = by(text); text == "" {
			continue
		}
		e, err := flow.Parse(text, pipeline.Names)
		if err != nil {
			d.t.Fatal(err)
		}
		list = append(list, flow.Encode(e))
	}
	if changed == 0 {
		d.t.Fatalf("no entry has %q", d.words.Replace(fmt.Sprint(having)))
	}
	d.Flows = list
}

// bucket adds a bucket to the group of members here of a network.
func (d damage) bucket(network, actions string) {
	d.t.Helper()
	g, err := flow.ParseGroup("group_id=1,type=all,bucket=actions="+d.words.Replace(actions), pipeline.Names)
	if err != nil {
		d.t.Fatal(err)
	}
	d.members(network, func(buckets [][]flow.Action) [][]flow.Action { return append(buckets, g.Buckets...) })
}

func (d damage) members(network string, change func([][]flow.Action) [][]flow.Action) {
	d.t.Helper()
	var key uint32
	if _, err := fmt.Sscan(d.words.Replace("{key of "+network+"}"), &key); err != nil {
		d.t.Fatal(err)
	}
	at := slices.IndexFunc(d.Groups, func(g flow.Group) bool { return g.ID == uint32(topology.LocalPartOf(10))<<24|key })
	if at < 0 {
		d.t.Fatal("no such group")
	}
	d.Groups = slices.Clone(d.Groups)
	d.Groups[at].Buckets = change(slices.Clone(d.Groups[at].Buckets))
}

// What is planted on a switch is found, and the contract that it breaks named.
func TestLeaksAreFound(t *testing.T) {
	type leak struct {
		name     string
		contract verify.Contract
		plant    func(damage)
	}
	planted := func(text string) func(damage) { return func(d damage) { d.plant(text) } }
	leaks := []leak{
		{"classify outputs to a foreign port", verify.ContractLabel, planted("table=classify,priority=200,in_port={red1} actions=output:{blue1}")},
		{"answer outputs to a foreign port", verify.ContractDeliver, planted("table=answer,priority=200,arp,{red} actions=output:{blue1}")},
		{"deliver outputs to a foreign port", verify.ContractDeliver, planted("table=deliver,priority=200,{red} actions=output:{blue1}")},
		{"output outputs to a foreign port", verify.ContractDeliver, func(d damage) { d.edit("actions=output:{red1}", "actions=output:{blue1}", "table=output") }},
		{"output outputs to a port of the network", verify.ContractDeliver, func(d damage) { d.edit("actions=output:{red1}", "actions=output:{open}", "table=output") }},
		{"output matches in any network", verify.ContractDeliver, func(d damage) {
			d.plant("table=output,priority=60,metadata={blue1}/0xffff actions=output:{blue1}")
			d.plant("table=deliver,priority=200,{red} actions=write_metadata:{blue1}/0xffff,goto_table:ingress")
			d.plant("table=ingress,priority=200,{red} actions=goto_table:output")
		}},
		{"deliver outputs to the host", verify.ContractDeliver, planted("table=deliver,priority=200,{red} actions=LOCAL")},
		{"deliver outputs to a port that is nobody's", verify.ContractDeliver, planted("table=deliver,priority=200,{red} actions=output:99")},
		{"deliver does what the switch in memory cannot: NORMAL", verify.ContractDeliver, func(d damage) {
			d.Flows = append(d.Flows, flow.Encode(flow.Entry{Table: pipeline.Deliver.ID, Priority: 200, Apply: []flow.Action{flow.Output{Port: 0xfffffffa}}}))
		}},
		{"a flood group has a foreign member", verify.ContractDeliver, func(d damage) { d.bucket("red", "output:{blue1}") }},
		{"a flood group has a member in another network", verify.ContractRouter, func(d damage) {
			d.bucket("red", "{to blue},{to port blue1},resubmit(,ingress)")
		}},
		{"a flood group sends under a foreign key", verify.ContractTunnel, func(d damage) {
			d.bucket("red", "set_field:{key of blue}->tun_id,set_field:{node2}->tun_dst,output:{tunnel}")
		}},
		{"a flood group sends to a wire", verify.ContractWire, func(d damage) { d.bucket("red", "push_vlan:0x8100,set_field:4197->vlan_vid,output:{wire}") }},
		{"a flood group lacks a member", verify.ContractReach, func(d damage) {
			d.members("red", func(b [][]flow.Action) [][]flow.Action { return b[1:] })
		}},

		{"a port has a foreign label", verify.ContractLabel, planted("table=classify,priority=200,in_port={red1},vlan_tci=0x0000/0x1fff " +
			"actions=write_metadata:0x138b000a/0x3ffffffffff,goto_table:guard")},
		{"a port has the label of another", verify.ContractLabel, func(d damage) {
			d.remove("table=classify", "in_port={open},")
			d.edit("in_port={red1}", "in_port={open}", "table=classify")
		}},
		{"a port may send tagged frames", verify.ContractLabel, func(d damage) { d.edit(",vlan_tci=0x0000/0x1fff", "", "table=classify", "in_port={red1},") }},
		{"a port says that its packets are routed", verify.ContractLabel, func(d damage) {
			d.edit("/0x3ffffffffff", "/0x7ffffffffff", "table=classify", "in_port={red1},")
			d.edit("write_metadata:0x", "write_metadata:0x400", "table=classify", "in_port={red1},")
		}},
		{"tunnel packets from anywhere", verify.ContractLabel, planted("table=classify,priority=1,in_port={tunnel} actions=goto_table:from_tunnel")},
		{"a tunnel key has a foreign label", verify.ContractLabel, func(d damage) {
			d.remove("table=from_tunnel", "tun_id={key of blue}")
			d.edit("tun_id={key of red}", "tun_id={key of blue}", "table=from_tunnel")
		}},
		{"a tunnel key has a foreign router", verify.ContractLabel, func(d damage) { d.edit("tun_id={r2}", "tun_id={key of red}", "table=from_tunnel") }},
		{"a VLAN has a foreign label", verify.ContractLabel, func(d damage) {
			d.edit("dl_vlan=101", "dl_vlan=103", "table=classify")
		}},
		{"a port is made another", verify.ContractLabel, planted("table=classify,priority=200,in_port={red1},vlan_tci=0x0000/0x1fff " +
			"actions=set_field:{blue1}->in_port,write_metadata:0x138b000c/0x3ffffffffff,goto_table:answer")},
		{"a tag counts for nothing", verify.ContractLabel, planted("table=classify,priority=200,in_port={outer},dl_vlan=101 " +
			"actions=pop_vlan,write_metadata:0x200138e0000/0x3ffffffffff,goto_table:from_wire")},
		{"frames without a tag get one", verify.ContractLabel, planted("table=classify,priority=200,in_port={wire},vlan_tci=0x0000/0x1fff " +
			"actions=push_vlan:0x8100,set_field:4197->vlan_vid,write_metadata:0x200138c0000/0x3ffffffffff,goto_table:from_wire")},
		{"a tunnel key becomes another", verify.ContractLabel, planted("table=from_tunnel,priority=200,tun_id={key of red} " +
			"actions=set_field:{key of blue}->tun_id,write_metadata:0x100138b0000/0x3ffffffffff,goto_table:deliver")},
		{"the host has a label", verify.ContractLabel, planted("table=classify,priority=50,in_port=LOCAL,vlan_tci=0x0000/0x1fff " +
			"actions=write_metadata:0x1389000a/0x3ffffffffff,goto_table:answer")},

		{"the guard is left out", verify.ContractSource, func(d damage) { d.edit("goto_table:guard", "goto_table:service", "table=classify", "in_port={red1},") }},
		{"a port may send from any address", verify.ContractSource, func(d damage) { d.edit(",nw_src=10.1.0.11", "", "table=guard") }},
		{"a port may send from any MAC address", verify.ContractSource, func(d damage) { d.edit(",dl_src={MAC of red1}", "", "table=guard", "nw_src=10.1.0.11") }},
		{"a port may have any ARP sender", verify.ContractSource, func(d damage) { d.edit(",arp_spa=10.1.0.11", "", "table=guard") }},
		{"a port may send anything", verify.ContractSource, planted("table=guard,priority=60,{from red1} actions=goto_table:service")},
		{"a port may be a DHCP server", verify.ContractSource, func(d damage) { d.remove("table=guard", "{from red1}", "tp_dst=68") }},
		{"a DHCP server is dropped too late", verify.ContractSource, func(d damage) { d.edit("priority=100", "priority=40", "table=guard", "{from red1}", "tp_dst=68") }},
		{"ports may send link-local multicast", verify.ContractSource, func(d damage) { d.remove("table=guard", "01:80:c2") }},
		{"a second tag comes in", verify.ContractSource, func(d damage) { d.remove("table=from_wire", "dl_type=0x8100") }},
		{"what comes from the wire leaves table from_wire out", verify.ContractSource, func(d damage) {
			d.edit("goto_table:from_wire", "goto_table:answer", "table=classify", "dl_vlan=101")
		}},

		{"to_router changes the network", verify.ContractRouter, planted("table=to_router,priority=200,{red} actions={to blue},goto_table:deliver")},
		{"deliver changes the network", verify.ContractRouter, planted("table=deliver,priority=200,{red} actions=write_metadata:0x138b000b/0xffffffffff,goto_table:ingress")},
		{"a router's packets come back to a table of nobody's", verify.ContractDeliver, func(d damage) {
			d.plant("table=to_router,priority=200,ip,{red},nw_dst=10.3.0.0/24 actions=set_field:{r1}->reg1,resubmit(,route),goto_table:200")
			d.plant("table=200,{rear} actions=output:{blue1}")
		}},
		{"a foreign router is entered", verify.ContractRouter, planted("table=to_router,priority=200,{red} actions=set_field:{r2}->reg1,goto_table:route")},
		{"a router routes into a foreign network", verify.ContractRouter, func(d damage) {
			d.plant("table=route,priority=300,ip,reg1={r1},nw_dst=10.2.0.0/24 actions=move:NXM_OF_IP_DST[]->NXM_NX_REG0[],{to blue},goto_table:neighbour")
		}},
		{"a router is a next hop in a foreign network", verify.ContractRouter, func(d damage) {
			d.plant("table=neighbour,priority=60,ip,{rear} actions=set_field:{r2}->reg1,resubmit(,route)")
		}},

		{"to another node under a foreign key", verify.ContractTunnel, func(d damage) {
			d.edit("set_field:{key of red}->tun_id", "set_field:{key of blue}->tun_id", "table=deliver", "{MAC of red2}")
		}},
		{"to another node under no key", verify.ContractTunnel, planted("table=deliver,priority=200,{red} actions=set_field:{node2}->tun_dst,output:{tunnel}")},
		{"to a node that is none", verify.ContractTunnel, func(d damage) {
			d.edit("set_field:{node2}->tun_dst", "set_field:198.51.100.1->tun_dst", "table=deliver", "{MAC of red2}")
		}},
		{"to a foreign router", verify.ContractTunnel, func(d damage) { d.edit("set_field:{r1}->tun_id", "set_field:{r2}->tun_id", "table=source_nat") }},
		{"from tunnel to tunnel", verify.ContractTunnel, planted("table=deliver,priority=200,metadata=0x10013890000/0x3ffffff0000 " +
			"actions=set_field:0->in_port,set_field:{key of red}->tun_id,set_field:{node2}->tun_dst,output:{tunnel}")},
		{"back into the tunnel", verify.ContractTunnel, planted("table=from_tunnel,priority=200,tun_id={key of red} actions=IN_PORT")},
		{"a VLAN's packets into the tunnel", verify.ContractTunnel, planted("table=deliver,priority=200,{green} " +
			"actions=set_field:{key of green}->tun_id,set_field:{node2}->tun_dst,output:{tunnel}")},
		{"a foreign tag", verify.ContractWire, func(d damage) {
			d.edit("set_field:4197->vlan_vid", "set_field:4198->vlan_vid", "table=deliver", "{MAC of green2}")
		}},
		{"no tag", verify.ContractWire, planted("table=deliver,priority=200,{green} actions=output:{wire}")},

		{"what a port gets is not asked for", verify.ContractGroups, planted("table=ingress,priority=200,ip actions=goto_table:output")},
		{"what a port gets is not tracked", verify.ContractGroups, planted("table=deliver,priority=200,ip,{red} actions=write_metadata:{red1}/0xffff,goto_table:output")},
		{"deliver outputs to a port of the network", verify.ContractGroups, planted("table=deliver,priority=200,ip,{red} actions=output:{red1}")},
		{"what is not allowed is let through", verify.ContractGroups, planted("table=ingress_verdict,priority=200,ip actions=goto_table:output")},
		{"what a port sends is not asked for", verify.ContractGroups, planted("table=egress,priority=200,ip actions=goto_table:to_router")},
		{"what a port gets is allowed by hand", verify.ContractGroups, planted("table=ingress,priority=200,ip,{from red1} actions=set_field:0x8/0x38->reg2,goto_table:ingress_verdict")},
		{"a rule is of all groups", verify.ContractGroups, planted("table=rules,priority=200,ip actions=set_field:0x8/0x8->reg2")},
		{"a foreign group is asked", verify.ContractGroups, func(d damage) {
			d.edit("set_field:{group mine}->reg3", "set_field:{group other}->reg3", "table=groups", "{from red1}")
		}},

		{"packets go up without a meter", verify.ContractPunt, planted("table=service,priority=200,ip,{from red1} actions=CONTROLLER:65535")},
		{"copies go up without a meter", verify.ContractPunt, planted("table=service,priority=200,ip,{from red1} actions=CONTROLLER:65535,goto_table:answer")},
		{"deliver does what the switch in memory cannot: nobody knows what", verify.ContractReadable, func(d damage) {
			d.Flows = append(d.Flows, flow.EncodeForeign(flow.Entry{Table: pipeline.Deliver.ID, Priority: 200}, "", "\x00\x01"))
		}},

		{"a port's label is missing", verify.ContractReach, func(d damage) { d.remove("table=classify", "in_port={red1},") }},
		{"a port's guard is missing", verify.ContractReach, func(d damage) { d.remove("table=guard", "nw_src=10.1.0.11") }},
		{"a port's address is missing", verify.ContractReach, func(d damage) { d.remove("table=deliver", "dl_dst={MAC of red1}") }},
		{"a port's address elsewhere is missing", verify.ContractReach, func(d damage) { d.remove("table=deliver", "dl_dst={MAC of red2}") }},
		{"a port's address is dropped by hand", verify.ContractReach, planted("table=deliver,priority=200,dl_dst={MAC of red2} actions=drop")},
		{"a port's groups are missing", verify.ContractReach, func(d damage) { d.remove("table=groups", "{from red1}") }},
		{"a port's interface is missing", verify.ContractReach, func(d damage) { d.remove("table=output", "{from red1}") }},
		{"a node is missing", verify.ContractReach, func(d damage) { d.remove("table=classify", "tun_src={node2}") }},
		{"a tunnel key is missing", verify.ContractReach, func(d damage) { d.remove("table=from_tunnel", "tun_id={key of red}") }},
		{"a VLAN is missing", verify.ContractReach, func(d damage) { d.remove("table=classify", "dl_vlan=101") }},
		{"a router is missing", verify.ContractReach, func(d damage) { d.remove("table=to_router", "set_field:{r1}->reg1") }},
		{"a router's route is missing", verify.ContractReach, func(d damage) { d.remove("table=route", "reg1={r1}", "nw_dst=10.3.0.0/24") }},
		{"a router's next hop is missing", verify.ContractReach, func(d damage) { d.remove("table=neighbour", "reg0=0xa03000c") }},
		{"a router's gateway node is missing", verify.ContractReach, func(d damage) { d.remove("table=source_nat", "set_field:{r1}->tun_id") }},
	}
	for _, l := range leaks {
		t.Run(l.name, func(t *testing.T) {
			v, words := tenants()
			held := tables(t, v, 1)
			l.plant(damage{&held, t, words})
			found := verify.Of(v).Switch(1, &held).Violations
			at := slices.IndexFunc(found, func(f verify.Violation) bool { return f.Contract == l.contract })
			if at < 0 {
				t.Errorf("contract %s: nothing found", l.contract)
			} else if !found[at].Confirmed && !strings.Contains(l.name, "the switch in memory cannot") {
				t.Error("no packet confirms it")
			}
			for _, f := range found {
				t.Log(told(f))
				if f.Text == "" || len(f.Way) == 0 {
					t.Error("a violation does not say what it is")
				}
			}
		})
	}
}
