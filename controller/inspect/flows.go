package inspect

import (
	"context"
	"fmt"

	"github.com/planck-sdn/planck/apps/pipeline"
	"github.com/planck-sdn/planck/controller/reconcile"
	"github.com/planck-sdn/planck/model"
	"github.com/planck-sdn/planck/model/flow"
	"github.com/planck-sdn/planck/model/topology"
	"github.com/planck-sdn/planck/northbound/admin"
)

// Flows lists flow entries with their owners.
func (i *Inspector) Flows(ctx context.Context, q admin.FlowQuery, each func(admin.Flow) error) error {
	view := i.Follower.View()
	var units []topology.Unit
	if q.Port != "" {
		p := view.PortByID(q.Port)
		if p == nil {
			return model.Errorf(404, "PortNotFound", "Port %s could not be found.", q.Port)
		}
		units = []topology.Unit{{Ref: p.Ref()}}
	}
	var chosen []*model.Node
	if q.Node != "" {
		n, err := i.node(q.Node)
		if err != nil {
			return err
		}
		chosen = append(chosen, n)
	} else {
		view.Nodes(func(n *model.Node) { chosen = append(chosen, n) })
	}
	for _, n := range chosen {
		s := i.Registry.Switch(n.Number)
		if s == nil {
			continue
		}
		listed, err := s.Flows(ctx, units...)
		if err != nil {
			return fmt.Errorf("node %s: %w", n.Hostname, err)
		}
		for _, l := range listed {
			if err := each(describe(view, n, l)); err != nil {
				return err
			}
		}
	}
	return nil
}

func describe(view *topology.View, n *model.Node, l reconcile.Listed) admin.Flow {
	d := admin.Flow{
		Node:     n.Hostname,
		TableID:  l.Entry.Table(),
		Table:    pipeline.TableName(l.Entry.Table()),
		Priority: l.Entry.Priority(),
		Cookie:   fmt.Sprintf("0x%x", uint64(l.Entry.Cookie())),
		Wanted:   l.Wanted,
		Present:  l.Present,
		Owners:   []string{},
	}
	if e, err := l.Entry.Decode(); err == nil {
		d.Entry = flow.Format(e, nil)
	} else {
		d.Entry = "an entry of somebody else's that Planck cannot read"
	}
	if rule := pipeline.RuleByNumber(l.Entry.Cookie().Rule()); rule != nil && l.Entry.Cookie().IsPlanck() {
		d.App, d.Rule, d.Explain, d.Source = rule.App, rule.Name, rule.Doc, rule.Source
	}
	for _, u := range l.Owners {
		d.Owners = append(d.Owners, owner(view, u.Ref))
	}
	return d
}

// owner names an object for people: "port 6f1c… (web1)".
func owner(view *topology.View, ref model.Ref) string {
	id, name := nameOf(view, ref)
	if name == "" {
		return fmt.Sprintf("%s %s", ref.Kind, id)
	}
	return fmt.Sprintf("%s %s (%s)", ref.Kind, id, name)
}
