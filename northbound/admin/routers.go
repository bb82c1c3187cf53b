package admin

import (
	"time"

	"github.com/gin-gonic/gin"
)

// Router is a router as the data plane sees it. In a list it comes without what it consists of.
type Router struct {
	ID           string         `json:"id"`
	Name         string         `json:"name"`
	ProjectID    string         `json:"project_id"`
	AdminStateUp bool           `json:"admin_state_up"`
	Key          uint32         `json:"key"`               // the tunnel key under which nodes hand packets to its gateway node
	Gateway      *RouterGateway `json:"gateway,omitempty"` // nil: it leads nowhere outside

	Interfaces  []RouterInterface `json:"interfaces,omitempty"`
	Routes      []Route           `json:"routes,omitempty"`
	FloatingIPs []FloatingIP      `json:"floating_ips,omitempty"`
	Neighbours  []Neighbour       `json:"neighbours,omitempty"` // hosts outside that it has found
}

// RouterGateway is a router's way outside.
type RouterGateway struct {
	NetworkID  string   `json:"network_id"`
	PortID     string   `json:"port_id"`
	MAC        string   `json:"mac_address"`
	Addresses  []string `json:"addresses"`
	EnableSNAT bool     `json:"enable_snat"`
	Zone       uint16   `json:"conntrack_zone"`
	Node       string   `json:"node"`       // by which the outside reaches it; empty: no node can
	Generation int64    `json:"generation"` // rises with each move
}

// RouterInterface is a port by which a router is on a network.
type RouterInterface struct {
	PortID       string   `json:"port_id"`
	NetworkID    string   `json:"network_id"`
	MAC          string   `json:"mac_address"`
	Addresses    []string `json:"addresses"` // with the length of their subnet: "10.0.0.1/24"
	AdminStateUp bool     `json:"admin_state_up"`
	Node         string   `json:"node,omitempty"` // that routes there for bare metal; empty: none has to, or none can
}

// Route is a static route.
type Route struct {
	Destination string `json:"destination"`
	NextHop     string `json:"nexthop"`
}

// FloatingIP is an address outside that stands for one inside.
type FloatingIP struct {
	ID      string `json:"id"`
	Address string `json:"floating_ip_address"`
	FixedIP string `json:"fixed_ip_address"`
	PortID  string `json:"port_id"`
	Node    string `json:"node"` // that serves it; empty: none
}

// Neighbour is a host outside.
type Neighbour struct {
	Address string    `json:"ip_address"`
	MAC     string    `json:"mac_address"`
	Since   time.Time `json:"since"` // when it was found, or its MAC address changed
}

func (h handlers) routers(c *gin.Context) error {
	routers, err := h.controller.Routers(c.Request.Context())
	if err != nil {
		return err
	}
	answerList(c, "routers", routers)
	return nil
}

func (h handlers) router(c *gin.Context) error {
	r, err := h.controller.Router(c.Request.Context(), c.Param("id"))
	if err != nil {
		return err
	}
	answer(c, r)
	return nil
}

func (h handlers) moveRouter(c *gin.Context) error {
	node := c.Query("node")
	if node == "" {
		return badRequest("node is the node that shall serve the router.")
	}
	return done(c, h.controller.MoveRouter(c.Request.Context(), c.Param("id"), node))
}
