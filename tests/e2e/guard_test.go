package e2e

import (
	"testing"

	"github.com/google/gopacket/layers"
)

// TestGuard: a VM sends from its own addresses only, to a VM on its node and to one on another.
func TestGuard(t *testing.T) {
	t.Parallel()
	c := Start(t, Options{})
	nodes := c.AddNodes("compute1", "compute2")
	net := c.CreateNetwork("net", nil)
	c.CreateSubnet(net, "10.1.0.0/24", lowAddresses)
	a := c.Boot(nodes[0], c.CreatePort(net, "a", nil))
	near := c.Boot(nodes[0], c.CreatePort(net, "near", nil))
	far := c.Boot(nodes[1], c.CreatePort(net, "far", nil))
	a.MustReach(near.IP)
	a.MustReach(far.IP)

	const foreignMAC, foreignIP = "02:00:00:00:00:99", "10.1.0.99"
	// sends has a send, to a VM, what is its own and what is not; both witnesses must see exactly what is named.
	sends := func(t *testing.T, expected ...string) {
		t.Helper()
		for _, to := range []*VM{near, far} {
			w := to.Watch("")
			a.SendFrames(
				a.IPv4To(to, "own addresses"),
				IPv4("foreign MAC", foreignMAC, to.MAC, a.IP, to.IP),
				IPv4("foreign IP", a.MAC, to.MAC, foreignIP, to.IP),
				IPv4("foreign MAC and IP", foreignMAC, to.MAC, foreignIP, to.IP),
				IPv4("MAC of another VM", to.MAC, Broadcast, a.IP, to.IP),
				IPv4("IP of another VM", a.MAC, to.MAC, far.IP, to.IP),
				IPv4("no IP", a.MAC, to.MAC, "0.0.0.0", to.IP),
				ARP("own ARP", to.MAC, layers.ARPReply, a.MAC, a.IP, to.MAC, to.IP),
				ARP("foreign ARP address", to.MAC, layers.ARPReply, a.MAC, foreignIP, to.MAC, to.IP),
				ARP("ARP for another VM", to.MAC, layers.ARPReply, a.MAC, far.IP, to.MAC, to.IP),
				arpOf("foreign ARP MAC", a.MAC, to.MAC, layers.EthernetTypeARP, layers.ARPReply, foreignMAC, a.IP, to.MAC, to.IP),
				arpOf("ARP from a foreign MAC", foreignMAC, to.MAC, layers.EthernetTypeARP, layers.ARPReply, a.MAC, a.IP, to.MAC, to.IP),
				RARP("own RARP", a.MAC, a.MAC),
				RARP("foreign RARP", a.MAC, foreignMAC),
				UDP("DHCP answer", a.MAC, to.MAC, a.IP, to.IP, 67, 68),
				UDP("DHCP answer by broadcast", a.MAC, Broadcast, a.IP, "255.255.255.255", 67, 68),
				UDP("DHCP answer from another port", a.MAC, to.MAC, a.IP, to.IP, 6700, 68),
				Ethernet("IPv6", a.MAC, to.MAC, layers.EthernetTypeIPv6),
				Ethernet("BPDU", a.MAC, "01:80:c2:00:00:00", layers.EthernetTypeLLC),
				Ethernet("LLDP", a.MAC, "01:80:c2:00:00:0e", layers.EthernetTypeLinkLayerDiscovery),
				a.IPv4To(to, "tagged").Tagged(7),
			)
			a.Settle(w)
			w.Got(expected...)
		}
	}
	update := func(attributes Attrs) {
		c.UpdatePort(a.Port.ID, attributes)
		c.WaitConverged()
	}
	own := []string{"own addresses", "own ARP", "own RARP"}

	c.Run("own addresses only", func(t *testing.T) { sends(t, own...) })
	c.Run("port security off", func(t *testing.T) {
		update(a.Port.insecure())
		// All but what no network carries, link-local multicast and tags, and what the others do not get: IPv6.
		sends(t, "own addresses", "foreign MAC", "foreign IP", "foreign MAC and IP", "MAC of another VM", "IP of another VM", "no IP",
			"own ARP", "foreign ARP address", "ARP for another VM", "foreign ARP MAC", "ARP from a foreign MAC", "own RARP", "foreign RARP",
			"DHCP answer", "DHCP answer by broadcast", "DHCP answer from another port")
	})
	c.Run("port security on again", func(t *testing.T) {
		update(a.Port.secure())
		sends(t, own...)
	})
	c.Run("allowed address", func(t *testing.T) {
		update(Attrs{"allowed_address_pairs": []Attrs{{"ip_address": foreignIP}}})
		sends(t, append(own, "foreign IP", "foreign ARP address")...)
	})
	c.Run("allowed prefix", func(t *testing.T) {
		update(Attrs{"allowed_address_pairs": []Attrs{{"ip_address": "10.1.0.96/28"}}})
		sends(t, append(own, "foreign IP", "foreign ARP address")...)
	})
	c.Run("allowed address with a MAC", func(t *testing.T) {
		update(Attrs{"allowed_address_pairs": []Attrs{{"ip_address": foreignIP, "mac_address": foreignMAC}}})
		sends(t, append(own, "foreign MAC and IP")...)
	})
	c.Run("no allowed address again", func(t *testing.T) {
		update(Attrs{"allowed_address_pairs": []Attrs{}})
		sends(t, own...)
	})

	c.Run("a MAC that two ports share is delivered to both", func(t *testing.T) {
		const virtual, vip = "00:00:5e:00:01:01", "10.1.0.200" // VRRP's (RFC 5798, 7.3)
		for _, v := range []*VM{near, far} {
			c.UpdatePort(v.Port.ID, Attrs{"allowed_address_pairs": []Attrs{{"ip_address": vip, "mac_address": virtual}}})
		}
		c.WaitConverged()
		nearby, remote, sender := near.Watch(""), far.Watch(""), a.Watch("")
		a.SendFrames(IPv4("to the shared MAC", a.MAC, virtual, a.IP, vip))
		near.SendFrames(IPv4("from the shared MAC", virtual, a.MAC, vip, a.IP))
		far.SendFrames(IPv4("from the shared MAC, afar", virtual, a.MAC, vip, a.IP))
		near.Settle(remote, sender)
		far.Settle(nearby, sender)
		a.Settle(nearby, remote)
		nearby.Got("to the shared MAC")
		remote.Got("to the shared MAC")
		sender.Got("from the shared MAC", "from the shared MAC, afar")
	})
}
