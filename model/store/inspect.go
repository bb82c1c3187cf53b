package store

import (
	"context"

	"gorm.io/gorm"
)

// Replica is a planckd that holds masterships.
type Replica struct {
	Name  string
	Nodes int // whose master it is
}

// Replicas lists those whose masterships have not run out, by name.
func (s *Store) Replicas(ctx context.Context) (list []Replica, err error) {
	err = s.read(ctx, func(db *gorm.DB) error {
		return db.Raw("SELECT replica AS name, COUNT(*) AS nodes FROM masters WHERE expires_at >= " + s.dialect.now + " GROUP BY replica ORDER BY replica").
			Scan(&list).Error
	})
	return list, err
}

// NotActive is a port that is not ACTIVE although it is up, and has a host or is plugged.
type NotActive struct {
	ID           string
	Name         string
	HostID       string
	VIFType      string
	Status       string
	StatusReason string
	PluggedOn    string // hostname of the node that plugged it last, or of the switch that bare metal is bound to; empty: none has it
}

// NotActivePorts lists at most limit of them, those that are plugged first, and tells how many there are.
func (s *Store) NotActivePorts(ctx context.Context, limit int) (list []NotActive, total int, err error) {
	var rows []struct {
		NotActive `gorm:"embedded"`
		Total     int
	}
	err = s.read(ctx, func(db *gorm.DB) error {
		return db.Raw(`WITH plugged AS (SELECT port_id, MAX(sequence) AS last FROM node_interfaces GROUP BY port_id)
			SELECT ports.id, ports.name, ports.host_id, ports.vif_type, ports.status, ports.status_reason,
				COALESCE(nodes.hostname, switches.hostname, '') AS plugged_on, COUNT(*) OVER () AS total
			FROM ports LEFT JOIN plugged ON plugged.port_id = ports.id LEFT JOIN node_interfaces ON node_interfaces.sequence = plugged.last
				LEFT JOIN nodes ON nodes.number = node_interfaces.node_number
				LEFT JOIN placements ON placements.port_number = ports.number LEFT JOIN nodes AS switches ON switches.number = placements.node_number
			WHERE ports.status <> 'ACTIVE' AND ports.admin_state_up AND (ports.host_id <> '' OR nodes.number IS NOT NULL OR ports.vif_type IN ('other', 'binding_failed'))
			ORDER BY CASE WHEN COALESCE(nodes.number, switches.number) IS NULL THEN 1 ELSE 0 END, ports.number LIMIT ?`, limit).Scan(&rows).Error
	})
	for _, r := range rows {
		list, total = append(list, r.NotActive), r.Total
	}
	return list, total, err
}
