package explain_test

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/planck-sdn/planck/apps"
	"github.com/planck-sdn/planck/apps/example"
	"github.com/planck-sdn/planck/apps/pipeline"
	"github.com/planck-sdn/planck/controller/explain"
	"github.com/planck-sdn/planck/model"
	"github.com/planck-sdn/planck/model/flow"
)

var update = flag.Bool("update", false, "write testdata/*.golden anew")

var fresh = explain.State{Wanted: true, Present: true, Asked: true, Age: 26*time.Hour + 3*time.Minute, Packets: 17}

// TestEveryRule holds the explanation of an entry of each rule in each of its tables, as the examples render them.
func TestEveryRule(t *testing.T) {
	type place struct {
		rule     uint16
		table    uint8
		ofSwitch bool
	}
	texts := map[place]string{}
	covered := map[uint16]bool{}
	for _, c := range append(example.Cases(), example.SwitchCases()...) {
		v := c.Cloud.View()
		x := explain.New(v)
		v.Nodes(func(n *model.Node) {
			tables, err := example.Tables(apps.All(), v, n.Number)
			if err != nil {
				t.Fatal(err)
			}
			for _, f := range tables.Flows {
				text := x.Text(n, f, tables.Groups, tables.Meters, fresh)
				judge(t, text)
				at := place{f.Cookie().Rule(), f.Table(), n.Switch != nil}
				covered[at.rule] = true
				if texts[at] == "" {
					texts[at] = fmt.Sprintf("%s\n%s\n\n%s\n", c.Name, example.TextWith(f, pipeline.NamesOf(n)), text)
				}
			}
		})
	}
	for _, r := range pipeline.Rules() {
		if covered[r.Number] == (r.Passing != nil) /* those come and go by a timeout */ {
			t.Errorf("rule %d, %s: rendered is %v", r.Number, r.Name, covered[r.Number])
		}
	}
	places := make([]place, 0, len(texts))
	for p := range texts {
		places = append(places, p)
	}
	slices.SortFunc(places, func(a, b place) int { return int(a.rule)<<8 + int(a.table) - int(b.rule)<<8 - int(b.table) })
	var b strings.Builder
	for _, p := range places {
		fmt.Fprintf(&b, "%d %s, %s\n", p.rule, pipeline.TableName(p.table), texts[p])
	}
	golden(t, "rules.golden", b.String())
}

// judge finds what no explanation of a good entry may say: that something does not exist, or bits without a word for them.
func judge(t *testing.T, text string) {
	t.Helper()
	for _, bad := range []string{"exist", "nothing is known", "0x", "not known to have", "cannot read", "%!", "  ", ", ,", ".."} {
		if strings.Contains(strings.ReplaceAll(strings.ReplaceAll(text, "ethertype 0x", "ethertype "), "/0x", "/"), bad) {
			t.Errorf("%q in: %s", bad, text)
		}
	}
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := "testdata/" + name
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("differs from %s (go test -update writes it anew):\n%s", path, got)
	}
}

// TestStrange holds what is said of entries that no rule has made, or that are not where they belong.
func TestStrange(t *testing.T) {
	v := example.TwoNodes().View()
	node := v.NodeByHostname("node1")
	tables, err := example.Tables(apps.All(), v, node.Number)
	if err != nil {
		t.Fatal(err)
	}
	x := explain.New(v)
	var b strings.Builder
	say := func(title string, n *model.Node, f flow.Encoded, s explain.State) {
		fmt.Fprintf(&b, "%s\n%s\n\n", title, x.Text(n, f, tables.Groups, tables.Meters, s))
	}
	read := func(line string) flow.Encoded {
		e, err := flow.Parse(line, pipeline.Names)
		if err != nil {
			t.Fatal(err)
		}
		return flow.Encode(e)
	}
	byHand := read("cookie=0x1234, table=deliver, priority=60000,ip,metadata=0x13890000/0xffffff0000 actions=output:10")
	say("added by hand", node, byHand, explain.State{Present: true, Asked: true, Age: 90 * time.Second, Packets: 1})
	say("typed in, and nowhere", node, byHand, explain.State{Asked: true})
	say("on no known node", nil, byHand, explain.State{})
	say("bits that mean nothing", node, read("table=7, priority=1,metadata=0x100000000000000/0x100000000000000,reg2=0x80/0x80,tcp,tcp_dst=0x50/0xfff0 actions=set_field:3->reg3,load:1->NXM_NX_REG2[9],group:99,write_metadata:0x1/0x1"),
		explain.State{Present: true})
	gone := read("cookie=0x66207a4000000063, table=deliver, priority=30,metadata=0x77770000/0xffffff0000,dl_dst=fa:16:3e:00:00:63 actions=write_metadata:0x63/0xffff,goto_table:ingress")
	say("for a port that is gone", node, gone, explain.State{Present: true, Asked: true})
	say("not sent yet", node, tables.Flows[0], explain.State{Wanted: true, Asked: true})
	say("not confirmed yet", node, tables.Flows[0], explain.State{Wanted: true})
	foreign := flow.EncodeForeign(flow.Entry{Table: 76, Priority: 5}, "", "\x00\x04\x00\x08")
	say("unreadable", node, foreign, explain.State{Present: true})
	p, web2 := v.PortByID("web1"), v.PortByID("web2")
	say("for two", node, tables.Flows[0], explain.State{Wanted: true, Present: true, Owners: []model.Ref{p.Ref(), p.Ref(), web2.Ref()}})
	say("passing", node, read("cookie=0x6622095000000001, table=neighbour, hard_timeout=1, priority=45,ip,reg0=0xcb007105,reg1=0x2329 actions=drop"),
		explain.State{Present: true, Asked: true, Age: 300 * time.Millisecond})
	for _, c := range []flow.Cookie{0x1234, 0x66207a4000000002, 0x66207a4000000063, 0x662ffe4000000002, 0x66207af000000002} {
		fmt.Fprintf(&b, "nothing has cookie %#x\n%s\n\n", uint64(c), x.Nothing(c))
	}
	golden(t, "strange.golden", b.String())
}

// FuzzText explains whatever ovs-ofctl may print.
func FuzzText(f *testing.F) {
	for _, c := range example.Cases() {
		v := c.Cloud.View()
		tables, err := example.Tables(apps.All(), v, 1)
		if err != nil {
			f.Fatal(err)
		}
		for i := 0; i < len(tables.Flows); i += 7 {
			f.Add(example.Text(tables.Flows[i]))
		}
	}
	v := example.TwoNodes().View()
	node := v.NodeByHostname("node1")
	tables, err := example.Tables(apps.All(), v, node.Number)
	if err != nil {
		f.Fatal(err)
	}
	x := explain.New(v)
	f.Fuzz(func(t *testing.T, line string) {
		e, err := flow.Parse(line, pipeline.Names)
		if err != nil {
			return
		}
		if text := x.Text(node, flow.Encode(e), tables.Groups, tables.Meters, explain.State{}); !strings.HasSuffix(text, ".") {
			t.Errorf("no paragraph: %q", text)
		}
	})
}
