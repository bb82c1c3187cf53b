package dhcp

import (
	"slices"
	"testing"

	"github.com/planck-sdn/planck/apps/pipeline"
	"github.com/planck-sdn/planck/model"
	"github.com/planck-sdn/planck/model/flow"
)

func formatted(t *testing.T, r pipeline.Rendered) []string {
	t.Helper()
	var lines []string
	for _, e := range entries(t, r) {
		e.Flags = 0 // the pipeline's, the same for every app
		lines = append(lines, flow.Format(e, pipeline.Names))
	}
	for _, m := range r.Meters {
		lines = append(lines, flow.FormatMeter(m))
	}
	return lines
}

func TestNodeSendsTheRestOn(t *testing.T) {
	want := []string{"cookie=0x66212c1000000001, table=service, priority=0 actions=goto_table:answer"}
	if got := formatted(t, render(newCloud().view(), model.KindNode, 1)); !slices.Equal(got, want) {
		t.Errorf("got %q\nwant %q", got, want)
	}
}

func TestPort(t *testing.T) {
	const (
		toAll = "cookie=0x66212d4000000002, table=service, priority=50,udp,metadata=0x5/0xffff,nw_dst=255.255.255.255,tp_src=68,tp_dst=67 actions=meter:65541,CONTROLLER:65535"
		toA   = "cookie=0x66212e4000000002, table=service, priority=50,udp,metadata=0x5/0xffff,nw_dst=10.0.0.2,tp_src=68,tp_dst=67 actions=meter:65541,CONTROLLER:65535"
		toB   = "cookie=0x66212e4000000002, table=service, priority=50,udp,metadata=0x5/0xffff,nw_dst=10.0.1.2,tp_src=68,tp_dst=67 actions=meter:65541,CONTROLLER:65535"
		meter = "meter=65541 pktps burst bands=type=drop rate=5 burst_size=20"
	)
	for name, c := range map[string]struct {
		change func(*cloud)
		want   []string
	}{
		"both subnets with DHCP": {func(*cloud) {}, []string{toAll, toA, toB, meter}},
		"port security off":      {func(c *cloud) { c.port.PortSecurityEnabled = false }, []string{toAll, toA, toB, meter}},
		"two addresses of one subnet": {func(c *cloud) {
			c.port.FixedIPs = []model.FixedIP{{SubnetID: "a", IPAddress: addr("10.0.0.5")}, {SubnetID: "a", IPAddress: addr("10.0.0.6")}}
		}, []string{toAll, toA, meter}},
		"one subnet without DHCP":     {func(c *cloud) { c.subnets[0].EnableDHCP = false }, []string{toAll, toB, meter}},
		"no subnet with DHCP":         {func(c *cloud) { c.subnets[0].EnableDHCP, c.subnets[1].EnableDHCP = false, false }, nil},
		"no DHCP port":                {func(c *cloud) { c.server = nil }, nil},
		"DHCP port in one subnet yet": {func(c *cloud) { c.server.FixedIPs = c.server.FixedIPs[:1] }, []string{toAll, toB, meter}},
		"port down":                   {func(c *cloud) { c.port.AdminStateUp = false }, nil},
		"bound to another node":       {func(c *cloud) { c.port.HostID = "n2" }, nil},
	} {
		t.Run(name, func(t *testing.T) {
			cloud := newCloud()
			c.change(cloud)
			got := formatted(t, render(cloud.view(), model.KindPort, 2))
			if !slices.Equal(got, c.want) {
				t.Errorf("got %q\nwant %q", got, c.want)
			}
		})
	}
}
