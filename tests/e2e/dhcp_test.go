package e2e

import (
	"fmt"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/gopacket/layers"

	"github.com/planck-sdn/planck/tests/lab"
)

// lowAddresses leaves the upper part of a /24 to the tests.
var lowAddresses = Attrs{"allocation_pools": []Attrs{{"start": "10.1.0.10", "end": "10.1.0.60"}}}

// DHCPServer is the port in whose name DHCP is answered on a network.
func (c *Cloud) DHCPServer(n Network) Port {
	c.t.Helper()
	ports := c.Ports("device_owner=network:dhcp&network_id=" + n.ID)
	if len(ports) != 1 {
		c.t.Fatalf("network %s has %d DHCP ports", n.Name, len(ports))
	}
	return ports[0]
}

// TestDHCPLease: both clients get exactly what port, subnet and network say, and get it again when they renew.
func TestDHCPLease(t *testing.T) {
	t.Parallel()
	addresses := func(list ...string) (all []netip.Addr) {
		for _, a := range list {
			all = append(all, netip.MustParseAddr(a))
		}
		return all
	}
	route := func(to, via string) lab.Route {
		return lab.Route{Destination: netip.MustParsePrefix(to), NextHop: netip.MustParseAddr(via)}
	}
	dns := []string{"192.0.2.53", "192.0.2.54"}
	hostRoutes := []Attrs{{"destination": "198.51.100.0/24", "nexthop": "10.1.0.7"}, {"destination": "203.0.113.128/25", "nexthop": "10.1.0.8"}}
	routes := []lab.Route{route("198.51.100.0/24", "10.1.0.7"), route("203.0.113.128/25", "10.1.0.8")}
	subnets := []struct {
		name       string
		cidr       string
		attributes Attrs
		lease      lab.Lease // but for what is the port's own
	}{
		{"bare", "10.1.0.0/24", nil, lab.Lease{Routers: addresses("10.1.0.1")}},
		{"no gateway", "10.1.0.0/20", Attrs{"gateway_ip": nil}, lab.Lease{}},
		{"all", "10.1.0.0/22", Attrs{"gateway_ip": "10.1.3.254", "dns_nameservers": dns, "host_routes": hostRoutes}, lab.Lease{
			Routers: addresses("10.1.3.254"), DNS: addresses(dns...), Routes: append(routes[:2:2], route("0.0.0.0/0", "10.1.3.254"))}},
		{"routes but no gateway", "10.1.0.0/24", Attrs{"gateway_ip": nil, "dns_nameservers": dns, "host_routes": hostRoutes}, lab.Lease{
			DNS: addresses(dns...), Routes: routes}},
	}
	for _, database := range Databases {
		t.Run(string(database), func(t *testing.T) {
			c := Start(t, Options{Database: database})
			node := c.AddNode("compute1")
			for _, s := range subnets {
				net := c.CreateNetwork(s.name, nil)
				subnet := c.CreateSubnet(net, s.cidr, s.attributes)
				server := c.DHCPServer(net)
				for i, client := range []lab.DHCPClient{lab.Udhcpc, lab.Dhclient} {
					c.Run(fmt.Sprintf("%s, %s", s.name, client), func(t *testing.T) {
						ip := fmt.Sprintf("10.1.0.%d", 77+i)
						v := c.Plug(node, c.CreatePort(net, string(client), Attrs{"fixed_ips": []Attrs{{"subnet_id": subnet.ID, "ip_address": ip}}}))
						var options []string
						if client == lab.Dhclient {
							options = []string{"supersede dhcp-renewal-time 2;"} // it cannot be told to renew
						}
						want := s.lease
						want.IP = netip.PrefixFrom(netip.MustParseAddr(ip), netip.MustParsePrefix(s.cidr).Bits())
						want.MTU = net.MTU
						want.Server = netip.MustParseAddr(server.IP())
						want.LeaseTime = 24 * time.Hour
						want.Hostname = "host-" + strings.ReplaceAll(ip, ".", "-")
						check := func(what string, got lab.Lease, err error) {
							t.Helper()
							if err != nil {
								t.Fatalf("%s: %v", what, err)
							}
							if got.Event = ""; !reflect.DeepEqual(got, want) {
								t.Errorf("%s: lease\n\t%+v\nexpected\n\t%+v", what, got, want)
							}
						}
						lease, err := v.DHCP(client, options...)
						check("first", lease, err)

						renewal := v.Capture("outbound and udp dst port 67 and dst host " + server.IP() + " and ether dst " + server.MAC)
						lease, err = v.Renew(15 * time.Second)
						check("renewed", lease, err)
						if err := renewal.Seen(1); err != nil {
							t.Errorf("it was not renewed by unicast: %v", err)
						}
					})
				}
			}
		})
	}
}

// discover is a client's first message; id tells it from others.
func discover(mac, client string, id uint32) Frame {
	f := UDP(fmt.Sprintf("DISCOVER %d", id), mac, Broadcast, "0.0.0.0", "255.255.255.255", 68, 67)
	message := &layers.DHCPv4{Operation: layers.DHCPOpRequest, HardwareType: layers.LinkTypeEthernet, HardwareLen: 6, Xid: id,
		ClientHWAddr: hw(client), Options: layers.DHCPOptions{layers.NewDHCPOption(layers.DHCPOptMessageType, []byte{byte(layers.DHCPMsgTypeDiscover)})}}
	last := len(f.layers) - 1
	return Frame{f.Name, append(f.layers[:last:last], message, f.layers[last])}
}

// answered lists the ids of the answers that a capture has seen.
func answered(t *testing.T, c *lab.Capture) []uint32 {
	t.Helper()
	frames, err := c.Frames()
	if err != nil {
		t.Fatal(err)
	}
	var ids []uint32
	for _, f := range frames {
		if m, ok := f.Layer(layers.LayerTypeDHCPv4).(*layers.DHCPv4); ok && m.Operation == layers.DHCPOpReply {
			ids = append(ids, m.Xid)
		}
	}
	return ids
}

// TestDHCPService: who is answered, and who is not.
func TestDHCPService(t *testing.T) {
	c := Start(t, Options{})
	node := c.AddNode("compute1")
	net := c.CreateNetwork("net", nil)
	subnet := c.CreateSubnet(net, "10.1.0.0/24", lowAddresses)
	a := c.Boot(node, c.CreatePort(net, "a", nil))
	open := c.Boot(node, c.CreatePort(net, "open", Attrs{"port_security_enabled": false}))
	a.MustReach(open.IP)
	const answers = "inbound and udp dst port 68"

	c.Run("only the port's own client is answered", func(t *testing.T) {
		for _, v := range []*VM{a, open} {
			seen := v.Capture(answers)
			v.SendFrames(
				discover(v.MAC, "02:00:00:00:00:99", 1),
				discover("02:00:00:00:00:99", "02:00:00:00:00:99", 2),
				discover("02:00:00:00:00:99", v.MAC, 3),
				discover(v.MAC, c.DHCPServer(net).MAC, 4),
				discover(v.MAC, v.MAC, 5),
			)
			want := "[5]" // requests of one VM are answered in their order
			if v == open {
				want = "[3 5]" // it may send from any MAC, and the client is its own
			}
			lab.Eventually(t, limit, v.Name+" is answered", func() error {
				if ids := answered(t, seen); len(ids) == 0 || ids[len(ids)-1] != 5 {
					return fmt.Errorf("answers to %v", ids)
				}
				return nil
			})
			if ids := fmt.Sprint(answered(t, seen)); ids != want {
				t.Errorf("%s got answers to %v, expected %s", v.Name, ids, want)
			}
		}
	})

	c.Run("a subnet without DHCP", func(t *testing.T) {
		c.UpdateSubnet(subnet.ID, Attrs{"enable_dhcp": false})
		c.WaitConverged()
		seen, others := a.Capture(answers), open.Watch("")
		a.SendFrames(discover(a.MAC, a.MAC, 6))
		a.Settle(others)
		others.Got("DISCOVER 6") // a VM may serve DHCP there, to those that believe it
		c.UpdateSubnet(subnet.ID, Attrs{"enable_dhcp": true})
		c.WaitConverged()
		a.SendFrames(discover(a.MAC, a.MAC, 7))
		lab.Eventually(t, limit, "DHCP is answered again", func() error { return seen.Seen(1) })
		if ids := answered(t, seen); len(ids) != 1 || ids[0] != 7 {
			t.Errorf("answers to %v, expected one to 7", ids)
		}
		a.Settle(others)
		others.Got() // the request is for the controller only
	})

	c.Run("another address", func(t *testing.T) {
		v := c.Boot(node, c.CreatePort(net, "moved", nil), lab.Dhclient)
		const ip = "10.1.0.77"
		c.UpdatePort(v.Port.ID, Attrs{"fixed_ips": []Attrs{{"subnet_id": subnet.ID, "ip_address": ip}}})
		c.WaitConverged()
		lease, err := v.DHCP(lab.Dhclient) // asks for the address that it had, and is refused
		if err != nil || lease.IP.Addr().String() != ip {
			t.Errorf("lease %+v, %v; expected address %s", lease, err, ip)
		}
		a.MustReach(ip)
		if err := v.Release(); err != nil {
			t.Errorf("release: %v", err)
		}
		v.Close()
	})

	c.Run("a flood", func(t *testing.T) {
		packetIns := func() uint64 {
			s, err := c.NodeStatus(node.Name)
			if err != nil {
				t.Fatal(err)
			}
			return s.Counters.PacketIns
		}
		before, began := packetIns(), time.Now()
		stop, stopped := make(chan struct{}), make(chan int)
		go func() {
			sent, tick := 0, time.NewTicker(10*time.Millisecond)
			defer tick.Stop()
			for f := discover(a.MAC, a.MAC, 8); ; {
				select {
				case <-stop:
					stopped <- sent
					return
				case <-tick.C:
					for range 50 {
						if a.SendLayers(f.layers...) == nil {
							sent++
						}
					}
				}
			}
		}()
		lab.Eventually(t, limit, "the flood comes up", func() error {
			if n := packetIns() - before; n < 10 {
				return fmt.Errorf("%d requests", n)
			}
			return nil
		})
		const clients = 3
		for i := range clients {
			v := c.Boot(node, c.CreatePort(net, fmt.Sprint("victim", i), nil))
			t.Logf("an address in the flood: %+v", v.Lease.IP)
		}
		close(stop)
		sent, took := <-stopped, time.Since(began)
		// Twenty at once, five a second (apps/dhcp), and what the others asked.
		most := uint64(20 + 5*(took.Seconds()+1) + 10*clients)
		came := packetIns() - before
		t.Logf("%d requests sent in %v, %d came to the controller", sent, took.Round(time.Millisecond), came)
		if came > most || sent < int(2*most) {
			t.Errorf("%d of %d requests came to the controller, expected at most %d of many", came, sent, most)
		}
	})
}
