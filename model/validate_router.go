package model

import (
	"fmt"
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// MaxRoutes is how many static routes a router may have: Neutron's default.
const MaxRoutes = 30

// Validate checks everything that can be known without the database.
func (r *Router) Validate() error {
	return firstError(
		validateText("name", r.Name, MaxNameLength),
		validateText("description", r.Description, MaxDescriptionLength),
		validateTags(r.Tags),
		r.validateRoutes(),
	)
}

func (r *Router) validateRoutes() error {
	if len(r.Routes) > MaxRoutes {
		return Errorf(http.StatusBadRequest, "RoutesExhausted",
			"Unable to complete operation for %s. The number of routes exceeds the maximum %d.", r.ID, MaxRoutes)
	}
	for i, route := range r.Routes {
		if !route.Destination.IsValid() || !route.NextHop.IsValid() {
			return invalidAttribute("routes", "a route needs a destination and a nexthop")
		}
		if err := firstError(refuseIPv6("destination", route.Destination.Addr()), refuseIPv6("nexthop", route.NextHop)); err != nil {
			return err
		}
		if route.Destination != route.Destination.Masked() {
			return invalidAttribute("routes", "'%s' has host bits, '%s' is meant", route.Destination, route.Destination.Masked())
		}
		if slices.Contains(r.Routes[:i], route) {
			return invalidAttribute("routes", "Duplicate hostroute '%s'", route)
		}
	}
	return nil
}

// String gives the route as operators write it.
func (r HostRoute) String() string { return fmt.Sprintf("%s via %s", r.Destination, r.NextHop) }

// ValidateNextHops refuses static routes whose next hop is in none of the connected subnets, or is the router itself: Neutron's
// InvalidRoutes.
func (r *Router) ValidateNextHops(connected []netip.Prefix, own []netip.Addr) error {
	for _, route := range r.Routes {
		switch {
		case !slices.ContainsFunc(connected, func(p netip.Prefix) bool { return p.Contains(route.NextHop) }):
			return r.invalidRoutes("the nexthop is not connected with router")
		case slices.Contains(own, route.NextHop):
			return r.invalidRoutes("the nexthop is used by router")
		}
	}
	return nil
}

func (r *Router) invalidRoutes(reason string) error {
	routes := make([]string, len(r.Routes))
	for i, route := range r.Routes {
		routes[i] = route.String()
	}
	return Errorf(http.StatusBadRequest, "InvalidRoutes", "Invalid format for routes: %s, %s", strings.Join(routes, ", "), reason)
}
