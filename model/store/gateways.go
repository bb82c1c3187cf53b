package store

import (
	"context"
	"net/netip"
	"slices"

	"gorm.io/gorm/clause"

	"github.com/planck-sdn/planck/model"
)

// ExternalGateway is a router's external_gateway_info as it is asked for (Neutron API reference, "Routers").
type ExternalGateway struct {
	NetworkID  string
	EnableSNAT *bool // nil: true
	// FixedIPs are external_fixed_ips: entries with a subnet, an address or both. Without any, a new gateway gets one address of any
	// subnet that has room, and one that is there keeps what it has.
	FixedIPs []model.FixedIP
}

// lockShared keeps out those who change a row, but not others who rely on it.
const lockShared = "SHARE"

// GatewayPorts gives the gateway ports of the routers that have one, by router, with one statement.
func (s *Store) GatewayPorts(ctx context.Context, routerIDs []string) (map[string]*model.Port, error) {
	gateways := make(map[string]*model.Port, len(routerIDs))
	for chunk := range slices.Chunk(routerIDs, maxNumbers) {
		ports, err := findPorts(s.reader.WithContext(ctx).Where("device_id IN ? AND device_owner = ?", chunk, model.DeviceOwnerRouterGateway))
		if err != nil {
			return nil, s.readError(ctx, err)
		}
		for _, p := range ports {
			gateways[p.DeviceID] = p
		}
	}
	return gateways, nil
}

// SetGatewayNode makes another node serve a router. It does nothing if the gateway's generation is not this one any more, the router or
// its gateway is gone, or the node is; 0 is no node. The generation rises, the revision number does not: the router is what was asked for.
func (s *Store) SetGatewayNode(ctx context.Context, router model.Number, generation int64, node model.Number) (moved bool, err error) {
	err = s.write(ctx, func(t *tx) error {
		moved = false
		if node != 0 {
			var row nodeRow
			known, err := first(t.Select("number").Clauses(clause.Locking{Strength: "KEY SHARE"}).Where("number = ?", node), &row)
			if err != nil || !known {
				return err
			}
		}
		result := t.Exec("UPDATE routers SET gateway_node = ?, gateway_generation = gateway_generation + 1 "+
			"WHERE number = ? AND gateway_network_id <> '' AND gateway_generation = ? AND gateway_node <> ?", node, router, generation, node)
		if moved = result.RowsAffected == 1; moved {
			t.touch(model.Ref{Kind: model.KindRouter, Number: router})
		}
		return result.Error
	})
	return moved && err == nil, err
}

// leaveGateways takes a node that is gone from the routers that it serves.
func (t *tx) leaveGateways(node model.Number) error {
	var routers []model.Number
	err := t.Raw("UPDATE routers SET gateway_node = 0, gateway_generation = gateway_generation + 1 WHERE gateway_node = ? RETURNING number", node).Scan(&routers).Error
	t.touchAll(model.KindRouter, routers)
	return err
}

// setGateway makes the gateway of a router, which is locked, what is asked for, and says in r what it is.
func (t *tx) setGateway(r *model.Router, asked *ExternalGateway) error {
	network, err := t.shareExternalNetwork(asked.NetworkID, "router", "Network %s is not an external network")
	if err != nil {
		return err
	}
	for _, ip := range asked.FixedIPs {
		if ip.IPAddress.IsValid() && slices.ContainsFunc(network.subnets, func(s *model.Subnet) bool { return s.GatewayIP == ip.IPAddress }) {
			return badRequest("router", "External IP %s is the same as the gateway IP", ip.IPAddress)
		}
	}
	snat := asked.EnableSNAT == nil || *asked.EnableSNAT
	if r.Gateway != nil && r.Gateway.NetworkID == asked.NetworkID {
		r.Gateway.EnableSNAT = snat
		if len(asked.FixedIPs) == 0 {
			return nil
		}
		return t.moveGateway(r, network.subnets, asked.FixedIPs)
	}
	if r.Gateway != nil {
		if err := t.removeGateway(r); err != nil {
			return err
		}
	}
	if err := t.refuseOverlap(r, network.subnets); err != nil {
		return err
	}
	port := &model.Port{NetworkID: network.network.ID, AdminStateUp: true, DeviceID: r.ID, DeviceOwner: model.DeviceOwnerRouterGateway}
	if len(asked.FixedIPs) > 0 {
		port.FixedIPs = asked.FixedIPs
	}
	if err := t.insertPorts([]*portDraft{{Port: port, networkWithSubnets: *network}}); err != nil {
		return err
	}
	r.Gateway = &model.Gateway{NetworkID: port.NetworkID, PortID: port.ID, EnableSNAT: snat}
	if err := t.Raw("SELECT gateway_generation + 1 FROM routers WHERE number = ?", r.Number).Scan(&r.Gateway.Generation).Error; err != nil {
		return err
	}
	r.Gateway.Zone, err = t.takeZone(r.Number)
	return err
}

// moveGateway gives the gateway's port other addresses. Connections that were translated to the old ones must not go on: the router gets
// another conntrack zone.
func (t *tx) moveGateway(r *model.Router, subnets []*model.Subnet, wanted []model.FixedIP) error {
	port, err := only(t.Model(&portRow{}).Where("id = ?", r.Gateway.PortID), portFields, new(portRow))
	if err != nil || port == nil {
		return err
	}
	moved, err := t.moveAddresses(port, subnets, wanted)
	if err != nil || !moved {
		return err
	}
	if err := t.freeZone(r); err != nil {
		return err
	}
	r.Gateway.Zone, err = t.takeZone(r.Number)
	return err
}

// removeGateway deletes the gateway with its port and the neighbours that the router has found there.
func (t *tx) removeGateway(r *model.Router) error {
	needed, err := t.exists("SELECT 1 FROM floating_ips WHERE router_id = ?", r.ID)
	if err != nil {
		return err
	}
	if needed {
		return conflict("RouterExternalGatewayInUseByFloatingIp",
			"Gateway cannot be updated for router %s, since a gateway to external network %s is required by one or more floating IPs.", r.ID, r.Gateway.NetworkID)
	}
	var neighbours []model.Number
	if err := t.Raw("DELETE FROM neighbours WHERE router_id = ? RETURNING number", r.ID).Scan(&neighbours).Error; err != nil {
		return err
	}
	t.touchAll(model.KindNeighbour, neighbours)
	if err := t.freeZone(r); err != nil {
		return err
	}
	if err := t.removePortByID(r.Gateway.PortID); err != nil {
		return err
	}
	r.Gateway = nil
	return nil
}

func (t *tx) freeZone(r *model.Router) error {
	return t.freeSegmentsWhere(ofRouter(r.Number), "space = ?", zoneSpace)
}

// shareExternalNetwork gives a network that the scope sees, and its subnets, and keeps it external until the transaction ends. notExternal
// is what is said of one that is not.
func (t *tx) shareExternalNetwork(id, resource, notExternal string) (*networkWithSubnets, error) {
	var number model.Number
	err := t.Model(&networkRow{}).Select("number").Clauses(clause.Locking{Strength: lockShared}).Where("id = ?", id).Scan(&number).Error
	if err != nil {
		return nil, err
	}
	network, err := takeNetwork(t.DB, t.scope, id) // a statement of its own sees the policies as they are now
	if err != nil {
		return nil, err
	}
	if !network.External {
		return nil, badRequest(resource, notExternal, id)
	}
	if network.NetworkType == model.NetworkVXLAN {
		return nil, badRequest(resource, "Network %s is of type %s, which no wire leads out of: an external network has to be %s or %s",
			id, network.NetworkType, model.NetworkFlat, model.NetworkVLAN)
	}
	subnets, err := t.subnetsOf(id)
	return &networkWithSubnets{network, subnets}, err
}

// connection is an address of a router.
type connection struct {
	PortID      string
	DeviceOwner string
	SubnetID    string
	Address     netip.Addr
	CIDR        netip.Prefix
}

// connections are the addresses of a router's interfaces and gateway.
func (t *tx) connections(routerID string) ([]connection, error) {
	var rows []struct {
		PortID, DeviceOwner, SubnetID, IPAddress string
		CIDR                                     string `gorm:"column:cidr"`
	}
	err := t.Raw("SELECT ports.id AS port_id, ports.device_owner, subnets.id AS subnet_id, ip_allocations.ip_address, subnets.cidr FROM ports "+
		"JOIN ip_allocations ON ip_allocations.port_number = ports.number JOIN subnets ON subnets.id = ip_allocations.subnet_id "+
		"WHERE ports.device_id = ? AND ports.device_owner IN ? ORDER BY ports.number, ip_allocations.position",
		routerID, []string{model.DeviceOwnerRouterInterface, model.DeviceOwnerRouterGateway}).Scan(&rows).Error
	if err != nil {
		return nil, err
	}
	list := make([]connection, len(rows))
	for i, r := range rows {
		list[i] = connection{PortID: r.PortID, DeviceOwner: r.DeviceOwner, SubnetID: r.SubnetID}
		if list[i].Address, err = netip.ParseAddr(r.IPAddress); err != nil {
			return nil, err
		}
		if list[i].CIDR, err = netip.ParsePrefix(r.CIDR); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// connected gives the subnets that a router reaches without a route: those of its interfaces, and all of its external network.
func (t *tx) connected(r *model.Router) (subnets []*model.Subnet, own []connection, err error) {
	if own, err = t.connections(r.ID); err != nil {
		return nil, nil, err
	}
	if r.Gateway != nil {
		if subnets, err = t.subnetsOf(r.Gateway.NetworkID); err != nil {
			return nil, nil, err
		}
	}
	for _, c := range own {
		if c.DeviceOwner == model.DeviceOwnerRouterInterface {
			subnets = append(subnets, &model.Subnet{ID: c.SubnetID, CIDR: c.CIDR})
		}
	}
	return subnets, own, nil
}

// refuseOverlap refuses subnets whose addresses the router reaches elsewhere.
func (t *tx) refuseOverlap(r *model.Router, more []*model.Subnet) error {
	present, own, err := t.connected(r)
	if err != nil {
		return err
	}
	for _, s := range more {
		if slices.ContainsFunc(own, func(c connection) bool { return c.SubnetID == s.ID }) {
			return badRequest("router", "Router already has a port on subnet %s", s.ID)
		}
	}
	for _, p := range present {
		for _, s := range more {
			if p.CIDR.Overlaps(s.CIDR) {
				return badRequest("router", "Cidr %s of subnet %s overlaps with cidr %s of subnet %s", s.CIDR, s.ID, p.CIDR, p.ID)
			}
		}
	}
	return nil
}
