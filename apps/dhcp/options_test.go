package dhcp

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"

	"github.com/google/gopacket/layers"

	"github.com/planck-sdn/planck/model"
	"github.com/planck-sdn/planck/model/dhcpopt"
)

func wants(codes ...byte) layers.DHCPOption { return opt(layers.DHCPOptParamsRequest, codes...) }

func TestOptions(t *testing.T) {
	h, _ := newCloud().answerOf(t, message{kind: discover})
	for what, got := range map[string][2]string{
		"server":    {h.addrs(layers.DHCPOptServerID), "10.0.0.2"},
		"netmask":   {h.addrs(layers.DHCPOptSubnetMask), "255.255.255.0"},
		"broadcast": {h.addrs(layers.DHCPOptBroadcastAddr), "10.0.0.255"},
		"router":    {h.addrs(layers.DHCPOptRouter), "10.0.0.1"},
		"DNS":       {h.addrs(layers.DHCPOptDNS), "9.9.9.9 8.8.4.4"},
		"routes":    {h.routes(layers.DHCPOptClasslessStaticRoute), "192.168.0.0/20 via 10.0.0.254, 172.16.5.1/32 via 10.0.0.253, 0.0.0.0/0 via 10.0.0.1"},
		"MTU":       {fmt.Sprint(h.options[layers.DHCPOptInterfaceMTU]), "[5 170]"},
		"hostname":  {string(h.options[layers.DHCPOptHostname]), "host-10-0-0-5"},
		"domain":    {string(h.options[layers.DHCPOptDomainName]), "openstacklocal"},
		"times":     {fmt.Sprint(h.seconds(layers.DHCPOptLeaseTime), h.seconds(layers.DHCPOptT1), h.seconds(layers.DHCPOptT2)), "86400 43200 75600"},
		"order": {fmt.Sprint(h.order[:4]), fmt.Sprint([]layers.DHCPOpt{
			layers.DHCPOptMessageType, layers.DHCPOptServerID, layers.DHCPOptLeaseTime, layers.DHCPOptSubnetMask})},
		"number of options": {fmt.Sprint(len(h.order)), "13"},
	} {
		if got[0] != got[1] {
			t.Errorf("%s: %s, want %s", what, got[0], got[1])
		}
	}
}

func TestOptionsOfABareSubnet(t *testing.T) {
	c := newCloud()
	c.network.MTU = 0
	h, _ := c.answerOf(t, message{kind: discover, options: options(requested("10.0.1.5"))})
	if got := h.addrs(layers.DHCPOptSubnetMask); got != "255.255.255.240" {
		t.Errorf("netmask %s", got)
	}
	for _, code := range []layers.DHCPOpt{layers.DHCPOptRouter, layers.DHCPOptDNS, layers.DHCPOptClasslessStaticRoute, layers.DHCPOptInterfaceMTU} {
		if v, ok := h.options[code]; ok {
			t.Errorf("option %d is %v", code, v)
		}
	}
}

func TestRoutes(t *testing.T) {
	const r121, r249 = byte(layers.DHCPOptClasslessStaticRoute), byte(dhcpopt.MicrosoftRoutes)
	def := model.HostRoute{Destination: prefix("0.0.0.0/0"), NextHop: addr("10.0.0.9")}
	ten := model.HostRoute{Destination: prefix("10.0.0.0/7"), NextHop: addr("10.0.0.8")}
	for name, c := range map[string]struct {
		gateway netip.Addr
		routes  []model.HostRoute
		wanted  []byte
		router  string
		r121    string
		r249    string
	}{
		"gateway only":                 {addr("10.0.0.1"), nil, nil, "10.0.0.1", "", ""},
		"no gateway":                   {netip.Addr{}, []model.HostRoute{ten}, nil, "", "10.0.0.0/7 via 10.0.0.8", ""},
		"default by host route":        {netip.Addr{}, []model.HostRoute{def, ten}, nil, "10.0.0.9", "10.0.0.0/7 via 10.0.0.8, 0.0.0.0/0 via 10.0.0.9", ""},
		"gateway before a host route":  {addr("10.0.0.1"), []model.HostRoute{def, ten}, nil, "10.0.0.1", "10.0.0.0/7 via 10.0.0.8, 0.0.0.0/0 via 10.0.0.1", ""},
		"old Windows":                  {addr("10.0.0.1"), []model.HostRoute{ten}, []byte{r249}, "10.0.0.1", "", "10.0.0.0/7 via 10.0.0.8, 0.0.0.0/0 via 10.0.0.1"},
		"Windows":                      {addr("10.0.0.1"), []model.HostRoute{ten}, []byte{r249, r121}, "10.0.0.1", "10.0.0.0/7 via 10.0.0.8, 0.0.0.0/0 via 10.0.0.1", ""},
		"host bits do not reach a VM":  {netip.Addr{}, []model.HostRoute{{Destination: prefix("10.1.2.3/20"), NextHop: addr("10.0.0.8")}}, nil, "", "10.1.0.0/20 via 10.0.0.8", ""},
		"other version of IP left out": {netip.Addr{}, []model.HostRoute{{Destination: prefix("2001:db8::/32"), NextHop: addr("fe80::1")}}, nil, "", "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			cloud := newCloud()
			cloud.subnets[0].GatewayIP, cloud.subnets[0].HostRoutes = c.gateway, c.routes
			m := message{kind: discover}
			if c.wanted != nil {
				m.options = options(wants(c.wanted...))
			}
			h, _ := cloud.answerOf(t, m)
			if got := h.addrs(layers.DHCPOptRouter); got != c.router {
				t.Errorf("router %q, want %q", got, c.router)
			}
			if got := h.routes(layers.DHCPOptClasslessStaticRoute); got != c.r121 {
				t.Errorf("option 121 %q, want %q", got, c.r121)
			}
			if got := h.routes(dhcpopt.MicrosoftRoutes); got != c.r249 {
				t.Errorf("option 249 %q, want %q", got, c.r249)
			}
		})
	}
}

func TestNameservers(t *testing.T) {
	c := newCloud()
	c.subnets[0].DNSNameservers = []netip.Addr{addr("0.0.0.0")}
	h, _ := c.answerOf(t, message{kind: discover})
	if got, ok := h.options[layers.DHCPOptDNS]; ok {
		t.Errorf("0.0.0.0 became %v", got)
	}
}

// The client's order holds, but for the netmask, which goes before the router.
func TestOrder(t *testing.T) {
	h, _ := newCloud().answerOf(t, message{kind: discover, options: options(wants(15, 3, 26, 77, 3, 1, 12, 53))})
	i := slices.Index(h.order, layers.DHCPOptSubnetMask)
	want := []layers.DHCPOpt{layers.DHCPOptSubnetMask, 15, 3, 26, 12}
	if i < 0 || len(h.order) < i+len(want) || !slices.Equal(h.order[i:i+len(want)], want) {
		t.Errorf("order %d", h.order)
	}
}

func TestClientID(t *testing.T) {
	id := []byte{255, 1, 2, 3, 4}
	for _, m := range []message{
		{kind: discover},
		{kind: ask, options: options(requested("10.0.0.5"))},
		{kind: ask, options: options(requested("10.0.0.6"))},
	} {
		m.options = append(m.options, opt(layers.DHCPOptClientID, id...))
		if h, _ := newCloud().answerOf(t, m); !slices.Equal(h.options[layers.DHCPOptClientID], id) {
			t.Errorf("%s: client identifier %v", h.kind(), h.options[layers.DHCPOptClientID])
		}
	}
}

func TestSize(t *testing.T) {
	const largest = 576 - 28
	routes := make([]model.HostRoute, 34)
	for i := range routes {
		routes[i] = model.HostRoute{Destination: netip.PrefixFrom(netip.AddrFrom4([4]byte{172, 16, 0, byte(i)}), 32), NextHop: addr("10.0.0.254")}
	}
	for name, c := range map[string]struct {
		routes, mtu, size int
		complete          bool
		observed          string
	}{
		"usual":                          {2, 1450, 0, true, "DISCOVER: offered 10.0.0.5"},
		"too many routes":                {34, 1450, 0, false, "DISCOVER: offered 10.0.0.5; no room for options [121]"},
		"the client takes more":          {34, 1450, 1400, true, "DISCOVER: offered 10.0.0.5"},
		"the client says less than 576":  {2, 1450, 300, true, "DISCOVER: offered 10.0.0.5"},
		"the client takes, the link not": {34, 600, 1400, false, "DISCOVER: offered 10.0.0.5; no room for options [121]"},
	} {
		t.Run(name, func(t *testing.T) {
			cloud := newCloud()
			cloud.network.MTU = c.mtu
			cloud.subnets[0].HostRoutes = routes[:c.routes]
			m := message{kind: discover}
			limit := largest
			if c.size > 0 {
				m.options = options(opt(layers.DHCPOptMaxMessageSize, byte(c.size>>8), byte(c.size)))
				limit = max(limit, min(c.size, c.mtu)-28)
			}
			h, observed := cloud.answerOf(t, m)
			if observed != c.observed {
				t.Errorf("observed %q", observed)
			}
			if n := len(h.udp.Payload); n > limit {
				t.Errorf("%d bytes, more than %d", n, limit)
			}
			if got := len(h.options[layers.DHCPOptClasslessStaticRoute]); (got == 9*c.routes+5) != c.complete && c.routes > 2 {
				t.Errorf("routes of %d bytes", got)
			}
			if h.addrs(layers.DHCPOptSubnetMask) == "" || h.seconds(layers.DHCPOptT2) == 0 {
				t.Errorf("something small was left out: %d", h.order)
			}
		})
	}
}
