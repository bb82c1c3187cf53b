package inspect

import (
	"net/http"
	"strconv"

	"github.com/planck-sdn/planck/apps/pipeline"
	"github.com/planck-sdn/planck/controller/reconcile"
	"github.com/planck-sdn/planck/model"
	"github.com/planck-sdn/planck/model/flow"
	"github.com/planck-sdn/planck/model/topology"
	"github.com/planck-sdn/planck/northbound/admin"
)

// belongings are whose an object is, by their ids.
type belongings struct{ port, network, router, project string }

// selection gives a function that tells whether a query selects an entry: by what it is, and by one of its owners.
func selection(v *topology.View, q admin.FlowQuery) (func(reconcile.Listed) bool, error) {
	switch {
	case q.Port != "" && v.PortByID(q.Port) == nil:
		return nil, model.Errorf(http.StatusNotFound, "PortNotFound", "Port %s could not be found.", q.Port)
	case q.Network != "" && v.NetworkByID(q.Network) == nil:
		return nil, model.Errorf(http.StatusNotFound, "NetworkNotFound", "Network %s could not be found.", q.Network)
	case q.Router != "" && v.RouterByID(q.Router) == nil:
		return nil, model.Errorf(http.StatusNotFound, "RouterNotFound", "Router %s could not be found.", q.Router)
	}
	inTable, err := tablesCalled(q.Table)
	if err != nil {
		return nil, err
	}
	asked := belongings{q.Port, q.Network, q.Router, q.Project}
	known := map[model.Ref]bool{} // whether an owner is asked for
	return func(l reconcile.Listed) bool {
		if !inTable(l.Entry) {
			return false
		}
		if q.App != "" {
			rule := pipeline.RuleByNumber(l.Entry.Cookie().Rule())
			if rule == nil || !l.Entry.Cookie().IsPlanck() || rule.App != q.App {
				return false
			}
		}
		if asked == (belongings{}) {
			return true
		}
		for _, ref := range refsOf(l) {
			is, seen := known[ref]
			if !seen {
				is = belong(v, ref).are(asked)
				known[ref] = is
			}
			if is {
				return true
			}
		}
		return false
	}, nil
}

// tablesCalled reads a table's name or number, and tells of entries whether they are in it; an empty one is any. Tables of both profiles may have a name.
func tablesCalled(s string) (func(flow.Encoded) bool, error) {
	if s == "" {
		return func(flow.Encoded) bool { return true }, nil
	}
	ids := map[uint8]bool{}
	for _, names := range []flow.TableNames{pipeline.Names, pipeline.SwitchNames} {
		for id, name := range names {
			ids[id] = ids[id] || name == s
		}
	}
	if id, err := strconv.ParseUint(s, 10, 8); err == nil {
		ids[uint8(id)] = true
	}
	for _, known := range ids {
		if known {
			return func(f flow.Encoded) bool { return ids[f.Table()] }, nil
		}
	}
	return nil, model.Errorf(http.StatusBadRequest, "BadRequest", "There is no table %q.", s)
}

// are tells whether an object is of all that is asked for.
func (b belongings) are(asked belongings) bool {
	same := func(asked, is string) bool { return asked == "" || asked == is }
	return same(asked.port, b.port) && same(asked.network, b.network) && same(asked.router, b.router) && same(asked.project, b.project)
}

func belong(v *topology.View, ref model.Ref) belongings {
	switch ref.Kind {
	case model.KindNetwork:
		if n := v.Network(ref.Number); n != nil {
			return belongings{network: n.ID, project: n.ProjectID}
		}
	case model.KindSubnet:
		if s := v.Subnet(ref.Number); s != nil {
			return belongings{network: s.NetworkID, project: s.ProjectID}
		}
	case model.KindPort:
		return ofPort(v.Port(ref.Number))
	case model.KindRouter:
		return ofRouter(v.Router(ref.Number))
	case model.KindFloatingIP:
		if f := v.FloatingIP(ref.Number); f != nil {
			return belongings{port: f.PortID, network: f.FloatingNetworkID, router: f.RouterID, project: f.ProjectID}
		}
	case model.KindNeighbour:
		if n := v.Neighbour(ref.Number); n != nil {
			b := ofRouter(v.RouterByID(n.RouterID))
			b.network = n.NetworkID
			return b
		}
	case model.KindSecurityGroup:
		if g := v.SecurityGroup(ref.Number); g != nil {
			return belongings{project: g.ProjectID}
		}
	}
	return belongings{}
}

func ofPort(p *model.Port) belongings {
	if p == nil {
		return belongings{}
	}
	b := belongings{port: p.ID, network: p.NetworkID, project: p.ProjectID}
	if p.DeviceOwner == model.DeviceOwnerRouterInterface || p.DeviceOwner == model.DeviceOwnerRouterGateway {
		b.router = p.DeviceID
	}
	return b
}

func ofRouter(r *model.Router) belongings {
	if r == nil {
		return belongings{}
	}
	return belongings{router: r.ID, project: r.ProjectID}
}
