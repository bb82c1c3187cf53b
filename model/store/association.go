package store

import (
	"net/http"
	"net/netip"
	"slices"

	"github.com/planck-sdn/planck/model"
)

// associate completes what f says of the port that it stands for: its FixedIP, and the router between the two. Until the transaction ends
// the router stays connected as it is, and the port keeps its addresses. Without a port there is nothing to find.
func (t *tx) associate(f *model.FloatingIP) error {
	f.RouterID = ""
	if f.PortID == "" {
		if f.FixedIP.IsValid() {
			return badRequest("floatingip", "fixed_ip_address cannot be specified without a port_id")
		}
		return nil
	}
	plan := *f
	if err := t.findAssociation(&plan); err != nil {
		return err
	}
	// The router before the port, as everywhere; and then once more, now that neither changes.
	if err := t.Exec(t.shared("SELECT number FROM routers WHERE id = ?"), plan.RouterID).Error; err != nil {
		return err
	}
	if err := t.Exec(t.shared("SELECT number FROM ports WHERE id = ?"), f.PortID).Error; err != nil {
		return err
	}
	if err := t.findAssociation(f); err != nil {
		return err
	}
	if f.RouterID != plan.RouterID {
		return errOvertaken
	}
	taken, err := t.exists("SELECT 1 FROM floating_ips WHERE port_id = ? AND fixed_ip_address = ? AND floating_network_id = ? AND id <> ?",
		f.PortID, addrText(f.FixedIP), f.FloatingNetworkID, f.ID)
	if err == nil && taken {
		err = conflict("FloatingIPPortAlreadyAssociated",
			"Cannot associate floating IP %s (%s) with port %s using fixed IP %s, as that fixed IP already has a floating IP on external network %s.",
			addrText(f.Address), f.ID, f.PortID, f.FixedIP, f.FloatingNetworkID)
	}
	return err
}

// shared adds the lock to a statement; SQLite needs none.
func (t *tx) shared(statement string) string {
	if t.store.dialect.name != postgresName {
		return statement
	}
	return statement + " FOR " + lockShared
}

// findAssociation fills in FixedIP and RouterID.
func (t *tx) findAssociation(f *model.FloatingIP) error {
	row, err := t.store.takePort(t.DB, t.scope, f.PortID)
	if err != nil {
		return err
	}
	port, err := row.model()
	if err != nil {
		return err
	}
	if port.ProjectID != f.ProjectID && !t.scope.Admin {
		return badRequest("floatingip", "Cannot process floating IP association with Port %s, since that port is owned by a different project", port.ID)
	}
	if port.OwnedByNetwork() {
		return badRequest("floatingip", "Port %s is unable to be assigned a floating IP", port.ID)
	}
	fixed, err := chooseFixedIP(port, f.FixedIP)
	if err != nil {
		return err
	}
	f.FixedIP = fixed.IPAddress
	f.RouterID, err = t.routerBetween(port.ID, fixed.SubnetID, f.FloatingNetworkID)
	return err
}

func chooseFixedIP(port *model.Port, wanted netip.Addr) (model.FixedIP, error) {
	if wanted.IsValid() {
		i := slices.IndexFunc(port.FixedIPs, func(ip model.FixedIP) bool { return ip.IPAddress == wanted })
		if i < 0 {
			return model.FixedIP{}, badRequest("floatingip", "Port %s does not have fixed ip %s", port.ID, wanted)
		}
		return port.FixedIPs[i], nil
	}
	switch len(port.FixedIPs) {
	case 0:
		return model.FixedIP{}, badRequest("floatingip", "Cannot add floating IP to port %s that has no fixed IPv4 addresses", port.ID)
	case 1:
		return port.FixedIPs[0], nil
	}
	return model.FixedIP{}, badRequest("floatingip",
		"Port %s has multiple fixed IPv4 addresses.  Must provide a specific IPv4 address when assigning a floating IP", port.ID)
}

// routerBetween finds the router that has an interface on a subnet and its gateway on an external network. Of several it is the one that
// the subnet's ports use by default, or else the oldest.
func (t *tx) routerBetween(portID, subnetID, externalID string) (string, error) {
	var ids []string
	err := t.Raw("SELECT routers.id FROM routers JOIN ports ON ports.device_id = routers.id AND ports.device_owner = ? "+
		"JOIN ip_allocations ON ip_allocations.port_number = ports.number JOIN subnets ON subnets.id = ip_allocations.subnet_id "+
		"WHERE subnets.id = ? AND routers.gateway_network_id = ? "+
		"ORDER BY CASE WHEN ip_allocations.ip_address = subnets.gateway_ip THEN 0 ELSE 1 END, routers.number LIMIT 1",
		model.DeviceOwnerRouterInterface, subnetID, externalID).Scan(&ids).Error
	if err != nil {
		return "", err
	}
	if len(ids) == 0 {
		return "", model.Errorf(http.StatusNotFound, "ExternalGatewayForFloatingIPNotFound",
			"External network %s is not reachable from subnet %s.  Therefore, cannot associate Port %s with a Floating IP.", externalID, subnetID, portID)
	}
	return ids[0], nil
}

// refuseLostFixedIP refuses that a port gives up an address that a floating IP stands for. The port is locked.
func (t *tx) refuseLostFixedIP(p *model.Port) error {
	kept := []string{""}
	for _, ip := range p.FixedIPs {
		kept = append(kept, addrText(ip.IPAddress))
	}
	lost, err := t.exists("SELECT 1 FROM floating_ips WHERE port_id = ? AND fixed_ip_address NOT IN ?", p.ID, kept)
	if err == nil && lost {
		err = badRequest("port", "Cannot update the fixed_ips of the port %s, because its original fixed_ip has been associated to a floating ip", p.ID)
	}
	return err
}

// detachPort takes from a port that goes what stands for it: floating IPs become free, and it holds no address any more.
func (t *tx) detachPort(number model.Number) error {
	const thisPort = "port_id = (SELECT id FROM ports WHERE number = ?)"
	var floating, holders []model.Number
	err := t.Raw("UPDATE floating_ips SET port_id = NULL, fixed_ip_address = '', router_id = NULL, revision_number = revision_number + 1, updated_at = ? WHERE "+
		thisPort+" RETURNING number", t.now, number).Scan(&floating).Error
	if err != nil {
		return err
	}
	if err := t.Raw("DELETE FROM holders WHERE "+thisPort+" RETURNING number", number).Scan(&holders).Error; err != nil {
		return err
	}
	var services []model.Number
	if err := t.Raw("DELETE FROM services WHERE port_number = ? RETURNING number", number).Scan(&services).Error; err != nil {
		return err
	}
	t.touchAll(model.KindFloatingIP, floating)
	t.touchAll(model.KindHolder, holders)
	t.touchAll(model.KindService, services)
	return nil
}
