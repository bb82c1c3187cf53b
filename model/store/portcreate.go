package store

import (
	"context"
	"database/sql"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"

	"github.com/planck-sdn/planck/model"
)

// PortRequest is a port to be made. Of Port, FixedIPs says what is wanted: nil for one address of any subnet that
// has room, empty for none, else entries with a subnet, an address or both. A zero MAC is picked; an address pair
// with a zero MAC gets the port's. SecurityGroups that are nil are the project's default group if the port has port security, empty ones
// none. A port of the network itself has no port security, whatever is asked for.
type PortRequest struct {
	Port *model.Port
	// NetworkDecidesPortSecurity makes port_security_enabled what the network has.
	NetworkDecidesPortSecurity bool
}

// maxMACAttempts is how many random MACs are tried; Neutron's mac_generation_retries.
const maxMACAttempts = 16

// CreatePorts makes all of the ports or none, and fills in each Port. Errors are Neutron's: NetworkNotFound,
// SubnetNotFound, InvalidInput, MacAddressInUse, IpAddressAlreadyAllocated, IpAddressGenerationFailure,
// InvalidIpForSubnet, InvalidIpForNetwork, AllowedAddressPairExhausted, AddressPairMatchesPortFixedIPAndMac,
// AddressPairAndPortSecurityRequired, SecurityGroupNotFound, SecurityGroupConflict, PortSecurityAndIPRequiredForSecurityGroups and so on.
func (s *Store) CreatePorts(ctx context.Context, requests []PortRequest) error {
	made := make([]model.Port, len(requests))
	err := s.write(ctx, func(t *tx) error {
		networks, err := t.networksForPorts(requests)
		if err != nil {
			return err
		}
		drafts, ports, counts := make([]*portDraft, len(requests)), make([]*model.Port, len(requests)), map[string]int{}
		for i, request := range requests {
			made[i] = clonePort(request.Port)
			p := &made[i]
			if err := t.scope.mayCreatePort(p.ProjectID); err != nil {
				return err
			}
			if p.BelongsToRouter() {
				return pretendsRouter(p)
			}
			n, ok := networks[p.NetworkID]
			if !ok {
				return networkResource.notFound(p.NetworkID)
			}
			if request.NetworkDecidesPortSecurity {
				p.PortSecurityEnabled = n.network.PortSecurityEnabled
			}
			drafts[i], ports[i] = &portDraft{Port: p, networkWithSubnets: n}, p
			counts[p.ProjectID]++
		}
		if err := t.chooseSecurityGroups(ports); err != nil {
			return err
		}
		if err := t.insertPorts(drafts); err != nil {
			return err
		}
		return t.withinQuota("port", counts)
	})
	if err != nil {
		return err
	}
	for i, request := range requests {
		*request.Port = made[i]
	}
	return nil
}

// networkWithSubnets is a network where ports are made. Of the subnets it needs not more than allocation does: ID, CIDR
// and AllocationPools.
type networkWithSubnets struct {
	network *model.Network
	subnets []*model.Subnet // in order of creation
}

// networksForPorts reads those that the scope sees of the requests' networks, in one statement.
func (t *tx) networksForPorts(requests []PortRequest) (map[string]networkWithSubnets, error) {
	var ids []string
	found := map[string]networkWithSubnets{}
	for _, r := range requests {
		id := r.Port.NetworkID
		if _, known := found[id]; !known {
			found[id] = networkWithSubnets{}
			ids = append(ids, id)
		}
	}
	clear(found)
	query := t.scope.networks(t.DB).Where("networks.id IN ?", ids).
		Joins("LEFT JOIN subnets ON subnets.network_id = networks.id").Order("subnets.number").
		Select(networkFields + ", COALESCE(subnets.id, ''), COALESCE(subnets.cidr, ''), COALESCE(subnets.allocation_pools, '')")
	var row networkRow
	var subnetID, cidr, pools string
	into := append(row.columns(), &subnetID, &cidr, &pools)
	err := eachRow(query, func(rows *sql.Rows) error {
		if err := rows.Scan(into...); err != nil {
			return err
		}
		n := found[row.ID]
		if n.network == nil {
			var err error
			if n.network, err = row.model(); err != nil {
				return err
			}
		}
		if subnetID != "" {
			subnet, err := subnetForAllocation(subnetID, cidr, pools)
			if err != nil {
				return err
			}
			n.subnets = append(n.subnets, subnet)
		}
		found[row.ID] = n
		return nil
	})
	return found, err
}

// portDraft is a port on the way into the database.
type portDraft struct {
	*model.Port
	networkWithSubnets
	automatic bool // the network's own DHCP port

	pairs     []model.AddressPair // as requested
	chosenMAC bool                // by the requester
	addresses []*addressClaim
}

// insertPorts makes the ports, with everything that is left open decided. Numbers rise in the order of the list.
func (t *tx) insertPorts(drafts []*portDraft) error {
	for _, d := range drafts {
		if err := t.preparePort(d); err != nil {
			return err
		}
	}
	if err := t.insertPortRows(drafts); err != nil {
		return err
	}
	if err := t.placeNew(drafts); err != nil {
		return err
	}
	var open []*addressClaim
	var moved []model.Number
	for _, d := range drafts {
		before := len(open)
		for _, a := range d.addresses {
			if !a.taken {
				open = append(open, a)
			}
		}
		if len(open) > before {
			moved = append(moved, d.Number)
		}
	}
	if len(open) > 0 {
		if err := t.allocateElsewhere(open); err != nil {
			return err
		}
		if err := t.repeatAddresses(moved); err != nil {
			return err
		}
	}
	for _, d := range drafts {
		if err := d.Validate(); err != nil { // again, as pairs are compared with the addresses
			return err
		}
		if err := t.admitPort(d.Port, d.network); err != nil {
			return err
		}
	}
	return nil
}

// admitPort asks who knows the switches whether they have room for what a port needs.
func (t *tx) admitPort(p *model.Port, network *model.Network) error {
	if t.store.options.AdmitPort == nil {
		return nil
	}
	return t.store.options.AdmitPort(t.Statement.Context, p, network)
}

// preparePort completes and checks all that the database need not decide.
func (t *tx) preparePort(d *portDraft) error {
	p := d.Port
	if p.ID == "" {
		p.ID = t.store.options.Source.UUID()
	}
	if p.VNICType == "" {
		p.VNICType = model.VNICTypeNormal
	}
	p.Number, p.RevisionNumber, p.CreatedAt, p.UpdatedAt = 0, 1, t.now, t.now
	p.Tags = sortedOnce(p.Tags)
	p.Status, p.StatusReason, p.BindingGeneration = model.StatusDown, "", 1
	if p.OwnedByNetwork() {
		p.Status = model.StatusActive
	}
	if err := p.Validate(); err != nil {
		return err
	}
	if err := t.bind(p, d.network); err != nil {
		return err
	}
	plan, err := t.planAddresses(p, d.subnets, nil)
	if err != nil {
		return err
	}
	d.pairs, d.chosenMAC = p.AllowedAddressPairs, p.MAC != model.MAC{}
	d.addresses, err = t.claimAddresses(p, plan)
	return err
}

// insertPortRows picks MACs where none is asked for, and gives pairs without one the port's.
func (t *tx) insertPortRows(drafts []*portDraft) error {
	for range maxMACAttempts {
		for _, d := range drafts {
			if !d.chosenMAC {
				d.MAC = t.store.options.Source.MAC()
			}
			d.AllowedAddressPairs = completePairs(d.pairs, d.MAC)
		}
		for chunk := range slices.Chunk(drafts, maxRows) {
			if err := t.insertPortChunk(chunk); err != nil {
				return err
			}
		}
		var left []*portDraft
		for _, d := range drafts {
			if d.Number != 0 {
				continue
			}
			if d.chosenMAC {
				return macAddressInUse(d.Port)
			}
			left = append(left, d)
		}
		if drafts = left; len(drafts) == 0 {
			return nil
		}
	}
	return macGenerationFailure(drafts[0].NetworkID)
}

func macGenerationFailure(networkID string) error {
	return model.Errorf(http.StatusServiceUnavailable, "MacAddressGenerationFailure", "Unable to generate unique mac on network %s.", networkID)
}

// insertPortChunk inserts those whose MACs are free, fills in their numbers, and marks the addresses that they got.
func (t *tx) insertPortChunk(drafts []*portDraft) error {
	byID := make(map[string]*portDraft, len(drafts))
	var ports, addresses []any
	addressCount, grouped := 0, false
	for _, d := range drafts {
		byID[d.ID] = d
		row := rowOfPort(d.Port)
		row.Automatic = d.automatic
		d.Profile, d.InactiveBindings, d.ExtraDHCPOpts, d.Tags = row.Profile, row.InactiveBindings, row.ExtraDHCPOpts, row.Tags
		d.SecurityGroups = row.SecurityGroups
		grouped = grouped || len(d.SecurityGroups) > 0
		ports = append(append(ports, row.givenOnce()...), row.changing()...)
		for _, a := range d.addresses {
			addresses = append(append(addresses, d.ID), a.values()...)
			addressCount++
		}
	}
	insertPorts := "INSERT INTO ports (" + portGivenOnce + ", " + portChanging + ") VALUES " + manyRows("("+portGivenOnceValues+", "+portChangingValues+")", len(drafts)) +
		" ON CONFLICT (network_id, mac_address) DO NOTHING RETURNING id, number"
	insertAddresses := ""
	if addressCount > 0 {
		insertAddresses = "INSERT INTO ip_allocations (port_number, " + allocationColumns + ") SELECT made.number, v.column2, v.column3, v.column4, v.column5 " +
			"FROM (VALUES " + manyRows("(?, ?, ?, CAST(? AS bigint), CAST(? AS smallint))", addressCount) + ") AS v JOIN %s ON made.id = v.column1 WHERE true " +
			"ON CONFLICT DO NOTHING RETURNING "
	}
	if t.store.dialect.name == postgresName {
		return t.insertPortsAtOnce(byID, insertPorts, ports, insertAddresses, addresses, grouped)
	}
	byNumber := make(map[model.Number]*portDraft, len(drafts))
	err := eachRow(t.Raw(insertPorts, ports...), func(rows *sql.Rows) error {
		var id string
		var number model.Number
		if err := rows.Scan(&id, &number); err != nil {
			return err
		}
		byID[id].Number, byNumber[number] = number, byID[id]
		t.touch(byID[id].Ref())
		return nil
	})
	if err == nil && grouped && len(byNumber) > 0 {
		err = t.repeatSecurityGroups(slices.Collect(maps.Keys(byNumber)))
	}
	if err != nil || addressCount == 0 {
		return err
	}
	return eachRow(t.Raw(fmt.Sprintf(insertAddresses, "ports AS made")+"port_number, position", addresses...), func(rows *sql.Rows) error {
		var number model.Number
		var position int
		err := rows.Scan(&number, &position)
		if err == nil {
			byNumber[number].addresses[position].taken = true
		}
		return err
	})
}

// insertPortsAtOnce writes ports, their groups if they have any, addresses and journal with one statement, which SQLite cannot do.
func (t *tx) insertPortsAtOnce(byID map[string]*portDraft, insertPorts string, ports []any, insertAddresses string, addresses []any, grouped bool) error {
	statement, position, join := "WITH made AS ("+insertPorts+")", "-1", ""
	if grouped {
		statement = "WITH made AS (" + insertPorts + ", security_groups), bound AS (" + t.store.dialect.insertPortGroups("made") + ")"
	}
	if insertAddresses != "" {
		statement += ", taken AS (" + fmt.Sprintf(insertAddresses, "made") + "port_number, position)"
		position, join = "COALESCE(taken.position, -1)", " LEFT JOIN taken ON taken.port_number = made.number"
	}
	txid := t.store.dialect.txid
	statement += ", noted AS (INSERT INTO journal (txid, kind, number) SELECT " + txid + ", " + strconv.Itoa(int(model.KindPort)) + ", number FROM made) " +
		"SELECT made.id, made.number, " + txid + ", " + position + " FROM made" + join
	return eachRow(t.Raw(statement, append(ports, addresses...)...), func(rows *sql.Rows) error {
		var id string
		var number model.Number
		var position int
		if err := rows.Scan(&id, &number, &t.revision, &position); err != nil {
			return err
		}
		byID[id].Number = number
		if position >= 0 {
			byID[id].addresses[position].taken = true
		}
		return nil
	})
}

func macAddressInUse(p *model.Port) error {
	return conflict("MacAddressInUse", "Unable to complete operation for network %s. The mac address %s is in use.", p.NetworkID, p.MAC)
}

func completePairs(pairs []model.AddressPair, mac model.MAC) []model.AddressPair {
	complete := notNil(slices.Clone(pairs))
	for i := range complete {
		if complete[i].MAC == (model.MAC{}) {
			complete[i].MAC = mac
		}
	}
	return complete
}
