package store

import (
	"cmp"
	"net/netip"
	"slices"

	"github.com/planck-sdn/planck/model"
)

// placeAddresses makes the port have the wanted addresses instead of the held ones, and puts them into
// port.FixedIPs, in the order of wanted. Errors are Neutron's: SubnetNotFound, InvalidInput, InvalidIpForSubnet,
// InvalidIpForNetwork, IpAddressAlreadyAllocated, IpAddressGenerationFailure.
func (t *tx) placeAddresses(port *model.Port, subnets []*model.Subnet, wanted, held []model.FixedIP) error {
	if err := t.subnetNotFound(wanted, subnets); err != nil {
		return err
	}
	plan, err := model.PlanAddresses(port, subnets, wanted, held)
	if err != nil {
		return err
	}
	if err := t.releaseOthers(port.Number, plan, held); err != nil {
		return err
	}
	placed := make([]model.FixedIP, len(plan))
	for i, request := range plan {
		switch {
		case request.Held:
			placed[i] = model.FixedIP{SubnetID: request.Subnets[0].ID, IPAddress: request.Address}
			if i < len(held) && held[i] == placed[i] {
				continue
			}
			err = t.Exec("UPDATE ip_allocations SET position = ? WHERE subnet_id = ? AND ip_address = ?",
				i, placed[i].SubnetID, addrText(request.Address)).Error
		case request.Address.IsValid():
			placed[i], err = t.takeAddress(port.Number, request.Subnets[0], request.Address, i)
		default:
			placed[i], err = t.takeAnyAddress(port, request.Subnets, i)
		}
		if err != nil {
			return err
		}
	}
	port.FixedIPs = placed
	return nil
}

// releaseOthers gives back what the port has and does not keep.
func (t *tx) releaseOthers(port model.Number, plan []model.AddressRequest, held []model.FixedIP) error {
	for _, ip := range held {
		kept := slices.ContainsFunc(plan, func(r model.AddressRequest) bool { return r.Held && r.Address == ip.IPAddress })
		if kept {
			continue
		}
		err := t.Exec("DELETE FROM ip_allocations WHERE subnet_id = ? AND ip_address = ? AND port_number = ?",
			ip.SubnetID, addrText(ip.IPAddress), port).Error
		if err != nil {
			return err
		}
	}
	return nil
}

func (t *tx) takeAddress(port model.Number, subnet *model.Subnet, addr netip.Addr, position int) (model.FixedIP, error) {
	taken, err := t.insertAllocation(port, subnet, addr, position)
	if err == nil && !taken {
		err = conflict("IpAddressAlreadyAllocated", "IP address %s already allocated in subnet %s", addr, subnet.ID)
	}
	return model.FixedIP{SubnetID: subnet.ID, IPAddress: addr}, err
}

// takeAnyAddress gives an address of the first subnet that has one left in its pools.
func (t *tx) takeAnyAddress(port *model.Port, subnets []*model.Subnet, position int) (model.FixedIP, error) {
	for _, subnet := range subnets {
		offset, ok, err := t.takeFree(freeAddresses(subnet), func(offset int64) (bool, error) {
			return t.insertAllocation(port.Number, subnet, model.AddressAt(subnet.CIDR, offset), position)
		})
		if err != nil {
			return model.FixedIP{}, err
		}
		if ok {
			return model.FixedIP{SubnetID: subnet.ID, IPAddress: model.AddressAt(subnet.CIDR, offset)}, nil
		}
	}
	return model.FixedIP{}, ipAddressGenerationFailure(port.NetworkID)
}

func freeAddresses(subnet *model.Subnet) freeSpace {
	space := freeSpace{
		hint: addressHint(subnet.ID), table: "ip_allocations", column: "offset_in_cidr",
		where: "subnet_id = ?", args: []any{subnet.ID},
	}
	for _, pool := range subnet.AllocationPools {
		start, startOK := model.AddressOffset(subnet.CIDR, pool.Start)
		end, endOK := model.AddressOffset(subnet.CIDR, pool.End)
		if startOK && endOK {
			space.ranges = append(space.ranges, offsets{start, end})
		}
	}
	slices.SortFunc(space.ranges, func(a, b offsets) int { return cmp.Compare(a.first, b.first) })
	return space
}

func addressHint(subnetID string) string { return "subnet/" + subnetID }

// insertAllocation tells whether the address was free.
func (t *tx) insertAllocation(port model.Number, subnet *model.Subnet, addr netip.Addr, position int) (bool, error) {
	var offset *int64
	if n, ok := model.AddressOffset(subnet.CIDR, addr); ok {
		offset = &n
	}
	result := t.Exec("INSERT INTO ip_allocations (subnet_id, ip_address, offset_in_cidr, port_number, position) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
		subnet.ID, addr.String(), offset, port, position)
	return result.RowsAffected == 1, result.Error
}
