package e2e

import (
	"errors"
	"fmt"
	"syscall"
	"testing"

	"github.com/google/gopacket/layers"

	"github.com/planck-sdn/planck/tests/lab"
)

// TestRouting: a router between subnets, on the nodes where its VMs are.
func TestRouting(t *testing.T) {
	t.Parallel()
	c := Start(t, Options{})
	nodes := c.AddNodes("compute1", "compute2", "compute3")
	red := c.Project("red")
	router := red.CreateRouter("router", nil)
	north, _ := red.Routed(router.ID, "north", "10.1.0.0/24", nil)
	south, southern := red.Routed(router.ID, "south", "10.2.0.0/24", nil)
	a := c.Boot(nodes[0], red.CreatePort(north, "a", nil))
	near := c.Boot(nodes[0], red.CreatePort(south, "near", nil))
	far := c.Boot(nodes[1], red.CreatePort(south, "far", nil))
	third := c.Boot(nodes[2], red.CreatePort(south, "third", nil))
	vms := []*VM{a, near, far, third}
	for _, from := range vms {
		for _, to := range vms {
			if from != to {
				from.MustReach(to.IP)
			}
		}
	}

	for _, to := range []*VM{near, far} {
		c.Run("one hop to "+to.Name[:len(to.Name)-5], func(t *testing.T) {
			oneHop(t, a, to, c.InterfaceMAC(router.ID, south))
			oneHop(t, to, a, c.InterfaceMAC(router.ID, north))
		})
	}

	c.Run("straight to the destination's node", func(t *testing.T) {
		c.Lab.WarmTunnels()
		wire := c.Lab.CaptureUnderlay("udp port 4789")
		elsewhere := nodes[2].Capture("eth0", "udp port 4789")
		if err := a.Reaches(far.IP); err != nil {
			t.Error(err)
		}
		if err := near.Reaches(a.IP); err != nil { // on one node: nothing of it is on the wire
			t.Error(err)
		}
		frames, err := wire.Frames()
		if err != nil || len(frames) != 6 {
			t.Errorf("%d frames between the nodes, %v; expected three requests and three answers", len(frames), err)
		}
		ends := map[string]bool{nodes[0].EncapIP.String(): true, nodes[1].EncapIP.String(): true}
		for _, f := range frames {
			flow := f.NetworkLayer().NetworkFlow()
			if !ends[flow.Src().String()] || !ends[flow.Dst().String()] {
				t.Errorf("a detour: %v", f)
			}
		}
		if err := elsewhere.Nothing(); err != nil {
			t.Errorf("on the third node: %v", err)
		}
	})

	c.Run("the router answers", func(t *testing.T) {
		for _, v := range vms {
			for _, ip := range []string{"10.1.0.1", "10.2.0.1"} {
				v.MustReach(ip)
			}
		}
		if answers := a.Capture("inbound and icmp[icmptype] == icmp-echoreply and src host 10.2.0.1"); a.Reaches("10.2.0.1") == nil {
			frames, err := answers.Frames()
			if err != nil || len(frames) != 3 {
				t.Fatalf("%d answers, %v", len(frames), err)
			}
			if ttl := ipv4(frames[0]).TTL; ttl != 64 {
				t.Errorf("the router's answers have TTL %d", ttl)
			}
		}
		for _, to := range []*VM{near, far} {
			for _, options := range [][]string{nil, {"-I"}} {
				a.MustTrace(to.IP, options, "10.1.0.1", to.IP)
			}
		}
		for ip, reason := range map[string]error{
			"192.0.2.1":  syscall.ENETUNREACH,  // no route
			"10.2.0.222": syscall.EHOSTUNREACH, // nobody
			"10.2.0.1":   syscall.ECONNREFUSED, // the router serves nothing
			far.IP:       syscall.ECONNREFUSED, // neither does the VM
		} {
			if err := a.UDPError(ip, closedPort); !errors.Is(err, reason) {
				t.Errorf("a datagram to %s: %v, expected %v", ip, err, reason)
			}
		}
	})

	c.Run("two tenants with everything alike", func(t *testing.T) {
		blue := c.Project("blue")
		twin := blue.CreateRouter("router", nil)
		n1, _ := blue.Routed(twin.ID, "north", "10.1.0.0/24", nil)
		n2, _ := blue.Routed(twin.ID, "south", "10.2.0.0/24", nil)
		same := func(n *lab.Node, net Network, v *VM) *VM {
			p := blue.CreatePort(net, "twin", Attrs{"mac_address": v.MAC, "fixed_ips": []Attrs{{"ip_address": v.IP}}})
			return c.Boot(n, p)
		}
		a2, far2 := same(nodes[1], n1, a), same(nodes[0], n2, far)
		for _, v := range append(vms, a2, far2) {
			v.Serve(talkPort)
		}
		a.MustBeSeenAs(a.IP, far, far.IP)
		a2.MustBeSeenAs(a.IP, far2, far.IP)
		far.MustBeSeenAs(far.IP, a, a.IP)
		far2.MustBeSeenAs(far.IP, a2, a.IP)
		a2.MustNotReach(near.IP) // has no twin
		a2.MustNotReach(third.IP)
		a2.MustReach("10.2.0.1")
		// What of it is seen where it does not belong, is seen by name.
		wrong := []*Witness{far.Watch(""), a.Watch(""), near.Watch(""), third.Watch("")}
		right := far2.Watch("")
		a2.SendFrames(IPv4("to the twin", a2.MAC, c.InterfaceMAC(twin.ID, n1), a.IP, far.IP),
			IPv4("to the other's router", a2.MAC, c.InterfaceMAC(router.ID, north), a.IP, far.IP),
			IPv4("to an address that has no twin", a2.MAC, c.InterfaceMAC(twin.ID, n1), a.IP, near.IP))
		right.Await("to the twin")
		a2.MustReach(far.IP)
		right.Got("to the twin")
		for _, w := range wrong {
			w.Got()
		}
		c.RemoveInterface(twin.ID, c.subnetOf(n2))
		c.WaitConverged()
		a2.MustNotReach(far.IP)
		a.MustReach(far.IP)
	})

	c.Run("a VM as next hop", func(t *testing.T) {
		hop := c.Boot(nodes[2], red.CreatePort(south, "hop", Attrs{"allowed_address_pairs": []Attrs{{"ip_address": "10.99.0.0/24"}}}))
		hop.AddAddress("10.99.0.7/32", "lo")
		red.SetRoutes(router.ID, [2]string{"10.99.0.0/24", hop.IP})
		a.MustReach("10.99.0.7")
		far.MustReach("10.99.0.7")
		// The longest prefix first.
		red.SetRoutes(router.ID, [2]string{"10.99.0.0/24", hop.IP}, [2]string{"10.99.0.7/32", near.IP})
		c.WaitConverged()
		a.MustNotReach("10.99.0.7") // near does not have it
		red.SetRoutes(router.ID)
		c.WaitConverged()
		if err := a.UDPError("10.99.0.7", closedPort); !errors.Is(err, syscall.ENETUNREACH) {
			t.Errorf("without the route: %v", err)
		}
	})

	c.Run("a chain of three routers", func(t *testing.T) { chain(t, c, red, router, southern, a, nodes[1]) })

	c.Run("an interface comes and goes", func(t *testing.T) {
		red.RemoveInterface(router.ID, southern)
		c.WaitConverged()
		a.MustNotReach(far.IP)
		far.MustReach(third.IP)
		red.AddInterface(router.ID, southern)
		c.WaitConverged()
		if err := a.Reaches(far.IP); err != nil { // as soon as it is confirmed
			t.Error(err)
		}
		red.UpdateRouter(router.ID, Attrs{"admin_state_up": false})
		c.WaitConverged()
		a.MustNotReach(far.IP)
		a.MustNotReach("10.1.0.1")
		red.UpdateRouter(router.ID, Attrs{"admin_state_up": true})
		a.MustReach(far.IP)
	})
}

// chain puts two more routers behind the first: north - router - south - middle - transit - last - end.
func chain(t *testing.T, c *Cloud, red *Client, router Router, southern Subnet, a *VM, n *lab.Node) {
	t.Helper()
	south := red.Network(southern.NetworkID)
	middle, last := red.CreateRouter("middle", nil), red.CreateRouter("last", nil)
	transit, _ := red.Routed(middle.ID, "transit", "10.3.0.0/24", nil)
	end, _ := red.Routed(last.ID, "end", "10.4.0.0/24", nil)
	port := func(net Network, ip string) Port {
		return red.CreatePort(net, "leg", Attrs{"fixed_ips": []Attrs{{"ip_address": ip}}})
	}
	red.AddInterfacePort(middle.ID, port(south, "10.2.0.250"))
	red.AddInterfacePort(last.ID, port(transit, "10.3.0.250"))
	red.SetRoutes(router.ID, [2]string{"10.3.0.0/24", "10.2.0.250"}, [2]string{"10.4.0.0/24", "10.2.0.250"})
	red.SetRoutes(middle.ID, [2]string{"10.1.0.0/24", "10.2.0.1"}, [2]string{"10.4.0.0/24", "10.3.0.250"})
	red.SetRoutes(last.ID, [2]string{"0.0.0.0/0", "10.3.0.1"})
	v := c.Boot(n, red.CreatePort(end, "end", nil))

	a.MustReach(v.IP)
	v.MustReach(a.IP)
	a.MustTrace(v.IP, nil, "10.1.0.1", "10.2.0.250", "10.3.0.250", v.IP)
	v.MustTrace(a.IP, nil, "10.4.0.1", "10.3.0.1", "10.2.0.1", a.IP)
	for _, pair := range [][2]*VM{{a, v}, {v, a}} {
		frames := pings(t, pair[0], pair[1], pair[1].IP)
		if ttl := ipv4(frames[0]).TTL; ttl != 61 {
			t.Errorf("from %s to %s over three routers the TTL is %d", pair[0].Name, pair[1].Name, ttl)
		}
	}
	// Of two that point to each other, nobody suffers.
	red.SetRoutes(router.ID, [2]string{"10.9.0.0/24", "10.2.0.250"}, [2]string{"10.4.0.0/24", "10.2.0.250"})
	red.SetRoutes(middle.ID, [2]string{"10.9.0.0/24", "10.2.0.1"}, [2]string{"10.1.0.0/24", "10.2.0.1"}, [2]string{"10.4.0.0/24", "10.3.0.250"})
	c.WaitConverged()
	ping := a.StartPing(v.IP, pingInterval)
	a.MustNotReach("10.9.0.1")
	c.Answered(ping, 20, "pings beside a loop of routes")
	lostNothing(t, ping)
	for _, r := range []Router{router, middle, last} {
		red.SetRoutes(r.ID)
	}
}

// oneHop: what arrives has been routed once.
func oneHop(t *testing.T, from, to *VM, mac string) {
	t.Helper()
	for _, f := range pings(t, from, to, to.IP) {
		eth := f.LinkLayer().(*layers.Ethernet)
		if eth.SrcMAC.String() != mac || eth.DstMAC.String() != to.MAC {
			t.Errorf("from %s to %s, expected from %s to %s", eth.SrcMAC, eth.DstMAC, mac, to.MAC)
		}
		if ip := ipv4(f); ip.TTL != 63 || !ip.SrcIP.Equal(ip4(from.IP)) {
			t.Errorf("from %s with TTL %d, expected from %s with 63", ip.SrcIP, ip.TTL, from.IP)
		}
	}
}

// pings are the three echo requests that come to a VM when another pings it.
func pings(t *testing.T, from, to *VM, ip string) []lab.Frame {
	t.Helper()
	requests := to.Capture("inbound and icmp[icmptype] == icmp-echo")
	defer requests.Close()
	if err := from.Reaches(ip); err != nil {
		t.Fatal(err)
	}
	frames, err := requests.Frames()
	if err != nil || len(frames) != 3 {
		t.Fatalf("%d requests came to %s, %v", len(frames), to.Name, err)
	}
	return frames
}

// ipv4 is a captured frame's (outer) IPv4 header.
func ipv4(f lab.Frame) *layers.IPv4 {
	ip, ok := f.NetworkLayer().(*layers.IPv4)
	if !ok {
		panic(fmt.Sprintf("no IPv4: %v", f)) // the filter of the capture lets nothing else through
	}
	return ip
}
