package store

import (
	"context"

	"gorm.io/gorm/clause"

	"github.com/planck-sdn/planck/model"
)

// SetService makes another node route for the bare metal of the network of a router's interface. generation is that of the service's row, 0
// while there is none. It does nothing if that is not the generation any more, the port is no interface of a router (any more), or the node
// is gone; 0 is no node.
func (s *Store) SetService(ctx context.Context, port model.Number, generation int64, node model.Number) (moved bool, err error) {
	err = s.write(ctx, func(t *tx) error {
		moved = false
		if node != 0 {
			var row nodeRow
			known, err := first(t.Select("number").Clauses(clause.Locking{Strength: lockToKeep}).Where("number = ?", node), &row)
			if err != nil || !known {
				return err
			}
		}
		set, args := "UPDATE services SET node_number = ?, generation = generation + 1 WHERE port_number = ? AND generation = ? AND node_number <> ? RETURNING number",
			[]any{node, port, generation, node}
		if generation == 0 {
			set, args = "INSERT INTO services (port_number, node_number, generation) SELECT number, CAST(? AS bigint), 1 FROM ports "+
				"WHERE number = ? AND device_owner = ? AND ? <> 0 ON CONFLICT DO NOTHING RETURNING number",
				[]any{node, port, model.DeviceOwnerRouterInterface, node}
		}
		var numbers []model.Number
		err := t.Raw(set, args...).Scan(&numbers).Error
		t.touchAll(model.KindService, numbers)
		moved = len(numbers) > 0
		return err
	})
	return moved && err == nil, err
}

// leaveServices takes a node that is gone from the services that it does.
func (t *tx) leaveServices(node model.Number) error {
	var services []model.Number
	err := t.Raw("UPDATE services SET node_number = 0, generation = generation + 1 WHERE node_number = ? RETURNING number", node).Scan(&services).Error
	t.touchAll(model.KindService, services)
	return err
}
