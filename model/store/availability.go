package store

import (
	"context"
	"encoding/json"
	"maps"
	"math/big"
	"net/netip"

	"gorm.io/gorm"

	"github.com/planck-sdn/planck/model"
)

// NetworkIPAvailability is how many addresses a network has (Neutron API reference, "Network IP availability").
type NetworkIPAvailability struct {
	NetworkID   string
	NetworkName string
	ProjectID   string
	TotalIPs    *big.Int // the sum of its subnets'
	UsedIPs     int64
	Subnets     []SubnetIPAvailability // in order of creation
}

// SubnetIPAvailability is how many addresses a subnet has.
type SubnetIPAvailability struct {
	SubnetID   string
	SubnetName string
	CIDR       netip.Prefix
	IPVersion  int
	TotalIPs   *big.Int // of the allocation pools; of the CIDR where there are none
	UsedIPs    int64    // those of ports, whether they are in a pool or not
}

var availabilityResource = resource{"Network", "networks", map[string]column{
	"network_id": {"networks.id", textColumn}, "network_name": {"networks.name", textColumn},
	"project_id": {"networks.project_id", textColumn}, "tenant_id": {"networks.project_id", textColumn},
}, Scope.networks}

// IPAvailability counts the addresses of the networks that the query and the scope select, with two or three
// statements. Filters are network_id, network_name, project_id (or tenant_id) and ip_version: subnets of that version,
// and the networks that have one. Markers are network ids.
func (s *Store) IPAvailability(ctx context.Context, q Query) ([]NetworkIPAvailability, error) {
	var all []NetworkIPAvailability
	err := s.read(ctx, func(db *gorm.DB) error {
		subnets := db.Table("subnets")
		ofNetworks := q
		ofNetworks.Filters = maps.Clone(q.Filters)
		delete(ofNetworks.Filters, "ip_version")
		networks, err := availabilityResource.list(db, scopeOf(ctx), ofNetworks)
		if err != nil {
			return err
		}
		if versions, ok := q.Filters["ip_version"]; ok {
			if subnets, err = subnetResource.filter(subnets, "ip_version", versions); err != nil {
				return err
			}
			subnets = subnets.Session(&gorm.Session{}) // it is used twice
			networks = networks.Where("networks.id IN (?)", subnets.Select("network_id"))
		}
		all, err = availability(db, networks.Session(&gorm.Session{}), subnets)
		return err
	})
	if err != nil {
		return nil, err
	}
	return inOrder(q, all), nil
}

func availability(db, networks, subnets *gorm.DB) ([]NetworkIPAvailability, error) {
	var found []struct{ ID, Name, ProjectID string }
	if err := networks.Select("id, name, project_id").Find(&found).Error; err != nil {
		return nil, err
	}
	var rows []struct {
		ID, NetworkID, Name string
		CIDR                string `gorm:"column:cidr"`
		IPVersion           int
		AllocationPools     string
		UsedIPs             int64 `gorm:"column:used_ips"`
	}
	err := subnets.Select("id, network_id, name, cidr, ip_version, allocation_pools, "+
		"(SELECT COUNT(*) FROM ip_allocations WHERE subnet_id = subnets.id) AS used_ips").
		Where("network_id IN (?)", db.Table("(?) AS listed", networks.Select("networks.id")).Select("id")).Order("number").Find(&rows).Error
	if err != nil {
		return nil, err
	}
	all := make([]NetworkIPAvailability, len(found))
	byID := make(map[string]*NetworkIPAvailability, len(found))
	for i, n := range found {
		all[i] = NetworkIPAvailability{NetworkID: n.ID, NetworkName: n.Name, ProjectID: n.ProjectID,
			TotalIPs: new(big.Int), Subnets: []SubnetIPAvailability{}}
		byID[n.ID] = &all[i]
	}
	for _, r := range rows {
		cidr, err := netip.ParsePrefix(r.CIDR)
		if err != nil {
			return nil, err
		}
		var pools []model.AddressRange
		if err := json.Unmarshal([]byte(r.AllocationPools), &pools); err != nil {
			return nil, err
		}
		total := poolSize(cidr, pools)
		n := byID[r.NetworkID]
		n.TotalIPs.Add(n.TotalIPs, total)
		n.UsedIPs += r.UsedIPs
		n.Subnets = append(n.Subnets, SubnetIPAvailability{r.ID, r.Name, cidr, r.IPVersion, total, r.UsedIPs})
	}
	return all, nil
}

// poolSize is how many addresses the pools have, or the CIDR without pools.
func poolSize(cidr netip.Prefix, pools []model.AddressRange) *big.Int {
	if len(pools) == 0 {
		return new(big.Int).Lsh(big.NewInt(1), uint(cidr.Addr().BitLen()-cidr.Bits()))
	}
	total := new(big.Int)
	for _, p := range pools {
		size := new(big.Int).Sub(new(big.Int).SetBytes(p.End.AsSlice()), new(big.Int).SetBytes(p.Start.AsSlice()))
		total.Add(total, size.Add(size, big.NewInt(1)))
	}
	return total
}
