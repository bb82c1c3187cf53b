package store

import (
	"reflect"

	"github.com/planck-sdn/planck/model"
)

// Whether a port is bound depends on a node that may report itself in the same moment. A port's transaction holds a
// shared lock on its host's name, the node's an exclusive one whenever it changes what bindings depend on.
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

// bind computes the port's VIFType from its HostID.
func (t *tx) bind(p *model.Port, network *model.Network) error {
	var node *model.Node
	if p.HostID != "" {
		if err := t.lockHost(hostLockShared, p.HostID); err != nil {
			return err
		}
		var row nodeRow
		found, err := first(t.Where("hostname = ?", p.HostID), &row)
		if err != nil {
			return err
		}
		if found {
			if node, err = row.model(nil); err != nil {
				return err
			}
		}
	}
	p.VIFType, p.DatapathType = model.BindingVIFType(p.HostID, node, network), ""
	if node != nil {
		p.DatapathType = node.DatapathType
	}
	return nil
}

// rebind follows a change of the binding.
func (t *tx) rebind(old, p *model.Port) error {
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
	var network networkRow
	if err := t.Where("id = ?", p.NetworkID).Take(&network).Error; err != nil {
		return err
	}
	n, err := network.model()
	if err != nil {
		return err
	}
	return t.bind(p, n)
}

// rebindHost follows a change of what is known of a host: node is nil when it is known no more. The caller holds
// the exclusive lock on the host.
func (t *tx) rebindHost(hostname string, node *model.Node) error {
	var ports []struct {
		Number          model.Number
		VIFType         string `gorm:"column:vif_type"`
		PhysicalNetwork string
	}
	err := t.Raw(`SELECT ports.number, ports.vif_type, networks.physical_network FROM ports
		JOIN networks ON networks.id = ports.network_id WHERE ports.host_id = ? ORDER BY ports.number`, hostname).Scan(&ports).Error
	if err != nil {
		return err
	}
	changed := map[string][]model.Number{}
	for _, p := range ports {
		vifType := model.BindingVIFType(hostname, node, &model.Network{PhysicalNetwork: p.PhysicalNetwork})
		if vifType != p.VIFType {
			changed[vifType] = append(changed[vifType], p.Number)
		}
	}
	for vifType, numbers := range changed {
		err := t.Exec(`UPDATE ports SET vif_type = ?, binding_generation = binding_generation + 1, status_reason = '',
			status = CASE WHEN device_owner LIKE 'network:%' THEN status ELSE ? END WHERE number IN ? AND host_id = ?`,
			vifType, model.StatusDown, numbers, hostname).Error
		if err != nil {
			return err
		}
		if err := t.bumpPorts(numbers); err != nil {
			return err
		}
	}
	return nil
}
