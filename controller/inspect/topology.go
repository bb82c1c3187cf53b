package inspect

import (
	"context"

	"github.com/planck-sdn/planck/model"
	"github.com/planck-sdn/planck/model/topology"
	"github.com/planck-sdn/planck/northbound/admin"
)

// Topology tells what hangs on what.
func (i *Inspector) Topology(_ context.Context, project string) (admin.Topology, error) {
	return topologyOf(i.Follower.View(), project), nil
}

// topologyOf is all that a project has, or with "" that anybody has. Of a project it is what the project owns, and of the networks of
// others on which its ports and routers are, only those.
func topologyOf(v *topology.View, project string) admin.Topology {
	t := admin.Topology{Networks: []admin.TopologyNetwork{}, Routers: []admin.TopologyRouter{}, Nodes: []admin.TopologyNode{}}
	mine := func(owner string) bool { return project == "" || owner == project }
	touched := map[string]bool{} // networks that a router of the project's is on
	v.Routers(func(r *model.Router) {
		if !mine(r.ProjectID) {
			return
		}
		d := topologyRouter(v, r)
		for _, to := range d.Interfaces {
			touched[to.NetworkID] = true
		}
		if d.Gateway != nil {
			touched[d.Gateway.NetworkID] = true
		}
		t.Routers = append(t.Routers, d)
	})
	shown := map[string]bool{} // ports
	v.Networks(func(n *model.Network) {
		d := topologyNetwork(v, n)
		v.PortsOf(n.Number, func(number model.Number) {
			p := v.Port(number)
			switch p.DeviceOwner {
			case model.DeviceOwnerRouterInterface, model.DeviceOwnerRouterGateway, model.DeviceOwnerFloatingIP:
				return
			}
			if mine(n.ProjectID) || mine(p.ProjectID) {
				shown[p.ID] = true
				d.Ports = append(d.Ports, topologyPort(v, p))
			}
		})
		if mine(n.ProjectID) || touched[n.ID] || len(d.Ports) > 0 {
			t.Networks = append(t.Networks, d)
		}
	})
	v.Nodes(func(n *model.Node) {
		d := topologyNode(n)
		for _, i := range n.Interfaces {
			if shown[i.PortID] {
				d.Ports = append(d.Ports, i.PortID)
			}
		}
		if project == "" || len(d.Ports) > 0 {
			t.Nodes = append(t.Nodes, d)
		}
	})
	return t
}

func topologyNetwork(v *topology.View, n *model.Network) admin.TopologyNetwork {
	d := admin.TopologyNetwork{ID: n.ID, Name: n.Name, ProjectID: n.ProjectID, Type: n.NetworkType, PhysicalNetwork: n.PhysicalNetwork,
		SegmentationID: n.SegmentationID, External: n.External, Shared: n.Shared, Subnets: []string{}, Ports: []admin.TopologyPort{}}
	for _, s := range v.SubnetsOf(n.Number) {
		d.Subnets = append(d.Subnets, s.CIDR.String())
	}
	return d
}

func topologyPort(v *topology.View, p *model.Port) admin.TopologyPort {
	d := admin.TopologyPort{ID: p.ID, Name: p.Name, DeviceOwner: p.DeviceOwner, MAC: p.MAC.String(), Addresses: []string{}}
	for _, f := range p.FixedIPs {
		d.Addresses = append(d.Addresses, f.IPAddress.String())
	}
	if at, ok := v.Location(p.Number); ok {
		d.Node = hostname(v, at.Node)
	}
	return d
}

func topologyRouter(v *topology.View, r *model.Router) admin.TopologyRouter {
	d := admin.TopologyRouter{ID: r.ID, Name: r.Name, ProjectID: r.ProjectID, Interfaces: []admin.TopologyTo{}, FloatingIPs: []admin.FloatingIP{}}
	for _, p := range v.InterfacesOf(r.Number) {
		d.Interfaces = append(d.Interfaces, admin.TopologyTo{NetworkID: p.NetworkID, Addresses: addresses(v, p)})
	}
	if r.Gateway != nil {
		d.Gateway = &admin.TopologyTo{NetworkID: r.Gateway.NetworkID, Addresses: []string{}}
		if p := v.GatewayPort(r.Number); p != nil {
			d.Gateway.Addresses = addresses(v, p)
		}
		d.GatewayNode = hostname(v, v.GatewayNode(r.Number))
	}
	for _, f := range v.FloatingIPsOf(r.Number) {
		d.FloatingIPs = append(d.FloatingIPs, floatingIP(v, f))
	}
	return d
}

func topologyNode(n *model.Node) admin.TopologyNode {
	d := admin.TopologyNode{Name: n.Hostname, Mappings: map[string]string{}, Ports: []string{}}
	if n.EncapIP.IsValid() {
		d.EncapIP = n.EncapIP.String()
	}
	for _, m := range n.Mappings {
		d.Mappings[m.PhysicalNetwork] = m.Bridge
	}
	return d
}
