package dhcp

import (
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/google/gopacket/layers"
	"pgregory.net/rapid"

	"github.com/planck-sdn/planck/model"
	"github.com/planck-sdn/planck/model/dhcpopt"
)

// drawCloud makes a network with up to four subnets, and a port with up to five addresses in them.
func drawCloud(t *rapid.T) *cloud {
	c := newCloud()
	c.network.MTU = rapid.IntRange(576, 9000).Draw(t, "mtu")
	c.subnets, c.port.FixedIPs, c.server.FixedIPs = nil, nil, nil
	host := func(i, n int) netip.Addr { return netip.AddrFrom4([4]byte{10, byte(i), 0, byte(n)}) }
	hosts := rapid.IntRange(1, 254)
	for i := range rapid.IntRange(0, 4).Draw(t, "subnets") {
		s := &model.Subnet{Number: model.Number(i + 1), ID: fmt.Sprint(i), NetworkID: "net", IPVersion: 4,
			CIDR: netip.PrefixFrom(host(i, 0), rapid.IntRange(16, 24).Draw(t, "bits")), EnableDHCP: rapid.Bool().Draw(t, "dhcp")}
		if rapid.Bool().Draw(t, "has a gateway") {
			s.GatewayIP = host(i, hosts.Draw(t, "gateway"))
		}
		for range rapid.IntRange(0, 4).Draw(t, "nameservers") {
			s.DNSNameservers = append(s.DNSNameservers, host(99, hosts.Draw(t, "nameserver")))
		}
		for range rapid.IntRange(0, 12).Draw(t, "routes") {
			p := netip.PrefixFrom(netip.AddrFrom4([4]byte{172, 16, 0, 0}), rapid.IntRange(12, 16).Draw(t, "route's bits")).Masked()
			s.HostRoutes = append(s.HostRoutes, model.HostRoute{Destination: p, NextHop: host(i, hosts.Draw(t, "next hop"))})
		}
		c.subnets = append(c.subnets, s)
		if rapid.IntRange(0, 9).Draw(t, "served") > 0 {
			c.server.FixedIPs = append(c.server.FixedIPs, model.FixedIP{SubnetID: s.ID, IPAddress: host(i, 255)})
		}
		for range rapid.IntRange(0, 2).Draw(t, "addresses") {
			c.port.FixedIPs = append(c.port.FixedIPs, model.FixedIP{SubnetID: s.ID, IPAddress: host(i, hosts.Draw(t, "address"))})
		}
	}
	return c
}

func drawMessage(t *rapid.T, c *cloud) message {
	kinds := []layers.DHCPMsgType{discover, ask, layers.DHCPMsgTypeInform, layers.DHCPMsgTypeDecline, layers.DHCPMsgTypeRelease}
	addresses := []string{"10.0.0.77", "192.168.7.7"}
	for _, f := range slices.Concat(c.port.FixedIPs, c.server.FixedIPs) {
		addresses = append(addresses, f.IPAddress.String())
	}
	any := rapid.SampledFrom(addresses)
	m := message{kind: rapid.SampledFrom(kinds).Draw(t, "kind"), flags: rapid.SampledFrom([]uint16{0, flagBroadcast}).Draw(t, "flags")}
	if rapid.Bool().Draw(t, "has ciaddr") {
		m.ciaddr = any.Draw(t, "ciaddr")
	}
	if rapid.Bool().Draw(t, "unicast") {
		m.to = any.Draw(t, "to")
	}
	if rapid.Bool().Draw(t, "has requested") {
		m.options = append(m.options, requested(any.Draw(t, "requested")))
	}
	if rapid.Bool().Draw(t, "has server id") {
		m.options = append(m.options, serverID(any.Draw(t, "server id")))
	}
	if wanted := rapid.SliceOfN(rapid.Byte(), 0, 30).Draw(t, "wanted"); len(wanted) > 0 {
		m.options = append(m.options, wants(wanted...))
	}
	return m
}

// Whatever a client asks, an answer holds data of the port and of the one subnet that its address is of, and nothing else.
func TestAnswerHoldsExactlyThePortsData(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		c := drawCloud(rt)
		m := drawMessage(rt, c)
		h, observed := c.answerOf(t, m)
		if h == nil {
			return
		}
		server, _ := netip.AddrFromSlice(h.ip.SrcIP)
		var subnet *model.Subnet
		for _, f := range c.server.FixedIPs {
			if f.IPAddress == server {
				subnet = c.subnets[slices.IndexFunc(c.subnets, func(s *model.Subnet) bool { return s.ID == f.SubnetID })]
			}
		}
		if subnet == nil || !subnet.EnableDHCP || h.addrs(layers.DHCPOptServerID) != server.String() {
			rt.Fatalf("answered by %s, server identifier %s", server, h.addrs(layers.DHCPOptServerID))
		}
		if h.kind() == nak {
			if len(h.order) != 3 || !h.msg.YourClientIP.IsUnspecified() {
				rt.Fatalf("NAK with yiaddr %s and options %d", h.msg.YourClientIP, h.order)
			}
			return
		}
		yours, _ := netip.AddrFromSlice(h.msg.YourClientIP)
		if inform := m.kind == layers.DHCPMsgTypeInform; inform != yours.IsUnspecified() ||
			!inform && !slices.Contains(c.port.FixedIPs, model.FixedIP{SubnetID: subnet.ID, IPAddress: yours}) {
			rt.Fatalf("%s: yiaddr %s", m.kind, yours)
		}
		want := map[layers.DHCPOpt]string{layers.DHCPOptRouter: "", layers.DHCPOptClasslessStaticRoute: ""}
		if subnet.GatewayIP.IsValid() {
			want[layers.DHCPOptRouter] = subnet.GatewayIP.String()
		}
		var dns, routes []string
		for _, a := range subnet.DNSNameservers {
			dns = append(dns, a.String())
		}
		for _, r := range subnet.HostRoutes {
			routes = append(routes, fmt.Sprintf("%s via %s", r.Destination, r.NextHop))
		}
		if len(routes) > 0 && subnet.GatewayIP.IsValid() {
			routes = append(routes, "0.0.0.0/0 via "+subnet.GatewayIP.String())
		}
		want[layers.DHCPOptDNS] = strings.Join(dns, " ")
		want[layers.DHCPOptSubnetMask] = net.IP(net.CIDRMask(subnet.CIDR.Bits(), 32)).String()
		for code, w := range want {
			got := h.addrs(code)
			if code == layers.DHCPOptClasslessStaticRoute {
				got, w = h.routes(code)+h.routes(dhcpopt.MicrosoftRoutes), strings.Join(routes, ", ")
			}
			if got != w {
				rt.Fatalf("option %d: %q, want %q (%s)", code, got, w, observed)
			}
		}
		if mtu := h.options[layers.DHCPOptInterfaceMTU]; len(mtu) != 2 || int(mtu[0])<<8|int(mtu[1]) != c.network.MTU {
			rt.Fatalf("MTU %v of %d", mtu, c.network.MTU)
		}
	})
}
