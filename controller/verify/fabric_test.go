package verify

import (
	"slices"
	"strings"
	"testing"

	"github.com/planck-sdn/planck/apps"
	"github.com/planck-sdn/planck/apps/example"
	"github.com/planck-sdn/planck/apps/pipeline"
	"github.com/planck-sdn/planck/model"
	"github.com/planck-sdn/planck/model/flow"
)

// TestFabric: what is rendered for physical switches is proved, and what is planted there is found.
func TestFabric(t *testing.T) {
	c := &example.Cloud{}
	example.Fabric(c)
	other := c.VLAN("other", "dc", 102)
	c.Subnet(other, "10.9.0.0/24")
	v := c.View()
	tor2 := v.NodeByHostname("tor2")
	names := pipeline.NamesOf(tor2)
	tables := func() flow.Tables {
		held, err := example.Tables(apps.All(), v, tor2.Number)
		if err != nil {
			t.Fatal(err)
		}
		return held
	}
	v.Nodes(func(n *model.Node) {
		held, err := example.Tables(apps.All(), v, n.Number)
		if err != nil {
			t.Fatal(err)
		}
		if r := Of(v).Switch(n.Number, &held); len(r.Violations) > 0 || n.Switch != nil && r.Pairs == 0 {
			t.Errorf("%s: %+v", n.Hostname, r)
		}
	})
	entry := func(text string) flow.Encoded {
		e, err := flow.Parse(text, names)
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		e.Cookie = flow.NewCookie(135, uint8(model.KindNode), uint64(tor2.Number))
		return flow.Encode(e)
	}
	for _, planted := range []struct {
		name, entry, says string
		contract          Contract
	}{
		{"to a stranger's port", "table=forward,priority=60,dl_vlan=102,dl_dst=02:00:00:00:00:01 actions=pop_vlan,output:4", "where nothing of that network is", ContractDeliver},
		{"a tag of nobody", "table=flood,priority=60,dl_vlan=999 actions=output:1", "which is no network's", ContractDeliver},
		{"without a tag", "table=forward,priority=60,dl_dst=02:00:00:00:00:01 actions=output:4", "whatever network they are of", ContractDeliver},
		{"with the wrong tag", "table=forward,priority=60,dl_vlan=101,dl_dst=02:00:00:00:00:01 actions=output:3", "with tag 101", ContractDeliver},
		{"another network for a host", "table=port,priority=60,in_port=4,vlan_tci=0x0000/0x1fff actions=push_vlan:0x8100,set_field:4198->vlan_vid,goto_table:guard", "VLAN id 102", ContractLabel},
		{"a host past its guard", "table=port,priority=60,in_port=4,vlan_tci=0x0000/0x1fff actions=push_vlan:0x8100,set_field:4197->vlan_vid,goto_table:forward", "pass by its guard", ContractSource},
		{"a tag from a host", "table=port,priority=60,in_port=4,dl_vlan=102 actions=goto_table:forward", "port 4, where no host is", ContractLabel},
		{"from any port", "table=port,priority=10 actions=goto_table:forward", "by any port", ContractLabel},
		{"another's MAC address", "table=guard,priority=60,in_port=4,dl_vlan=101,dl_src=02:00:00:00:00:01 actions=goto_table:service", "not its own", ContractSource},
		{"up without a meter", "table=answer,priority=60,in_port=4,dl_type=0x0806 actions=CONTROLLER:65535", "no meter", ContractPunt},
	} {
		held := tables()
		held.Flows = append(held.Flows, entry(planted.entry))
		found := false
		for _, x := range Of(v).Switch(tor2.Number, &held).Violations {
			found = found || x.Contract == planted.contract && strings.Contains(x.Text, planted.says)
		}
		if !found {
			t.Errorf("%s is not found: %+v", planted.name, Of(v).Switch(tor2.Number, &held).Violations)
		}
	}
	// Whatever is missing of what packets between members need.
	needed := 0
	for i, f := range tables().Flows {
		e, _ := f.Decode()
		arp, _ := valueOf(e.Match, flow.EthType)
		_, dhcp := valueOf(e.Match, flow.IPv4Dst)
		if !e.HasGoto && (len(e.Apply) == 0 || slices.Contains(e.Apply, flow.Action(flow.Output{Port: flow.PortController, MaxLen: 0xffff}))) ||
			arp == pipeline.EthTypeARP || arp == pipeline.EthTypeRARP || dhcp {
			continue
		}
		needed++
		held := tables()
		held.Flows = slices.Delete(held.Flows, i, i+1)
		if r := Of(v).Switch(tor2.Number, &held); len(r.Violations) == 0 || r.Violations[0].Contract != ContractReach {
			t.Errorf("without %s: %+v", f, r)
		}
	}
	if needed < 10 {
		t.Errorf("only %d entries", needed)
	}
	// What is dropped for a while is no violation; by somebody else's entry it is.
	for cookie, violated := range map[flow.Cookie]bool{flow.NewCookie(141, uint8(model.KindNode), uint64(tor2.Number)): false, 0: true} {
		e, err := flow.Parse("table=port,priority=130,hard_timeout=2,in_port=4,dl_type=0x0800 actions=drop", names)
		if err != nil {
			t.Fatal(err)
		}
		e.Cookie = cookie
		held := tables()
		held.Flows = append(held.Flows, flow.Encode(e))
		if r := Of(v).Switch(tor2.Number, &held); (len(r.Violations) > 0) != violated {
			t.Errorf("dropped by cookie %#x: %+v", cookie, r)
		}
	}
}
