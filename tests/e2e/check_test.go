package e2e

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/planck-sdn/planck/model/flow"
	"github.com/planck-sdn/planck/northbound/admin"
	"github.com/planck-sdn/planck/tests/lab"
)

// check is planckctl check.
func (c *Client) check(node string, repair bool) map[string]admin.NodeCheck {
	c.t.Helper()
	query := url.Values{"repair": {fmt.Sprint(repair)}}
	if node != "" {
		query.Set("node", node)
	}
	var answer struct{ Nodes []admin.NodeCheck }
	c.must(c.request(http.MethodPost, admin.Prefix+"/check?"+query.Encode(), nil, &answer))
	byName := map[string]admin.NodeCheck{}
	for _, n := range answer.Nodes {
		byName[n.Node] = n
	}
	return byName
}

// dryRun is planckctl node reconcile --dry-run.
func (c *Client) dryRun(node string) []admin.Difference {
	c.t.Helper()
	var answer struct{ Differences []admin.Difference }
	c.must(c.request(http.MethodGet, admin.Prefix+"/nodes/"+node+"/reconcile", nil, &answer))
	return answer.Differences
}

// freeze is planckctl freeze, or planckctl thaw.
func (c *Client) freeze(node string, frozen bool) {
	c.t.Helper()
	verb := map[bool]string{true: "freeze", false: "thaw"}[frozen]
	c.must(c.request(http.MethodPost, admin.Prefix+"/"+verb+"?node="+node, nil, nil))
}

// flowsWhere is planckctl flow list --counters, with filters.
func (c *Client) flowsWhere(filters ...string) []admin.Flow {
	c.t.Helper()
	query := url.Values{"counters": {"true"}}
	for _, f := range filters {
		name, value, _ := strings.Cut(f, "=")
		query.Set(name, value)
	}
	var answer struct{ Flows []admin.Flow }
	c.must(c.request(http.MethodGet, admin.Prefix+"/flows?"+query.Encode(), nil, &answer))
	return answer.Flows
}

// mustBeClean fails the test unless a check of all nodes finds nothing.
func (c *Cloud) mustBeClean() {
	c.t.Helper()
	found := c.check("", false)
	for _, n := range c.Lab.Nodes() {
		if f, checked := found[n.Name]; !checked || f.Problem != "" || f.Entries == 0 || len(f.Stale)+len(f.Differences) > 0 {
			c.t.Errorf("check of %s: %+v", n.Name, f)
		}
	}
}

// asPlanck writes what ovs-ofctl says as Planck does.
func asPlanck(t *testing.T, lines []string) []string {
	t.Helper()
	list := make([]string, len(lines))
	for i, line := range lines {
		var err error
		switch {
		case strings.HasPrefix(line, "group_id="):
			var g flow.Group
			g, err = flow.ParseGroup(line, nil)
			list[i] = flow.FormatGroup(g, nil)
		case strings.HasPrefix(line, "meter="):
			var m flow.Meter
			m, err = flow.ParseMeter(line)
			list[i] = flow.FormatMeter(m)
		default:
			var e flow.Entry
			e, err = flow.Parse(line, nil)
			list[i] = flow.Format(e, nil)
		}
		if err != nil {
			t.Fatalf("%s: %v", line, err)
		}
	}
	slices.Sort(list)
	return list
}

func lacking(list, others []string) []string {
	return slices.DeleteFunc(slices.Clone(list), func(s string) bool { return slices.Contains(others, s) })
}

// damage does something to a node's tables, and gives what was lost and what is new there, as Planck writes it.
func damage(t *testing.T, n *lab.Node, do func() error) (lost, added []string) {
	t.Helper()
	entries := func() []string {
		list, err := n.Entries("br-int")
		if err != nil {
			t.Fatal(err)
		}
		return asPlanck(t, list)
	}
	before := entries()
	if err := do(); err != nil {
		t.Fatal(err)
	}
	after := entries()
	return lacking(before, after), lacking(after, before)
}

// mustTell fails the test unless differences are those that were made.
func mustTell(t *testing.T, what string, list []admin.Difference, lost, added []string) {
	t.Helper()
	var wanted, present []string
	for _, d := range list {
		state := "changed"
		switch {
		case d.Wanted == "" && d.What == "flow entry" && !strings.HasPrefix(d.Present, "cookie=0x662"):
			state = "foreign"
		case d.Wanted == "":
			state = "extra"
		case d.Present == "":
			state = "missing"
		}
		if d.State != state || d.Wanted != "" && len(d.Owners) == 0 || d.What == "flow entry" && d.Table == "" {
			t.Errorf("%s: %+v", what, d)
		}
		if d.Wanted != "" {
			wanted = append(wanted, d.Wanted)
		}
		if d.Present != "" {
			present = append(present, d.Present)
		}
	}
	slices.Sort(wanted)
	slices.Sort(present)
	if !slices.Equal(wanted, lost) || !slices.Equal(present, added) {
		t.Errorf("%s: wanted\n%s\nwere lost\n%s\npresent\n%s\nwere added\n%s", what, strings.Join(wanted, "\n"), strings.Join(lost, "\n"),
			strings.Join(present, "\n"), strings.Join(added, "\n"))
	}
}

// TestCheck: what operators are told of switches is what is on them, and what they have mended is as it was.
func TestCheck(t *testing.T) {
	t.Parallel()
	c := Start(t, Options{})
	nodes := c.AddNodes("compute1", "compute2", "compute3")
	a, b, ping := c.pair(nodes[0], nodes[1])
	net := c.Network(a.Port.NetworkID)
	t.Run("history", func(t *testing.T) {
		gone := c.Boot(nodes[2], c.CreatePort(net, "gone", nil))
		c.UpdatePort(a.Port.ID, Attrs{"allowed_address_pairs": []Attrs{{"ip_address": "10.1.0.99"}}})
		c.UpdatePort(b.Port.ID, Attrs{"port_security_enabled": false, "security_groups": []string{}})
		c.WaitConverged()
		c.UpdatePort(a.Port.ID, Attrs{"allowed_address_pairs": []Attrs{}})
		c.UpdatePort(b.Port.ID, Attrs{"port_security_enabled": true, "security_groups": b.Port.SecurityGroups})
		gone.Close()
		c.DeletePort(gone.Port.ID)
		c.WaitConverged()
		c.mustBeClean()
	})
	t.Run("damage on a frozen node", func(t *testing.T) { c.damageFrozen(t, nodes[1], a, b) })
	t.Run("damage that nobody tells of", func(t *testing.T) {
		lost, added := damage(t, nodes[1], func() error {
			_, err := nodes[1].Ofctl("mod-flows", "br-int", "table=76,actions=drop")
			return err
		})
		mustTell(t, "check", c.check("compute2", false)["compute2"].Differences, lost, added)
		mended := c.check("", true)
		mustTell(t, "repair", mended["compute2"].Differences, lost, added)
		if !mended["compute2"].Repaired || mended["compute1"].Repaired || len(lost) == 0 {
			t.Errorf("mended %+v", mended)
		}
		c.mustBeClean()
		c.Answered(ping, 3, "traffic is back")
	})
	t.Run("frozen", func(t *testing.T) { c.staysFrozen(t, nodes[1], net, a, b) })
	t.Run("counters", func(t *testing.T) { c.countersMove(t, a, b) })
	t.Run("node cut off", func(t *testing.T) {
		nodes[2].CutControl()
		found := c.check("", false)
		for name, well := range map[string]bool{"compute1": true, "compute2": true, "compute3": false} {
			if f := found[name]; (f.Problem == "") != well || (f.Entries > 0) != well {
				t.Errorf("%s: %+v", name, f)
			}
		}
		told := map[string]bool{}
		for _, f := range c.flowsWhere("table=marker") {
			told[f.Node] = f.Problem == "" && f.Counters != nil && f.Wanted && f.Present
		}
		if len(told) != 3 || !told["compute1"] || !told["compute2"] || told["compute3"] {
			t.Errorf("flow list tells of %v", told)
		}
	})
}

// damageFrozen damages a frozen node in every way.
func (c *Cloud) damageFrozen(t *testing.T, n *lab.Node, peer, vm *VM) {
	c.freeze(n.Name, true)
	sent := c.FlowMods()
	lost, added := damage(t, n, func() error {
		flows := slices.DeleteFunc(c.Flows(n.Name, vm.Port.ID), func(f admin.Flow) bool { return strings.HasSuffix(f.Entry, "actions=drop") })
		gone, other := bare(flows[0].Entry), bare(flows[1].Entry)
		entries := c.Snapshot()[n.Name]
		id := func(kind string) string {
			i := slices.IndexFunc(entries, func(e string) bool { return strings.HasPrefix(e, kind) })
			return strings.FieldsFunc(entries[i], func(r rune) bool { return r == ' ' || r == ',' })[0]
		}
		return errors.Join(
			n.AddFlows("br-int", "table=200,priority=7,cookie=0x2a,actions=output:LOCAL", "table=201,priority=7,cookie=0x6620014000000001,actions=drop"),
			ofctl(n, "--strict", "del-flows", "br-int", gone),
			ofctl(n, "--strict", "mod-flows", "br-int", other+" actions=drop"),
			ofctl(n, "mod-group", "br-int", id("group_id=")+",type=all"),
			ofctl(n, "add-group", "br-int", "group_id=4000000,type=all,bucket=actions=output:1"),
			ofctl(n, "del-meter", "br-int", id("meter=")))
	})
	if len(lost) < 5 || len(added) < 5 {
		t.Fatalf("lost %q, added %q", lost, added)
	}
	mustTell(t, "check", c.check(n.Name, false)[n.Name].Differences, lost, added)
	mustTell(t, "dry run", c.dryRun(n.Name), lost, added)
	repaired := c.check(n.Name, true)[n.Name]
	mustTell(t, "repair", repaired.Differences, lost, added)
	if repaired.Repaired || !strings.Contains(repaired.Problem, "frozen") {
		t.Errorf("repair of a frozen node: repaired %v, %q", repaired.Repaired, repaired.Problem)
	}
	if now := c.FlowMods(); now != sent {
		t.Errorf("%d flow-mods were sent", now-sent)
	}
	c.freeze(n.Name, false)
	c.WaitReady(n)
	c.mustBeClean()
	vm.MustReach(peer.IP)
}

func ofctl(n *lab.Node, args ...string) error {
	_, err := n.Ofctl(args...)
	return err
}

// bare is an entry's table, priority and match.
func bare(entry string) string {
	entry, _, _ = strings.Cut(entry, " actions=")
	_, entry, _ = strings.Cut(entry, ", ")
	return strings.ReplaceAll(entry, "send_flow_rem ", "")
}

// staysFrozen: a frozen node answers DHCP and is sent nothing, also by a controller that has just started; thawed, it gets what it lacks.
func (c *Cloud) staysFrozen(t *testing.T, n *lab.Node, net Network, peer, vm *VM) {
	c.freeze(n.Name, true)
	before := c.Snapshot()[n.Name]
	if _, err := vm.DHCP(lab.Udhcpc); err != nil {
		t.Error(err)
	}
	late := c.CreatePort(net, "late", nil)
	other := n.AddVM("late", late.ID, late.MAC)
	waits := func() error {
		p, err := c.PortStatus(late.ID)
		if want := "node " + n.Name + " is frozen"; err == nil && (p.Status != "DOWN" || p.StatusReason != want) {
			err = fmt.Errorf("it is %s: %q, want %q", p.Status, p.StatusReason, want)
		}
		return err
	}
	lab.Eventually(t, limit, "the port that was plugged waits", waits)
	if w := c.Converged(50 * time.Millisecond); w.Done || !slices.Equal(w.Left, []string{n.Name}) {
		t.Errorf("waited for: %+v", w)
	}
	s := c.Status()
	for _, want := range []string{n.Name + " is frozen: changes", late.ID} {
		if !slices.ContainsFunc(s.Problems, func(p string) bool { return strings.Contains(p, want) }) {
			t.Errorf("status does not speak of %q: %q", want, s.Problems)
		}
	}
	if s.PortsNotActive != 1 || len(s.NotActive) != 1 || s.NotActive[0].ID != late.ID || len(s.Replicas) != 1 || s.Replicas[0].Nodes != 3 {
		t.Errorf("status: %+v", s)
	}

	c.Planckd.Kill()
	c.Planckd.Start()
	lab.Eventually(t, limit, "the node is frozen", func() error {
		s, err := c.NodeStatus(n.Name)
		if err == nil && (s.State != "frozen" || !s.Frozen || !s.OpenFlowConnected) {
			err = fmt.Errorf("it is %s", s.State)
		}
		return err
	})
	if err := waits(); err != nil {
		t.Error(err)
	}
	if vm.Port = c.Port(vm.Port.ID); vm.Port.Status != "ACTIVE" {
		t.Errorf("the port that has its entries is %s", vm.Port.Status)
	}
	if s, err := c.NodeStatus(n.Name); err != nil || s.Counters.FlowMods+s.Counters.GroupMods+s.Counters.MeterMods != 0 || len(s.TablesFlows) == 0 || len(s.AppsFlows) == 0 {
		t.Errorf("a frozen node was sent something: %+v, %v", s, err)
	}
	if now := c.Snapshot()[n.Name]; !slices.Equal(now, before) {
		t.Errorf("it has %d entries, groups and meters, there were %d", len(now), len(before))
	}

	c.freeze("", false)
	c.WaitActive(late.ID)
	if _, err := other.DHCP(lab.Udhcpc); err != nil {
		t.Error(err)
	}
	peer.MustReach(late.IP())
	c.WaitConverged()
	c.mustBeClean()
}

// countersMove: the entries of a port that pings count its packets, and those that it does not meet are idle.
func (c *Cloud) countersMove(t *testing.T, a, b *VM) {
	sum := func() (packets uint64, idle int) {
		for _, f := range c.flowsWhere("port="+a.Port.ID, "node=compute1") {
			if !f.Wanted || !f.Present || f.Counters == nil || len(f.Owners) == 0 {
				t.Errorf("listed: %+v", f)
				continue
			}
			packets += f.Counters.Packets
			if i := f.Counters.Idle; i != nil && *i > 0 && *i <= f.Counters.Age {
				idle++
			}
		}
		return packets, idle
	}
	before, _ := sum()
	a.MustReach(b.IP)
	lab.Eventually(t, limit, "counters move", func() error {
		packets, idle := sum()
		if packets < before+6 || idle == 0 {
			return fmt.Errorf("%d packets, there were %d; %d entries are idle", packets, before, idle)
		}
		return nil
	})
	guard, all := c.flowsWhere("table=guard", "app=guard", "network="+a.Port.NetworkID), c.flowsWhere("network="+a.Port.NetworkID)
	if len(guard) == 0 || len(guard) >= len(all) || slices.ContainsFunc(guard, func(f admin.Flow) bool { return f.Table != "guard" || f.App != "guard" }) {
		t.Errorf("%d entries of the guard among %d", len(guard), len(all))
	}
}
