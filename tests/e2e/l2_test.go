package e2e

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/gopacket/layers"

	"github.com/planck-sdn/planck/tests/lab"
)

// TestL2: a network with VMs on two nodes carries what it should to whom it should, and nothing else.
func TestL2(t *testing.T) {
	c := Start(t, Options{})
	nodes := c.AddNodes("compute1", "compute2")
	red, blue := c.Project("red"), c.Project("blue")
	net, other := red.CreateNetwork("net", nil), blue.CreateNetwork("other", nil)
	red.CreateSubnet(net, "10.1.0.0/24", lowAddresses)
	blue.CreateSubnet(other, "10.2.0.0/24", nil)
	a := c.Boot(nodes[0], red.CreatePort(net, "a", nil))
	near := c.Boot(nodes[0], red.CreatePort(net, "near", nil))
	far := c.Boot(nodes[1], red.CreatePort(net, "far", nil))
	stranger := c.Boot(nodes[0], blue.CreatePort(other, "stranger", nil))
	friend := c.Boot(nodes[1], blue.CreatePort(other, "friend", nil))
	members := []*VM{near, far}
	for _, v := range members {
		a.MustReach(v.IP)
		v.MustReach(a.IP)
	}
	friend.MustReach(stranger.IP)

	c.Run("full-size frames", func(t *testing.T) {
		const headers = 20 + 8 // IPv4, ICMP
		for _, v := range members {
			r, err := a.Ping(v.IP, lab.PingOptions{Size: net.MTU - headers, DF: true})
			if err != nil || r.Lost() != 0 {
				t.Errorf("%s pings %s with packets of %d bytes: %v, %v", a.Name, v.Name, net.MTU, r, err)
			}
			r, err = a.Ping(v.IP, lab.PingOptions{Size: net.MTU - headers + 1, DF: true, Count: 1})
			if err != nil || r.Received != 0 {
				t.Errorf("%s sends packets of more than %d bytes: %v, %v", a.Name, net.MTU, r, err)
			}
		}
	})

	c.Run("broadcast and multicast reach each member once", func(t *testing.T) {
		nearby, remote, outside := near.Watch(""), far.Watch(""), stranger.Watch("")
		self := a.Watch("")
		a.SendFrames(a.IPv4Broadcast("broadcast"),
			IPv4("multicast", a.MAC, "01:00:5e:00:00:fb", a.IP, "224.0.0.251"),
			RARP("RARP", a.MAC, a.MAC))
		a.Settle(nearby, remote)
		friend.Settle(outside)
		nearby.Got("broadcast", "multicast", "RARP")
		remote.Got("broadcast", "multicast", "RARP")
		self.Got()
		outside.Got()
	})

	c.Run("unicast reaches its destination only", func(t *testing.T) {
		nearby, remote := near.Watch(""), far.Watch("")
		a.SendFrames(a.IPv4To(near, "to near"), a.IPv4To(far, "to far"),
			IPv4("to an unknown MAC", a.MAC, "02:00:00:00:00:99", a.IP, "10.1.0.99"))
		a.Settle(nearby, remote)
		nearby.Got("to near")
		remote.Got("to far")
	})

	c.Run("what is not IPv4 or ARP gets nowhere", func(t *testing.T) {
		nearby, remote := near.Watch(""), far.Watch("")
		for _, v := range members {
			for _, dst := range []string{v.MAC, Broadcast} {
				name := func(what string) string { return fmt.Sprintf("%s for %s, to %s", what, v.Name, dst) }
				a.SendFrames(
					Ethernet(name("IPv6"), a.MAC, dst, layers.EthernetTypeIPv6),
					Ethernet(name("LLDP"), a.MAC, dst, layers.EthernetTypeLinkLayerDiscovery),
					Ethernet(name("local experiment"), a.MAC, dst, 0x88b5),
					Ethernet(name("802.3"), a.MAC, dst, layers.EthernetTypeLLC),
					IPv4(name("tagged"), a.MAC, dst, a.IP, v.IP).Tagged(7),
					IPv4(name("tagged with VLAN 0"), a.MAC, dst, a.IP, v.IP).Tagged(0),
					IPv4(name("tagged twice"), a.MAC, dst, a.IP, v.IP).Tagged(7, 8),
					RARP(name("RARP of another MAC"), a.MAC, v.MAC),
				)
			}
		}
		a.SendFrames(
			Ethernet("BPDU", a.MAC, "01:80:c2:00:00:00", layers.EthernetTypeLLC),
			Ethernet("LLDP", a.MAC, "01:80:c2:00:00:0e", layers.EthernetTypeLinkLayerDiscovery),
			Ethernet("pause", a.MAC, "01:80:c2:00:00:01", 0x8808),
			IPv4("IPv4 to all bridges", a.MAC, "01:80:c2:00:00:00", a.IP, "10.1.0.99"),
			IPv4("IPv4 to the nearest bridge", a.MAC, "01:80:c2:00:00:0e", a.IP, "10.1.0.99"),
		)
		a.Settle(nearby, remote)
		nearby.Got()
		remote.Got()
	})

	c.Run("the controller is out of reach", func(t *testing.T) {
		controller := c.Lab.ControllerIP().String()
		if _, err := nodes[0].Exec("ip", "link", "set", "br-int", "up"); err != nil { // to see what would come there
			t.Fatal(err)
		}
		local := nodes[0].Capture("br-int", "")
		witness := stranger.Watch("")
		tcp := func(name, dst string, port layers.TCPPort) Frame {
			ip := &layers.IPv4{Version: 4, TTL: 64, Protocol: layers.IPProtocolTCP, SrcIP: ip4(a.IP), DstIP: ip4(controller)}
			syn := &layers.TCP{SrcPort: 40000, DstPort: port, SYN: true, Window: 1024}
			syn.SetNetworkLayerForChecksum(ip)
			return frame(name, &layers.Ethernet{SrcMAC: hw(a.MAC), DstMAC: hw(dst), EthernetType: layers.EthernetTypeIPv4}, ip, syn)
		}
		a.SendFrames(ARP("who has the controller", Broadcast, layers.ARPRequest, a.MAC, a.IP, nobody, controller))
		for _, dst := range []string{macOf(t, nodes[0], "br-int"), Broadcast} {
			a.SendFrames(tcp("SYN to OpenFlow", dst, lab.OpenFlowPort), tcp("SYN to OVSDB", dst, lab.OVSDBPort))
		}
		nearby := near.Watch("")
		a.Settle(nearby)
		friend.Settle(witness)
		witness.Got()
		if err := local.Nothing(); err != nil {
			t.Errorf("br-int of the node: %v", err)
		}
		// In-band control would show as entries that no controller made, above all that OpenFlow can say.
		hidden, err := nodes[0].Appctl("bridge/dump-flows", "br-int")
		if err != nil {
			t.Fatal(err)
		}
		shown := 0
		for line := range strings.Lines(hidden) {
			if strings.Contains(line, "table_id=254") { // Open vSwitch's own, for packets that miss
				continue
			}
			shown++
			var priority int
			if _, rest, found := strings.Cut(line, "priority="); found {
				fmt.Sscanf(rest, "%d", &priority)
			}
			if priority > 0xffff {
				t.Errorf("hidden entry: %s", line)
			}
		}
		if shown == 0 {
			t.Errorf("bridge/dump-flows shows nothing of Planck's: %s", hidden)
		}
	})
}

// macOf is the MAC address of a node's interface.
func macOf(t *testing.T, n *lab.Node, iface string) string {
	t.Helper()
	mac, err := n.Vsctl("get", "Interface", iface, "mac_in_use")
	if err != nil {
		t.Fatal(err)
	}
	return strings.Trim(mac, "\"\n")
}
