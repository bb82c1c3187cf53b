package e2e

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/planck-sdn/planck/northbound/admin"
)

// explain asks as planckctl flow explain does.
func (c *Cloud) explain(query url.Values) []admin.Explanation {
	c.t.Helper()
	var answer struct{ Explanations []admin.Explanation }
	c.must(c.request(http.MethodGet, admin.Prefix+"/flows/explain?"+query.Encode(), nil, &answer))
	return answer.Explanations
}

// TestExplain pastes what ovs-ofctl prints, and holds what is said of it against what is known.
func TestExplain(t *testing.T) {
	t.Parallel()
	c := Start(t, Options{})
	nodes := c.AddNodes("compute1", "compute2")
	a, b, ping := c.pair(nodes[0], nodes[1])
	ping.Stop()
	dump := func(match string) string {
		out, err := nodes[1].Ofctl("dump-flows", "br-int", match)
		if err != nil {
			t.Fatal(err)
		}
		for _, line := range strings.Split(out, "\n") {
			if strings.Contains(line, "actions=") {
				return line
			}
		}
		t.Fatalf("no entry has %s: %s", match, out)
		return ""
	}
	says := func(what string, e admin.Explanation, words ...string) {
		t.Helper()
		for _, w := range words {
			if !strings.Contains(e.Text, w) {
				t.Errorf("%s: %q is not in: %s", what, w, e.Text)
			}
		}
	}
	deliver := dump("table=76,dl_dst=" + b.MAC)
	for what, query := range map[string]url.Values{
		"pasted":        {"entry": {deliver}},
		"by its cookie": {"cookie": {strings.TrimSuffix(strings.Fields(strings.TrimPrefix(strings.TrimSpace(deliver), "cookie="))[0], ",")}},
	} {
		list := c.explain(query)
		if len(list) != 1 || list[0].Flow.Node != "compute2" || list[0].Flow.Counters == nil || list[0].Flow.Counters.Packets == 0 {
			t.Fatalf("%s: %+v", what, list)
		}
		says(what, list[0], "On compute2, in table deliver", "to MAC address "+b.MAC+" (port b)", "in network pair (VXLAN key", "goes on in table ingress",
			"It is there for port b (id "+b.Port.ID, "there since 20", "The switch has had it for", "packets have met it", "apps/l2/port.go:")
	}
	if away := c.Flows("compute1", b.Port.ID); len(away) == 0 {
		t.Error("compute1 does not know b")
	} else if list := c.explain(url.Values{"cookie": {away[0].Cookie}, "node": {"compute1"}}); len(list) != 1 {
		t.Errorf("on compute1: %+v", list)
	} else {
		says("on compute1", list[0], "On compute1", "port b")
	}

	if _, err := nodes[1].Ofctl("mod-flows", "br-int", "table=76,dl_dst="+b.MAC+",actions=drop"); err != nil {
		t.Fatal(err)
	}
	if _, err := nodes[1].Ofctl("add-flow", "br-int", "cookie=0x1234,table=76,priority=60000,dl_dst="+a.MAC+",actions=drop"); err != nil {
		t.Fatal(err)
	}
	list := c.explain(url.Values{"entry": {deliver}})
	slices.SortFunc(list, func(x, y admin.Explanation) int { return strings.Compare(x.Flow.Entry, y.Flow.Entry) })
	if len(list) != 2 {
		t.Fatalf("of an entry that was changed by hand: %+v", list)
	}
	says("as it should be", list[1], "The topology asks for it, and the switch does not have it", "goes on in table ingress")
	says("as it was made by hand", list[0], "The topology does not ask for it", "They are dropped here")
	if list = c.explain(url.Values{"cookie": {"0x1234"}}); len(list) != 1 {
		t.Fatalf("of an entry by hand: %+v", list)
	}
	says("by hand", list[0], "somebody else has put it there", a.MAC, "The switch has had it for")
	if list = c.explain(url.Values{"cookie": {"0x1235"}}); len(list) != 1 {
		t.Fatalf("of a cookie that nothing has: %+v", list)
	}
	says("nothing", list[0], "No switch that could be asked has an entry with cookie 0x1235")

	var top admin.Topology
	c.must(c.request(http.MethodGet, admin.Prefix+"/topology", nil, &top))
	where := map[string]string{}
	for _, n := range top.Networks {
		for _, p := range n.Ports {
			where[p.Name] = n.Name + " on " + p.Node
		}
	}
	if where["a"] != "pair on compute1" || where["b"] != "pair on compute2" || len(top.Nodes) != 2 {
		t.Errorf("topology: %+v", top)
	}

	nodes[1].KillVswitchd()
	list = c.explain(url.Values{"cookie": {"0x1235"}})
	if !slices.ContainsFunc(list, func(e admin.Explanation) bool { return e.Flow.Node == "compute2" && e.Flow.Problem != "" }) {
		t.Errorf("of a node that does not answer: %+v", list)
	}
}
