package api

import (
	"context"
	"net/http"

	"github.com/planck-sdn/planck/model"
	"github.com/planck-sdn/planck/model/store"
)

// availabilityZone is the one that all nodes are in: forwarding is distributed, so that there is nothing to place. It has the name of
// Neutron's default.
const availabilityZone = "nova"

type zone struct{ name, resource, state string }

// zones declares the availability zones (Neutron API reference, "Availability Zones").
func zones(b backend) *Resource[zone] {
	r := &Resource[zone]{
		Name: "availability_zone", Collection: "availability_zones", Title: "AvailabilityZone", Read: Anyone,
		ID: func(z *zone) string { return z.name + "/" + z.resource },
		Attributes: []Attribute[zone]{
			{Name: "name", Value: computed(text, func(z *zone) string { return z.name }), Get: Anyone, Filter: true, Sort: true},
			{Name: "resource", Value: computed(text, func(z *zone) string { return z.resource }), Get: Anyone, Filter: true, Sort: true},
			{Name: "state", Value: computed(text, func(z *zone) string { return z.state }), Get: Anyone, Filter: true, Sort: true},
		},
	}
	r.Store = b.zones(r)
	return r
}

func (b backend) zones(r *Resource[zone]) Operations[zone] {
	return Operations[zone]{List: func(ctx context.Context, q store.Query) ([]*zone, error) {
		nodes, err := b.Nodes(ctx)
		if err != nil || len(nodes) == 0 {
			return nil, err
		}
		return inMemory(r, []*zone{{availabilityZone, "network", "available"}, {availabilityZone, "router", "available"}}, q)
	}}
}

var zoneNames = listOf(text, "'%s' is not a list", false)

// zoneHints are zones in which a network or router should be served.
var zoneHints = func() Type[[]string] {
	t := zoneNames
	t.Parse = func(j any) ([]string, error) {
		hints, err := zoneNames.Parse(j)
		for _, hint := range hints {
			if hint != availabilityZone {
				return nil, model.Errorf(http.StatusNotFound, "AvailabilityZoneNotFound", "AvailabilityZone %s could not be found.", show(hint))
			}
		}
		return hints, err
	}
	return t
}()
