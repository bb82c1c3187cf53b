package store

import (
	"fmt"

	"github.com/planck-sdn/planck/model"
)

func (c *checker) readRouters() error {
	var rows []struct {
		Number                           model.Number
		ID, ProjectID, Name, Description string
		NetworkKey                       model.NetworkKey
		GatewayNetworkID, GatewayPortID  string
		GatewayZone                      uint32
		GatewayNode                      model.Number
		GatewayGeneration                int64
		Routes                           string
		AvailabilityZoneHints, Tags      string
		RevisionNumber                   int64
		PortNetwork, PortDevice          string // of the gateway's port, if it is there
		NodeKnown                        bool
	}
	err := c.db.Raw("SELECT routers.*, COALESCE(ports.network_id, '') AS port_network, COALESCE(ports.device_id, '') AS port_device, "+
		"EXISTS (SELECT 1 FROM nodes WHERE nodes.number = routers.gateway_node) AS node_known FROM routers "+
		"LEFT JOIN ports ON ports.id = routers.gateway_port_id AND ports.device_owner = ? ORDER BY routers.number", model.DeviceOwnerRouterGateway).Scan(&rows).Error
	for _, row := range rows {
		what := "router " + row.ID
		r := &model.Router{Number: row.Number, ID: row.ID, ProjectID: row.ProjectID, Name: row.Name, Description: row.Description,
			Key: row.NetworkKey, Tags: c.parseTags(what, row.Tags)}
		c.parse(what, "routes", row.Routes, &r.Routes)
		c.parse(what, "availability_zone_hints", row.AvailabilityZoneHints, &r.AvailabilityZoneHints)
		c.checkRevision(what, row.RevisionNumber)
		if err := r.Validate(); err != nil {
			c.report("%s: %v", what, err)
		}
		switch {
		case row.GatewayNetworkID == "":
			if row.GatewayPortID != "" || row.GatewayZone != 0 || row.GatewayNode != 0 {
				c.report("%s: it has no gateway, and port %q, zone %d and node %d of one", what, row.GatewayPortID, row.GatewayZone, row.GatewayNode)
			}
		case row.GatewayZone < model.FirstRouterZone || row.GatewayZone > model.LastRouterZone:
			c.report("%s: its conntrack zone is %d", what, row.GatewayZone)
		default:
			r.Gateway = &model.Gateway{NetworkID: row.GatewayNetworkID, PortID: row.GatewayPortID, Zone: uint16(row.GatewayZone)}
			if c.networks[row.GatewayNetworkID] == nil {
				c.report("%s: its gateway is on network %s, which is not there", what, row.GatewayNetworkID)
			}
			if row.PortNetwork != row.GatewayNetworkID || row.PortDevice != row.ID {
				c.report("%s: its gateway on network %s has port %s, which is none on that network for it", what, row.GatewayNetworkID, row.GatewayPortID)
			}
		}
		if row.GatewayNode != 0 && !row.NodeKnown {
			c.report("%s: it is served by node number %d, which is not there", what, row.GatewayNode)
		}
		c.routers = append(c.routers, r)
	}
	return err
}

// segmentsOfRouter are what a router holds.
func segmentsOfRouter(r *model.Router) []segment {
	list := []segment{{keySpace, "", uint32(r.Key)}}
	if r.Gateway != nil {
		list = append(list, segment{zoneSpace, "", uint32(r.Gateway.Zone)})
	}
	return list
}

// checkRouters holds the subnets of each router's interfaces against each other.
func (c *checker) checkRouters() error {
	var rows []struct{ DeviceID, SubnetID string }
	err := c.db.Raw("SELECT ports.device_id, ip_allocations.subnet_id FROM ports JOIN ip_allocations ON ip_allocations.port_number = ports.number "+
		"JOIN routers ON routers.id = ports.device_id WHERE ports.device_owner = ? ORDER BY ports.number, ip_allocations.position",
		model.DeviceOwnerRouterInterface).Scan(&rows).Error
	connected := map[string][]*model.Subnet{}
	for _, r := range rows {
		subnet := c.subnets[r.SubnetID]
		if subnet == nil || !subnet.CIDR.IsValid() {
			continue // which is said elsewhere
		}
		for _, other := range connected[r.DeviceID] {
			if other.CIDR.Overlaps(subnet.CIDR) {
				c.report("router %s: its subnets %s (%s) and %s (%s) overlap", r.DeviceID, other.ID, other.CIDR, subnet.ID, subnet.CIDR)
			}
		}
		connected[r.DeviceID] = append(connected[r.DeviceID], subnet)
	}
	return err
}

func (c *checker) checkFloatingIPs() error {
	var rows []struct {
		ID, Description, FloatingNetworkID string
		FloatingIPAddress                  string `gorm:"column:floating_ip_address"`
		FloatingPortID                     string
		PortID, RouterID                   *string
		FixedIPAddress                     string `gorm:"column:fixed_ip_address"`
		DNSName                            string `gorm:"column:dns_name"`
		DNSDomain                          string `gorm:"column:dns_domain"`
		Tags                               string
		RevisionNumber                     int64
		Placed, Fixed, Reached             bool
	}
	err := c.db.Raw("SELECT floating_ips.*, "+
		"EXISTS (SELECT 1 FROM ports JOIN ip_allocations ON ip_allocations.port_number = ports.number WHERE ports.id = floating_port_id AND ports.device_owner = ? "+
		"AND ports.device_id = floating_ips.id AND ports.network_id = floating_network_id AND ip_allocations.ip_address = floating_ip_address) AS placed, "+
		"port_id IS NULL OR EXISTS (SELECT 1 FROM ports JOIN ip_allocations ON ip_allocations.port_number = ports.number "+
		"WHERE ports.id = port_id AND ip_allocations.ip_address = fixed_ip_address) AS fixed, "+
		"router_id IS NULL OR EXISTS (SELECT 1 FROM routers WHERE routers.id = router_id AND gateway_network_id = floating_network_id) AS reached "+
		"FROM floating_ips ORDER BY number", model.DeviceOwnerFloatingIP).Scan(&rows).Error
	for _, r := range rows {
		what := "floating IP " + r.ID
		f := &model.FloatingIP{ID: r.ID, Description: r.Description, DNSName: r.DNSName, DNSDomain: r.DNSDomain, Tags: c.parseTags(what, r.Tags),
			Address: c.parseAddr(what, "floating_ip_address", r.FloatingIPAddress), FixedIP: c.parseAddr(what, "fixed_ip_address", r.FixedIPAddress)}
		c.checkRevision(what, r.RevisionNumber)
		if err := f.Validate(); err != nil {
			c.report("%s: %v", what, err)
		}
		if !r.Placed {
			c.report("%s: port %s on network %s is not its own, or has not its address %s", what, r.FloatingPortID, r.FloatingNetworkID, r.FloatingIPAddress)
		}
		if !r.Fixed {
			c.report("%s: port %s does not have the address %s", what, orEmpty(r.PortID), r.FixedIPAddress)
		}
		if !r.Reached {
			c.report("%s: router %s has no gateway on network %s", what, orEmpty(r.RouterID), r.FloatingNetworkID)
		}
	}
	return err
}

func (c *checker) checkNeighbours() error {
	var rows []struct {
		Number              model.Number
		RouterID, NetworkID string
		IPAddress           string `gorm:"column:ip_address"`
		MAC                 string
		Reached             bool
	}
	err := c.db.Raw("SELECT neighbours.*, EXISTS (SELECT 1 FROM routers WHERE routers.id = router_id AND gateway_network_id = network_id) AS reached " +
		"FROM neighbours ORDER BY number").Scan(&rows).Error
	count := map[string]int{}
	for _, r := range rows {
		what := fmt.Sprintf("neighbour %s of router %s", r.IPAddress, r.RouterID)
		c.parseAddr(what, "ip_address", r.IPAddress)
		if mac, err := model.ParseMAC(r.MAC); err != nil || mac.String() != r.MAC {
			c.report("%s: its MAC address is not in Planck's form: %q", what, r.MAC)
		}
		if !r.Reached {
			c.report("%s: the router has no gateway on network %s", what, r.NetworkID)
		}
		if count[r.RouterID]++; count[r.RouterID] == model.MaxNeighbours+1 {
			c.report("router %s: it has more than %d neighbours", r.RouterID, model.MaxNeighbours)
		}
	}
	return err
}

func (c *checker) checkHolders() error {
	var rows []struct {
		NetworkID string
		IPAddress string `gorm:"column:ip_address"`
		PortID    string
		Known     bool
	}
	err := c.db.Raw("SELECT holders.*, EXISTS (SELECT 1 FROM ports WHERE ports.id = port_id AND ports.network_id = holders.network_id) AS known " +
		"FROM holders ORDER BY number").Scan(&rows).Error
	for _, r := range rows {
		what := fmt.Sprintf("holder of %s on network %s", r.IPAddress, r.NetworkID)
		c.parseAddr(what, "ip_address", r.IPAddress)
		if !r.Known {
			c.report("%s: port %s is not there", what, r.PortID)
		}
	}
	return err
}
