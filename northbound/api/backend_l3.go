package api

import (
	"context"

	"github.com/planck-sdn/planck/model"
	"github.com/planck-sdn/planck/model/store"
)

func (b backend) routers() Operations[router] {
	return Operations[router]{
		Create: func(ctx context.Context, drafts []draft[router]) error {
			rows, requests := make([]*model.Router, len(drafts)), make([]store.RouterRequest, len(drafts))
			for i, d := range drafts {
				rows[i] = &d.object.Router
				requests[i] = store.RouterRequest{Router: rows[i], Gateway: d.object.asked}
			}
			if err := b.CreateRouters(ctx, requests); err != nil {
				return err
			}
			made, err := b.joinGateways(ctx, rows)
			for i := range made {
				*drafts[i].object = *made[i]
			}
			return err
		},
		Get: func(ctx context.Context, id string) (*router, error) {
			return one(ctx, b.joinGateways)(b.Router(ctx, id))
		},
		List: func(ctx context.Context, q store.Query) ([]*router, error) {
			rows, err := b.ListRouters(ctx, q)
			if err != nil {
				return nil, err
			}
			return b.joinGateways(ctx, rows)
		},
		Update: func(ctx context.Context, id string, change func(*router) error) (*router, error) {
			return one(ctx, b.joinGateways)(b.UpdateRouter(ctx, id, func(u *store.RouterUpdate) error {
				r := router{Router: u.Router}
				if err := change(&r); err != nil {
					return err
				}
				u.Router, u.Gateway, u.GatewaySaid = r.Router, r.asked, r.asks
				return nil
			}))
		},
		Delete: b.DeleteRouter,
	}
}

func (b backend) joinGateways(ctx context.Context, rows []*model.Router) ([]*router, error) {
	var ids []string
	for _, row := range rows {
		if row.Gateway != nil {
			ids = append(ids, row.ID)
		}
	}
	ports, err := b.GatewayPorts(ctx, ids)
	if err != nil {
		return nil, err
	}
	routers := make([]*router, len(rows))
	for i, row := range rows {
		routers[i] = &router{Router: *row, gatewayPort: ports[row.ID]}
	}
	return routers, nil
}

func (b backend) floatingIPs() Operations[floatingIP] {
	return Operations[floatingIP]{
		Create: func(ctx context.Context, drafts []draft[floatingIP]) error {
			rows, requests := make([]*model.FloatingIP, len(drafts)), make([]store.FloatingIPRequest, len(drafts))
			for i, d := range drafts {
				rows[i] = &d.object.FloatingIP
				requests[i] = store.FloatingIPRequest{FloatingIP: rows[i], SubnetID: d.object.subnetID}
			}
			if err := b.CreateFloatingIPs(ctx, requests); err != nil {
				return err
			}
			made, err := b.joinPorts(ctx, rows)
			for i := range made {
				*drafts[i].object = *made[i]
			}
			return err
		},
		Get: func(ctx context.Context, id string) (*floatingIP, error) {
			return one(ctx, b.joinPorts)(b.FloatingIP(ctx, id))
		},
		List: func(ctx context.Context, q store.Query) ([]*floatingIP, error) {
			rows, err := b.ListFloatingIPs(ctx, q)
			if err != nil {
				return nil, err
			}
			return b.joinPorts(ctx, rows)
		},
		Update: func(ctx context.Context, id string, change func(*floatingIP) error) (*floatingIP, error) {
			return one(ctx, b.joinPorts)(b.UpdateFloatingIP(ctx, id, func(row *model.FloatingIP) error {
				f := floatingIP{FloatingIP: *row}
				if err := change(&f); err != nil {
					return err
				}
				*row = f.FloatingIP
				return nil
			}))
		},
		Delete: b.DeleteFloatingIP,
	}
}
