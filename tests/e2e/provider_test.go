package e2e

import (
	"testing"

	"github.com/google/gopacket/layers"

	"github.com/planck-sdn/planck/tests/lab"
)

// TestProviderNetworks: networks that are VLANs of a physical network, and the physical network itself.
func TestProviderNetworks(t *testing.T) {
	t.Parallel()
	c := Start(t, Options{})
	mapped := lab.NodeOptions{Mappings: map[string]string{"public": "br-ex"}}
	nodes := []*lab.Node{c.AddNode("compute1", mapped), c.AddNode("compute2", mapped)}

	// All on one wire, with the same addresses.
	segments := []*segment{
		{name: "flat", attributes: Attrs{"provider:network_type": "flat", "provider:physical_network": "public"}},
		{name: "vlan100", vlan: 100, attributes: Attrs{"provider:network_type": "vlan", "provider:physical_network": "public", "provider:segmentation_id": 100}},
		{name: "vlan200", vlan: 200, attributes: Attrs{"provider:network_type": "vlan", "provider:physical_network": "public", "provider:segmentation_id": 200}},
	}
	for i, s := range segments {
		s.net = c.CreateNetwork(s.name, s.attributes)
		c.CreateSubnet(s.net, "10.1.0.0/24", lowAddresses)
		for j, node := range nodes {
			s.vms[j] = c.Boot(node, c.CreatePort(s.net, s.name, nil)) // by Planck's DHCP
		}
		s.outside = c.Outside(nodes[0], "outside-"+s.name, "br-ex", s.vlan, "02:00:00:00:01:0"+string(rune('1'+i)), "10.1.0.200/24")
	}

	for _, s := range segments {
		c.Run(s.name, func(t *testing.T) {
			everyone := []*VM{s.vms[0], s.vms[1], s.outside}
			for _, from := range everyone {
				for _, to := range everyone {
					if from == to {
						continue
					}
					from.MustReach(to.IP)
					r, err := from.Ping(to.IP, lab.PingOptions{Size: s.net.MTU - 28, DF: true}) // without the IPv4 and ICMP headers
					if err != nil || r.Lost() != 0 {
						t.Errorf("%s pings %s with packets of %d bytes: %v, %v", from.Name, to.Name, s.net.MTU, r, err)
					}
				}
			}
			if s.net.MTU != 1500 {
				t.Errorf("the network's MTU is %d: nothing is encapsulated", s.net.MTU)
			}
			s.apart(t, segments)
			s.answers(t)
			s.doubleTags(t, nodes[1])
		})
	}
}

// segment is a provider network with a VM on each node and a machine outside the cloud.
type segment struct {
	name       string
	vlan       int
	attributes Attrs
	net        Network
	vms        [2]*VM
	outside    *VM
}

// apart: frames of this segment reach its members, each once, and no other segment's.
func (s *segment) apart(t *testing.T, all []*segment) {
	t.Helper()
	a, b := s.vms[0], s.vms[1]
	members := []*Witness{b.Watch(""), s.outside.Watch("")}
	others := map[*segment][]*Witness{}
	for _, o := range all {
		if o != s {
			others[o] = []*Witness{o.vms[0].Watch(""), o.vms[1].Watch(""), o.outside.Watch("")}
		}
	}
	a.SendFrames(a.IPv4Broadcast("broadcast"), a.IPv4To(b, "to b"), a.IPv4To(s.outside, "to the outside"),
		a.IPv4Broadcast("tagged").Tagged(100), a.IPv4Broadcast("tagged otherwise").Tagged(200),
		a.IPv4Broadcast("spoofed MAC").from(s.outside.MAC))
	a.Settle(members...)
	members[0].Got("broadcast", "to b")
	members[1].Got("broadcast", "to the outside")
	members = append(members, a.Watch(""))
	s.outside.SendFrames(s.outside.IPv4Broadcast("from outside"), s.outside.IPv4To(a, "to a"),
		Ethernet("BPDU", s.outside.MAC, "01:80:c2:00:00:00", layers.EthernetTypeLLC))
	s.outside.Settle(members[0], members[2])
	members[0].Got("from outside")
	members[1].Got()
	members[2].Got("from outside", "to a")
	for o, witnesses := range others {
		o.outside.Settle(witnesses[0], witnesses[1])
		o.vms[0].Settle(witnesses[1], witnesses[2])
		for _, w := range witnesses {
			w.Got()
		}
	}
}

// answers: a request from the wire is answered once, by the node that has the target; one from a VM for an address outside
// goes out.
func (s *segment) answers(t *testing.T) {
	t.Helper()
	w := s.outside.Watch("arp")
	for _, v := range s.vms {
		s.outside.SendFrames(ARP("who has "+v.Name, Broadcast, layers.ARPRequest, s.outside.MAC, s.outside.IP, nobody, v.IP))
	}
	for _, v := range s.vms {
		w.Await("who has " + v.Name)
	}
	// Nothing of a VM's frames passes an answer to a request that was sent before: the same bridges answer and forward.
	s.vms[0].Settle(s.outside.Watch(""))
	s.vms[1].Settle(s.outside.Watch(""))
	w.Got("who has "+s.vms[0].Name, "who has "+s.vms[1].Name)
	out := s.outside.Watch("arp")
	s.vms[1].SendFrames(ARP("who has the outside", Broadcast, layers.ARPRequest, s.vms[1].MAC, s.vms[1].IP, nobody, s.outside.IP))
	out.Await("who has the outside")
}

// doubleTags: what carries a tag behind the network's own is not for VMs, wherever on the wire it comes from.
func (s *segment) doubleTags(t *testing.T, node *lab.Node) {
	t.Helper()
	trunk := &VM{VM: node.AddHost("trunk-"+s.name, "br-ex", 0, "02:00:00:00:02:01"), cloud: s.outside.cloud, IP: "10.1.0.201"}
	if _, err := node.Vsctl("clear", "Port", trunk.Interface(), "trunks"); err != nil { // now it takes every tag
		t.Fatal(err)
	}
	defer trunk.Close()
	own := []uint16{uint16(s.vlan)}
	if s.vlan == 0 {
		own = nil
	}
	witnesses := []*Witness{s.vms[0].Watch(""), s.vms[1].Watch("")}
	for i, v := range s.vms {
		trunk.SendFrames(
			trunk.IPv4To(v, "two tags").Tagged(append(own, 5)...),
			trunk.IPv4To(v, "three tags").Tagged(append(own, 5, 6)...),
			trunk.IPv4To(v, "another VLAN").Tagged(300),
		)
		for _, name := range []string{"as it should be", "as it should be, again"} { // as in Settle
			f := trunk.IPv4To(v, name)
			if own != nil {
				f = f.Tagged(own...)
			}
			trunk.SendFrames(f)
			witnesses[i].Await(name)
		}
		witnesses[i].Got("as it should be", "as it should be, again")
	}
}
