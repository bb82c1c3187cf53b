package inspect

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/planck-sdn/planck/apps/pipeline"
	"github.com/planck-sdn/planck/controller/explain"
	"github.com/planck-sdn/planck/controller/reconcile"
	"github.com/planck-sdn/planck/model"
	"github.com/planck-sdn/planck/model/flow"
	"github.com/planck-sdn/planck/model/topology"
	"github.com/planck-sdn/planck/northbound/admin"
	"github.com/planck-sdn/planck/southbound/openflow"
)

// readTimeout is how long a switch may take to tell of its entries.
const readTimeout = 5 * time.Second

// Explain says in plain English what entries do: those that switches should have and those that they have, as they say just now.
func (i *Inspector) Explain(ctx context.Context, name, cookie, entry string) ([]admin.Explanation, error) {
	what, err := soughtFrom(cookie, entry)
	if err != nil {
		return nil, err
	}
	chosen, err := i.chosen(name)
	if err != nil {
		return nil, err
	}
	view := i.Follower.View()
	x := explain.New(view)
	on := map[model.Number][]admin.Explanation{}
	type result struct {
		node model.Number
		list []admin.Explanation
	}
	if err := perNode(ctx, chosen, func(ctx context.Context, n *model.Node) result {
		return result{n.Number, i.explainOn(ctx, x, view, n, what)}
	}, func(r result) error {
		on[r.node] = r.list
		return nil
	}); err != nil {
		return nil, err
	}
	list, isSomewhere := []admin.Explanation{}, false
	for _, n := range chosen {
		for _, e := range on[n.Number] {
			list = append(list, e)
			isSomewhere = isSomewhere || e.Flow.Problem == ""
		}
	}
	if isSomewhere {
		return list, nil
	}
	if what.entry == "" {
		return append(list, admin.Explanation{Text: x.Nothing(what.cookie), Flow: admin.Flow{Cookie: cookieText(what.cookie), Owners: []string{}}}), nil
	}
	var node *model.Node
	if name != "" {
		node = chosen[0]
	}
	text := x.Text(node, what.entry, nil, nil, explain.State{})
	return append(list, admin.Explanation{Text: text, Flow: describe(view, &model.Node{Hostname: name}, reconcile.Listed{Entry: what.entry})}), nil
}

// sought says which entries are to be explained: those with a cookie, or with an entry's table, priority and match.
type sought struct {
	cookie flow.Cookie
	entry  flow.Encoded // "": by cookie
}

func soughtFrom(cookie, entry string) (sought, error) {
	if entry == "" {
		v, err := strconv.ParseUint(cookie, 0, 64)
		if err != nil {
			return sought{}, model.Errorf(http.StatusBadRequest, "BadRequest", "%q is not a cookie: a number of at most 64 bits, such as 0x66207a4000000002.", cookie)
		}
		return sought{cookie: flow.Cookie(v)}, nil
	}
	if !strings.Contains(entry, "actions=") { // the match alone says which entry it is
		entry += " actions=drop"
	}
	e, err := flow.Parse(strings.TrimSpace(entry), pipeline.Names)
	if err != nil {
		return sought{}, model.Errorf(http.StatusBadRequest, "BadRequest", "That is not a flow entry as ovs-ofctl writes it: %s.", err)
	}
	return sought{cookie: e.Cookie, entry: flow.Encode(e)}, nil
}

func (s sought) is(e flow.Encoded) bool {
	if s.entry == "" {
		return e.Cookie() == s.cookie
	}
	return e.Key() == s.entry.Key() && (s.cookie == 0 || e.Cookie() == s.cookie)
}

// explainOn explains what a node has, or should have, of what is sought. The last may say that the switch could not be asked.
func (i *Inspector) explainOn(ctx context.Context, x *explain.Explainer, view *topology.View, n *model.Node, what sought) []admin.Explanation {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	problem := func(err error) admin.Explanation {
		return admin.Explanation{Text: "Node " + n.Hostname + " could not be asked: " + err.Error() + ".",
			Flow: admin.Flow{Node: n.Hostname, Problem: err.Error(), Owners: []string{}}}
	}
	s := i.Registry.Switch(n.Number)
	if s == nil {
		return []admin.Explanation{problem(errors.New("it has no switch yet"))}
	}
	listed, err := wanted(ctx, s, view, n, what)
	if err != nil {
		return []admin.Explanation{problem(err)}
	}
	stats, unread := present(ctx, s, what)
	for e := range stats {
		if !hasEntry(listed, e) {
			listed = append(listed, reconcile.Listed{Entry: e, Present: true})
		}
	}
	var groups []flow.Group
	var meters []flow.Meter
	if len(listed) > 0 {
		if groups, meters, err = s.WantedGroups(ctx); err != nil {
			return []admin.Explanation{problem(err)}
		}
	}
	var list []admin.Explanation
	for _, l := range listed {
		state := explain.State{Wanted: l.Wanted, Present: l.Present, Asked: unread == nil}
		d := describe(view, n, l)
		if unread == nil {
			st, there := stats[l.Entry]
			state.Present, state.Age, state.Packets = there, st.Duration, st.Packets
			d.Present = there
			if there {
				d.Counters = &admin.FlowCounters{Packets: st.Packets, Bytes: st.Bytes, Age: st.Duration.Seconds()}
			}
		}
		for _, u := range l.Owners {
			state.Owners = append(state.Owners, u.Ref)
		}
		list = append(list, admin.Explanation{Text: x.Text(n, l.Entry, groups, meters, state), Flow: d})
	}
	if unread != nil {
		list = append(list, problem(unread))
	}
	return list
}

// wanted lists what is sought of the entries that the controller knows the switch to hold, or wants there.
func wanted(ctx context.Context, s *reconcile.Switch, view *topology.View, n *model.Node, what sought) ([]reconcile.Listed, error) {
	var units []topology.Unit
	if what.cookie.IsPlanck() { // then it says whose they are
		ref := model.Ref{Kind: model.Kind(what.cookie.Kind()), Number: model.Number(what.cookie.Number())}
		for _, u := range view.Units(n.Number) {
			if u.Ref == ref {
				units = append(units, u)
			}
		}
		if len(units) == 0 {
			return nil, nil
		}
	}
	all, err := s.Flows(ctx, units...)
	var list []reconcile.Listed
	for _, l := range all {
		if what.is(l.Entry) {
			list = append(list, l)
		}
	}
	return list, err
}

// present asks the switch for what is sought.
func present(ctx context.Context, s *reconcile.Switch, what sought) (map[flow.Encoded]openflow.FlowStats, error) {
	session, ok := s.Connection().(*openflow.Session)
	if !ok {
		return nil, errors.New("its switch is not connected to this replica")
	}
	var mask flow.Cookie
	if what.cookie != 0 {
		mask = ^mask
	}
	table := openflow.AllTables
	if what.entry != "" {
		table = what.entry.Table()
	}
	stats := map[flow.Encoded]openflow.FlowStats{}
	err := session.ReadStatsOf(ctx, table, what.cookie, mask, func(f openflow.FlowStats) {
		if what.is(f.Flow) {
			stats[f.Flow] = f
		}
	})
	return stats, err
}

func hasEntry(list []reconcile.Listed, e flow.Encoded) bool {
	for _, l := range list {
		if l.Entry == e {
			return true
		}
	}
	return false
}

func cookieText(c flow.Cookie) string { return "0x" + strconv.FormatUint(uint64(c), 16) }
