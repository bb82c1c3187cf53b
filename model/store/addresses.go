package store

import (
	"cmp"
	"database/sql"
	"errors"
	"net/netip"
	"slices"
	"strings"

	"gorm.io/gorm"

	"github.com/planck-sdn/planck/model"
)

// addressClaim is one address that a port is to get.
type addressClaim struct {
	port     *model.Port
	position int             // in port.FixedIPs
	subnets  []*model.Subnet // where it may come from; the first is tried
	address  netip.Addr      // that is tried
	wanted   bool            // it must be this one
	taken    bool            // it is the port's
}

// placeAddresses makes the port have the wanted addresses instead of the held ones, and puts them into
// port.FixedIPs, in the order of wanted. Errors are Neutron's: SubnetNotFound, InvalidInput, InvalidIpForSubnet,
// InvalidIpForNetwork, IpAddressAlreadyAllocated, IpAddressGenerationFailure.
func (t *tx) placeAddresses(port *model.Port, subnets []*model.Subnet, wanted, held []model.FixedIP) error {
	port.FixedIPs = wanted
	plan, err := t.planAddresses(port, subnets, held)
	if err != nil {
		return err
	}
	if err := t.releaseOthers(port.Number, plan, held); err != nil {
		return err
	}
	for i, request := range plan {
		if !request.Held || i < len(held) && held[i].IPAddress == request.Address && held[i].SubnetID == request.Subnets[0].ID {
			continue
		}
		err := t.Exec("UPDATE ip_allocations SET position = ? WHERE subnet_id = ? AND ip_address = ?",
			i, request.Subnets[0].ID, addrText(request.Address)).Error
		if err != nil {
			return err
		}
	}
	open, err := t.claimAddresses(port, plan)
	if err != nil {
		return err
	}
	if err := t.insertAllocations(open); err != nil {
		return err
	}
	return t.allocateElsewhere(open)
}

// planAddresses is model.PlanAddresses of port.FixedIPs.
func (t *tx) planAddresses(port *model.Port, subnets []*model.Subnet, held []model.FixedIP) ([]model.AddressRequest, error) {
	if err := t.subnetNotFound(port.FixedIPs, subnets); err != nil {
		return nil, err
	}
	return model.PlanAddresses(port, subnets, port.FixedIPs, held)
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

// claimAddresses puts into port.FixedIPs what the plan says, with addresses to try where it leaves them open, and gives
// those that the port does not have yet.
func (t *tx) claimAddresses(port *model.Port, plan []model.AddressRequest) ([]*addressClaim, error) {
	var open []*addressClaim
	port.FixedIPs = make([]model.FixedIP, len(plan))
	for i, request := range plan {
		if request.Held {
			port.FixedIPs[i] = model.FixedIP{SubnetID: request.Subnets[0].ID, IPAddress: request.Address}
			continue
		}
		a := &addressClaim{port: port, position: i, subnets: request.Subnets, address: request.Address, wanted: request.Address.IsValid()}
		if a.wanted {
			a.try(request.Address)
		} else if !t.claimAddress(a) {
			return nil, ipAddressGenerationFailure(port.NetworkID)
		}
		open = append(open, a)
	}
	return open, nil
}

// claimAddress chooses an address of the first subnet that has pools, and forgets those before it.
func (t *tx) claimAddress(a *addressClaim) bool {
	for ; len(a.subnets) > 0; a.subnets = a.subnets[1:] {
		if space := freeAddresses(a.subnets[0]); len(space.ranges) > 0 {
			a.try(model.AddressAt(a.subnets[0].CIDR, t.store.hints.claim(space)))
			return true
		}
	}
	return false
}

func (a *addressClaim) try(address netip.Addr) {
	a.address = address
	a.port.FixedIPs[a.position] = model.FixedIP{SubnetID: a.subnets[0].ID, IPAddress: address}
}

// allocateElsewhere finds other addresses for those that somebody else has, until each is taken. Each round takes at
// least one, unless another transaction is faster.
func (t *tx) allocateElsewhere(open []*addressClaim) error {
	for {
		open = slices.DeleteFunc(open, func(a *addressClaim) bool { return a.taken })
		if len(open) == 0 {
			return nil
		}
		if err := t.chooseElsewhere(open); err != nil {
			return err
		}
		if err := t.insertAllocations(open); err != nil {
			return err
		}
	}
}

// chooseElsewhere searches each subnet once, and goes to the next one where nothing is free.
func (t *tx) chooseElsewhere(open []*addressClaim) error {
	hasRoom := map[string]bool{}
	for _, a := range open {
		subnet := a.subnets[0]
		if a.wanted {
			return conflict("IpAddressAlreadyAllocated", "IP address %s already allocated in subnet %s", a.address, subnet.ID)
		}
		room, searched := hasRoom[subnet.ID]
		if !searched {
			space := freeAddresses(subnet)
			offset, _ := model.AddressOffset(subnet.CIDR, a.address)
			free, found, err := t.findFree(space, offset)
			if err != nil {
				return err
			}
			if found {
				t.store.hints.moveTo(space, free)
			}
			room = found
			hasRoom[subnet.ID] = room
		}
		if !room {
			a.subnets = a.subnets[1:]
		}
		if !t.claimAddress(a) {
			return ipAddressGenerationFailure(a.port.NetworkID)
		}
	}
	return nil
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

// insertAllocations inserts the addresses that are free, and marks them as taken. Their ports have numbers.
func (t *tx) insertAllocations(open []*addressClaim) error {
	byPlace := make(map[allocationPlace]*addressClaim, len(open))
	for chunk := range slices.Chunk(open, maxRows) {
		args := make([]any, 0, 5*len(chunk))
		for _, a := range chunk {
			byPlace[allocationPlace{a.port.Number, a.position}] = a
			args = append(append(args, a.port.Number), a.values()...)
		}
		statement := "INSERT INTO ip_allocations (port_number, " + allocationColumns + ") VALUES " + manyRows("(?, ?, ?, ?, ?)", len(chunk)) +
			" ON CONFLICT DO NOTHING RETURNING port_number, position"
		err := eachRow(t.Raw(statement, args...), func(rows *sql.Rows) error {
			var place allocationPlace
			if err := rows.Scan(&place.port, &place.position); err != nil {
				return err
			}
			byPlace[place].taken = true
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// allocationPlace tells the allocations of a request apart.
type allocationPlace struct {
	port     model.Number
	position int
}

const allocationColumns = "subnet_id, ip_address, offset_in_cidr, position"

// values are those of allocationColumns.
func (a *addressClaim) values() []any {
	var offset *int64
	if n, ok := model.AddressOffset(a.subnets[0].CIDR, a.address); ok {
		offset = &n
	}
	return []any{a.subnets[0].ID, a.address.String(), offset, a.position}
}

// maxRows is how many rows one statement inserts: many times the same statement is better than one that is prepared for
// a single use.
const maxRows = 100

func manyRows(row string, count int) string { return row + strings.Repeat(", "+row, count-1) }

// eachRow calls read for every row of a query.
func eachRow(query *gorm.DB, read func(*sql.Rows) error) (err error) {
	rows, err := query.Rows()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		if err := read(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}
