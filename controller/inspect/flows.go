package inspect

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/planck-sdn/planck/apps/pipeline"
	"github.com/planck-sdn/planck/controller/reconcile"
	"github.com/planck-sdn/planck/model"
	"github.com/planck-sdn/planck/model/flow"
	"github.com/planck-sdn/planck/model/topology"
	"github.com/planck-sdn/planck/northbound/admin"
	"github.com/planck-sdn/planck/southbound/openflow"
)

// Flows lists flow entries with their owners, node by node.
func (i *Inspector) Flows(ctx context.Context, q admin.FlowQuery, each func(admin.Flow) error) error {
	view := i.Follower.View()
	keep, err := selection(view, q)
	if err != nil {
		return err
	}
	chosen, err := i.chosen(q.Node)
	if err != nil {
		return err
	}
	for _, n := range chosen {
		list, problem := i.flowsOf(ctx, view, n, keep, q.Counters)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if problem != nil {
			list = []admin.Flow{{Node: n.Hostname, Owners: []string{}, Problem: words(problem)}}
		}
		for k := range list {
			if err := each(list[k]); err != nil {
				return err
			}
		}
	}
	return nil
}

func (i *Inspector) flowsOf(ctx context.Context, view *topology.View, n *model.Node, keep func(reconcile.Listed) bool, counters bool) ([]admin.Flow, error) {
	s := i.Registry.Switch(n.Number)
	if s == nil {
		return nil, errNoSwitch
	}
	ctx, cancel := context.WithTimeout(ctx, answerTimeout)
	defer cancel()
	listed, err := s.FlowsWhere(ctx, keep)
	if err != nil {
		return nil, err
	}
	var stats map[flow.Encoded]*admin.FlowCounters
	if counters {
		if listed, stats, err = i.counted(ctx, s, n.Number, listed, keep); err != nil {
			return nil, err
		}
	}
	list := make([]admin.Flow, len(listed))
	for k, l := range listed {
		list[k] = describe(view, n, l)
		list[k].Counters = stats[l.Entry]
	}
	return list, nil
}

// counted asks the switch what it counts. The list is then of what is wanted, and of what the switch says that it has.
func (i *Inspector) counted(ctx context.Context, s *reconcile.Switch, node model.Number, listed []reconcile.Listed, keep func(reconcile.Listed) bool) (
	[]reconcile.Listed, map[flow.Encoded]*admin.FlowCounters, error) {
	session, ok := s.Connection().(*openflow.Session)
	if !ok {
		return nil, nil, errNotConnected
	}
	stats := make(map[flow.Encoded]*admin.FlowCounters, len(listed))
	for _, l := range listed {
		stats[l.Entry] = nil
	}
	now := i.Now()
	var others []reconcile.Listed
	err := session.ReadStats(ctx, func(f openflow.FlowStats) {
		if _, known := stats[f.Flow]; !known {
			l := reconcile.Listed{Entry: f.Flow, Present: true}
			if !keep(l) {
				return
			}
			others = append(others, l)
		}
		stats[f.Flow] = &admin.FlowCounters{Packets: f.Packets, Bytes: f.Bytes, Age: f.Duration.Seconds()}
	})
	if err != nil {
		return nil, nil, err
	}
	present := others
	for _, l := range listed {
		if l.Present = stats[l.Entry] != nil; l.Present || l.Wanted {
			present = append(present, l)
		}
	}
	slices.SortFunc(present, reconcile.Listed.Compare)
	i.samples.idle(node, stats, now)
	return present, stats, nil
}

var errNotConnected = errors.New("the switch is not connected")

func describe(view *topology.View, n *model.Node, l reconcile.Listed) admin.Flow {
	d := admin.Flow{
		Node:     n.Hostname,
		TableID:  l.Entry.Table(),
		Table:    tableName(n, l.Entry.Table()),
		Priority: l.Entry.Priority(),
		Cookie:   fmt.Sprintf("0x%x", uint64(l.Entry.Cookie())),
		Wanted:   l.Wanted,
		Present:  l.Present,
		Owners:   []string{},
	}
	d.Entry = entryText(l.Entry)
	if rule := pipeline.RuleByNumber(l.Entry.Cookie().Rule()); rule != nil && l.Entry.Cookie().IsPlanck() {
		d.App, d.Rule, d.Explain, d.Source = rule.App, rule.Name, rule.Doc, rule.Source
	}
	for _, ref := range refsOf(l) {
		d.Owners = append(d.Owners, owner(view, ref))
	}
	return d
}

// tableName is the name of a table of a node's switch, or its number if it is none of Planck's.
func tableName(n *model.Node, id uint8) string {
	return cmp.Or(pipeline.NamesOf(n)[id], strconv.Itoa(int(id)))
}

// refsOf are the owners of an entry; of one that is not wanted, whose it says that it is.
func refsOf(l reconcile.Listed) []model.Ref {
	cookie := l.Entry.Cookie()
	if len(l.Owners) == 0 && cookie.IsPlanck() {
		return []model.Ref{{Kind: model.Kind(cookie.Kind()), Number: model.Number(cookie.Number())}}
	}
	refs := make([]model.Ref, len(l.Owners))
	for i, u := range l.Owners {
		refs[i] = u.Ref
	}
	return refs
}

// owner names an object for people: "port 6f1c… (web1)".
func owner(view *topology.View, ref model.Ref) string {
	id, name := nameOf(view, ref)
	if name == "" {
		return fmt.Sprintf("%s %s", ref.Kind, id)
	}
	return fmt.Sprintf("%s %s (%s)", ref.Kind, id, name)
}
