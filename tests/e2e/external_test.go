package e2e

import (
	"errors"
	"fmt"
	"maps"
	"net"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/google/gopacket/layers"

	"github.com/planck-sdn/planck/tests/lab"
)

// TestExternalNetwork: what a router has to do with an external network, and what without.
func TestExternalNetwork(t *testing.T) {
	t.Parallel()
	c := Start(t, Options{Database: PostgreSQL}) // whose rows are counted
	nodes := []*lab.Node{c.AddNode("compute1", public), c.AddNode("compute2", public), c.AddNode("compute3")}
	w := c.World(nodes[0], "br-ex")
	red := c.Project("red")

	c.Run("without a gateway nothing gets outside", func(t *testing.T) {
		router := red.CreateRouter("lonely", nil)
		net, _ := red.Routed(router.ID, "lonely", "10.9.0.0/24", nil)
		v := c.Boot(nodes[0], red.CreatePort(net, "v", nil))
		v.MustReach("10.9.0.1")
		outside := w.Host.Capture("inbound and (net 10.9.0.0/24 or arp)")
		for _, ip := range []string{hostIP, gatewayIP, farIP} {
			if err := v.UDPError(ip, closedPort); !errors.Is(err, syscall.ENETUNREACH) {
				t.Errorf("a datagram to %s: %v", ip, err)
			}
		}
		v.MustNotReach(hostIP)
		if err := outside.Nothing(); err != nil {
			t.Error(err)
		}
	})

	c.Run("the first packet arrives", func(t *testing.T) {
		for i, to := range []string{hostIP, gatewayIP, farIP} { // each the first of a router that knows nobody
			router := red.CreateRouter("first", Via(w.Net, nil))
			cidr := fmt.Sprintf("10.1%d.0.0/24", i)
			net, _ := red.Routed(router.ID, "first", cidr, nil)
			v := c.Boot(nodes[i], red.CreatePort(net, "v", nil))
			c.WaitConverged()
			r, err := v.Ping(to, lab.PingOptions{Count: 1, Timeout: patience})
			if err != nil || r.Received != 1 {
				t.Errorf("the first ping to %s from a VM on %s: %v, %v", to, nodes[i].Name, r, err)
			}
			t.Logf("first ping to %s from a VM on %s: %v", to, nodes[i].Name, r.Avg)
		}
	})

	c.Run("only what was asked for is learned", func(t *testing.T) {
		router := red.CreateRouter("neighbour", Via(w.Net, nil))
		net, _ := red.Routed(router.ID, "neighbour", "10.20.0.0/24", nil)
		v := c.Boot(nodes[1], red.CreatePort(net, "v", nil))
		const ip = "203.0.113.210"
		h := c.Outside(nodes[0], "passing", "br-ex", 0, "02:00:00:00:03:01", ip+"/24")
		v.MustReach(ip)
		if n := c.SQLNumber("SELECT count(*) FROM neighbours"); n < 1 {
			t.Errorf("%d neighbours", n)
		}
		// Nobody may teach a router what it has not asked for.
		thief := c.Outside(nodes[0], "thief", "br-ex", 0, "02:00:00:00:03:66", "203.0.113.211/24")
		before := c.SQLNumber("SELECT coalesce(max(number), 0) FROM neighbours")
		stolen := thief.Watch("icmp")
		g := c.Ports("device_owner=network:router_gateway&device_id=" + router.ID)[0]
		for range 3 {
			thief.SendFrames(
				ARP("that is me", g.MAC, layers.ARPReply, thief.MAC, ip, g.MAC, g.IP()),
				ARP("that is me, all", Broadcast, layers.ARPReply, thief.MAC, ip, g.MAC, g.IP()),
				ARP("somebody new", g.MAC, layers.ARPReply, thief.MAC, "203.0.113.212", g.MAC, g.IP()))
		}
		v.MustReach(ip)
		stolen.Got()
		if after := c.SQLNumber("SELECT coalesce(max(number), 0) FROM neighbours"); after != before {
			t.Error("a neighbour was learned that nobody asked for")
		}
		if err := v.UDPError("203.0.113.250", closedPort); !errors.Is(err, syscall.EHOSTUNREACH) {
			t.Errorf("a datagram to a neighbour that does not exist: %v", err)
		}
		h.Close()
		thief.Close()
	})

	c.Run("a scan hurts nobody", func(t *testing.T) { scan(t, c, w, red, nodes) })
}

// scan has a VM send to each address of the external subnet, while another VM behind the same router, and one behind another,
// ping the outside.
func scan(t *testing.T, c *Cloud, w *World, red *Client, nodes []*lab.Node) {
	router, other := red.CreateRouter("scanned", Via(w.Net, nil)), red.CreateRouter("bystander", Via(w.Net, nil))
	n, _ := red.Routed(router.ID, "scanned", "10.30.0.0/24", nil)
	o, _ := red.Routed(other.ID, "bystander", "10.31.0.0/24", nil)
	scanner := c.Boot(nodes[2], red.CreatePort(n, "scanner", nil))
	pingers := []*VM{c.Boot(nodes[0], red.CreatePort(n, "neighbour", nil)), c.Boot(nodes[2], red.CreatePort(n, "mate", nil)),
		c.Boot(nodes[1], red.CreatePort(o, "bystander", nil))}
	scanner.MustReach(hostIP)
	for _, v := range pingers {
		v.MustReach(hostIP)
	}
	c.WaitConverged()
	before := c.Snapshot()
	living := int64(2 + len(c.Ports("network_id="+w.Net.ID))) // two machines, and routers' addresses
	rows := c.SQLNumber("SELECT count(*) FROM neighbours")
	asked := w.Host.Capture("inbound and arp[6:2] == 1")
	var running []*lab.Pinger
	for _, v := range pingers {
		running = append(running, v.StartPing(hostIP, pingInterval))
	}

	conn, err := scanner.ListenPacket("udp4", "0.0.0.0:0")
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	began, sent, largest := time.Now(), 0, 0
	for range 8 {
		for last := range 256 {
			to := &net.UDPAddr{IP: net.IPv4(203, 0, 113, byte(last)), Port: discard}
			if _, err := conn.WriteTo([]byte("anybody?"), to); err == nil { // the answer to an earlier one is an error
				sent++
			}
		}
		for _, p := range running {
			c.Answered(p, 5, "pings during a scan")
		}
		for _, entries := range c.Snapshot() {
			largest = max(largest, len(entries))
		}
	}
	took := time.Since(began)
	// A stranger is still found: the router asks for it when the scan's questions have had their share.
	frames, err := asked.Frames()
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d datagrams to 256 addresses in %v: %d ARP requests outside, %d entries on the fullest node, before the scan %d",
		sent, took.Round(time.Millisecond), len(frames), largest, len(before[nodes[2].Name]))
	if bound := 40 + int(20*(took.Seconds()+1)) + 100; len(frames) > bound {
		t.Errorf("%d ARP requests outside, expected at most %d", len(frames), bound)
	}
	for _, p := range running {
		lostNothing(t, p)
	}
	lab.Eventually(t, limit, "nothing is left of the scan", func() error {
		now := c.Snapshot()
		for _, node := range slices.Sorted(maps.Keys(before)) {
			// Those that do exist were found, and are neighbours now.
			if d := int64(len(without(now[node], before[node]))); d > 2*living {
				return fmt.Errorf("node %s has %d entries more", node, d)
			}
		}
		return nil
	})
	// The scanning router finds the living, and those of them that are routers answer it, for which they find it.
	if n := c.SQLNumber("SELECT count(*) FROM neighbours"); n > rows+2*living {
		t.Errorf("%d neighbours, before the scan %d; there are %d addresses in use outside", n, rows, living)
	}
	scanner.MustReach(hostIP)
	late := c.Outside(nodes[0], "late", "br-ex", 0, "02:00:00:00:03:02", "203.0.113.220/24")
	scanner.MustReach(late.IP)
}
