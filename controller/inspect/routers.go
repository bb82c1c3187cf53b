package inspect

import (
	"context"
	"net/netip"

	"github.com/planck-sdn/planck/model"
	"github.com/planck-sdn/planck/model/topology"
	"github.com/planck-sdn/planck/northbound/admin"
)

// Routers lists the routers, without what they consist of.
func (i *Inspector) Routers(context.Context) ([]admin.Router, error) {
	view := i.Follower.View()
	list := []admin.Router{}
	view.Routers(func(r *model.Router) { list = append(list, summary(view, r)) })
	return list, nil
}

// Router tells all about one router.
func (i *Inspector) Router(_ context.Context, id string) (admin.Router, error) {
	view := i.Follower.View()
	r := view.RouterByID(id)
	if r == nil {
		return admin.Router{}, routerNotFound(id)
	}
	d := summary(view, r)
	for _, p := range view.InterfacesOf(r.Number) {
		d.Interfaces = append(d.Interfaces, admin.RouterInterface{PortID: p.ID, NetworkID: p.NetworkID, MAC: p.MAC.String(),
			Addresses: addresses(view, p), AdminStateUp: p.AdminStateUp, Node: hostname(view, view.ServiceNode(p.Number))})
	}
	for _, route := range r.Routes {
		d.Routes = append(d.Routes, admin.Route{Destination: route.Destination.String(), NextHop: route.NextHop.String()})
	}
	for _, f := range view.FloatingIPsOf(r.Number) {
		d.FloatingIPs = append(d.FloatingIPs, floatingIP(view, f))
	}
	for _, n := range view.NeighboursOf(r.Number) {
		d.Neighbours = append(d.Neighbours, admin.Neighbour{Address: n.Address.String(), MAC: n.MAC.String(), Since: n.UpdatedAt})
	}
	return d, nil
}

func routerNotFound(id string) error {
	return model.Errorf(404, "RouterNotFound", "Router %s could not be found.", id)
}

func summary(view *topology.View, r *model.Router) admin.Router {
	d := admin.Router{ID: r.ID, Name: r.Name, ProjectID: r.ProjectID, AdminStateUp: r.AdminStateUp, Key: uint32(r.Key)}
	if g := r.Gateway; g != nil {
		d.Gateway = &admin.RouterGateway{NetworkID: g.NetworkID, PortID: g.PortID, EnableSNAT: g.EnableSNAT, Zone: g.Zone, Generation: g.Generation,
			Node: hostname(view, g.Node), Addresses: []string{}}
		if p := view.GatewayPort(r.Number); p != nil {
			d.Gateway.MAC, d.Gateway.Addresses = p.MAC.String(), addresses(view, p)
		}
	}
	return d
}

func floatingIP(view *topology.View, f *model.FloatingIP) admin.FloatingIP {
	return admin.FloatingIP{ID: f.ID, Address: f.Address.String(), FixedIP: f.FixedIP.String(), PortID: f.PortID,
		Node: hostname(view, view.ServesFloatingIP(f.Number))}
}

// addresses are a port's fixed IPs, each with the length of its subnet.
func addresses(view *topology.View, p *model.Port) []string {
	lengths := map[string]int{}
	if n := view.NetworkByID(p.NetworkID); n != nil {
		for _, s := range view.SubnetsOf(n.Number) {
			lengths[s.ID] = s.CIDR.Bits()
		}
	}
	list := []string{}
	for _, f := range p.FixedIPs {
		list = append(list, netip.PrefixFrom(f.IPAddress, lengths[f.SubnetID]).String())
	}
	return list
}

// hostname is a node's name, empty for none.
func hostname(view *topology.View, node model.Number) string {
	if n := view.Node(node); n != nil {
		return n.Hostname
	}
	return ""
}

// MoveRouter makes a node the router's gateway node, if it has the external network and is not known to be away.
func (i *Inspector) MoveRouter(ctx context.Context, id, name string) error {
	view, err := i.Follower.Sync(ctx) // so that a generation that was overtaken a moment ago is not taken for the present one
	if err != nil {
		return err
	}
	r := view.RouterByID(id)
	if r == nil {
		return routerNotFound(id)
	}
	node, err := i.node(name)
	if err != nil {
		return err
	}
	if r.Gateway == nil {
		return model.Errorf(409, "RouterWithoutGateway", "Router %s has no external gateway: no node serves it.", id)
	}
	external := view.NetworkByID(r.Gateway.NetworkID)
	if external == nil {
		return model.Errorf(404, "NetworkNotFound", "Network %s could not be found.", r.Gateway.NetworkID)
	}
	if m, ok := node.Mapping(external.PhysicalNetwork); !ok || m.PatchPort == 0 {
		return model.Errorf(409, "NodeWithoutMapping", "Node %s has no bridge for the physical network %s.", name, external.PhysicalNetwork)
	}
	if i.Masters.IsMaster(node.Number) && !i.Alive(node.Number) {
		return model.Errorf(409, "NodeNotConnected", "Node %s is not connected.", name)
	}
	if r.Gateway.Node == node.Number {
		return nil
	}
	moved, err := i.Store.SetGatewayNode(ctx, r.Number, r.Gateway.Generation, node.Number)
	if err == nil && !moved {
		err = model.Errorf(409, "RouterMoved", "Router %s has been moved by somebody else meanwhile.", id)
	}
	return err
}
