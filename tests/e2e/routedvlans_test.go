package e2e

import (
	"fmt"
	"testing"

	"github.com/google/gopacket/layers"

	"github.com/planck-sdn/planck/tests/lab"
)

// TestRoutedVLANs: routed networks that are VLANs of a physical network, whose switches must not find one MAC address behind two
// of their ports.
func TestRoutedVLANs(t *testing.T) {
	t.Parallel()
	c := Start(t, Options{})
	nodes := []*lab.Node{c.AddNode("compute1", public), c.AddNode("compute2", public), c.AddNode("compute3")}
	router := c.CreateRouter("router", nil)
	vlan := func(name, cidr string, id int) Network {
		n, _ := c.Routed(router.ID, name, cidr, Attrs{"provider:network_type": "vlan", "provider:physical_network": "public", "provider:segmentation_id": id})
		return n
	}
	one, two := vlan("one", "10.1.0.0/24", 100), vlan("two", "10.2.0.0/24", 200)
	three, _ := c.Routed(router.ID, "three", "10.3.0.0/24", nil)
	var vms []*VM
	of := map[*VM]Network{}
	for _, net := range []Network{one, two} {
		for i := range 2 {
			v := c.Boot(nodes[i], c.CreatePort(net, fmt.Sprint(net.Name, i+1), nil))
			vms = append(vms, v)
			of[v] = net
		}
	}
	tunnelled := c.Boot(nodes[2], c.CreatePort(three, "three3", nil))
	of[tunnelled] = three
	vms = append(vms, tunnelled)
	for _, from := range vms {
		for _, to := range vms {
			if from != to {
				from.MustReach(to.IP)
			}
		}
	}

	c.Run("a node's own MAC on the wire", func(t *testing.T) {
		routers := map[string]bool{}
		for _, n := range []Network{one, two, three} {
			routers[c.InterfaceMAC(router.ID, n)] = true
		}
		wire := map[*lab.Node]*lab.Capture{}
		for _, n := range nodes[:2] {
			wire[n] = n.Capture("ph0", "outbound")
		}
		for _, from := range vms {
			for _, to := range vms {
				if of[from].ID == of[to].ID {
					continue
				}
				for _, f := range pings(t, from, to, to.IP) {
					eth := f.LinkLayer().(*layers.Ethernet)
					if eth.SrcMAC.String() != c.InterfaceMAC(router.ID, of[to]) || ipv4(f).TTL != 63 {
						t.Errorf("from %s to %s: source MAC %s, TTL %d", from.Name, to.Name, eth.SrcMAC, ipv4(f).TTL)
					}
				}
			}
		}
		behind := map[string]*lab.Node{}
		routed := 0
		for n, capture := range wire {
			frames, err := capture.Frames()
			if err != nil {
				t.Fatal(err)
			}
			for _, f := range frames {
				mac := f.LinkLayer().(*layers.Ethernet).SrcMAC.String()
				if other := behind[mac]; other != nil && other != n {
					t.Errorf("%s is behind %s and %s", mac, other.Name, n.Name)
				}
				behind[mac] = n
				if routers[mac] {
					t.Errorf("a router's MAC on the wire of %s: %v", n.Name, f)
				}
				if f.Layer(layers.LayerTypeICMPv4) != nil {
					routed++
				}
			}
		}
		if routed < 12 { // between two nodes' VMs of two VLANs, there and back
			t.Errorf("%d pings on the wire", routed)
		}
	})

	c.Run("path MTU", func(t *testing.T) {
		if one.MTU != 1500 || three.MTU != 1450 {
			t.Fatalf("MTUs %d and %d", one.MTU, three.MTU)
		}
		for _, v := range vms[:2] { // on the nodes with the VLAN
			r, err := v.Ping(tunnelled.IP, lab.PingOptions{Size: 1472, Fragment: true})
			if err != nil || r.Lost() != 0 {
				t.Errorf("%s pings %s with packets to be fragmented: %v, %v", v.Name, tunnelled.Name, r, err)
			}
			if mtu, err := v.PathMTU(tunnelled.IP, 1500); err != nil || mtu != 1450 {
				t.Errorf("%s finds a path MTU of %d to %s, %v", v.Name, mtu, tunnelled.Name, err)
			}
			const size = 1 << 19
			if _, err := v.Exec("ip", "route", "flush", "cache"); err != nil {
				t.Fatal(err)
			}
			if n, err := v.Transfer(tunnelled, tunnelled.IP, size); err != nil || n != size {
				t.Errorf("%s sends to %s: %d of %d bytes, %v", v.Name, tunnelled.Name, n, size, err)
			}
		}
		// Where nothing is encapsulated, everything fits.
		if mtu, err := vms[0].PathMTU(vms[3].IP, 1500); err != nil || mtu != 1500 {
			t.Errorf("a path MTU of %d between VLANs, %v", mtu, err)
		}
	})
}
