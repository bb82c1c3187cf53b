package store

import (
	"cmp"
	"context"
	"net/http"
	"reflect"
	"slices"

	"gorm.io/gorm/clause"

	"github.com/planck-sdn/planck/model"
)

// PortBinding is one of a port's bindings. The active one says where everybody else reaches the port.
type PortBinding struct {
	model.Binding
	Active bool
	Reason string // why it failed, in words, where that is known
}

// activeBinding is the active one of a port's.
func activeBinding(p *model.Port) PortBinding {
	return PortBinding{p.ActiveBinding(), true, bindingReason(p)}
}

func bindingReason(p *model.Port) string {
	if p.VIFType != model.VIFTypeBindingFailed {
		return ""
	}
	return p.StatusReason
}

// Bindings gives the port's bindings: the active one, if the port is bound, then the others by host. Errors of this and the
// following are Neutron's: PortNotFound, BadRequest for a port that is no server's, PortBindingNotFound and so on.
func (s *Store) Bindings(ctx context.Context, portID string) ([]PortBinding, error) {
	scope := scopeOf(ctx)
	row, err := s.takePort(s.reader.WithContext(ctx), scope, portID)
	if err != nil {
		return nil, s.readError(ctx, err)
	}
	p, err := row.model()
	if err == nil {
		err = mayBind(scope, p, "get_port_binding")
	}
	if err != nil {
		return nil, err
	}
	list := make([]PortBinding, 0, 1+len(p.InactiveBindings))
	if p.HostID != "" {
		list = append(list, activeBinding(p))
	}
	for _, b := range p.InactiveBindings {
		list = append(list, PortBinding{Binding: b})
	}
	return list, nil
}

// CreateBinding binds the port to one more host, where it may be plugged already and gets its entries: nobody reaches it there before
// ActivateBinding. An empty VNICType is normal. PortBindingAlreadyExists is a host that has one; PortBindingError, as Nova expects of a
// host that cannot carry the port: one that is unknown or lacks the mapping.
func (s *Store) CreateBinding(ctx context.Context, portID string, b model.Binding) (*PortBinding, error) {
	b.VNICType = cmp.Or(b.VNICType, model.VNICTypeNormal)
	if err := b.Validate(); err != nil {
		return nil, err
	}
	p, err := s.changeBindings(ctx, portID, "create_port_binding", func(t *tx, p *model.Port) error {
		if p.HostID == b.HostID || p.InactiveOn(b.HostID) >= 0 {
			return portBindingAlreadyExists(portID, b.HostID)
		}
		return t.addInactive(p, b)
	})
	if err != nil {
		return nil, err
	}
	return &PortBinding{Binding: p.InactiveBindings[p.InactiveOn(b.HostID)]}, nil
}

// UpdateBinding changes a binding: its host, profile or vnic_type. Errors are CreateBinding's and PortBindingNotFound. A change of the
// active one makes the port DOWN until its place confirms it.
func (s *Store) UpdateBinding(ctx context.Context, portID, host string, patch func(*model.Binding) error) (*PortBinding, error) {
	var b model.Binding
	p, err := s.changeBindings(ctx, portID, "update_port_binding", func(t *tx, p *model.Port) error {
		i := p.InactiveOn(host)
		active := host != "" && host == p.HostID
		switch {
		case active:
			b = p.ActiveBinding()
		case i >= 0:
			b = p.InactiveBindings[i]
		default:
			return portBindingNotFound(portID, host)
		}
		if err := patch(&b); err != nil {
			return err
		}
		if err := b.Validate(); err != nil {
			return err
		}
		if b.HostID != host && (b.HostID == p.HostID || p.InactiveOn(b.HostID) >= 0) {
			return portBindingAlreadyExists(portID, b.HostID)
		}
		if active {
			if err := t.placeOrRefuse(p, &b); err != nil {
				return err
			}
			p.SetActiveBinding(b)
			return nil
		}
		p.InactiveBindings = slices.Delete(p.InactiveBindings, i, i+1)
		return t.addInactive(p, b)
	})
	if err != nil {
		return nil, err
	}
	if p.HostID == b.HostID {
		active := activeBinding(p)
		return &active, nil
	}
	return &PortBinding{Binding: p.InactiveBindings[p.InactiveOn(b.HostID)]}, nil
}

// ActivateBinding makes an inactive binding the active one, which becomes inactive and stays: everybody else reaches the port on the
// new host from now on. The port is DOWN until its new place has confirmed it. PortBindingAlreadyActive is a host that is the active
// one's.
func (s *Store) ActivateBinding(ctx context.Context, portID, host string) (*PortBinding, error) {
	p, err := s.changeBindings(ctx, portID, "activate", func(_ *tx, p *model.Port) error {
		if host != "" && host == p.HostID {
			return conflict("PortBindingAlreadyActive", "Binding for port %s on host %s is already active.", portID, host)
		}
		i := p.InactiveOn(host)
		if i < 0 {
			return portBindingNotFound(portID, host)
		}
		before, now := p.ActiveBinding(), p.InactiveBindings[i]
		p.InactiveBindings = slices.Delete(p.InactiveBindings, i, i+1)
		if before.HostID != "" {
			p.InactiveBindings = insertByHost(p.InactiveBindings, before)
		}
		p.SetActiveBinding(now)
		return nil
	})
	if err != nil {
		return nil, err
	}
	active := activeBinding(p)
	return &active, nil
}

// DeleteBinding takes a binding away. A port that loses the active one is unbound: it is where it was plugged last.
func (s *Store) DeleteBinding(ctx context.Context, portID, host string) error {
	_, err := s.changeBindings(ctx, portID, "delete_port_binding", func(_ *tx, p *model.Port) error {
		if host != "" && host == p.HostID {
			p.SetActiveBinding(model.Binding{VNICType: p.VNICType, VIFType: model.VIFTypeUnbound})
			return nil
		}
		i := p.InactiveOn(host)
		if i < 0 {
			return portBindingNotFound(portID, host)
		}
		p.InactiveBindings = slices.Delete(p.InactiveBindings, i, i+1)
		return nil
	})
	return err
}

func portBindingNotFound(portID, host string) error {
	return model.Errorf(http.StatusNotFound, "PortBindingNotFound", "Binding for port %s for host %s could not be found.", portID, host)
}

func portBindingAlreadyExists(portID, host string) error {
	return conflict("PortBindingAlreadyExists", "Binding for port %s on host %s already exists.", portID, host)
}

// mayBind: bindings are the cloud's business, and ports that serve no server have one at most.
func mayBind(scope Scope, p *model.Port, rule string) error {
	if !scope.Admin && !scope.Service {
		return forbidden(rule)
	}
	if !p.TakesSeveralBindings() {
		return model.Errorf(http.StatusBadRequest, "BadRequest",
			"Bad port request: Invalid port %s. Operation only valid on compute and shared filesystem ports.", p.ID)
	}
	return nil
}

// changeBindings changes what a port's bindings are, and writes it.
func (s *Store) changeBindings(ctx context.Context, portID, rule string, change func(*tx, *model.Port) error) (*model.Port, error) {
	var changed *model.Port
	err := s.write(ctx, func(t *tx) error {
		row, err := t.lockPort(portID)
		if err != nil {
			return err
		}
		old, err := row.model()
		if err != nil {
			return err
		}
		if err := mayBind(t.scope, old, rule); err != nil {
			return err
		}
		p := clonePort(old)
		if err := change(t, &p); err != nil {
			return err
		}
		changed = &p
		return t.writeBindings(old, &p)
	})
	return changed, err
}

func (t *tx) writeBindings(old, p *model.Port) error {
	row := rowOfPort(p)
	p.Profile = row.Profile
	if reflect.DeepEqual(p, old) {
		return nil
	}
	if err := p.Validate(); err != nil {
		return err
	}
	if !reflect.DeepEqual(p.ActiveBinding(), old.ActiveBinding()) {
		row.BindingGeneration++
		row.Status, row.StatusReason = model.StatusDown, ""
	}
	row.RevisionNumber++
	row.UpdatedAt = t.now
	t.touch(p.Ref())
	if old.IsBareMetal() || p.IsBareMetal() {
		if _, err := t.moveBareMetal(p); err != nil {
			return err
		}
	}
	err := t.Model(row).Select("host_id", "vnic_type", "vif_type", "profile", "datapath_type", "inactive_bindings",
		"binding_generation", "status", "status_reason", "revision_number", "updated_at").Updates(row).Error
	if err != nil {
		return err
	}
	if err := t.admitChanged(p); err != nil {
		return err
	}
	return t.tellDown(row.Number, old.Status, row.Status)
}

// admitChanged is admitPort of a port that was there before.
func (t *tx) admitChanged(p *model.Port) error {
	if t.store.options.AdmitPort == nil {
		return nil
	}
	network, err := t.networkOf(p)
	if err != nil {
		return err
	}
	return t.admitPort(p, network)
}

// addInactive refuses a host that cannot carry the port.
func (t *tx) addInactive(p *model.Port, b model.Binding) error {
	if b.VNICType == model.VNICTypeBareMetal {
		return invalid("bare metal does not migrate: a further binding cannot have vnic_type %s", b.VNICType)
	}
	if err := t.placeOrRefuse(p, &b); err != nil {
		return err
	}
	if b.Profile == nil {
		b.Profile = map[string]any{}
	}
	p.InactiveBindings = insertByHost(p.InactiveBindings, b)
	return nil
}

func insertByHost(list []model.Binding, b model.Binding) []model.Binding {
	i, _ := slices.BinarySearchFunc(list, b, func(x, y model.Binding) int { return cmp.Compare(x.HostID, y.HostID) })
	return slices.Insert(list, i, b)
}

func (t *tx) placeOrRefuse(p *model.Port, b *model.Binding) error {
	network, err := t.networkOf(p)
	if err != nil {
		return err
	}
	bound := *p
	bound.SetActiveBinding(*b)
	if err := t.bind(&bound, network); err != nil {
		return err
	}
	*b = bound.ActiveBinding()
	if b.VIFType == model.VIFTypeBindingFailed {
		refusal := model.Errorf(http.StatusInternalServerError, "PortBindingError",
			"Binding for port %s on host %s could not be created or updated.", p.ID, b.HostID)
		refusal.Detail = bound.StatusReason
		return refusal
	}
	return nil
}

func (t *tx) networkOf(p *model.Port) (*model.Network, error) {
	var row networkRow
	if err := t.Where("id = ?", p.NetworkID).Take(&row).Error; err != nil {
		return nil, err
	}
	return row.model()
}

// Whether a port is bound depends on a node that may report itself in the same moment. A transaction that adds a host to a port
// holds a shared lock on the host's name, the node's an exclusive one whenever it changes what bindings depend on. The port's row
// is locked before the name by the one, after it by the other: they do not wait for each other, as the node's transaction only wants
// rows that name the host already.
const (
	hostLockClass  = 0x706b // "pk"
	hostLockShared = "SELECT pg_advisory_xact_lock_shared(?, hashtext(?))"
	hostLock       = "SELECT pg_advisory_xact_lock(?, hashtext(?))"
)

func (t *tx) lockHost(statement, hostname string) error {
	if t.store.dialect.name != postgresName {
		return nil
	}
	return t.Exec(statement, hostLockClass, hostname).Error
}

// bind computes what follows from the port's HostID, or of bare metal from its profile; StatusReason is why it fails.
func (t *tx) bind(p *model.Port, network *model.Network) error {
	if p.IsBareMetal() {
		return t.bindBareMetal(p, network)
	}
	delete(t.placements, p.ID)
	b := p.ActiveBinding()
	node, err := t.nodeNamed(b.HostID)
	if err == nil {
		p.StatusReason = model.Place(&b, node, network)
		p.SetActiveBinding(b)
	}
	return err
}

// nodeNamed gives the node with a hostname, nil if there is none, and keeps it so where bindings depend on it.
func (t *tx) nodeNamed(hostname string) (*model.Node, error) {
	if hostname == "" {
		return nil, nil
	}
	if err := t.lockHost(hostLockShared, hostname); err != nil {
		return nil, err
	}
	var row nodeRow
	found, err := first(t.Where("hostname = ?", hostname), &row)
	if err != nil || !found {
		return nil, err
	}
	return row.model()
}

// rebind follows a change of the binding by an update of the port. A host where the port had an inactive binding has the active one now.
func (t *tx) rebind(old, p *model.Port) error {
	if old.IsBareMetal() || p.IsBareMetal() {
		return t.rebindAsBareMetal(old, p)
	}
	moved := p.HostID != old.HostID
	if !moved && p.VNICType == old.VNICType && reflect.DeepEqual(p.Profile, old.Profile) {
		return nil
	}
	p.BindingGeneration++
	if !moved {
		return nil
	}
	if !p.OwnedByNetwork() {
		p.Status, p.StatusReason = model.StatusDown, ""
	}
	if i := p.InactiveOn(p.HostID); i >= 0 {
		p.InactiveBindings = slices.Delete(p.InactiveBindings, i, i+1)
	}
	network, err := t.networkOf(p)
	if err != nil {
		return err
	}
	return t.bind(p, network)
}

// rebindAsBareMetal is rebind of a port that was or will be bare metal: it is DOWN if it has another place now.
func (t *tx) rebindAsBareMetal(old, p *model.Port) error {
	changed := p.HostID != old.HostID || p.VNICType != old.VNICType || !reflect.DeepEqual(p.Profile, old.Profile)
	if !changed && p.PortSecurityEnabled == old.PortSecurityEnabled {
		return nil
	}
	network, err := t.networkOf(p)
	if err != nil {
		return err
	}
	if err := t.bind(p, network); err != nil {
		return err
	}
	moved, err := t.moveBareMetal(p)
	if err != nil {
		return err
	}
	moved = moved || p.VNICType != old.VNICType || p.VIFType != old.VIFType
	if changed || moved {
		p.BindingGeneration++
	}
	switch {
	case moved:
		p.Status = model.StatusDown
	case p.VIFType != model.VIFTypeBindingFailed:
		p.StatusReason = old.StatusReason
	}
	return nil
}

// rebindHost follows a change of what is known of a host: node is nil when it is known no more. The caller holds
// the exclusive lock on the host, so that no port is bound to it meanwhile; but bindings may change places.
func (t *tx) rebindHost(hostname string, node *model.Node) error {
	physnets, err := t.portsNaming(hostname)
	if err != nil {
		return err
	}
	numbers := make([]model.Number, 0, len(physnets))
	for number := range physnets {
		numbers = append(numbers, number)
	}
	slices.Sort(numbers)
	for chunk := range slices.Chunk(numbers, maxNumbers) {
		var ports []portRow
		err := t.Select("number", "host_id", "vif_type", "datapath_type", "status_reason", "inactive_bindings").Where("number IN ?", chunk).Order("number").
			Clauses(clause.Locking{Strength: lockToUpdate}).Find(&ports).Error
		if err != nil {
			return err
		}
		if err := t.rebindPorts(hostname, node, ports, physnets); err != nil {
			return err
		}
	}
	return nil
}

// portsNaming finds the ports that have a binding on a host, and the physical networks of theirs.
func (t *tx) portsNaming(hostname string) (map[model.Number]string, error) {
	var rows []struct {
		Number           model.Number
		HostID           string
		InactiveBindings []model.Binding `gorm:"serializer:json"`
		PhysicalNetwork  string
	}
	err := t.Raw(`SELECT ports.number, ports.host_id, ports.inactive_bindings, networks.physical_network FROM ports
		JOIN networks ON networks.id = ports.network_id WHERE ports.vnic_type <> 'baremetal' AND (ports.host_id = ? OR ports.inactive_bindings <> '[]')`, hostname).Scan(&rows).Error
	if err != nil {
		return nil, err
	}
	physnets := map[model.Number]string{}
	for _, r := range rows {
		if r.HostID == hostname || slices.ContainsFunc(r.InactiveBindings, func(b model.Binding) bool { return b.HostID == hostname }) {
			physnets[r.Number] = r.PhysicalNetwork
		}
	}
	return physnets, nil
}

func (t *tx) rebindPorts(hostname string, node *model.Node, ports []portRow, physnets map[model.Number]string) error {
	type outcome struct{ vifType, datapathType, reason string }
	changed := map[outcome][]model.Number{} // of active bindings
	var bumped []model.Number
	for _, p := range ports {
		now := model.Binding{HostID: hostname}
		reason := model.Place(&now, node, &model.Network{PhysicalNetwork: physnets[p.Number]})
		result := outcome{now.VIFType, now.DatapathType, reason}
		if p.HostID == hostname {
			if now.VIFType != p.VIFType || now.DatapathType != p.DatapathType || reason != "" && reason != p.StatusReason {
				changed[result] = append(changed[result], p.Number)
				bumped = append(bumped, p.Number)
			}
			continue
		}
		for i := range p.InactiveBindings {
			b := &p.InactiveBindings[i]
			if b.HostID != hostname || now.VIFType == b.VIFType && now.DatapathType == b.DatapathType {
				continue
			}
			b.VIFType, b.DatapathType = now.VIFType, now.DatapathType
			if err := t.Model(&p).Select("inactive_bindings").Updates(&p).Error; err != nil {
				return err
			}
			bumped = append(bumped, p.Number)
		}
	}
	for result, numbers := range changed {
		if err := t.tell(EventVIFUnplugged, "number IN ? AND status = ?", numbers, model.StatusActive); err != nil {
			return err
		}
		err := t.Exec(`UPDATE ports SET vif_type = ?, datapath_type = ?, binding_generation = binding_generation + 1, status_reason = ?,
			status = CASE WHEN device_owner LIKE 'network:%' THEN status ELSE ? END WHERE number IN ?`,
			result.vifType, result.datapathType, result.reason, model.StatusDown, numbers).Error
		if err != nil {
			return err
		}
	}
	if len(bumped) == 0 {
		return nil
	}
	return t.bumpPorts(bumped)
}
