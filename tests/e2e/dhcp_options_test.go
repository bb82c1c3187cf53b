package e2e

import (
	"net/http"
	"testing"

	"github.com/planck-sdn/planck/tests/lab"
)

// TestDHCPOptions: real clients are told the port's name, the network's domain and what the port says besides.
func TestDHCPOptions(t *testing.T) {
	c := Start(t, Options{})
	node := c.AddNode("compute1")
	net := c.CreateNetwork("net", Attrs{"dns_domain": "prod.example.org."})
	c.CreateSubnet(net, "10.1.0.0/24", lowAddresses)
	options := []Attrs{
		{"opt_name": "mtu", "opt_value": "1300"},
		{"opt_name": "dns-server", "opt_value": "192.0.2.53,192.0.2.54"},
		{"opt_name": "option:42", "opt_value": "192.0.2.123"},
		{"opt_name": "domain-search", "opt_value": "prod.example.org,example.org"},
		{"opt_name": "bootfile-name", "opt_value": "pxelinux.0"},
		{"opt_name": "tftp-server", "opt_value": "192.0.2.69"},
		{"opt_name": "server-ip-address", "opt_value": "192.0.2.69"},
		{"opt_name": "59", "opt_value": "http://[2001:db8::1]/boot", "ip_version": 6},
	}
	for _, client := range []lab.DHCPClient{lab.Udhcpc, lab.Dhclient} {
		c.Run(string(client), func(t *testing.T) {
			v := c.Plug(node, c.CreatePort(net, string(client), Attrs{"dns_name": "web-" + string(client), "extra_dhcp_opts": options}))
			more := []string{"-O", "ntpsrv", "-O", "search", "-O", "domain"}
			if client == lab.Dhclient {
				more = []string{"also request domain-name, domain-search, ntp-servers;"}
			}
			check := func(hostname string, mtu int, told map[string]string) {
				t.Helper()
				lease, err := v.DHCP(client, more...)
				if err != nil {
					t.Fatal(err)
				}
				if lease.Hostname != hostname || lease.MTU != mtu {
					t.Errorf("lease %+v, expected hostname %s and MTU %d", lease, hostname, mtu)
				}
				for what, want := range told {
					if got, err := v.Told(what); err != nil || got != want {
						t.Errorf("%s is %q, %v; expected %q", what, got, err, want)
					}
				}
			}
			search := "prod.example.org example.org"
			if client == lab.Dhclient {
				search = "prod.example.org. example.org."
			}
			check("web-"+string(client), 1300, map[string]string{
				"domain": "prod.example.org", "search": search, "dns": "192.0.2.53 192.0.2.54", "ntpsrv": "192.0.2.123",
				"boot_file": "pxelinux.0", "siaddr": "192.0.2.69",
			})
			// What is said changes without anything on the switch.
			c.Quiet("names and options", func() {
				c.UpdatePort(v.Port.ID, Attrs{"dns_name": "db", "extra_dhcp_opts": []Attrs{{"opt_name": "mtu", "opt_value": nil}}})
				c.UpdateNetwork(net.ID, Attrs{"dns_domain": "test.example.org."})
			})
			check("db", net.MTU, map[string]string{"domain": "test.example.org", "ntpsrv": "192.0.2.123"})
			c.UpdateNetwork(net.ID, Attrs{"dns_domain": "prod.example.org."})
		})
	}
	for _, bad := range []Attrs{
		{"opt_name": "lease-time", "opt_value": "60"},
		{"opt_name": "no-such-option", "opt_value": "x"},
		{"opt_name": "mtu", "opt_value": "large"},
		{"opt_name": "router", "opt_value": "10.1.0.300"},
	} {
		c.Refused(http.StatusBadRequest, "HTTPBadRequest", http.MethodPost, "/v2.0/ports",
			Attrs{"port": Attrs{"network_id": net.ID, "extra_dhcp_opts": []Attrs{bad}}})
	}
}
