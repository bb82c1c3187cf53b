package inspect

import (
	"context"
	"time"

	"github.com/planck-sdn/planck/controller/reconcile"
	"github.com/planck-sdn/planck/model"
	"github.com/planck-sdn/planck/model/store"
	"github.com/planck-sdn/planck/model/topology"
	"github.com/planck-sdn/planck/northbound/admin"
)

// Port tells what the data plane has made of a port.
func (i *Inspector) Port(ctx context.Context, id string) (admin.Port, error) {
	// From the database, for the status, which the topology does not have. Whoever gets here is an administrator.
	row, err := i.Store.Port(store.WithScope(ctx, store.Scope{Admin: true}), id)
	if err != nil {
		return admin.Port{}, err
	}
	view := i.Follower.View()
	d := admin.Port{ID: row.ID, Name: row.Name, ProjectID: row.ProjectID, NetworkID: row.NetworkID, MAC: row.MAC.String(),
		DeviceOwner: row.DeviceOwner, AdminStateUp: row.AdminStateUp, Status: row.Status, StatusReason: row.StatusReason,
		HostID: row.HostID, VIFType: row.VIFType, FixedIPs: []string{}, Plugged: []admin.Plugged{}}
	for _, f := range row.FixedIPs {
		d.FixedIPs = append(d.FixedIPs, f.IPAddress.String())
	}
	unit := topology.Unit{Ref: row.Ref()}
	view.Nodes(func(n *model.Node) {
		for _, iface := range n.Interfaces {
			if iface.PortID != id {
				continue
			}
			p := admin.Plugged{Node: n.Hostname, Interface: iface.Name, Ofport: iface.Ofport}
			var a topology.Attachment
			a, p.Attached = view.AttachmentOn(row.Number, n.Number)
			p.Active = a.Active
			if s := i.Registry.Switch(n.Number); s != nil {
				if seen := s.Observed(row.Number, "dhcp"); seen.Text != "" {
					d.LastDHCP = observed(seen)
				}
				p.Confirmed = i.confirmed(ctx, n.Number, unit)
			}
			d.Plugged = append(d.Plugged, p)
		}
	})
	return d, nil
}

// confirmed tells whether a switch has confirmed every entry of a unit.
func (i *Inspector) confirmed(ctx context.Context, node model.Number, u topology.Unit) bool {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	list, err := i.Registry.Switch(node).Flows(ctx, u)
	if err != nil || len(list) == 0 {
		return false
	}
	for _, l := range list {
		if !l.Present {
			return false
		}
	}
	return true
}

// observed tells what was seen, and when.
func observed(o reconcile.Observation) string { return o.At.UTC().Format(time.RFC3339) + ", " + o.Text }
