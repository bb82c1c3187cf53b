package dhcp

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/gopacket/layers"

	"github.com/planck-sdn/planck/model"
	"github.com/planck-sdn/planck/model/dhcpopt"
)

// extra makes a port's options of name=value; those of IPv6 have a 6 before them.
func extra(t testing.TB, texts ...string) []model.DHCPOption {
	t.Helper()
	var list []model.DHCPOption
	for _, text := range texts {
		version := 4
		if rest, ok := strings.CutPrefix(text, "6 "); ok {
			text, version = rest, 6
		}
		name, value, _ := strings.Cut(text, "=")
		list = append(list, model.DHCPOption{Name: name, Value: value, IPVersion: version})
	}
	p := model.Port{VNICType: model.VNICTypeNormal, ExtraDHCPOpts: list}
	if err := p.Validate(); err != nil {
		t.Fatal(err) // it would not be stored
	}
	return list
}

// TestExtraOptions has each kind of option, in place of what would be said or besides.
func TestExtraOptions(t *testing.T) {
	without := []byte(nil)
	for name, c := range map[string]struct {
		options []string
		code    layers.DHCPOpt
		want    []byte
	}{
		"addresses":              {[]string{"ntp-server=192.0.2.1,192.0.2.2"}, 42, []byte{192, 0, 2, 1, 192, 0, 2, 2}},
		"by number":              {[]string{"42=192.0.2.1"}, 42, []byte{192, 0, 2, 1}},
		"16 bits, overriding":    {[]string{"mtu=1300"}, layers.DHCPOptInterfaceMTU, []byte{5, 20}},
		"router, overriding":     {[]string{"option:router=10.0.0.99"}, layers.DHCPOptRouter, []byte{10, 0, 0, 99}},
		"no router":              {[]string{"router="}, layers.DHCPOptRouter, without},
		"DNS, overriding":        {[]string{"dns-server=1.1.1.1"}, layers.DHCPOptDNS, []byte{1, 1, 1, 1}},
		"domain, overriding":     {[]string{"domain-name=example.org"}, layers.DHCPOptDomainName, []byte("example.org")},
		"hostname, overriding":   {[]string{"12=other"}, layers.DHCPOptHostname, []byte("other")},
		"broadcast, overriding":  {[]string{"28=10.0.0.254"}, layers.DHCPOptBroadcastAddr, []byte{10, 0, 0, 254}},
		"search list":            {[]string{"domain-search=a.b,c.b"}, 119, []byte("\x01a\x01b\x00\x01c\xc0\x02")},
		"routes, overriding":     {[]string{"classless-static-route=10.9.0.0/16,10.0.0.3"}, 121, []byte{16, 10, 9, 10, 0, 0, 3}},
		"no routes":              {[]string{"classless-static-route="}, 121, without},
		"8 bits":                 {[]string{"default-ttl=9"}, 23, []byte{9}},
		"32 bits":                {[]string{"arp-timeout=9"}, 35, []byte{0, 0, 0, 9}},
		"flag":                   {[]string{"ip-forward-enable=0"}, 19, []byte{0}},
		"vendor class":           {[]string{"vendor-class=PXEClient"}, 60, []byte("PXEClient")},
		"octets":                 {[]string{"43=06:01:08"}, 43, []byte{6, 1, 8}},
		"boot file":              {[]string{"bootfile-name=pxelinux.0"}, 67, []byte("pxelinux.0")},
		"TFTP server's name":     {[]string{"tftp-server=10.0.0.9"}, 66, []byte("10.0.0.9")},
		"TFTP server's address":  {[]string{"150=10.0.0.9"}, 150, []byte{10, 0, 0, 9}},
		"the last of two":        {[]string{"67=a", "bootfile-name=b"}, 67, []byte("b")},
		"not for IPv6":           {[]string{"6 bootfile-name=b"}, 67, without},
		"not iPXE":               {[]string{"tag:!ipxe,67=rom", "tag:ipxe,67=script"}, 67, []byte("rom")},
		"the client is not told": {[]string{"client-id=name"}, layers.DHCPOptClientID, without},
		"siaddr is no option":    {[]string{"server-ip-address=10.0.0.9"}, 255, without},
	} {
		t.Run(name, func(t *testing.T) {
			cloud := newCloud()
			cloud.port.ExtraDHCPOpts = extra(t, c.options...)
			for _, m := range []message{
				{kind: discover}, {kind: ask, options: options(requested("10.0.0.5"))}, {kind: layers.DHCPMsgTypeInform, ciaddr: "10.0.0.5"},
			} {
				h, observed := cloud.answerOf(t, m)
				if got := h.options[c.code]; !slices.Equal(got, c.want) {
					t.Errorf("%s: option %d is %q, want %q", observed, c.code, got, c.want)
				}
				if n := len(slices.Compact(slices.Sorted(slices.Values(h.order)))); n != len(h.order) {
					t.Errorf("%s: an option twice in %d", observed, h.order)
				}
			}
			h, _ := cloud.answerOf(t, message{kind: ask, options: options(requested("10.0.0.6"))})
			if len(h.order) != 3 || h.kind() != nak || field(h.msg.File) != "" {
				t.Errorf("a refusal says %d, file %q", h.order, h.msg.File)
			}
		})
	}
}

// The client's order holds for the port's own options too.
func TestExtraOptionsInTheClientsOrder(t *testing.T) {
	c := newCloud()
	c.port.ExtraDHCPOpts = extra(t, "ntp-server=192.0.2.1", "67=x", "mtu=1300")
	h, _ := c.answerOf(t, message{kind: discover, options: options(wants(67, 26, 3))})
	i := slices.Index(h.order, layers.DHCPOptSubnetMask)
	if want := []layers.DHCPOpt{1, 67, 26, 3}; !slices.Equal(h.order[i:i+4], want) {
		t.Errorf("order %d", h.order)
	}
	if slices.Index(h.order, 42) < slices.Index(h.order, layers.DHCPOptDNS) {
		t.Errorf("what was not asked for is missing, or before what the subnet says: %d", h.order)
	}
}

func TestMicrosoftRoutesFollowTheOverride(t *testing.T) {
	c := newCloud()
	c.port.ExtraDHCPOpts = extra(t, "121=10.9.0.0/16,10.0.0.3")
	h, _ := c.answerOf(t, message{kind: discover, options: options(wants(dhcpopt.MicrosoftRoutes))})
	if got, old := h.routes(dhcpopt.MicrosoftRoutes), h.options[121]; got != "10.9.0.0/16 via 10.0.0.3" || old != nil {
		t.Errorf("option 249 %s, 121 %v", got, old)
	}
}

// TestBoot: firmware finds the way in the header, iPXE gets another file than the ROM.
func TestBoot(t *testing.T) {
	c := newCloud()
	c.port.ExtraDHCPOpts = extra(t, "tag:!ipxe,67=undionly.kpxe", "tag:ipxe,67=http://10.0.0.9/boot.ipxe", "server-ip-address=10.0.0.9", "tftp-server=tftp.example.org")
	ipxe := opt(dhcpopt.IPXEEncapsulated, 1, 1, 1)
	for file, sent := range map[string]layers.DHCPOptions{"undionly.kpxe": nil, "http://10.0.0.9/boot.ipxe": {ipxe}} {
		h, _ := c.answerOf(t, message{kind: discover, options: sent})
		got := fmt.Sprintf("%s %s %s %s", field(h.msg.File), h.options[67], h.msg.NextServerIP, field(h.msg.ServerName))
		if want := fmt.Sprintf("%s %s 10.0.0.9 tftp.example.org", file, file); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
	long := strings.Repeat("x", 128)
	c.port.ExtraDHCPOpts = extra(t, "67="+long, "66="+long[:64])
	if h, _ := c.answerOf(t, message{kind: discover}); field(h.msg.File)+field(h.msg.ServerName) != "" || string(h.options[67]) != long {
		t.Errorf("cut off: file %q, sname %q, option %q", h.msg.File, h.msg.ServerName, h.options[67])
	}
	c.port.ExtraDHCPOpts = extra(t, "67="+long[:127], "66="+long[:63])
	if h, _ := c.answerOf(t, message{kind: discover}); field(h.msg.File) != long[:127] || field(h.msg.ServerName) != long[:63] {
		t.Errorf("file %q, sname %q", h.msg.File, h.msg.ServerName)
	}
}

func TestNames(t *testing.T) {
	for name, c := range map[string]struct{ dnsName, dnsDomain, host, domain string }{
		"none":              {"", "", "host-10-0-0-5", "openstacklocal"},
		"the port's":        {"web", "", "web", "openstacklocal"},
		"the network's":     {"", "example.org.", "host-10-0-0-5", "example.org"},
		"both":              {"web", "example.org.", "web", "example.org"},
		"several labels":    {"web.prod", "example.org.", "web.prod", "example.org"},
		"complete":          {"web.example.net.", "example.org.", "web", "example.net"},
		"complete, top too": {"web.", "example.org.", "web", ""},
	} {
		t.Run(name, func(t *testing.T) {
			cloud := newCloud()
			cloud.port.DNSName, cloud.network.DNSDomain = c.dnsName, c.dnsDomain
			h, _ := cloud.answerOf(t, message{kind: discover})
			if host, domain := string(h.options[layers.DHCPOptHostname]), string(h.options[layers.DHCPOptDomainName]); host != c.host || domain != c.domain {
				t.Errorf("%q in %q, want %q in %q", host, domain, c.host, c.domain)
			}
		})
	}
}

// What has no room is left out and told, and what a lease cannot do without is there.
func TestTooManyExtraOptions(t *testing.T) {
	c := newCloud()
	long := strings.Repeat("x", 200)
	c.port.ExtraDHCPOpts = extra(t, "67="+long, "17="+long)
	h, observed := c.answerOf(t, message{kind: discover})
	if len(h.options[67])+len(h.options[17]) > 200 || h.addrs(layers.DHCPOptRouter) != "10.0.0.1" || !strings.Contains(observed, "no room for options") {
		t.Errorf("%q, options %d", observed, h.order)
	}
	if n := len(h.udp.Payload); n > 576-28 {
		t.Errorf("%d bytes", n)
	}
	h, observed = c.answerOf(t, message{kind: discover, options: options(opt(layers.DHCPOptMaxMessageSize, 5, 0xdc))})
	if len(h.options[67])+len(h.options[17]) != 400 || strings.Contains(observed, "no room") {
		t.Errorf("%q, options %d", observed, h.order)
	}
}
