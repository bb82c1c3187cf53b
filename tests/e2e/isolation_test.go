package e2e

import (
	"fmt"
	"testing"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"

	"github.com/planck-sdn/planck/tests/lab"
)

// twins are two tenants with the same CIDR, the same addresses and the same MACs on the same two nodes.
type twins struct {
	*Cloud
	nodes     []*lab.Node
	red, blue [2]*VM
	net       Network // red's, as an administrator sees it
}

func startTwins(t *testing.T) *twins {
	t.Helper()
	s := &twins{Cloud: Start(t, Options{})}
	s.nodes = s.AddNodes("compute1", "compute2")
	tenant := func(name string) (vms [2]*VM, net Network) {
		project := s.Project(name)
		net = project.CreateNetwork(name, nil)
		subnet := project.CreateSubnet(net, "10.1.0.0/24", nil)
		for i, node := range s.nodes {
			port := project.CreatePort(net, fmt.Sprint(name, i), Attrs{
				"mac_address": fmt.Sprintf("fa:16:3e:00:00:0%d", i+1),
				"fixed_ips":   []Attrs{{"subnet_id": subnet.ID, "ip_address": fmt.Sprintf("10.1.0.%d", i+101)}},
			})
			vms[i] = s.Boot(node, port)
		}
		return vms, net
	}
	var net Network
	s.red, net = tenant("red")
	s.net = s.Network(net.ID) // an administrator sees its segmentation id
	s.blue, _ = tenant("blue")
	for _, vms := range [][2]*VM{s.red, s.blue} {
		vms[0].MustReach(vms[1].IP)
		vms[1].MustReach(vms[0].IP)
	}
	return s
}

// TestTenantsAreApart: not one frame of a tenant comes to the other, whose addresses are all the same.
func TestTenantsAreApart(t *testing.T) {
	s := startTwins(t)
	for i := range s.nodes {
		from, to := s.red[i], s.red[1-i]
		wrong := [2]*Witness{s.blue[0].Watch(""), s.blue[1].Watch("")}
		right := to.Watch("")
		from.SendFrames(
			from.IPv4To(to, "unicast"),
			from.IPv4Broadcast("broadcast"),
			IPv4("subnet broadcast", from.MAC, Broadcast, from.IP, "10.1.0.255"),
			IPv4("multicast", from.MAC, "01:00:5e:00:00:fb", from.IP, "224.0.0.251"),
			IPv4("unknown MAC", from.MAC, "02:00:00:00:00:99", from.IP, to.IP),
			ARP("who has an unknown address", Broadcast, layers.ARPRequest, from.MAC, from.IP, nobody, "10.1.0.77"),
			ARP("announcement", Broadcast, layers.ARPRequest, from.MAC, from.IP, nobody, from.IP),
			ARP("ARP reply", to.MAC, layers.ARPReply, from.MAC, from.IP, to.MAC, to.IP),
			RARP("RARP", from.MAC, from.MAC),
			from.IPv4To(to, "tagged").Tagged(uint16(s.net.SegmentationID%4094+1)),
		)
		from.Settle(right)
		s.blue[i].Settle(wrong[1-i])
		s.blue[1-i].Settle(wrong[i])
		wrong[0].Got()
		wrong[1].Got()
		right.Got("unicast", "broadcast", "subnet broadcast", "multicast", "announcement", "ARP reply", "RARP")
	}
}

// TestStrangersTunnel: a VXLAN packet is believed only from the address of an attached node, and only for a network that
// is there.
func TestStrangersTunnel(t *testing.T) {
	s := startTwins(t)
	from, to := s.nodes[0], s.nodes[1]
	// A machine on the underlay that is no node, and knows everything.
	stranger := &VM{VM: from.AddHost("stranger", "br-phy", 0, "02:00:00:00:00:01"), cloud: s.Cloud}
	vxlan := func(name, source string, vni uint32, inner Frame) Frame {
		ip := &layers.IPv4{Version: 4, TTL: 64, Protocol: layers.IPProtocolUDP, SrcIP: ip4(source), DstIP: ip4(to.EncapIP.String())}
		udp := &layers.UDP{SrcPort: 50000, DstPort: 4789}
		udp.SetNetworkLayerForChecksum(ip)
		outer := []gopacket.SerializableLayer{
			&layers.Ethernet{SrcMAC: hw(stranger.MAC), DstMAC: hw(macOf(t, to, "br-phy")), EthernetType: layers.EthernetTypeIPv4},
			ip, udp, &layers.VXLAN{ValidIDFlag: true, VNI: vni},
		}
		return Frame{name, append(outer, inner.layers...)}
	}
	red := s.red
	send := func(name, source string, vni uint32) {
		for _, dst := range []string{red[1].MAC, Broadcast} {
			stranger.SendFrames(vxlan(name, source, vni, IPv4(name+", to "+dst, red[0].MAC, dst, red[0].IP, red[1].IP)))
		}
	}
	witnesses := [2]*Witness{red[1].Watch(""), s.blue[1].Watch("")}
	send("from a stranger", "10.0.0.200", s.net.SegmentationID)
	send("for no network", from.EncapIP.String(), s.net.SegmentationID+1000)
	send("from a node", from.EncapIP.String(), s.net.SegmentationID) // so the frames are made right
	// What came by a tunnel goes back by none.
	back := s.Lab.CaptureUnderlay("udp port 4789 and src host " + to.EncapIP.String())
	stranger.SendFrames(
		vxlan("back", from.EncapIP.String(), s.net.SegmentationID, IPv4("back", red[1].MAC, red[0].MAC, red[1].IP, red[0].IP)),
		vxlan("flood", from.EncapIP.String(), s.net.SegmentationID, IPv4("flood", red[0].MAC, Broadcast, red[0].IP, "255.255.255.255")))
	witnesses[0].Await("flood")
	frames, err := back.Frames()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range frames {
		if name := nameOf(f); name == "back" || name == "flood" {
			t.Errorf("from a tunnel into a tunnel: %q", name)
		}
	}
	red[0].Settle(witnesses[0])
	s.blue[0].Settle(witnesses[1])
	witnesses[0].Got("from a node, to "+red[1].MAC, "from a node, to "+Broadcast, "flood")
	witnesses[1].Got()
}
