package pipeline

import (
	"fmt"
	"slices"
	"time"

	"github.com/planck-sdn/planck/model"
	"github.com/planck-sdn/planck/model/flow"
	"github.com/planck-sdn/planck/model/topology"
)

// App is one network function. Its functions are pure: the same topology gives the same entries. A nil function
// has nothing to render for that kind of unit.
type App struct {
	Name    string
	Node    func(*Context)
	Network func(*Context, *model.Network)
	// Port renders a port for any node that has its network, whether the port is there or elsewhere.
	Port func(*Context, *model.Network, *model.Port)
	// PacketIn answers a packet that an entry of this app's sent up.
	PacketIn func(PacketIn) Reply
}

// PacketIn is a packet that came up, with all that an app needs to answer it.
type PacketIn struct {
	View *topology.View
	Node *model.Node
	Port *model.Port // whose entry sent it up
	Now  time.Time
	flow.PacketIn
}

// Reply is what an app makes of a packet.
type Reply struct {
	Packets []flow.PacketOut
	// Observed says in words what was seen and answered, for operators ("DISCOVER: offered 10.0.0.5"); may be empty.
	Observed string
}

// Render runs the apps over one unit of a node.
func Render(apps []*App, v *topology.View, node model.Number, u topology.Unit) Rendered {
	c := &Context{View: v, Node: v.Node(node), Unit: u}
	if c.Node == nil {
		return Rendered{}
	}
	for _, app := range apps {
		c.app = app.Name
		switch u.Kind {
		case model.KindNode:
			if app.Node != nil && u.Number == node {
				app.Node(c)
			}
		case model.KindNetwork:
			n := v.Network(u.Number)
			if app.Network != nil && n != nil && v.IsPresent(n.Number, node) {
				app.Network(c, n)
			}
		case model.KindPort:
			p := v.Port(u.Number)
			if app.Port == nil || p == nil {
				continue
			}
			if n := v.NetworkByID(p.NetworkID); n != nil && v.IsPresent(n.Number, node) {
				app.Port(c, n, p)
			}
		}
	}
	c.unique()
	return c.result
}

// unique drops entries that a unit has built twice, as for an address that a port lists twice, and reports two that differ at one
// place as the defect that they are.
func (c *Context) unique() {
	seen := make(map[flow.Key]flow.Encoded, len(c.result.Flows))
	c.result.Flows = slices.DeleteFunc(c.result.Flows, func(f flow.Encoded) bool {
		first, again := seen[f.Key()]
		if again && first.Instructions() != f.Instructions() {
			c.fail(fmt.Errorf("app %s built two different entries for one match in table %s", c.app, TableName(f.Table())))
		}
		seen[f.Key()] = f
		return again
	})
}
