package inspect

import (
	"context"
	"slices"

	"github.com/planck-sdn/planck/apps/pipeline"
	"github.com/planck-sdn/planck/model"
	"github.com/planck-sdn/planck/model/topology"
	"github.com/planck-sdn/planck/northbound/admin"
)

// Fabrics tells of each physical network how its switches are joined.
func (i *Inspector) Fabrics(context.Context) ([]admin.Fabric, error) {
	return fabricsOf(i.Follower.View()), nil
}

func fabricsOf(view *topology.View) []admin.Fabric {
	list := []admin.Fabric{}
	for _, n := range view.Switches() {
		name := n.Switch.PhysicalNetwork
		if !slices.ContainsFunc(list, func(f admin.Fabric) bool { return f.PhysicalNetwork == name }) {
			list = append(list, describeFabric(view, view.Fabric(name)))
		}
	}
	return list
}

func describeFabric(view *topology.View, f *topology.Fabric) admin.Fabric {
	d := admin.Fabric{PhysicalNetwork: f.PhysicalNetwork}
	var parts [][]model.Number // of switches that reach each other
	for _, n := range f.Switches {
		d.Switches = append(d.Switches, hostname(view, n))
		k := slices.IndexFunc(parts, func(part []model.Number) bool { return f.Next(part[0], n) != 0 })
		if k < 0 {
			parts, d.Parts, k = append(parts, nil), append(d.Parts, nil), len(parts)
		}
		parts[k] = append(parts[k], n)
		d.Parts[k] = append(d.Parts[k], hostname(view, n))
	}
	for _, l := range f.Links {
		d.Links = append(d.Links, admin.SwitchLink{Number: uint64(l.Number), A: linkEnd(view, l.A), B: linkEnd(view, l.B), Up: l.Up, InTree: l.InTree})
	}
	uplink := func(u topology.Uplink, node string) {
		end := linkEnd(view, model.LinkEnd{Node: u.Switch, Port: u.Port})
		d.Uplinks = append(d.Uplinks, admin.FabricUplink{Switch: end.Node, Port: end.Port, Name: end.Name, Node: node})
	}
	view.Nodes(func(n *model.Node) {
		if u, ok := f.UplinkOf(n.Number); ok {
			uplink(u, n.Hostname)
		}
	})
	for _, u := range f.Outside() {
		uplink(u, "")
	}
	return d
}

// linksOf lists a switch's links. Those by which nodes were found are in the tree if that is the uplink that is used.
func linksOf(view *topology.View, n *model.Node) []admin.SwitchLink {
	f := view.Fabric(n.Switch.PhysicalNetwork)
	var list []admin.SwitchLink
	view.Links(func(l *model.Link) {
		if l.A.Node != n.Number && l.B.Node != n.Number {
			return
		}
		d := admin.SwitchLink{Number: uint64(l.Number), A: linkEnd(view, l.A), B: linkEnd(view, l.B)}
		if k := slices.IndexFunc(f.Links, func(x topology.FabricLink) bool { return x.Number == l.Number }); k >= 0 {
			d.Up, d.InTree = f.Links[k].Up, f.Links[k].InTree
		} else {
			here, there := l.A, l.B
			if here.Node != n.Number {
				here, there = there, here
			}
			p := n.Switch.PortByNumber(here.Port)
			u, used := f.UplinkOf(there.Node)
			d.Up, d.InTree = p != nil && p.Up, used && u == topology.Uplink{Switch: here.Node, Port: here.Port}
		}
		list = append(list, d)
	})
	return list
}

func linkEnd(view *topology.View, e model.LinkEnd) admin.LinkEnd {
	d := admin.LinkEnd{Node: hostname(view, e.Node), Port: e.Port}
	if n := view.Node(e.Node); n != nil && n.Switch != nil {
		if p := n.Switch.PortByNumber(e.Port); p != nil {
			d.Name = p.Name
		}
	}
	return d
}

// Drivers lists the kinds of switches that are known.
func (i *Inspector) Drivers(context.Context) ([]admin.Driver, error) {
	list := []admin.Driver{}
	for _, x := range pipeline.Drivers {
		d := admin.Driver{Name: x.Name, Manufacturer: x.Manufacturer, Hardware: x.Hardware, Software: x.Software, Sizes: map[string]uint32{}}
		for _, trait := range []struct {
			has  bool
			text string
		}{
			{x.GroupAll, "group all"}, {x.Meters, "meters"}, {x.DecTTL, "decrements TTL"}, {x.NegotiateTables, "negotiates tables"},
			{x.StaticTables, "static table ids"}, {x.FieldIDs, "field ids in table features"}, {x.DeclareMasks, "declares masks"},
			{x.RequiredProperties, "required properties when empty"}, {x.DeleteGroupsFirst, "deletes groups first"},
		} {
			if trait.has {
				d.Traits = append(d.Traits, trait.text)
			}
		}
		for table, size := range x.Sizes {
			d.Sizes[table] = size
		}
		if x.DefaultSize != 0 {
			d.Sizes[""] = x.DefaultSize
		}
		list = append(list, d)
	}
	return list, nil
}
