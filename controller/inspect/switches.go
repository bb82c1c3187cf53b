package inspect

import (
	"context"
	"fmt"
	"slices"

	"github.com/planck-sdn/planck/apps/pipeline"
	"github.com/planck-sdn/planck/controller/nodes"
	"github.com/planck-sdn/planck/controller/reconcile"
	"github.com/planck-sdn/planck/model"
	"github.com/planck-sdn/planck/model/store"
	"github.com/planck-sdn/planck/model/topology"
	"github.com/planck-sdn/planck/northbound/admin"
)

// stateUndeclared is of a switch that has called and is none of ours.
const stateUndeclared = "undeclared"

// Switches lists the physical switches: those that are declared, and those that have called and are not.
func (i *Inspector) Switches(ctx context.Context) ([]admin.Switch, error) {
	view := i.Follower.View()
	list := []admin.Switch{}
	for _, n := range view.Switches() {
		list = append(list, i.describeSwitch(ctx, view, n))
	}
	for _, w := range i.Registry.Waiting() {
		list = append(list, undeclared(w))
	}
	return list, nil
}

// Switch tells all about one, by its name or datapath id.
func (i *Inspector) Switch(ctx context.Context, name string) (admin.Switch, error) {
	view := i.Follower.View()
	n := findSwitch(view, name)
	if n == nil {
		id, isID := model.ParseDatapathID(name)
		for _, w := range i.Registry.Waiting() {
			if isID && w.DatapathID == id {
				return undeclared(w), nil
			}
		}
		return admin.Switch{}, switchNotFound(name)
	}
	d := i.describeSwitch(ctx, view, n)
	s := n.Switch
	d.Manufacturer, d.Hardware, d.Software, d.SerialNumber = s.Description.Manufacturer, s.Description.Hardware, s.Description.Software, s.Description.SerialNumber
	for _, u := range s.Uplinks {
		d.Uplinks = append(d.Uplinks, admin.SwitchUplink(u))
	}
	d.Tables = i.tableUse(ctx, n)
	d.Links = linksOf(view, n)
	statuses, err := i.statusesAt(ctx, view, n)
	if err != nil {
		return d, err
	}
	d.Ports = portsOf(view, n, d.Links, statuses)
	return d, nil
}

func switchNotFound(name string) error {
	return model.Errorf(404, "SwitchNotFound", "Switch %s could not be found.", name)
}

// findSwitch finds a declared switch by its name, or else by its datapath id; nil if there is none.
func findSwitch(view *topology.View, name string) *model.Node {
	id, isID := model.ParseDatapathID(name)
	var byID *model.Node
	for _, n := range view.Switches() {
		switch {
		case n.Hostname == name:
			return n
		case isID && n.DatapathID == id:
			byID = n
		}
	}
	return byID
}

func undeclared(w nodes.Waiting) admin.Switch {
	last := w.Last.UTC()
	return admin.Switch{DatapathID: fmt.Sprintf("%016x", w.DatapathID), Address: w.Remote, LastSeen: &last, State: stateUndeclared}
}

func (i *Inspector) describeSwitch(ctx context.Context, view *topology.View, n *model.Node) admin.Switch {
	base, s := i.describe(ctx, view, n, nil), n.Switch
	d := admin.Switch{
		Name: n.Hostname, DatapathID: base.DatapathID, Declared: true, Number: base.Number, PhysicalNetwork: s.PhysicalNetwork, Driver: s.Driver,
		DriverOverride: s.Override, OpenFlowConnected: base.OpenFlowConnected, Master: base.Master, State: base.State, Problem: base.Problem,
		ConfirmedRevision: base.ConfirmedRevision, Frozen: base.Frozen, PortsTotal: len(s.Ports), Flows: base.Flows, Groups: base.Groups,
		Meters: base.Meters, MaxMeters: s.Meters, Quarantined: base.Quarantined,
	}
	for _, p := range s.Ports {
		if p.Up {
			d.PortsUp++
		}
	}
	if session, ok := i.Registry.Physical(n.Number); ok {
		d.Address = session.Remote
		if session.Problem != "" {
			d.Problem = session.Problem
		}
	}
	return d
}

// tableUse counts the entries that a switch should have, by table.
func (i *Inspector) tableUse(ctx context.Context, n *model.Node) []admin.SwitchTable {
	flows := map[uint8]int{}
	if s := i.Registry.Switch(n.Number); s != nil {
		ctx, cancel := context.WithTimeout(ctx, askTimeout)
		defer cancel()
		_, err := s.FlowsWhere(ctx, func(l reconcile.Listed) bool {
			if l.Wanted {
				flows[l.Entry.Table()]++
			}
			return false
		})
		if err != nil {
			return nil // it is too busy to say so
		}
	}
	var list []admin.SwitchTable
	for _, t := range pipeline.TablesOf(n) {
		use := admin.SwitchTable{ID: t.ID, Name: t.Name, Flows: flows[t.ID]}
		if k := slices.IndexFunc(n.Switch.Tables, func(l model.TableLimits) bool { return l.ID == t.ID }); k >= 0 {
			use.MaxEntries, use.Lacks = n.Switch.Tables[k].MaxEntries, n.Switch.Tables[k].Lacks
		}
		list = append(list, use)
	}
	return list
}

// statusesAt gives the statuses of the ports of bare metal on a switch, which the topology does not know, by their ids.
func (i *Inspector) statusesAt(ctx context.Context, view *topology.View, n *model.Node) (map[string]string, error) {
	statuses := map[string]string{}
	var ids []string
	view.BareMetal(func(p *model.Port) {
		if _, here := view.AttachmentOn(p.Number, n.Number); here {
			ids = append(ids, p.ID)
		}
	})
	if len(ids) == 0 {
		return statuses, nil
	}
	ports, err := i.Store.ListPorts(store.WithScope(ctx, store.Scope{Admin: true}), store.Query{Filters: map[string][]string{"id": ids}})
	for _, p := range ports {
		statuses[p.ID] = p.Status
	}
	return statuses, err
}

// portsOf lists a switch's ports with what hangs there.
func portsOf(view *topology.View, n *model.Node, links []admin.SwitchLink, statuses map[string]string) []admin.SwitchPort {
	hosts := map[uint32][]admin.SwitchHost{}
	view.BareMetal(func(p *model.Port) {
		if at, here := view.AttachmentOn(p.Number, n.Number); here {
			hosts[at.Ofport] = append(hosts[at.Ofport], admin.SwitchHost{PortID: p.ID, Name: p.Name, NetworkID: p.NetworkID, MAC: p.MAC.String(),
				Tag: at.Tag, Status: statuses[p.ID]})
		}
	})
	var list []admin.SwitchPort
	for k := range n.Switch.Ports {
		p := &n.Switch.Ports[k]
		d := admin.SwitchPort{Number: p.Number, Name: p.Name, MAC: p.MAC.String(), Up: p.Up, Hosts: hosts[p.Number]}
		for _, u := range n.Switch.Uplinks {
			if named := n.Switch.Port(u.Port); named != nil && named.Number == p.Number {
				d.Role, d.Peer = "uplink", u.Hostname
				if d.Peer == "" {
					d.Peer = "outside"
				}
			}
		}
		for _, l := range links {
			here, there := l.A, l.B
			if here.Node != n.Hostname || here.Port != p.Number {
				here, there = there, here
			}
			if here.Node == n.Hostname && here.Port == p.Number {
				d.Role, d.Peer = "link", fmt.Sprintf("%s port %d", there.Node, there.Port)
				if there.Name != "" {
					d.Peer += " (" + there.Name + ")"
				}
			}
		}
		if len(d.Hosts) > 0 {
			d.Role = "bare metal"
		}
		list = append(list, d)
	}
	return list
}

// DeclareSwitch says what the switch with a datapath id is called and what hangs on it.
func (i *Inspector) DeclareSwitch(ctx context.Context, datapathID string, d admin.SwitchDeclaration) (admin.Switch, error) {
	id, ok := model.ParseDatapathID(datapathID)
	if !ok {
		return admin.Switch{}, model.Errorf(400, "HTTPBadRequest", "%s is no datapath id, which has up to 16 hexadecimal digits.", datapathID)
	}
	if d.Driver != "" && pipeline.DriverByName(d.Driver) == nil {
		return admin.Switch{}, model.Errorf(400, "HTTPBadRequest", "There is no driver %s (planckctl switch drivers).", d.Driver)
	}
	declared := model.Node{Hostname: d.Name, DatapathID: id, Switch: &model.Switch{PhysicalNetwork: d.PhysicalNetwork, Override: d.Driver}}
	for _, u := range d.Uplinks {
		declared.Switch.Uplinks = append(declared.Switch.Uplinks, model.Uplink(u))
	}
	node, _, err := i.Store.DeclareSwitch(ctx, declared)
	if err != nil {
		return admin.Switch{}, err
	}
	if err := i.recheck(ctx); err != nil {
		return admin.Switch{}, err
	}
	return i.Switch(ctx, node.Hostname)
}

// DeleteSwitch takes a declaration back.
func (i *Inspector) DeleteSwitch(ctx context.Context, name string) error {
	n := findSwitch(i.Follower.View(), name)
	if n == nil {
		return switchNotFound(name)
	}
	if err := i.Store.DeleteNode(ctx, n.Number); err != nil {
		return err
	}
	return i.recheck(ctx)
}
