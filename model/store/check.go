package store

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/google/uuid"
	"go.uber.org/zap"
	"gorm.io/gorm"

	"github.com/planck-sdn/planck/model"
)

// OpenReadOnly opens a database to read it, beside the planckd that serves it, of an SQLite file too. It changes nothing, and
// refuses a schema that is not exactly this program's. What would write fails.
func OpenReadOnly(ctx context.Context, url string) (*Store, error) {
	s, version, newest, err := openToRead(ctx, url)
	if err == nil && version != newest {
		_ = s.closeDatabases()
		err = fmt.Errorf("the database's schema is version %d, this program knows version %d: use the one that belongs to the planckd that runs on it", version, newest)
	}
	if err != nil {
		return nil, err
	}
	return s, nil
}

// openToRead also gives the version of the database's schema, and the newest that this program knows.
func openToRead(ctx context.Context, url string) (s *Store, version, newest int, err error) {
	s = offline()
	_, s.stop = context.WithCancel(ctx)
	if err := s.connect(url, true); err != nil {
		return nil, 0, 0, err
	}
	if version, newest, err = s.schema(ctx); err != nil {
		_ = s.closeDatabases() // the first error tells more
		return nil, 0, 0, err
	}
	return s, version, newest, nil
}

// offline is a store for one use of a database, without a planckd.
func offline() *Store {
	s := &Store{options: Options{Source: model.SystemSource(), Log: zap.NewNop(), Quotas: standardQuotas}, unlock: func() error { return nil }}
	s.waker.signal = make(chan struct{}, 1)
	return s
}

func (s *Store) schema(ctx context.Context) (version, newest int, err error) {
	known, err := readMigrations(s.dialect.migrations)
	if err != nil {
		return 0, 0, err
	}
	err = s.reader.WithContext(ctx).Raw("SELECT COALESCE(MAX(version), 0) FROM schema_migrations").Scan(&version).Error
	if err != nil {
		return 0, 0, fmt.Errorf("this is no database of Planck, or it cannot be read: %w", s.readError(ctx, err))
	}
	return version, len(known), nil
}

// Check looks for what must not be in one snapshot of the whole database, and tells each problem in words. No transaction leaves any: they
// come of defects, of damage to the database's files, or of changes by hand.
func (s *Store) Check(ctx context.Context) ([]string, error) {
	var problems []string
	err := s.read(ctx, func(db *gorm.DB) (err error) {
		problems, err = s.check(db)
		return err
	})
	return problems, err
}

func (s *Store) check(db *gorm.DB) ([]string, error) {
	c := &checker{db: db, dialect: s.dialect}
	err := firstOf(c.readNodes, c.readLinks, c.readPlacements, c.readNetworks, c.readRouters, c.checkSegments, c.readSubnets, c.readAllocations, c.readSecurityGroups, c.checkPorts,
		c.checkRouters, c.checkFloatingIPs, c.checkNeighbours, c.checkHolders, c.checkServices, c.checkSecurityGroupRules, c.checkPolicies, c.checkQuotas,
		c.checkJournal)
	return c.problems, err
}

// checker has what several checks need of the database. It reads columns as they are stored, so that one that makes no sense is a problem
// and no error.
type checker struct {
	db       *gorm.DB
	dialect  dialect
	problems []string

	nodes       map[string]*model.Node // by hostname
	cabling     model.Cabling
	placements  map[model.Number]model.Placement // by port, those that have not been checked yet
	placed      map[model.Placement]model.Number
	networks    map[string]*model.Network
	routers     []*model.Router // by number, those that make sense
	subnets     map[string]*model.Subnet
	subnetsOf   map[string][]*model.Subnet // by network, those whose CIDR makes sense
	allocations map[model.Number][]storedAllocation

	securityGroups map[string]*model.SecurityGroup
	groupsOfPorts  map[model.Number][]string // sorted; of those that have not been checked yet
}

func (c *checker) report(format string, args ...any) {
	c.problems = append(c.problems, fmt.Sprintf(format, args...))
}

// parse reads a column of JSON.
func (c *checker) parse(what, column, text string, into any) {
	if err := json.Unmarshal([]byte(text), into); err != nil {
		c.report("%s: %s is not what it should be: %v", what, column, err)
	}
}

func (c *checker) parseTags(what, text string) []string {
	var tags []string
	c.parse(what, "tags", text, &tags)
	if !slices.Equal(tags, sortedOnce(tags)) {
		c.report("%s: tags are not sorted, or not each there once: %s", what, text)
	}
	return tags
}

func (c *checker) parseAddr(what, column, text string) netip.Addr {
	addr, err := parseAddrText(text)
	if err != nil {
		c.report("%s: %s: %v", what, column, err)
	}
	return addr
}

func (c *checker) checkRevision(what string, revision int64) {
	if revision < 1 {
		c.report("%s: revision_number is %d", what, revision)
	}
}

func (c *checker) readNodes() error {
	var rows []struct {
		Number                                              model.Number
		SystemID, Hostname, EncapIP, DatapathType, Mappings string
		Switch                                              *string
		Confirmed                                           bool
	}
	err := c.db.Raw("SELECT number, system_id, hostname, encap_ip, datapath_type, mappings, switch, " +
		"EXISTS (SELECT 1 FROM node_confirmations WHERE node_number = nodes.number) AS confirmed FROM nodes ORDER BY number").Scan(&rows).Error
	c.nodes = make(map[string]*model.Node, len(rows))
	for _, r := range rows {
		what := fmt.Sprintf("node %s (%s)", r.Hostname, r.SystemID)
		node := &model.Node{Number: r.Number, SystemID: r.SystemID, Hostname: r.Hostname, DatapathType: r.DatapathType, EncapIP: c.parseAddr(what, "encap_ip", r.EncapIP)}
		c.parse(what, "mappings", r.Mappings, &node.Mappings)
		if !r.Confirmed {
			c.report("%s: nothing tells what it has confirmed, and so identifiers are given again too early", what)
		}
		c.nodes[r.Hostname] = node
		if r.Switch != nil {
			c.checkSwitch(what, node, *r.Switch)
		}
	}
	if err != nil {
		return err
	}
	var interfaces []struct {
		NodeNumber model.Number
		Name       string
		Ofport     int64
		Known      bool
	}
	err = c.db.Raw("SELECT node_number, name, ofport, EXISTS (SELECT 1 FROM nodes WHERE number = node_number) AS known FROM node_interfaces " +
		"WHERE ofport NOT BETWEEN 1 AND 32767 OR node_number NOT IN (SELECT number FROM nodes) ORDER BY sequence").Scan(&interfaces).Error
	for _, i := range interfaces {
		if i.Known {
			c.report("interface %s of node number %d: ofport is %d", i.Name, i.NodeNumber, i.Ofport)
		} else {
			c.report("interface %s: there is no node number %d", i.Name, i.NodeNumber)
		}
	}
	return err
}

func (c *checker) readNetworks() error {
	var rows []struct {
		Number                           model.Number
		ID, ProjectID, Name, Description string
		MTU                              int `gorm:"column:mtu"`
		NetworkType, PhysicalNetwork     string
		SegmentationID                   uint32
		NetworkKey                       model.NetworkKey
		AvailabilityZoneHints, Tags      string
		RevisionNumber                   int64
	}
	err := c.db.Raw("SELECT number, id, project_id, name, description, mtu, network_type, physical_network, segmentation_id, network_key, " +
		"availability_zone_hints, tags, revision_number FROM networks ORDER BY number").Scan(&rows).Error
	c.networks = make(map[string]*model.Network, len(rows))
	for _, r := range rows {
		what := "network " + r.ID
		n := &model.Network{
			Number: r.Number, ID: r.ID, ProjectID: r.ProjectID, Name: r.Name, Description: r.Description, MTU: r.MTU, NetworkType: r.NetworkType,
			PhysicalNetwork: r.PhysicalNetwork, SegmentationID: r.SegmentationID, Key: r.NetworkKey, Tags: c.parseTags(what, r.Tags),
		}
		c.parse(what, "availability_zone_hints", r.AvailabilityZoneHints, &n.AvailabilityZoneHints)
		c.checkRevision(what, r.RevisionNumber)
		if err := n.Validate(n.MTU + model.VXLANOverhead); err != nil { // whatever the underlay carries
			c.report("%s: %v", what, err)
		}
		c.networks[r.ID] = n
	}
	return err
}

type segment struct {
	Space, PhysicalNetwork string
	Identifier             uint32
}

func (s segment) String() string {
	return strings.TrimRight(s.Space+" "+s.PhysicalNetwork, " ") + fmt.Sprintf(" %d", s.Identifier)
}

// segmentsOf are what a network holds.
func segmentsOf(n *model.Network) []segment {
	key := segment{keySpace, "", uint32(n.Key)}
	switch n.NetworkType {
	case model.NetworkVLAN:
		return []segment{key, {vlanSpace, n.PhysicalNetwork, n.SegmentationID}}
	case model.NetworkFlat:
		return []segment{key, {flatSpace, n.PhysicalNetwork, 0}}
	}
	return []segment{key}
}

func (c *checker) checkSegments() error {
	var rows []struct {
		Segment       segment `gorm:"embedded"`
		NetworkNumber *model.Number
		RouterNumber  *model.Number
	}
	err := c.db.Raw("SELECT space, physical_network, identifier, network_number, router_number FROM segments ORDER BY space, physical_network, identifier").Scan(&rows).Error
	held, heldByRouter := make(map[segment]model.Number, len(rows)), map[segment]model.Number{}
	for _, r := range rows {
		if r.NetworkNumber != nil {
			held[r.Segment] = *r.NetworkNumber
		}
		if r.RouterNumber != nil {
			heldByRouter[r.Segment] = *r.RouterNumber
		}
	}
	for _, n := range sortedByNumber(c.networks) {
		if n.NetworkType == model.NetworkVXLAN && uint32(n.Key) != n.SegmentationID {
			c.report("network %s: its key is %d, and its segmentation id %d", n.ID, n.Key, n.SegmentationID)
		}
		for _, s := range segmentsOf(n) {
			if held[s] != n.Number {
				c.report("network %s: it uses segment %s, which is not its own", n.ID, s)
				continue
			}
			delete(held, s)
		}
	}
	for _, r := range c.routers {
		for _, s := range segmentsOfRouter(r) {
			if heldByRouter[s] != r.Number {
				c.report("router %s: it uses segment %s, which is not its own", r.ID, s)
				continue
			}
			delete(heldByRouter, s)
		}
	}
	for _, r := range rows {
		if number, ok := held[r.Segment]; ok {
			c.report("segment %s belongs to network number %d, which does not use it", r.Segment, number)
		}
		if number, ok := heldByRouter[r.Segment]; ok {
			c.report("segment %s belongs to router number %d, which does not use it", r.Segment, number)
		}
	}
	return err
}

func sortedByNumber(networks map[string]*model.Network) []*model.Network {
	list := make([]*model.Network, 0, len(networks))
	for _, n := range networks {
		list = append(list, n)
	}
	slices.SortFunc(list, func(a, b *model.Network) int { return cmp.Compare(a.Number, b.Number) })
	return list
}

func (c *checker) readSubnets() error {
	var rows []struct {
		ID, NetworkID, ProjectID, Name, Description string
		IPVersion                                   int
		CIDR                                        string `gorm:"column:cidr"`
		GatewayIP                                   string
		EnableDHCP                                  bool `gorm:"column:enable_dhcp"`
		AllocationPools                             string
		DNSNameservers                              string `gorm:"column:dns_nameservers"`
		HostRoutes, Tags                            string
		RevisionNumber                              int64
	}
	err := c.db.Raw("SELECT id, network_id, project_id, name, description, ip_version, cidr, gateway_ip, enable_dhcp, allocation_pools, " +
		"dns_nameservers, host_routes, tags, revision_number FROM subnets ORDER BY number").Scan(&rows).Error
	c.subnets, c.subnetsOf = make(map[string]*model.Subnet, len(rows)), map[string][]*model.Subnet{}
	for _, r := range rows {
		what := "subnet " + r.ID
		s := &model.Subnet{
			ID: r.ID, NetworkID: r.NetworkID, ProjectID: r.ProjectID, Name: r.Name, Description: r.Description, IPVersion: r.IPVersion,
			GatewayIP: c.parseAddr(what, "gateway_ip", r.GatewayIP), EnableDHCP: r.EnableDHCP, Tags: c.parseTags(what, r.Tags),
		}
		c.parse(what, "allocation_pools", r.AllocationPools, &s.AllocationPools)
		c.parse(what, "dns_nameservers", r.DNSNameservers, &s.DNSNameservers)
		c.parse(what, "host_routes", r.HostRoutes, &s.HostRoutes)
		c.checkRevision(what, r.RevisionNumber)
		c.subnets[r.ID] = s
		if c.networks[r.NetworkID] == nil {
			c.report("%s: there is no network %s", what, r.NetworkID)
		}
		var parseErr error
		if s.CIDR, parseErr = netip.ParsePrefix(r.CIDR); parseErr != nil {
			c.report("%s: %v", what, parseErr)
			continue
		}
		c.subnetsOf[r.NetworkID] = append(c.subnetsOf[r.NetworkID], s)
		if err := s.Validate(); err != nil {
			c.report("%s: %v", what, err)
		}
	}
	for _, n := range sortedByNumber(c.networks) {
		c.checkOverlap(n)
	}
	return err
}

// checkOverlap compares each subnet with the one before it by address: of prefixes that overlap, one begins within the other.
func (c *checker) checkOverlap(n *model.Network) {
	sorted := slices.SortedFunc(slices.Values(c.subnetsOf[n.ID]), func(a, b *model.Subnet) int {
		return cmp.Or(a.CIDR.Addr().Compare(b.CIDR.Addr()), cmp.Compare(a.CIDR.Bits(), b.CIDR.Bits()))
	})
	for i, widest := 1, 0; i < len(sorted); i++ {
		if a, b := sorted[widest], sorted[i]; a.CIDR.Overlaps(b.CIDR) {
			c.report("network %s: subnets %s (%s) and %s (%s) overlap", n.ID, a.ID, a.CIDR, b.ID, b.CIDR)
			continue
		}
		widest = i
	}
}

func (c *checker) checkPolicies() error {
	var rows []rbacRow
	err := c.db.Order("number").Find(&rows).Error
	for _, r := range rows {
		p, _ := r.model() // it cannot fail
		if err := p.Validate(); err != nil {
			c.report("rbac policy %s: %v", p.ID, err)
		}
		if c.networks[p.ObjectID] == nil {
			c.report("rbac policy %s: there is no network %s", p.ID, p.ObjectID)
		}
		c.checkRevision("rbac policy "+p.ID, p.RevisionNumber)
	}
	return err
}

func (c *checker) checkQuotas() error {
	var rows []quotaRow
	err := c.db.Order("project_id, resource").Find(&rows).Error
	for _, r := range rows {
		if err := checkQuotas(map[string]int{r.Resource: r.MaxCount}); err != nil {
			c.report("quotas of project %s: %v", r.ProjectID, err)
		}
	}
	return err
}

// checkJournal finds transactions that the server has not reached yet. That is so in a copy of the database on another server:
// followers would miss what it does until its numbers are there.
func (c *checker) checkJournal() error {
	var clouds []struct{ UUID, LLDPKey string }
	if err := c.db.Raw("SELECT uuid, lldp_key FROM cloud").Scan(&clouds).Error; err != nil {
		return err
	}
	var marks []string
	for _, cloud := range clouds {
		marks = append(marks, cloud.UUID)
	}
	if len(marks) != 1 || uuid.Validate(marks[0]) != nil {
		c.report("the cloud's mark is not one UUID: %q", marks)
	}
	for _, cloud := range clouds {
		if cloud.LLDPKey == "" {
			continue // no planckd has run on the database since it has one
		}
		if _, err := parseLLDPKey(cloud.LLDPKey); err != nil {
			c.report("the cloud's key for LLDP is damaged: %v", err)
		}
	}
	var state struct {
		Next                           int64
		Marks                          int
		Pruned, Line, Freed, Confirmed int64
	}
	err := c.db.Raw("SELECT " + c.dialect.next + " AS next, (SELECT COUNT(*) FROM journal_pruned) AS marks, " +
		"(SELECT COALESCE(MAX(txid), 0) FROM journal_pruned) AS pruned, (SELECT COALESCE(MAX(txid), 0) FROM journal) AS line, " +
		"(SELECT COALESCE(MAX(freed_txid), 0) FROM segments) AS freed, (SELECT COALESCE(MAX(horizon), 0) FROM node_confirmations) AS confirmed").Scan(&state).Error
	if err != nil {
		return err
	}
	if state.Marks != 1 {
		c.report("journal_pruned has %d rows, and should have one", state.Marks)
	}
	for _, number := range []struct {
		what  string
		txid  int64
		bound int64
	}{
		{"the journal has a line", state.Line, state.Next}, {"the journal was pruned up to one", state.Pruned, state.Next},
		{"a segment was freed by one", state.Freed, state.Next}, {"a node has confirmed all below one", state.Confirmed, state.Next + 1},
	} {
		if number.txid >= number.bound {
			c.report("%s of transaction %d, and there was none above %d yet", number.what, number.txid, state.Next-1)
		}
	}
	var lines []struct{ Seq, Kind int64 }
	err = c.db.Raw("SELECT seq, kind FROM journal WHERE kind NOT IN ? OR number < 1 ORDER BY seq",
		[]model.Kind{model.KindNode, model.KindNetwork, model.KindSubnet, model.KindPort,
			model.KindRouter, model.KindFloatingIP, model.KindNeighbour, model.KindHolder, model.KindSecurityGroup, model.KindLink, model.KindService}).Scan(&lines).Error
	for _, l := range lines {
		c.report("journal line %d names an object of kind %d that cannot be", l.Seq, l.Kind)
	}
	return err
}
