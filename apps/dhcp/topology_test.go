package dhcp

import (
	"net/netip"
	"testing"
	"time"

	"github.com/planck-sdn/planck/apps/pipeline"
	"github.com/planck-sdn/planck/model"
	"github.com/planck-sdn/planck/model/flow"
	"github.com/planck-sdn/planck/model/topology"
)

// cloud is a network of two subnets with DHCP and one without, its DHCP port, and a port that is plugged on one node.
type cloud struct {
	network *model.Network
	subnets []*model.Subnet
	server  *model.Port
	port    *model.Port
	node    *model.Node
}

const testOfport = 5

func addr(s string) netip.Addr     { return netip.MustParseAddr(s) }
func prefix(s string) netip.Prefix { return netip.MustParsePrefix(s) }

func newCloud() *cloud {
	return &cloud{
		network: &model.Network{Number: 1, ID: "net", AdminStateUp: true, MTU: 1450, NetworkType: model.NetworkVXLAN, SegmentationID: 77, Key: 77},
		subnets: []*model.Subnet{
			{Number: 1, ID: "a", NetworkID: "net", IPVersion: 4, CIDR: prefix("10.0.0.0/24"), GatewayIP: addr("10.0.0.1"), EnableDHCP: true,
				DNSNameservers: []netip.Addr{addr("9.9.9.9"), addr("8.8.4.4")},
				HostRoutes: []model.HostRoute{
					{Destination: prefix("192.168.0.0/20"), NextHop: addr("10.0.0.254")},
					{Destination: prefix("172.16.5.1/32"), NextHop: addr("10.0.0.253")},
				}},
			{Number: 2, ID: "b", NetworkID: "net", IPVersion: 4, CIDR: prefix("10.0.1.0/28"), EnableDHCP: true},
			{Number: 3, ID: "c", NetworkID: "net", IPVersion: 4, CIDR: prefix("10.0.2.0/24"), GatewayIP: addr("10.0.2.1")},
		},
		server: &model.Port{Number: 1, ID: "dhcp", NetworkID: "net", AdminStateUp: true, MAC: model.MAC{0xfa, 0x16, 0x3e, 0, 0, 1},
			DeviceOwner: model.DeviceOwnerDHCP, FixedIPs: []model.FixedIP{{SubnetID: "b", IPAddress: addr("10.0.1.2")}, {SubnetID: "a", IPAddress: addr("10.0.0.2")}}},
		port: &model.Port{Number: 2, ID: "vm", NetworkID: "net", AdminStateUp: true, MAC: model.MAC{0xfa, 0x16, 0x3e, 0, 0, 2}, PortSecurityEnabled: true,
			FixedIPs: []model.FixedIP{{SubnetID: "c", IPAddress: addr("10.0.2.5")}, {SubnetID: "a", IPAddress: addr("10.0.0.5")}, {SubnetID: "b", IPAddress: addr("10.0.1.5")}}},
		node: &model.Node{Number: 1, SystemID: "n1", Hostname: "n1", EncapIP: addr("192.0.2.1"), TunnelPort: 1,
			Interfaces: []model.Interface{{Name: "tap", PortID: "vm", Ofport: testOfport, Sequence: 1}}},
	}
}

func (c *cloud) view() *topology.View {
	objects := []model.Object{c.network, c.port, c.node}
	if c.server != nil {
		objects = append(objects, c.server)
	}
	for _, s := range c.subnets {
		objects = append(objects, s)
	}
	var changes []model.Change
	for _, o := range objects {
		changes = append(changes, model.Change{Ref: o.Ref(), Object: o})
	}
	v, _ := topology.New().Apply(changes)
	return v
}

// ask hands a frame to the app as if the port's entry had sent it up.
func (c *cloud) ask(frame []byte) pipeline.Reply {
	v := c.view()
	return packetIn(pipeline.PacketIn{View: v, Node: v.Node(1), Port: v.Port(2), Now: time.Unix(0, 0),
		PacketIn: flow.PacketIn{InPort: testOfport, Data: frame}})
}

func entries(t *testing.T, r pipeline.Rendered) []flow.Entry {
	t.Helper()
	if r.Err != nil {
		t.Fatal(r.Err)
	}
	var list []flow.Entry
	for _, f := range r.Flows {
		e, err := f.Decode()
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, e)
	}
	return list
}

func render(v *topology.View, kind model.Kind, n model.Number) pipeline.Rendered {
	return pipeline.Render([]*pipeline.App{App}, v, 1, topology.Unit{Ref: model.Ref{Kind: kind, Number: n}})
}
