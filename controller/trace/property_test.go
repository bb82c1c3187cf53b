package trace

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/planck-sdn/planck/apps"
	"github.com/planck-sdn/planck/apps/example"
	"github.com/planck-sdn/planck/model"
	"github.com/planck-sdn/planck/model/flow"
	"github.com/planck-sdn/planck/model/topology"
	"github.com/planck-sdn/planck/model/topology/history"
)

// TestTraceAsJudged: through random security groups a packet is delivered exactly when a plain reading of the rules says so, and the reply to it
// comes back when that says so too.
func TestTraceAsJudged(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		pick := func(what string, from ...string) string { return rapid.SampledFrom(from).Draw(rt, what) }
		c := &example.Cloud{}
		nodes := []*model.Node{c.Node("node1"), c.Node("node2")}
		networks := []*model.Network{c.Network("net1"), c.Network("net2")}
		for i, n := range networks {
			c.BareSubnet(n, fmt.Sprintf("10.%d.0.0/24", 1+i))
		}
		r := c.Router("r1")
		var groups []*model.SecurityGroup
		for _, name := range []string{"one", "two", "three"} {
			var rules []model.SecurityGroupRule
			if rapid.IntRange(0, 4).Draw(rt, "egress") > 0 {
				rules = append(rules, example.Rule("egress any"))
			}
			for range rapid.IntRange(0, 3).Draw(rt, "rules") {
				rules = append(rules, example.Rule(pick("direction", "ingress", "ingress", "egress")+" "+
					pick("service", "any", "udp", "udp 1000", "udp 1000-1001", "tcp 1000", "icmp 8", "gre")+pick("remote", "", "", " from 10.1.0.0/24", " from one", " from two")))
			}
			groups = append(groups, c.Group(name, rules...))
		}
		groups[2].Stateful = false
		var vms []*model.Port
		for i := range 4 {
			p := c.VM(networks[i%2], rapid.SampledFrom(nodes).Draw(rt, "node"), fmt.Sprint("vm", i), fmt.Sprintf("10.%d.0.%d", 1+i%2, 11+i))
			if rapid.IntRange(0, 9).Draw(rt, "groups") > 0 { // stateful and stateless groups do not go together
				example.Join(p, rapid.SampledFrom(groups).Draw(rt, "group"))
			} else {
				p.SecurityGroups = []string{}
			}
			vms = append(vms, p)
		}
		for i, n := range networks {
			c.Interface(r, n, fmt.Sprintf("10.%d.0.1", 1+i))
		}
		cloud := cloudOf(rt, c.View())
		for range 10 {
			from, to := rapid.SampledFrom(vms).Draw(rt, "from"), rapid.SampledFrom(vms).Draw(rt, "to")
			if from == to {
				continue
			}
			p := Packet{From: from, To: AddressOf(to), Number: 40000, SourcePort: 40000, Protocol: uint8(rapid.SampledFrom([]int{model.ProtocolICMP, model.ProtocolTCP, model.ProtocolUDP, 47}).Draw(rt, "protocol"))}
			judged := example.Packet{Src: AddressOf(from), Dst: p.To, Proto: p.Protocol}
			switch p.Protocol {
			case model.ProtocolICMP:
				judged.SrcPort, judged.DstPort, judged.Type = p.Number, p.Number, 8
			case model.ProtocolTCP, model.ProtocolUDP:
				p.DestinationPort = uint16(1000 + rapid.IntRange(0, 2).Draw(rt, "port"))
				judged.SrcPort, judged.DstPort = p.SourcePort, p.DestinationPort
			}
			judge := example.NewJudge()
			judge.Rules(cloud.View)
			passes := judge.Passes(from, judged, true) && judge.Passes(to, judged, false)
			w := Follow(cloud, p)
			if (w.Outcome == Delivered) != passes || !passes && w.Outcome != Dropped {
				rt.Fatalf("%+v passes: %v; the verdict: %s", judged, passes, w.Verdict)
			}
			if !passes {
				continue
			}
			back := judge.Passes(to, judged.Reply(), true) && judge.Passes(from, judged.Reply(), false)
			if got := strings.Contains(w.Verdict, "the reply comes back"); got != back {
				rt.Fatalf("the reply to %+v passes: %v; the verdict: %s", judged, back, w.Verdict)
			}
		}
	})
}

func cloudOf(t interface{ Fatal(...any) }, v *topology.View) Cloud {
	known := map[model.Number]*flow.Tables{}
	return Cloud{View: v, Apps: apps.All(), Now: time.Unix(0, 0), Tables: func(n *model.Node) (*flow.Tables, error) {
		if known[n.Number] == nil {
			tables, err := example.Tables(apps.All(), v, n.Number)
			if err != nil {
				t.Fatal(err)
			}
			known[n.Number] = &tables
		}
		return known[n.Number], nil
	}}
}

// blames are the words for tables that are not as they should be.
var blames = []string{"missing", "nothing matches", "tables do not know", "no entry of", "is not on", "gives up", "circles", "cannot be asked", "is not taken"}

// TestWantedTablesAreNotBlamed: whatever clouds have been through, the reason why a packet does not arrive is never that an entry is not there.
func TestWantedTablesAreNotBlamed(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		h, v := history.New(), topology.New()
		for range rapid.IntRange(40, 120).Draw(rt, "steps") {
			v, _ = v.Apply(h.Step(rt))
		}
		c := cloudOf(rt, v)
		ports := history.RowsOf[*model.Port](h)
		senders := slices.DeleteFunc(slices.Clone(ports), func(p *model.Port) bool { return len(v.Attachments(p.Number)) == 0 })
		if len(senders) == 0 {
			return
		}
		for range 10 {
			from, to := v.Port(rapid.SampledFrom(senders).Draw(rt, "from").Number), rapid.SampledFrom(ports).Draw(rt, "to")
			p := Packet{From: from, To: AddressOf(to), Number: 1, DestinationPort: 53,
				Kind: Kind(rapid.IntRange(0, 2).Draw(rt, "kind")), Protocol: uint8(rapid.SampledFrom([]int{1, 6, 17, 47}).Draw(rt, "protocol"))}
			if !p.To.IsValid() {
				p.To = netip.MustParseAddr("198.51.100.1")
			}
			if p.Kind != IP {
				p.Protocol = 0
			}
			if rapid.IntRange(0, 4).Draw(rt, "size") == 0 && p.Kind == IP {
				p.Size = 1300
			}
			if err := p.Validate(); err != nil {
				rt.Fatal(err)
			}
			w := Follow(c, p)
			for _, words := range blames {
				if strings.Contains(w.Verdict, words) || w.Outcome == "" || w.Verdict == "" {
					rt.Fatalf("%s to %s, kind %d, protocol %d: %s: %s", from.ID, p.To, p.Kind, p.Protocol, w.Outcome, w.Verdict)
				}
			}
			if d := Compare(w, Follow(c, p)); d != nil {
				rt.Fatalf("the same tables differ: %+v", d)
			}
		}
	})
}
