package api

import (
	"context"
	"time"

	"github.com/planck-sdn/planck/model"
	"github.com/planck-sdn/planck/model/store"
)

// backend gives each resource its part of the store.
type backend struct {
	*store.Store
	alive func(node model.Number) bool
	now   func() time.Time
}

func newBackend(st *store.Store, options Options) backend {
	b := backend{st, options.Alive, options.Now}
	if b.alive == nil {
		b.alive = func(model.Number) bool { return false }
	}
	if b.now == nil {
		b.now = time.Now
	}
	return b
}

// ownsNetwork tells whether the requester owns a network. One that the requester does not see is not found.
func (b backend) ownsNetwork(ctx context.Context, projectID, networkID string) (bool, error) {
	n, err := b.Network(ctx, networkID)
	return err == nil && n.ProjectID == projectID, err
}

func (b backend) networks() Operations[network] {
	return Operations[network]{
		Create: func(ctx context.Context, drafts []draft[network]) error {
			rows := make([]*model.Network, len(drafts))
			for i, d := range drafts {
				rows[i] = &d.object.Network
			}
			return b.CreateNetworks(ctx, rows)
		},
		Get: func(ctx context.Context, id string) (*network, error) {
			return one(ctx, b.joinSubnets)(b.Network(ctx, id))
		},
		List: func(ctx context.Context, q store.Query) ([]*network, error) {
			rows, err := b.ListNetworks(ctx, q)
			if err != nil {
				return nil, err
			}
			return b.joinSubnets(ctx, rows)
		},
		Update: func(ctx context.Context, id string, change func(*network) error) (*network, error) {
			return one(ctx, b.joinSubnets)(b.UpdateNetwork(ctx, id, func(row *model.Network) error {
				n := network{Network: *row}
				if err := change(&n); err != nil {
					return err
				}
				*row = n.Network
				return nil
			}))
		},
		Delete: b.DeleteNetwork,
	}
}

// one completes what the store says of a single row by what completes many.
func one[Row, Object any](ctx context.Context, join func(context.Context, []*Row) ([]*Object, error)) func(*Row, error) (*Object, error) {
	return func(row *Row, err error) (*Object, error) {
		if err != nil {
			return nil, err
		}
		objects, err := join(ctx, []*Row{row})
		if err != nil {
			return nil, err
		}
		return objects[0], nil
	}
}

func (b backend) joinSubnets(ctx context.Context, rows []*model.Network) ([]*network, error) {
	ids := make([]string, len(rows))
	for i, row := range rows {
		ids[i] = row.ID
	}
	subnets, err := b.SubnetIDs(ctx, ids)
	if err != nil {
		return nil, err
	}
	networks := make([]*network, len(rows))
	for i, row := range rows {
		networks[i] = &network{*row, subnets[row.ID]}
	}
	return networks, nil
}

func (b backend) subnets() Operations[model.Subnet] {
	return Operations[model.Subnet]{
		Create: func(ctx context.Context, drafts []draft[model.Subnet]) error {
			return b.CreateSubnets(ctx, objectsOf(drafts))
		},
		Get: b.Subnet, List: b.ListSubnets, Update: b.UpdateSubnet, Delete: b.DeleteSubnet,
	}
}

func (b backend) ports() Operations[model.Port] {
	return Operations[model.Port]{
		Create: func(ctx context.Context, drafts []draft[model.Port]) error {
			rows := make([]store.PortRequest, len(drafts))
			for i, d := range drafts {
				rows[i] = store.PortRequest{Port: d.object, NetworkDecidesPortSecurity: !d.said.says("port_security_enabled")}
			}
			return b.CreatePorts(ctx, rows)
		},
		Get: b.Port, List: b.ListPorts, Update: b.UpdatePort, Delete: b.DeletePort,
	}
}

// objectsOf are what the drafts are of, for the store to complete.
func objectsOf[T any](drafts []draft[T]) []*T {
	objects := make([]*T, len(drafts))
	for i, d := range drafts {
		objects[i] = d.object
	}
	return objects
}

func (b backend) rbacPolicies() Operations[model.RBACPolicy] {
	return Operations[model.RBACPolicy]{
		Create: func(ctx context.Context, drafts []draft[model.RBACPolicy]) error {
			return b.CreateRBACPolicies(ctx, objectsOf(drafts))
		},
		Get: b.RBACPolicy, List: b.ListRBACPolicies, Update: b.UpdateRBACPolicy, Delete: b.DeleteRBACPolicy,
	}
}

func (b backend) availabilities() Operations[availability] {
	return Operations[availability]{
		Get: func(ctx context.Context, id string) (*availability, error) {
			list, err := b.IPAvailability(ctx, store.Query{Filters: map[string][]string{"network_id": {id}}})
			if err != nil {
				return nil, err
			}
			if len(list) == 0 {
				_, err := b.Network(ctx, id) // says that there is none
				return nil, err
			}
			return &list[0], nil
		},
		List: func(ctx context.Context, q store.Query) ([]*availability, error) {
			rows, err := b.IPAvailability(ctx, q)
			list := make([]*availability, len(rows))
			for i := range rows {
				list[i] = &rows[i]
			}
			return list, err
		},
	}
}
