package store

import (
	"context"
	"net/http"
	"net/netip"
	"slices"

	"gorm.io/gorm/clause"

	"github.com/planck-sdn/planck/model"
)

// RouterInterface says which port, and which subnets, a change of a router's interfaces was about.
type RouterInterface struct {
	RouterID  string
	ProjectID string // the router's
	NetworkID string
	SubnetID  string // the first of SubnetIDs
	SubnetIDs []string
	PortID    string
}

func interfaceOf(r *model.Router, p *model.Port) RouterInterface {
	i := RouterInterface{RouterID: r.ID, ProjectID: r.ProjectID, NetworkID: p.NetworkID, PortID: p.ID}
	for _, ip := range p.FixedIPs {
		i.SubnetIDs = append(i.SubnetIDs, ip.SubnetID)
	}
	if len(i.SubnetIDs) > 0 {
		i.SubnetID = i.SubnetIDs[0]
	}
	return i
}

// AddRouterInterface joins a router to a subnet, whose gateway_ip becomes the router's there, or by a port that has an address. Errors are
// Neutron's: RouterNotFound, SubnetNotFound, PortNotFound, PortInUse, IpAddressAlreadyAllocated, and BadRequest for a subnet without a
// gateway_ip or of somebody else, for one that overlaps the router's others, for a port without exactly one address, and for a request
// that names both or none.
func (s *Store) AddRouterInterface(ctx context.Context, id, subnetID, portID string) (RouterInterface, error) {
	var added RouterInterface
	err := s.write(ctx, func(t *tx) error {
		switch {
		case subnetID == "" && portID == "":
			return neitherSubnetNorPort()
		case subnetID != "" && portID != "":
			return badRequest("router", "Cannot specify both subnet-id and port-id")
		}
		r, err := t.lockRouter(id, lockToUpdate, "add_router_interface")
		if err != nil {
			return err
		}
		var port *model.Port
		if portID != "" {
			port, err = t.attachPort(r, portID)
		} else {
			port, err = t.makeInterface(r, subnetID)
		}
		if err != nil {
			return err
		}
		added = interfaceOf(r, port)
		return t.reviseRouter(r)
	})
	if err != nil {
		return RouterInterface{}, err
	}
	return added, nil
}

// RemoveRouterInterface deletes an interface of a router with its port, whoever made that. With both given they have to belong together.
// Errors are Neutron's: RouterNotFound, SubnetNotFound, RouterInterfaceNotFound, RouterInterfaceNotFoundForSubnet, SubnetMismatchForPort,
// RouterInterfaceInUseByFloatingIP, RouterInterfaceInUseByRoute.
func (s *Store) RemoveRouterInterface(ctx context.Context, id, subnetID, portID string) (RouterInterface, error) {
	var removed RouterInterface
	err := s.write(ctx, func(t *tx) error {
		if subnetID == "" && portID == "" {
			return neitherSubnetNorPort()
		}
		r, err := t.lockRouter(id, lockToUpdate, "remove_router_interface")
		if err != nil {
			return err
		}
		port, err := t.findInterface(r, subnetID, portID)
		if err != nil {
			return err
		}
		if err := t.refuseNeededInterface(r, port); err != nil {
			return err
		}
		removed = interfaceOf(r, port)
		if err := t.removePort(port.Number); err != nil {
			return err
		}
		return t.reviseRouter(r)
	})
	if err != nil {
		return RouterInterface{}, err
	}
	return removed, nil
}

func neitherSubnetNorPort() error {
	return badRequest("router", "Either subnet_id or port_id must be specified")
}

// makeInterface makes a port with the subnet's gateway_ip.
func (t *tx) makeInterface(r *model.Router, subnetID string) (*model.Port, error) {
	subnet, err := takeSubnet(t.DB, t.scope, subnetID)
	if err != nil {
		return nil, err
	}
	network, err := t.shareSubnet(subnet)
	if err != nil {
		return nil, err
	}
	if subnet, err = takeSubnet(t.DB, t.scope, subnetID); err != nil {
		return nil, err
	}
	if !subnet.GatewayIP.IsValid() {
		return nil, badRequest("router", "Subnet for router interface must have a gateway IP")
	}
	if err := t.mayJoin(subnet); err != nil {
		return nil, err
	}
	if err := t.refuseOverlap(r, []*model.Subnet{subnet}); err != nil {
		return nil, err
	}
	port := &model.Port{
		NetworkID: subnet.NetworkID, ProjectID: r.ProjectID, AdminStateUp: true, DeviceID: r.ID, DeviceOwner: model.DeviceOwnerRouterInterface,
		FixedIPs: []model.FixedIP{{SubnetID: subnet.ID, IPAddress: subnet.GatewayIP}},
	}
	return port, t.insertPorts([]*portDraft{{Port: port, networkWithSubnets: networkWithSubnets{network, []*model.Subnet{subnet}}}})
}

// shareSubnet keeps a subnet as it is until the transaction ends.
func (t *tx) shareSubnet(subnet *model.Subnet) (*model.Network, error) {
	var network networkRow
	found, err := first(t.Clauses(clause.Locking{Strength: "KEY SHARE"}).Where("id = ?", subnet.NetworkID), &network)
	if err == nil && !found {
		err = subnetResource.notFound(subnet.ID)
	}
	if err != nil {
		return nil, err
	}
	var number model.Number
	err = t.Model(&subnetRow{}).Select("number").Clauses(clause.Locking{Strength: lockShared}).Where("id = ?", subnet.ID).Scan(&number).Error
	if err != nil {
		return nil, err
	}
	return network.model()
}

// mayJoin lets a tenant put a router's interface on subnets of his own and on networks that are shared with his project by name: on one
// that everybody shares he would take the gateway's address away from all.
func (t *tx) mayJoin(subnet *model.Subnet) error {
	if t.scope.owns(subnet.ProjectID) {
		return nil
	}
	named, err := t.exists("SELECT 1 FROM rbac_policies WHERE object_id = ? AND action = ? AND target_project = ?",
		subnet.NetworkID, model.AccessAsShared, t.scope.ProjectID)
	if err == nil && !named {
		err = badRequest("router", "Cannot add interface to router because subnet %s is not owned by project making the request", subnet.ID)
	}
	return err
}

// attachPort makes a port an interface.
func (t *tx) attachPort(r *model.Router, portID string) (*model.Port, error) {
	row, err := t.store.takePort(t.Clauses(clause.Locking{Strength: lockToDelete}), t.scope, portID)
	if err != nil {
		return nil, err
	}
	port, err := row.model()
	if err != nil {
		return nil, err
	}
	switch {
	case port.DeviceID != "":
		return nil, conflict("PortInUse", "Unable to complete operation on port %s for network %s. Port already has an attached device %s.",
			port.ID, port.NetworkID, port.DeviceID)
	case port.IsBareMetal():
		return nil, badRequest("router", "Port %s is bare metal's, and cannot be a router's interface", port.ID)
	case len(port.FixedIPs) == 0:
		return nil, badRequest("router", "Router port must have at least one fixed IP")
	case len(port.FixedIPs) > 1:
		return nil, badRequest("router", "Cannot have multiple IPv4 subnets on router port")
	}
	subnet, err := takeSubnet(t.DB, Scope{Admin: true}, port.FixedIPs[0].SubnetID)
	if err != nil {
		return nil, err
	}
	if !t.scope.owns(subnet.ProjectID) && !inPools(subnet, port.FixedIPs[0].IPAddress) {
		return nil, badRequest("router", "Cannot add interface to router because specified port %s has an IP address out of the allocation pool of subnet %s, "+
			"which is not owned by the project making the request", port.ID, subnet.ID)
	}
	if err := t.refuseOverlap(r, []*model.Subnet{subnet}); err != nil {
		return nil, err
	}
	port.DeviceID, port.DeviceOwner = r.ID, model.DeviceOwnerRouterInterface
	t.touch(port.Ref())
	err = t.Exec("UPDATE ports SET device_id = ?, device_owner = ?, status = ?, status_reason = '', revision_number = revision_number + 1, updated_at = ? WHERE number = ?",
		port.DeviceID, port.DeviceOwner, model.StatusActive, t.now, port.Number).Error
	return port, err
}

func inPools(subnet *model.Subnet, addr netip.Addr) bool {
	return slices.ContainsFunc(subnet.AllocationPools, func(r model.AddressRange) bool { return !addr.Less(r.Start) && !r.End.Less(addr) })
}

// findInterface gives the interface that a request for removal means.
func (t *tx) findInterface(r *model.Router, subnetID, portID string) (*model.Port, error) {
	ports, err := findPorts(t.Where("device_id = ? AND device_owner = ?", r.ID, model.DeviceOwnerRouterInterface).Order("number"))
	if err != nil {
		return nil, err
	}
	onSubnet := func(p *model.Port) bool {
		return slices.ContainsFunc(p.FixedIPs, func(ip model.FixedIP) bool { return ip.SubnetID == subnetID })
	}
	if portID != "" {
		i := slices.IndexFunc(ports, func(p *model.Port) bool { return p.ID == portID })
		switch {
		case i < 0:
			return nil, model.Errorf(http.StatusNotFound, "RouterInterfaceNotFound", "Router %s does not have an interface with id %s", r.ID, portID)
		case subnetID != "" && !onSubnet(ports[i]):
			return nil, model.Errorf(http.StatusBadRequest, "SubnetMismatchForPort", "Subnet on port %s does not match the requested subnet %s.", portID, subnetID)
		}
		return ports[i], nil
	}
	i := slices.IndexFunc(ports, onSubnet)
	if i < 0 {
		if _, err := takeSubnet(t.DB, t.scope, subnetID); err != nil {
			return nil, err
		}
		return nil, model.Errorf(http.StatusNotFound, "RouterInterfaceNotFoundForSubnet", "Router %s has no interface on subnet %s", r.ID, subnetID)
	}
	return ports[i], nil
}

// refuseNeededInterface refuses to remove what floating IPs or static routes go through.
func (t *tx) refuseNeededInterface(r *model.Router, port *model.Port) error {
	for _, ip := range port.FixedIPs {
		needed, err := t.exists("SELECT 1 FROM floating_ips JOIN ports ON ports.id = floating_ips.port_id "+
			"JOIN ip_allocations ON ip_allocations.port_number = ports.number AND ip_allocations.ip_address = floating_ips.fixed_ip_address "+
			"WHERE floating_ips.router_id = ? AND ip_allocations.subnet_id = ?", r.ID, ip.SubnetID)
		if err != nil {
			return err
		}
		if needed {
			return conflict("RouterInterfaceInUseByFloatingIP",
				"Router interface for subnet %s on router %s cannot be deleted, as it is required by one or more floating IPs.", ip.SubnetID, r.ID)
		}
	}
	own, err := t.connections(r.ID)
	if err != nil {
		return err
	}
	for _, c := range own {
		if c.PortID == port.ID && slices.ContainsFunc(r.Routes, func(route model.HostRoute) bool { return c.CIDR.Contains(route.NextHop) }) {
			return conflict("RouterInterfaceInUseByRoute",
				"Router interface for subnet %s on router %s cannot be deleted, as it is required by one or more routes.", c.SubnetID, r.ID)
		}
	}
	return nil
}
