package admin

import (
	"github.com/gin-gonic/gin"
)

// Topology is what hangs on what.
type Topology struct {
	Networks []TopologyNetwork `json:"networks"`
	Routers  []TopologyRouter  `json:"routers"`
	Nodes    []TopologyNode    `json:"nodes"`
}

// TopologyNetwork is a network with its ports, but for those of routers and floating IPs.
type TopologyNetwork struct {
	ID              string         `json:"id"`
	Name            string         `json:"name"`
	ProjectID       string         `json:"project_id"`
	Type            string         `json:"type"` // "vxlan", "vlan", "flat"
	PhysicalNetwork string         `json:"physical_network,omitempty"`
	SegmentationID  uint32         `json:"segmentation_id,omitempty"`
	External        bool           `json:"external"`
	Shared          bool           `json:"shared"`
	Subnets         []string       `json:"subnets"` // CIDRs
	Ports           []TopologyPort `json:"ports"`
}

// TopologyPort is a port and where it is.
type TopologyPort struct {
	ID          string   `json:"id"`
	Name        string   `json:"name"`
	DeviceOwner string   `json:"device_owner"`
	MAC         string   `json:"mac_address"`
	Addresses   []string `json:"addresses"`
	Node        string   `json:"node,omitempty"` // where others reach it; empty: nowhere
}

// TopologyRouter is a router, the networks that it joins, and the floating IPs that go through it.
type TopologyRouter struct {
	ID          string       `json:"id"`
	Name        string       `json:"name"`
	ProjectID   string       `json:"project_id"`
	Interfaces  []TopologyTo `json:"interfaces"`
	Gateway     *TopologyTo  `json:"gateway,omitempty"`
	GatewayNode string       `json:"gateway_node,omitempty"`
	FloatingIPs []FloatingIP `json:"floating_ips"`
}

// TopologyTo is a router's port on a network.
type TopologyTo struct {
	NetworkID string   `json:"network_id"`
	Addresses []string `json:"addresses"`
}

// TopologyNode is a node and what is plugged there.
type TopologyNode struct {
	Name     string            `json:"name"`
	EncapIP  string            `json:"encap_ip,omitempty"`
	Mappings map[string]string `json:"mappings"` // physical network to bridge
	Ports    []string          `json:"ports"`    // UUIDs
}

func (h handlers) topology(c *gin.Context) error {
	t, err := h.controller.Topology(c.Request.Context(), c.Query("project"))
	if err != nil {
		return err
	}
	answer(c, t)
	return nil
}
