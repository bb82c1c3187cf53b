package inspect

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/planck-sdn/planck/apps/pipeline"
	"github.com/planck-sdn/planck/controller/nodes"
	"github.com/planck-sdn/planck/controller/reconcile"
	"github.com/planck-sdn/planck/model"
	"github.com/planck-sdn/planck/model/topology"
	"github.com/planck-sdn/planck/northbound/admin"
	"github.com/planck-sdn/planck/southbound/openflow"
)

// Nodes lists the nodes of the topology and those that have an OVSDB session, refused ones included.
func (i *Inspector) Nodes(ctx context.Context) ([]admin.Node, error) {
	view := i.Follower.View()
	attached := i.Registry.Attached()
	listed := map[model.Number]bool{}
	list := []admin.Node{}
	for k := range attached {
		a := &attached[k]
		if a.Node != nil && view.Node(a.Node.Number) != nil {
			if listed[a.Node.Number] {
				continue
			}
			listed[a.Node.Number] = true
			list = append(list, i.describe(ctx, view, view.Node(a.Node.Number), a))
			continue
		}
		list = append(list, admin.Node{Name: a.State.Hostname, SystemID: a.State.SystemID, EncapIP: a.State.EncapIP,
			OVSVersion: a.State.OVSVersion, OVSDBConnected: true, State: "refused", Problem: a.Problem})
	}
	view.Nodes(func(n *model.Node) {
		if !listed[n.Number] {
			list = append(list, i.describe(ctx, view, n, nil))
		}
	})
	return list, nil
}

// CountFlows counts the entries that a node should have. Nothing is known of a switch that is too busy to say so.
func (i *Inspector) CountFlows(ctx context.Context, node uint64) (byTable, byApp []admin.Count) {
	s := i.Registry.Switch(model.Number(node))
	if s == nil {
		return nil, nil
	}
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	tables, apps := map[uint8]int{}, map[string]int{}
	_, err := s.FlowsWhere(ctx, func(l reconcile.Listed) bool {
		if l.Wanted {
			tables[l.Entry.Table()]++
			apps[pipeline.RuleByNumber(l.Entry.Cookie().Rule()).App]++
		}
		return false
	})
	if err != nil {
		return nil, nil
	}
	n := s.View().Node(model.Number(node))
	for _, id := range slices.Sorted(maps.Keys(tables)) {
		byTable = append(byTable, admin.Count{Name: tableName(n, id), Flows: tables[id]})
	}
	for _, app := range slices.Sorted(maps.Keys(apps)) {
		byApp = append(byApp, admin.Count{Name: app, Flows: apps[app]})
	}
	return byTable, byApp
}

// Alive tells whether the node's switch is connected to this replica.
func (i *Inspector) Alive(node model.Number) bool {
	s := i.Registry.Switch(node)
	return s != nil && s.Connection() != nil
}

func (i *Inspector) describe(ctx context.Context, view *topology.View, n *model.Node, a *nodes.Attached) admin.Node {
	d := admin.Node{
		Name: n.Hostname, SystemID: n.SystemID, Number: uint64(n.Number), DatapathID: fmt.Sprintf("%016x", n.DatapathID),
		Mappings: map[string]string{}, Master: i.Masters.IsMaster(n.Number), State: string(reconcile.Away), Ports: len(n.Interfaces), Frozen: n.Frozen,
	}
	if n.EncapIP.IsValid() {
		d.EncapIP = n.EncapIP.String()
	}
	for _, m := range n.Mappings {
		d.Mappings[m.PhysicalNetwork] = m.Bridge
	}
	if a != nil {
		d.OVSDBConnected, d.OVSVersion, d.Problem = true, a.State.OVSVersion, a.Problem
	}
	s := i.Registry.Switch(n.Number)
	if s == nil {
		return d
	}
	if session, ok := s.Connection().(*openflow.Session); ok {
		d.OpenFlowConnected = true
		c := session.Counters()
		d.Counters = admin.Counters{FlowMods: c.FlowMods, GroupMods: c.GroupMods, MeterMods: c.MeterMods,
			PacketIns: c.PacketIns, PacketOuts: c.PacketOuts, Errors: c.Errors, Dropped: c.PacketInsDropped}
	}
	if v := s.Confirmed(); v != nil {
		d.ConfirmedRevision = v.Revision
	}
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	sum, err := s.Summary(ctx)
	if err != nil {
		d.State = string(reconcile.Reconciling) // too busy to say so itself
		return d
	}
	d.State, d.Flows, d.Groups, d.Meters = string(sum.State), sum.Flows, sum.Groups, sum.Meters
	if sum.Problem != "" && sum.State != reconcile.Away {
		d.Problem = sum.Problem
	}
	for u, reason := range sum.Quarantined {
		d.Quarantined = append(d.Quarantined, admin.Quarantined{Kind: u.Kind.String(), ID: idOf(view, u.Ref), Reason: reason})
	}
	return d
}

// idOf is the API's id of an object; its kind and number when it is gone.
func idOf(view *topology.View, ref model.Ref) string {
	id, _ := nameOf(view, ref)
	return id
}

func nameOf(view *topology.View, ref model.Ref) (id, name string) {
	switch ref.Kind {
	case model.KindNetwork:
		if n := view.Network(ref.Number); n != nil {
			return n.ID, n.Name
		}
	case model.KindSubnet:
		if s := view.Subnet(ref.Number); s != nil {
			return s.ID, s.Name
		}
	case model.KindPort:
		if p := view.Port(ref.Number); p != nil {
			return p.ID, p.Name
		}
	case model.KindNode:
		if n := view.Node(ref.Number); n != nil {
			return n.SystemID, n.Hostname
		}
	case model.KindRouter:
		if r := view.Router(ref.Number); r != nil {
			return r.ID, r.Name
		}
	case model.KindFloatingIP:
		if f := view.FloatingIP(ref.Number); f != nil {
			return f.ID, f.Address.String()
		}
	case model.KindSecurityGroup:
		if g := view.SecurityGroup(ref.Number); g != nil {
			return g.ID, g.Name
		}
	case model.KindNeighbour:
		if n := view.Neighbour(ref.Number); n != nil {
			return n.Address.String(), ""
		}
	}
	return fmt.Sprintf("%d (gone)", ref.Number), ""
}
