package e2e

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"syscall"
	"testing"

	"github.com/google/gopacket/layers"

	"github.com/planck-sdn/planck/tests/lab"
)

// TestSourceNAT: VMs without floating IPs reach the outside under their router's address.
func TestSourceNAT(t *testing.T) {
	c := Start(t, Options{})
	nodes := []*lab.Node{c.AddNode("compute1", public), c.AddNode("compute2", public), c.AddNode("compute3")}
	w := c.World(nodes[0], "br-ex")
	red, blue := c.Project("red"), c.Project("blue")
	router := red.CreateRouter("router", Via(w.Net, nil))
	inside, _ := red.Routed(router.ID, "inside", "10.1.0.0/24", nil)
	var vms []*VM
	for i := range 4 {
		vms = append(vms, c.Boot(nodes[i%3], red.CreatePort(inside, fmt.Sprint("vm", i), nil)))
	}
	gateway := c.WaitGatewayNode(router.ID, nodes[:2]...)
	t.Logf("the gateway node is %s", gateway.Name)

	c.Run("the outside sees the router", func(t *testing.T) {
		for _, v := range vms {
			for _, to := range []*VM{w.Host, w.Gateway, w.Far} {
				v.MustBeSeenAs(router.GatewayIP(), to, to.IP)
			}
			for _, f := range pings(t, v, w.Host, hostIP) { // also those that come by the tunnel to the gateway node
				if ip := ipv4(f); ip.SrcIP.String() != router.GatewayIP() || ip.TTL != 63 {
					t.Errorf("%s pings the outside from %s with TTL %d", v.Name, ip.SrcIP, ip.TTL)
				}
			}
		}
	})

	c.Run("200 connections", func(t *testing.T) { crowd(t, vms, w, router.GatewayIP()) })

	c.Run("two tenants with everything alike", func(t *testing.T) {
		twin := blue.CreateRouter("router", Via(w.Net, nil))
		net, _ := blue.Routed(twin.ID, "inside", "10.1.0.0/24", nil)
		v := c.Boot(nodes[2], blue.CreatePort(net, "vm0", Attrs{"mac_address": vms[0].MAC, "fixed_ips": []Attrs{{"ip_address": vms[0].IP}}}))
		v.MustBeSeenAs(twin.GatewayIP(), w.Host, hostIP)
		vms[0].MustBeSeenAs(router.GatewayIP(), w.Host, hostIP)
		v.MustReach(router.GatewayIP()) // another tenant's router is outside
		vms[0].MustReach(twin.GatewayIP())
		c.RemoveInterface(twin.ID, c.subnetOf(net))
		c.DeleteRouter(twin.ID)
		c.WaitConverged()
		v.MustNotReach(hostIP)
		vms[0].MustReach(hostIP)
	})

	c.Run("nothing gets in unasked", func(t *testing.T) { unasked(t, c, vms, nodes[0], router) })

	c.Run("without source NAT", func(t *testing.T) {
		red := c.Client // enable_snat is the administrator's
		plain := red.CreateRouter("plain", Via(w.Net, Attrs{"enable_snat": false}))
		net, _ := red.Routed(plain.ID, "plain", "10.50.0.0/24", nil)
		v := c.Boot(nodes[2], red.CreatePort(net, "v", nil))
		v.Serve(talkPort)
		w.Host.Route("10.50.0.0/24", plain.GatewayIP())
		v.MustBeSeenAs(v.IP, w.Host, hostIP)
		w.Host.MustBeSeenAs(hostIP, v, v.IP)
		w.Host.MustTrace(v.IP, nil, plain.GatewayIP(), v.IP)
		// It is translated again, and no more.
		red.SetGateway(plain.ID, w.Net, Attrs{"enable_snat": true, "external_fixed_ips": []Attrs{{"ip_address": plain.GatewayIP()}}})
		c.WaitConverged()
		v.MustBeSeenAs(plain.GatewayIP(), w.Host, hostIP)
		w.Host.MustNotReach(v.IP)
		red.ClearGateway(plain.ID)
		c.WaitConverged()
		v.MustNotReach(hostIP)
	})
}

// crowd opens 200 connections, 50 from each of four VMs, from the same ports on all of them, and keeps them.
func crowd(t *testing.T, vms []*VM, w *World, as string) {
	t.Helper()
	const each = 50
	talks := make([][each]*Talk, len(vms))
	var group sync.WaitGroup
	for i, v := range vms {
		group.Go(func() {
			for j := range each {
				talk, err := v.TalkFrom(&net.TCPAddr{Port: 20000 + j}, "tcp4", hostIP, talkPort)
				if err != nil {
					t.Error(err)
					return
				}
				talks[i][j] = talk
			}
		})
	}
	group.Wait()
	defer func() {
		for i := range talks {
			for _, talk := range talks[i] {
				if talk != nil {
					talk.Close()
				}
			}
		}
	}()
	if t.Failed() {
		return
	}
	first := map[*Talk]netip.AddrPort{}
	seen := map[netip.AddrPort]bool{}
	for round := range 2 {
		for i := range talks {
			for _, talk := range talks[i] {
				h, err := talk.Say()
				if err != nil {
					t.Fatal(err)
				}
				if round == 0 {
					first[talk] = h.From
					seen[h.From] = true
				}
				if h.By != w.Host.Name || h.From.Addr().String() != as || h.From != first[talk] {
					t.Errorf("%s: %s answers and sees %v, before %v", talk.what, h.By, h.From, first[talk])
				}
			}
		}
	}
	if len(seen) != len(vms)*each {
		t.Errorf("%d connections are seen as %d", len(vms)*each, len(seen))
	}
}

// unasked: what was not asked for does not come in, whatever its addresses.
func unasked(t *testing.T, c *Cloud, vms []*VM, n *lab.Node, router Router) {
	t.Helper()
	gatewayIP := router.GatewayIP()
	for _, v := range vms {
		v.Serve(talkPort)
	}
	talk, err := vms[0].Talk("udp4", hostIP, talkPort)
	if err != nil {
		t.Fatal(err)
	}
	h, err := talk.Say()
	if err != nil {
		t.Fatal(err)
	}
	stranger := c.Outside(n, "stranger", "br-ex", 0, "02:00:00:00:03:01", "203.0.113.201/24")
	var watches []*lab.Capture
	for _, v := range vms {
		watches = append(watches, v.Capture("inbound and (src host "+stranger.IP+" or src net 10.1.0.0/24 and not src host "+gatewayIP+")"))
	}
	stranger.Route("10.1.0.0/24", gatewayIP)
	stranger.MustReach(gatewayIP) // the router itself does answer
	stranger.MustNotHear(gatewayIP)
	// The hole that an answer of another would come through.
	if err := stranger.UDPError(gatewayIP, int(h.From.Port())); err != nil && !isRefused(err) {
		t.Error(err)
	}
	stranger.MustNotReach(vms[0].IP)
	// With inside addresses as source, and to MACs of inside.
	mac := c.Ports("device_owner=network:router_gateway&device_id=" + router.ID)[0].MAC
	for _, v := range vms {
		stranger.SendFrames(
			UDP("to the VM", stranger.MAC, mac, stranger.IP, v.IP, 50, talkPort),
			UDP("from inside", stranger.MAC, mac, "10.1.0.99", v.IP, 50, talkPort),
			UDP("to the VM's MAC", stranger.MAC, v.MAC, stranger.IP, v.IP, 50, talkPort),
			UDP("by broadcast", stranger.MAC, Broadcast, stranger.IP, v.IP, 50, talkPort),
			UDP("to all", stranger.MAC, Broadcast, stranger.IP, "255.255.255.255", 50, talkPort),
			ARP("who has the VM", Broadcast, layers.ARPRequest, stranger.MAC, stranger.IP, nobody, v.IP))
	}
	if h2, err := talk.Say(); err != nil || h2 != h { // what was asked for still does
		t.Errorf("%v, %v; before %v", h2, err, h)
	}
	for i, watch := range watches {
		if err := watch.Nothing(); err != nil {
			t.Errorf("%s: %v", vms[i].Name, err)
		}
	}
	stranger.Close()
}

// isRefused: an answer of a machine that has the address, and nothing on the port.
func isRefused(err error) bool { return errors.Is(err, syscall.ECONNREFUSED) }
