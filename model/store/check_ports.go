package store

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/planck-sdn/planck/model"
)

// storedAllocation is a row of ip_allocations.
type storedAllocation struct {
	SubnetID, IPAddress string
	OffsetInCIDR        *int64 `gorm:"column:offset_in_cidr"`
	PortNumber          model.Number
	Position            int
}

func (c *checker) readAllocations() error {
	var rows []storedAllocation
	err := c.db.Raw("SELECT subnet_id, ip_address, offset_in_cidr, port_number, position FROM ip_allocations ORDER BY port_number, position").Scan(&rows).Error
	c.allocations = make(map[model.Number][]storedAllocation, len(rows))
	for _, a := range rows {
		c.allocations[a.PortNumber] = append(c.allocations[a.PortNumber], a)
		what := fmt.Sprintf("address %s of port number %d", a.IPAddress, a.PortNumber)
		subnet := c.subnets[a.SubnetID]
		if subnet == nil {
			c.report("%s: there is no subnet %s", what, a.SubnetID)
			continue
		}
		addr, err := netip.ParseAddr(a.IPAddress)
		if err != nil {
			c.report("%s: %v", what, err)
			continue
		}
		if !subnet.CIDR.IsValid() {
			continue
		}
		if !subnet.HasHost(addr) {
			c.report("%s: no port can have it on subnet %s (%s)", what, subnet.ID, subnet.CIDR)
			continue
		}
		offset, ok := model.AddressOffset(subnet.CIDR, addr)
		if ok != (a.OffsetInCIDR != nil) || ok && offset != *a.OffsetInCIDR {
			c.report("%s: its offset in subnet %s (%s) is wrong", what, subnet.ID, subnet.CIDR)
		}
	}
	return err
}

// checkedPort has a port's columns as they are stored.
type checkedPort struct {
	Number                         model.Number
	ID, NetworkID, ProjectID       string
	Name, Description              string
	MACAddress                     string `gorm:"column:mac_address"`
	FixedIPs                       string `gorm:"column:fixed_ips"`
	DeviceID, DeviceOwner          string
	PortSecurityEnabled            bool
	AllowedAddressPairs            string
	SecurityGroups                 string
	Status, HostID                 string
	VNICType                       string `gorm:"column:vnic_type"`
	VIFType                        string `gorm:"column:vif_type"`
	Profile                        string
	BindingGeneration              int64
	DatapathType, InactiveBindings string
	DNSName                        string `gorm:"column:dns_name"`
	ExtraDHCPOpts                  string `gorm:"column:extra_dhcp_opts"`
	Tags                           string
	Automatic                      bool
	RevisionNumber                 int64
}

// checkedAtOnce is how many ports are read with one statement, so that a large cloud need not fit into memory.
const checkedAtOnce = 10_000

type networkAndMAC struct {
	networkID string
	mac       model.MAC
}

func (c *checker) checkPorts() error {
	macs, dhcpPorts := map[networkAndMAC]string{}, map[string][]*model.Port{}
	for last := model.Number(0); ; {
		var rows []checkedPort
		err := c.db.Table("ports").Where("number > ?", last).Order("number").Limit(checkedAtOnce).Find(&rows).Error
		if err != nil {
			return err
		}
		for i := range rows {
			p := c.checkPort(&rows[i])
			delete(c.allocations, p.Number)
			if rows[i].Automatic {
				dhcpPorts[p.NetworkID] = append(dhcpPorts[p.NetworkID], p)
			}
			key := networkAndMAC{p.NetworkID, p.MAC}
			if other, taken := macs[key]; taken {
				c.report("port %s: port %s on the same network has its MAC address %s too", p.ID, other, p.MAC)
			}
			macs[key] = p.ID
			last = p.Number
		}
		if len(rows) < checkedAtOnce {
			break
		}
	}
	for number, orphans := range c.allocations {
		c.report("addresses %s: there is no port number %d", addressesOf(orphans), number)
	}
	c.checkGroupsWithoutPorts()
	for number := range c.placements {
		c.report("placement of port number %d: there is no such port of bare metal that is bound", number)
	}
	for _, n := range sortedByNumber(c.networks) {
		c.checkDHCPPort(n, dhcpPorts[n.ID])
	}
	return nil
}

func addressesOf(list []storedAllocation) string {
	texts := make([]string, len(list))
	for i, a := range list {
		texts[i] = a.IPAddress
	}
	return strings.Join(texts, ", ")
}

func (c *checker) checkPort(r *checkedPort) *model.Port {
	what := "port " + r.ID
	p := &model.Port{
		Number: r.Number, ID: r.ID, NetworkID: r.NetworkID, ProjectID: r.ProjectID, Name: r.Name, Description: r.Description,
		DeviceID: r.DeviceID, DeviceOwner: r.DeviceOwner, PortSecurityEnabled: r.PortSecurityEnabled, Status: r.Status, HostID: r.HostID,
		VNICType: r.VNICType, VIFType: r.VIFType, DatapathType: r.DatapathType, DNSName: r.DNSName, Tags: c.parseTags(what, r.Tags),
	}
	known := len(c.problems)
	mac, err := model.ParseMAC(r.MACAddress)
	if err != nil || mac.String() != r.MACAddress {
		c.report("%s: its MAC address is not in Planck's form: %q", what, r.MACAddress)
	}
	p.MAC = mac
	c.parse(what, "fixed_ips", r.FixedIPs, &p.FixedIPs)
	c.parse(what, "allowed_address_pairs", r.AllowedAddressPairs, &p.AllowedAddressPairs)
	c.parse(what, "security_groups", r.SecurityGroups, &p.SecurityGroups)
	c.parse(what, "profile", r.Profile, &p.Profile)
	c.parse(what, "inactive_bindings", r.InactiveBindings, &p.InactiveBindings)
	c.parse(what, "extra_dhcp_opts", r.ExtraDHCPOpts, &p.ExtraDHCPOpts)
	c.checkRevision(what, r.RevisionNumber)
	if r.BindingGeneration < 1 {
		c.report("%s: its binding's generation is %d", what, r.BindingGeneration)
	}
	if p.Status != model.StatusActive && p.Status != model.StatusDown {
		c.report("%s: its status is %q", what, p.Status)
	}
	if len(c.problems) == known {
		if err := p.Validate(); err != nil {
			c.report("%s: %v", what, err)
		}
	}
	c.checkAddresses(what, p)
	c.checkSecurityGroups(what, p)
	network := c.networks[p.NetworkID]
	if network == nil {
		c.report("%s: there is no network %s", what, p.NetworkID)
		return p
	}
	c.checkBindings(what, p, network)
	return p
}

// checkAddresses compares both places where a port's addresses stand.
func (c *checker) checkAddresses(what string, p *model.Port) {
	allocated := c.allocations[p.Number]
	same := slices.EqualFunc(p.FixedIPs, allocated, func(ip model.FixedIP, a storedAllocation) bool {
		return ip.SubnetID == a.SubnetID && addrText(ip.IPAddress) == a.IPAddress
	})
	if !same {
		c.report("%s: fixed_ips says %v, and allocated are %s", what, p.FixedIPs, addressesOf(allocated))
	}
	for i, a := range allocated {
		if a.Position != i {
			c.report("%s: its address %s has position %d instead of %d", what, a.IPAddress, a.Position, i)
		}
		if subnet := c.subnets[a.SubnetID]; subnet != nil && subnet.NetworkID != p.NetworkID {
			c.report("%s on network %s: its address %s is of subnet %s on network %s", what, p.NetworkID, a.IPAddress, subnet.ID, subnet.NetworkID)
		}
	}
}

func (c *checker) checkBindings(what string, p *model.Port, network *model.Network) {
	if p.IsBareMetal() {
		c.checkBareMetal(what, p, network)
		return
	}
	c.checkBinding(what, p.ActiveBinding(), network)
	hosts := map[string]bool{p.HostID: true}
	for i, b := range p.InactiveBindings {
		c.checkBinding(what, b, network)
		if b.HostID == "" || hosts[b.HostID] {
			c.report("%s: it has a second binding on host %q", what, b.HostID)
		}
		hosts[b.HostID] = true
		if i > 0 && b.HostID < p.InactiveBindings[i-1].HostID {
			c.report("%s: its inactive bindings are not sorted", what)
		}
	}
}

func (c *checker) checkBinding(what string, b model.Binding, network *model.Network) {
	want := b
	model.Place(&want, c.nodes[b.HostID], network)
	if b.VIFType != want.VIFType || b.DatapathType != want.DatapathType {
		c.report("%s: its binding on host %q is %s with datapath type %q, and should be %s with %q",
			what, b.HostID, b.VIFType, b.DatapathType, want.VIFType, want.DatapathType)
	}
}

// checkDHCPPort holds the network's own ports against its subnets: one with an address on each that has DHCP, if any has.
func (c *checker) checkDHCPPort(n *model.Network, ports []*model.Port) {
	var wanted, has []string
	for _, s := range c.subnetsOf[n.ID] {
		if s.EnableDHCP {
			wanted = append(wanted, s.ID)
		}
	}
	for _, p := range ports {
		if p.DeviceOwner != model.DeviceOwnerDHCP {
			c.report("port %s: it is its network's DHCP port, and its device_owner is %q", p.ID, p.DeviceOwner)
		}
		for _, ip := range p.FixedIPs {
			has = append(has, ip.SubnetID)
		}
	}
	if len(ports) != min(1, len(wanted)) {
		c.report("network %s: it has %d DHCP ports for %d subnets with DHCP", n.ID, len(ports), len(wanted))
		return
	}
	slices.Sort(wanted)
	slices.Sort(has)
	if !slices.Equal(wanted, has) {
		c.report("network %s: its DHCP port has addresses on subnets %v, and DHCP is on %v", n.ID, has, wanted)
	}
}
