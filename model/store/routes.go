package store

import (
	"context"
	"net/netip"
	"slices"

	"github.com/planck-sdn/planck/model"
)

// AddExtraRoutes adds static routes to those that the router has; those that it has already are no error. Errors are UpdateRouter's.
func (s *Store) AddExtraRoutes(ctx context.Context, id string, routes []model.HostRoute) (*model.Router, error) {
	return s.updateRouter(ctx, id, "add_extraroutes", func(u *RouterUpdate) error {
		for _, route := range routes {
			if !slices.Contains(u.Router.Routes, route) {
				u.Router.Routes = append(u.Router.Routes, route)
			}
		}
		return nil
	})
}

// RemoveExtraRoutes takes static routes away; those that the router does not have are no error.
func (s *Store) RemoveExtraRoutes(ctx context.Context, id string, routes []model.HostRoute) (*model.Router, error) {
	return s.updateRouter(ctx, id, "remove_extraroutes", func(u *RouterUpdate) error {
		u.Router.Routes = slices.DeleteFunc(u.Router.Routes, func(r model.HostRoute) bool { return slices.Contains(routes, r) })
		return nil
	})
}

// checkRoutes holds the router's static routes against what it is connected to.
func (t *tx) checkRoutes(r *model.Router) error {
	if len(r.Routes) == 0 {
		return nil
	}
	subnets, own, err := t.connected(r)
	if err != nil {
		return err
	}
	prefixes := make([]netip.Prefix, len(subnets))
	for i, s := range subnets {
		prefixes[i] = s.CIDR
	}
	addresses := make([]netip.Addr, len(own))
	for i, c := range own {
		addresses[i] = c.Address
	}
	return r.ValidateNextHops(prefixes, addresses)
}
