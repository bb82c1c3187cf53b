package store

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"github.com/planck-sdn/planck/model"
)

// ReportNode stores what the node with the report's SystemID says of itself. Number, DatapathID, Frozen, sequences and times
// are the store's and are ignored in the report. It gives the node as it is now, and whether the report changed
// anything; an equal report writes nothing. A report that claims another hostname than the one that was pinned at
// first contact, or a hostname or encapsulation address of another node, is a *ConflictError, and the last good
// report stays.
func (s *Store) ReportNode(ctx context.Context, report model.Node) (node *model.Node, changed bool, err error) {
	if report.SystemID == "" || report.Hostname == "" {
		return nil, false, &ConflictError{"a node needs a system-id and a hostname"}
	}
	if _, err := model.ParseSwitchSystemID(report.SystemID); err == nil {
		return nil, false, &ConflictError{fmt.Sprintf("the system-id %s is one that physical switches have", report.SystemID)}
	}
	sortMappings(&report)
	err = s.write(ctx, func(t *tx) error {
		node, changed, err = t.storeReport(report)
		return err
	})
	if err != nil {
		return nil, false, err
	}
	return node, changed, nil
}

func sortMappings(report *model.Node) {
	report.Mappings = slices.SortedFunc(slices.Values(notNil(report.Mappings)), func(a, b model.Mapping) int {
		return strings.Compare(a.PhysicalNetwork, b.PhysicalNetwork)
	})
}

// Nodes gives all nodes by number. Their interfaces are sorted by name.
func (s *Store) Nodes(ctx context.Context) ([]*model.Node, error) {
	var nodes []*model.Node
	err := s.read(ctx, func(db *gorm.DB) (err error) {
		nodes, err = findNodes(s.selectNodes(db).Order("number"))
		return err
	})
	return nodes, err
}

// DeleteNode declares a node gone: ports bound to it become binding_failed, the routers that it serves have no node, its links go, and nothing
// waits for its confirmation any more. If it reports again it is a new node. An unknown number is NodeNotFound.
func (s *Store) DeleteNode(ctx context.Context, number model.Number) error {
	return s.write(ctx, func(t *tx) error {
		if err := t.lockBareMetal(); err != nil {
			return err
		}
		row, err := t.lockNode(number)
		if err != nil {
			return err
		}
		return t.removeNode(row)
	})
}

// ForgetNode unpins a node's hostname: the node may report another, or another node this one, which then takes the
// place of the forgotten node. An unknown number is NodeNotFound.
func (s *Store) ForgetNode(ctx context.Context, number model.Number) error {
	return s.write(ctx, func(t *tx) error {
		row, err := t.lockNode(number)
		if err != nil {
			return err
		}
		if row.Switch != nil {
			return conflict("NodeIsSwitch", "%s is a physical switch: its name is what was declared.", row.Hostname)
		}
		t.touch(model.Ref{Kind: model.KindNode, Number: number})
		return t.Exec("UPDATE nodes SET hostname_pinned = ?, reports = reports + 1 WHERE number = ?", false, number).Error
	})
}

// FreezeNodes freezes nodes, or thaws them. Those that are so already, or are gone, are left alone.
func (s *Store) FreezeNodes(ctx context.Context, numbers []model.Number, frozen bool) error {
	return s.write(ctx, func(t *tx) error {
		for chunk := range slices.Chunk(slices.Sorted(slices.Values(numbers)), maxNumbers) {
			var changed []model.Number
			err := t.Raw("UPDATE nodes SET frozen = ?, reports = reports + 1 WHERE number IN ? AND frozen <> ? RETURNING number", frozen, chunk, frozen).
				Scan(&changed).Error
			if err != nil {
				return err
			}
			for _, number := range changed {
				t.touch(model.Ref{Kind: model.KindNode, Number: number})
			}
		}
		return nil
	})
}

func nodeNotFound(number model.Number) error {
	return model.Errorf(http.StatusNotFound, "NodeNotFound", "Node %d could not be found.", number)
}

func (t *tx) lockNode(number model.Number) (*nodeRow, error) {
	var row nodeRow
	found, err := first(t.Clauses(clause.Locking{Strength: lockToDelete}).Where("number = ?", number), &row)
	if err == nil && !found {
		err = nodeNotFound(number)
	}
	return &row, err
}

func (t *tx) removeNode(row *nodeRow) error {
	if err := t.lockBareMetal(); err != nil {
		return err
	}
	if err := t.lockHost(hostLock, row.Hostname); err != nil {
		return err
	}
	placed, err := t.portsPlacedAt(row.Number)
	if err != nil {
		return err
	}
	var links []model.Number
	if err := t.Raw("DELETE FROM links WHERE node_a = ? OR node_b = ? RETURNING number", row.Number, row.Number).Scan(&links).Error; err != nil {
		return err
	}
	t.touchAll(model.KindLink, links)
	if err := t.Exec("DELETE FROM nodes WHERE number = ?", row.Number).Error; err != nil {
		return err
	}
	t.touch(model.Ref{Kind: model.KindNode, Number: row.Number})
	if err := t.leaveGateways(row.Number); err != nil {
		return err
	}
	if err := t.leaveServices(row.Number); err != nil {
		return err
	}
	if err := t.rebindHost(row.Hostname, nil); err != nil {
		return err
	}
	if row.Switch == nil && len(links) == 0 {
		return nil
	}
	return t.rebindBareMetal(placed)
}

func (t *tx) storeReport(report model.Node) (*model.Node, bool, error) {
	row, found, err := takeNode(t.Clauses(clause.Locking{Strength: lockToUpdate}), report.SystemID)
	if err != nil {
		return nil, false, err
	}
	if found && row.HostnamePinned && row.Hostname != report.Hostname {
		return nil, false, &ConflictError{fmt.Sprintf("the node with system-id %s is known as %s, and says now that it is %s (planckctl node forget lets it)",
			row.SystemID, row.Hostname, report.Hostname)}
	}
	var before *model.Node
	if found {
		if before, err = t.nodeWithInterfaces(row); err != nil {
			return nil, false, err
		}
		if SameReport(before, &report) {
			return before, false, nil
		}
	}
	// Nobody else can have what is this node's already.
	if before == nil || !before.HostnamePinned || before.EncapIP != report.EncapIP {
		if err := t.checkClaims(&report); err != nil {
			return nil, false, err
		}
	}
	if err := t.lockBindings(before, &report); err != nil {
		return nil, false, err
	}
	report.UpdatedAt = t.now
	report.Frozen = found && row.Frozen
	switch {
	case !found:
		err = t.insertNode(&report)
	case sameNode(before, &report): // of a node in service only its interfaces change
		report.Number, report.CreatedAt, report.UpdatedAt, report.Reports = before.Number, before.CreatedAt, before.UpdatedAt, before.Reports+1
		err = t.Exec("UPDATE nodes SET reports = ? WHERE number = ?", report.Reports, report.Number).Error
	default:
		if err = t.updateNode(row, &report); err == nil && !slices.Equal(before.Mappings, report.Mappings) {
			t.vacated, err = t.dropLinks(report.Number)
		}
	}
	if err != nil {
		return nil, false, err
	}
	if err := t.storeInterfaces(&report, before); err != nil {
		return nil, false, err
	}
	if err := t.rebindAfter(before, &report); err != nil {
		return nil, false, err
	}
	t.touch(report.Ref())
	node, err := rowOfNode(&report).model()
	return node, true, err
}

// checkClaims refuses what another node has. A forgotten node gives way.
func (t *tx) checkClaims(report *model.Node) error {
	var other nodeRow
	found, err := first(t.Where("hostname = ? AND system_id <> ?", report.Hostname, report.SystemID), &other)
	if err != nil {
		return err
	}
	if found && other.HostnamePinned {
		return &ConflictError{fmt.Sprintf("hostname %s belongs to the node with system-id %s (planckctl node forget frees it)",
			report.Hostname, other.SystemID)}
	}
	if found {
		if err := t.removeNode(&other); err != nil {
			return err
		}
	}
	if !report.EncapIP.IsValid() {
		return nil
	}
	other = nodeRow{}
	found, err = first(t.Where("encap_ip = ? AND system_id <> ?", addrText(report.EncapIP), report.SystemID), &other)
	if err == nil && found {
		err = &ConflictError{fmt.Sprintf("encapsulation address %s belongs to node %s", report.EncapIP, other.Hostname)}
	}
	return err
}

func (t *tx) insertNode(report *model.Node) error {
	report.CreatedAt, report.Reports = t.now, 0
	row := rowOfNode(report)
	row.Number = 0
	if err := t.Create(row).Error; err != nil {
		return err
	}
	report.Number = row.Number
	// What was freed before the node came cannot be on it.
	return t.Exec("INSERT INTO node_confirmations (node_number, horizon) VALUES (?, "+t.store.dialect.horizon+")", row.Number).Error
}

func (t *tx) updateNode(row *nodeRow, report *model.Node) error {
	report.Number, report.CreatedAt, report.Reports = row.Number, row.CreatedAt, row.Reports+1
	changed := rowOfNode(report)
	return t.Model(changed).Select("hostname", "hostname_pinned", "encap_ip", "datapath_type", "tunnel_port", "mappings", "reports", "updated_at").Updates(changed).Error
}

// lockBindings keeps ports from being bound to the host meanwhile, where the report changes what that depends on.
func (t *tx) lockBindings(before, report *model.Node) error {
	if before != nil && before.Hostname == report.Hostname && bindAlike(before, report) {
		return nil
	}
	hosts := []string{report.Hostname}
	if before != nil && before.Hostname != report.Hostname {
		hosts = append(hosts, before.Hostname)
		slices.Sort(hosts)
	}
	for _, host := range hosts {
		if err := t.lockHost(hostLock, host); err != nil {
			return err
		}
	}
	return nil
}

func (t *tx) rebindAfter(before, report *model.Node) error {
	if before != nil && before.Hostname != report.Hostname {
		if err := t.rebindHost(before.Hostname, nil); err != nil {
			return err
		}
	}
	if before != nil && before.Hostname == report.Hostname && bindAlike(before, report) {
		return nil
	}
	return t.rebindHost(report.Hostname, report)
}

// bindAlike tells whether ports that are bound to a node show the same with either report.
func bindAlike(a, b *model.Node) bool {
	return a.DatapathType == b.DatapathType && slices.EqualFunc(a.Mappings, b.Mappings, func(a, b model.Mapping) bool { return a.PhysicalNetwork == b.PhysicalNetwork })
}

// SameReport tells whether a report says what is stored of a node: what the store adds is left aside. The report's
// mappings are sorted. A forgotten node's report is always new.
func SameReport(stored, report *model.Node) bool {
	if !sameNode(stored, report) || len(stored.Interfaces) != len(report.Interfaces) {
		return false
	}
	known := make(map[string]model.Interface, len(stored.Interfaces))
	for _, i := range stored.Interfaces {
		known[i.Name] = i
	}
	for _, i := range report.Interfaces {
		old, ok := known[i.Name]
		if !ok || old.PortID != i.PortID || old.Ofport != i.Ofport {
			return false
		}
	}
	return true
}

// sameNode compares what is in the node's own row.
func sameNode(stored, report *model.Node) bool {
	return stored.HostnamePinned && stored.Hostname == report.Hostname && stored.EncapIP == report.EncapIP &&
		stored.DatapathType == report.DatapathType && stored.TunnelPort == report.TunnelPort && slices.Equal(stored.Mappings, report.Mappings)
}

func takeNode(db *gorm.DB, systemID string) (*nodeRow, bool, error) {
	var row nodeRow
	found, err := first(db.Where("system_id = ?", systemID), &row)
	return &row, found, err
}

// nodeWithInterfaces reads them by a statement of its own: one that waits for the lock on the node's row sees its interfaces as they
// were before it waited.
func (t *tx) nodeWithInterfaces(row *nodeRow) (*model.Node, error) {
	var interfaces []interfaceRow
	if err := t.Where("node_number = ?", row.Number).Order("name").Find(&interfaces).Error; err != nil {
		return nil, err
	}
	for _, i := range interfaces {
		row.Interfaces = append(row.Interfaces, model.Interface{Name: i.Name, PortID: i.PortID, Ofport: i.Ofport, Sequence: i.Sequence})
	}
	return row.model()
}

func findNodes(db *gorm.DB) ([]*model.Node, error) {
	var rows []nodeRow
	if err := db.Find(&rows).Error; err != nil {
		return nil, err
	}
	return convert(rows, (*nodeRow).model)
}

// selectNodes gives nodes with their interfaces.
func (s *Store) selectNodes(db *gorm.DB) *gorm.DB {
	return db.Select("nodes.*, " + s.dialect.interfaces + " AS interfaces")
}
