package topology

import (
	"net/netip"

	"github.com/planck-sdn/planck/model"
)

// routing is what a view holds of routers, floating IPs, and who is outside. What names another row does it by that row's UUID, as the
// rows do, so that it does not matter which of them came first.
type routing struct {
	routers     table[model.Number, *model.Router]
	floatingIPs table[model.Number, *model.FloatingIP]
	neighbours  table[model.Number, *model.Neighbour]
	holders     table[model.Number, *model.Holder]

	routerByID     table[string, model.Number]
	interfacesOf   table[named, struct{}] // router, its interface port
	interfacesOn   table[named, struct{}] // network, a router's interface port
	gatewaysOn     table[named, struct{}] // external network, router
	gatewaysAt     table[pair, struct{}]  // node that a router's row names as its gateway node, router
	floatingOf     table[named, struct{}] // router, floating IP
	floatingToPort table[named, struct{}] // port that it stands for, floating IP
	floatingByPort table[named, struct{}] // floating port, floating IP
	neighboursOf   table[named, struct{}] // router, neighbour
	neighbourAt    table[atKey, struct{}] // router, address, neighbour
	holderAt       table[atKey, struct{}] // network, address, holder

	// Derived from the rows above:
	via        table[atKey, struct{}]            // network, next hop there, router that has a static route by it
	fixedAt    table[atKey, struct{}]            // network, fixed IP, floating IP
	floatingAt table[model.Number, model.Number] // floating IP -> the node that serves it
	floatingOn table[pair, struct{}]             // node, floating IP that it serves
	serving    table[serveKey, struct{}]         // router, node by which its traffic leaves, because of the router or a floating IP
	wired      table[serveKey, struct{}]         // external network, node, because of a router or a floating IP
	needs      table[pair, struct{}]             // node, router
	neededOn   table[pair, struct{}]             // router, node
	knows      table[pair, struct{}]             // node, network
	knownOn    table[pair, struct{}]             // network, node
}

// named is something that belongs to what has an id.
type named struct {
	id string
	n  model.Number
}

// atKey is something that is at an address of what has an id.
type atKey struct {
	id   string
	addr netip.Addr
	n    model.Number
}

// serveKey is a node that serves what has an id because of some object.
type serveKey struct {
	id   string
	node model.Number
	by   model.Ref
}

func lessNamed(x, y named) bool {
	if x.id != y.id {
		return x.id < y.id
	}
	return x.n < y.n
}

func lessAt(x, y atKey) bool {
	if x.id != y.id {
		return x.id < y.id
	}
	if c := x.addr.Compare(y.addr); c != 0 {
		return c < 0
	}
	return x.n < y.n
}

func lessServe(x, y serveKey) bool {
	if x.id != y.id {
		return x.id < y.id
	}
	if x.node != y.node {
		return x.node < y.node
	}
	if x.by.Kind != y.by.Kind {
		return x.by.Kind < y.by.Kind
	}
	return x.by.Number < y.by.Number
}

func newRouting() routing {
	return routing{
		routers:        newTable[model.Number, *model.Router](lessNumber),
		floatingIPs:    newTable[model.Number, *model.FloatingIP](lessNumber),
		neighbours:     newTable[model.Number, *model.Neighbour](lessNumber),
		holders:        newTable[model.Number, *model.Holder](lessNumber),
		routerByID:     newTable[string, model.Number](lessString),
		interfacesOf:   newTable[named, struct{}](lessNamed),
		interfacesOn:   newTable[named, struct{}](lessNamed),
		gatewaysOn:     newTable[named, struct{}](lessNamed),
		gatewaysAt:     newTable[pair, struct{}](lessPair),
		floatingOf:     newTable[named, struct{}](lessNamed),
		floatingToPort: newTable[named, struct{}](lessNamed),
		floatingByPort: newTable[named, struct{}](lessNamed),
		neighboursOf:   newTable[named, struct{}](lessNamed),
		neighbourAt:    newTable[atKey, struct{}](lessAt),
		holderAt:       newTable[atKey, struct{}](lessAt),
		via:            newTable[atKey, struct{}](lessAt),
		fixedAt:        newTable[atKey, struct{}](lessAt),
		floatingAt:     newTable[model.Number, model.Number](lessNumber),
		floatingOn:     newTable[pair, struct{}](lessPair),
		serving:        newTable[serveKey, struct{}](lessServe),
		wired:          newTable[serveKey, struct{}](lessServe),
		needs:          newTable[pair, struct{}](lessPair),
		neededOn:       newTable[pair, struct{}](lessPair),
		knows:          newTable[pair, struct{}](lessPair),
		knownOn:        newTable[pair, struct{}](lessPair),
	}
}

func (r *routing) copy() routing {
	return routing{
		routers:        r.routers.copy(),
		floatingIPs:    r.floatingIPs.copy(),
		neighbours:     r.neighbours.copy(),
		holders:        r.holders.copy(),
		routerByID:     r.routerByID.copy(),
		interfacesOf:   r.interfacesOf.copy(),
		interfacesOn:   r.interfacesOn.copy(),
		gatewaysOn:     r.gatewaysOn.copy(),
		gatewaysAt:     r.gatewaysAt.copy(),
		floatingOf:     r.floatingOf.copy(),
		floatingToPort: r.floatingToPort.copy(),
		floatingByPort: r.floatingByPort.copy(),
		neighboursOf:   r.neighboursOf.copy(),
		neighbourAt:    r.neighbourAt.copy(),
		holderAt:       r.holderAt.copy(),
		via:            r.via.copy(),
		fixedAt:        r.fixedAt.copy(),
		floatingAt:     r.floatingAt.copy(),
		floatingOn:     r.floatingOn.copy(),
		serving:        r.serving.copy(),
		wired:          r.wired.copy(),
		needs:          r.needs.copy(),
		neededOn:       r.neededOn.copy(),
		knows:          r.knows.copy(),
		knownOn:        r.knownOn.copy(),
	}
}

// membersOf lists what belongs to an id, in order of number.
func membersOf(t table[named, struct{}], id string) []model.Number {
	var list []model.Number
	t.from(named{id: id}, func(k named, _ struct{}) bool {
		if k.id != id {
			return false
		}
		list = append(list, k.n)
		return true
	})
	return list
}

// membersAt lists what is at an address of what has an id, in order of number.
func membersAt(t table[atKey, struct{}], id string, addr netip.Addr) []model.Number {
	var list []model.Number
	t.from(atKey{id: id, addr: addr}, func(k atKey, _ struct{}) bool {
		if k.id != id || k.addr != addr {
			return false
		}
		list = append(list, k.n)
		return true
	})
	return list
}

// seconds lists what is paired with a number, in order.
func seconds(t table[pair, struct{}], first model.Number) []model.Number {
	var list []model.Number
	t.from(pair{a: first}, func(k pair, _ struct{}) bool {
		if k.a != first {
			return false
		}
		list = append(list, k.b)
		return true
	})
	return list
}

// served tells whether a node serves what has an id.
func served(t table[serveKey, struct{}], id string, node model.Number) bool {
	k, found := t.first(serveKey{id: id, node: node})
	return found && k.id == id && k.node == node
}

// servers lists the nodes that serve what has an id, in order of number.
func servers(t table[serveKey, struct{}], id string) []model.Number {
	return distinct(t, serveKey{id: id},
		func(k serveKey) (model.Number, bool) { return k.node, k.id == id },
		func(node model.Number) serveKey { return serveKey{id: id, node: node + 1} })
}
