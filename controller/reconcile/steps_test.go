package reconcile

import (
	"fmt"
	"strings"
	"testing"

	"github.com/planck-sdn/planck/apps/pipeline"
	"github.com/planck-sdn/planck/model"
	"github.com/planck-sdn/planck/model/flow"
	"github.com/planck-sdn/planck/model/topology"
)

// tablesOf are tables with what a switch holds, and what some units want. Each line is an entry, a group ("group_id=…") or a meter
// ("meter=…"). Wanted entries are those of ports 1, 2 and so on, one each.
func tablesOf(t *testing.T, held, wanted string) *tables {
	t.Helper()
	tb := newTables()
	for i, r := range parseEach(t, wanted) {
		u := topology.Unit{Ref: model.Ref{Kind: model.KindPort, Number: model.Number(i + 1)}}
		tb.set(u, r, newDirty())
	}
	var all flow.Tables
	for _, r := range parseEach(t, held) {
		all.Flows, all.Groups, all.Meters = append(all.Flows, r.Flows...), append(all.Groups, r.Groups...), append(all.Meters, r.Meters...)
	}
	tb.readBack(&all)
	return tb
}

func parseEach(t *testing.T, text string) []pipeline.Rendered {
	t.Helper()
	var list []pipeline.Rendered
	for _, line := range strings.Split(strings.TrimSpace(text), "\n") {
		var r pipeline.Rendered
		var err error
		switch line = strings.TrimSpace(line); {
		case line == "":
			continue
		case strings.HasPrefix(line, "group"):
			var g flow.Group
			g, err = flow.ParseGroup(line, nil)
			r.Groups = append(r.Groups, g)
		case strings.HasPrefix(line, "meter"):
			var m flow.Meter
			m, err = flow.ParseMeter(line)
			r.Meters = append(r.Meters, m)
		default:
			var e flow.Entry
			e, err = flow.Parse(line, nil)
			e.Cookie = flow.NewCookie(1, uint8(model.KindPort), 1)
			r.Flows = append(r.Flows, flow.Encode(e))
		}
		if err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		list = append(list, r)
	}
	return list
}

// formatSteps writes a plan down: a line for each message, and one for each barrier.
func formatSteps(list []batch) string {
	var b strings.Builder
	for _, step := range list {
		if step.breaks {
			b.WriteString("look\n")
		}
		for _, p := range step.changes {
			text := ""
			switch {
			case p.Group != nil:
				text = flow.FormatGroup(*p.Group, nil)
			case p.Meter != nil:
				text = flow.FormatMeter(*p.Meter)
			default:
				e, _ := p.Flow.Decode()
				e.Cookie = 0
				text = strings.TrimPrefix(flow.Format(e, nil), "cookie=0x0, ")
			}
			fmt.Fprintf(&b, "%s %s\n", map[flow.Op]string{flow.OpAdd: "add", flow.OpModify: "modify", flow.OpDelete: "delete"}[p.Op], text)
		}
		b.WriteString("barrier\n")
	}
	return b.String()
}

func TestSteps(t *testing.T) {
	const (
		held = `
			table=0,priority=100,in_port=1,actions=goto_table:4
			table=4,priority=100,dl_dst=02:00:00:00:00:01,actions=output:1
			table=4,priority=100,dl_dst=02:00:00:00:00:02,actions=output:2
			table=5,priority=100,dl_vlan=7,actions=group:7
			group_id=7,type=all,bucket=actions=output:1,bucket=actions=output:2
			group_id=9,type=all,bucket=actions=output:1
			meter=1 pktps burst bands=type=drop rate=5 burst_size=5`
		wanted = `
			table=0,priority=100,in_port=3,actions=goto_table:4
			table=4,priority=100,dl_dst=02:00:00:00:00:02,actions=output:3
			table=4,priority=100,dl_dst=02:00:00:00:00:03,actions=output:3
			table=5,priority=100,dl_vlan=8,actions=group:8
			group_id=8,type=all,bucket=actions=output:3,bucket=actions=output:2
			meter=2 pktps burst bands=type=drop rate=5 burst_size=5`
	)
	for _, c := range []struct {
		name     string
		hardware hardware
		want     string
	}{
		{"make before break", hardware{room: map[uint8]int{0: 2, 4: 3}}, `
			add meter=2 pktps burst bands=type=drop rate=5 burst_size=5
			add group_id=8,type=all,bucket=actions=output:3,bucket=actions=output:2
			barrier
			add table=5, priority=100,dl_vlan=8 actions=group:8
			barrier
			modify table=4, priority=100,dl_dst=02:00:00:00:00:02 actions=output:3
			add table=4, priority=100,dl_dst=02:00:00:00:00:03 actions=output:3
			barrier
			add table=0, priority=100,in_port=3 actions=goto_table:4
			barrier
			look
			delete table=0, priority=100,in_port=1 actions=goto_table:4
			barrier
			delete table=4, priority=100,dl_dst=02:00:00:00:00:01 actions=output:1
			barrier
			delete table=5, priority=100,dl_vlan=7 actions=group:7
			barrier
			delete group_id=7,type=all,bucket=actions=output:1,bucket=actions=output:2
			delete group_id=9,type=all,bucket=actions=output:1
			delete meter=1 pktps burst bands=type=drop rate=5 burst_size=5
			barrier`},
		{"a full table, and groups that take its room", hardware{room: map[uint8]int{0: 2, 4: 2}, groupsFirst: true}, `
			delete group_id=9,type=all,bucket=actions=output:1
			barrier
			add meter=2 pktps burst bands=type=drop rate=5 burst_size=5
			add group_id=8,type=all,bucket=actions=output:3,bucket=actions=output:2
			barrier
			delete table=4, priority=100,dl_dst=02:00:00:00:00:01 actions=output:1
			barrier
			add table=5, priority=100,dl_vlan=8 actions=group:8
			barrier
			modify table=4, priority=100,dl_dst=02:00:00:00:00:02 actions=output:3
			add table=4, priority=100,dl_dst=02:00:00:00:00:03 actions=output:3
			barrier
			add table=0, priority=100,in_port=3 actions=goto_table:4
			barrier
			look
			delete table=0, priority=100,in_port=1 actions=goto_table:4
			barrier
			delete table=5, priority=100,dl_vlan=7 actions=group:7
			barrier
			delete group_id=7,type=all,bucket=actions=output:1,bucket=actions=output:2
			delete meter=1 pktps burst bands=type=drop rate=5 burst_size=5
			barrier`},
	} {
		tb := tablesOf(t, held, wanted)
		got := formatSteps(planSteps(tb, tb.differing(false), c.hardware))
		want := ""
		for _, line := range strings.Split(strings.TrimSpace(c.want), "\n") {
			want += strings.TrimSpace(line) + "\n"
		}
		if got != want {
			t.Errorf("%s:\n%s\nexpected\n%s", c.name, got, want)
		}
	}
}

// TestStepsOfNothing: equal tables need no message.
func TestStepsOfNothing(t *testing.T) {
	const same = `
		table=0,priority=100,in_port=1,actions=goto_table:4
		group_id=7,type=all,bucket=actions=output:1
		meter=1 pktps burst bands=type=drop rate=5 burst_size=5`
	tb := tablesOf(t, same, same)
	if list := planSteps(tb, tb.differing(false), hardware{}); len(list) > 0 {
		t.Errorf("%s", formatSteps(list))
	}
}
