package pipeline

import (
	"github.com/planck-sdn/planck/model"
	"github.com/planck-sdn/planck/model/flow"
)

// What may come up for one router on one node. A traceroute of three packets a hop, or the first packets to some ten
// neighbours outside, stay below the burst; a VM that scans does not disturb other routers.
const (
	routerRate  = 20 // packets per second
	routerBurst = 40 // packets
)

// RouterMeter is the id of the meter that all that comes up for a router on a node shares. Ids of apps' meters are below.
func RouterMeter(key model.NetworkKey) uint32 { return 1<<24 | uint32(key) }

// PortMeter is the id of an app's meter for a port, by its ofport; 0 is the node's.
func PortMeter(app uint8, ofport uint32) uint32 { return uint32(app)<<16 | ofport }

// Up are the steps that send a packet of a router's to the controller, metered, and nowhere else.
func (c *Context) Up(router model.NetworkKey) []Step {
	c.Meter(flow.Meter{ID: RouterMeter(router), Rate: routerRate, Burst: routerBurst})
	return []Step{Metered(RouterMeter(router)), ToController()}
}
