// Package l2 says where packets come from and where they go within their network: tables classify, from_tunnel,
// from_wire, deliver and output, and the flood groups.
package l2

import (
	"github.com/planck-sdn/planck/apps/pipeline"
	"github.com/planck-sdn/planck/model"
)

// App renders L2.
var App = &pipeline.App{Name: "l2", OpenFlow13: true, Node: node, Network: network, Port: port, Router: router, PacketIn: packetIn}

// Priorities within deliver, and where tables have a single special case.
const (
	priorityRest      = 0
	priorityUnknown   = 10
	priorityMulticast = 20
	priorityUnicast   = 30
	priorityDrop      = 100
	priorityEntry     = 50
)

// encapsulated tells whether a network's nodes reach each other by tunnel; the others use a mapped bridge.
func encapsulated(n *model.Network) bool { return n.NetworkType == model.NetworkVXLAN }
