package e2e

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/gopacket/layers"

	"github.com/planck-sdn/planck/tests/lab"
)

// TestARP: requests for known addresses are answered where they are asked; probes and announcements mean what RFC 5227 says.
func TestARP(t *testing.T) {
	t.Parallel()
	c := Start(t, Options{})
	nodes := c.AddNodes("compute1", "compute2")
	net := c.CreateNetwork("net", nil)
	c.CreateSubnet(net, "10.1.0.0/24", lowAddresses)
	vip := "10.1.0.200"
	shared := Attrs{"allowed_address_pairs": []Attrs{{"ip_address": vip}}}
	a := c.Boot(nodes[0], c.CreatePort(net, "a", nil))
	near := c.Boot(nodes[0], c.CreatePort(net, "near", shared))
	far := c.Boot(nodes[1], c.CreatePort(net, "far", shared))
	a.MustReach(near.IP)
	a.MustReach(far.IP)
	far.MustReach(near.IP)

	c.Run("a request for a known address never leaves the node", func(t *testing.T) {
		tunnel := c.Lab.CaptureUnderlay("udp port 4789")
		asker, asked := a.Watch("arp"), far.Watch("")
		forget(t, a)
		a.SendFrames(
			ARP("by broadcast", Broadcast, layers.ARPRequest, a.MAC, a.IP, nobody, far.IP),
			ARP("by unicast", far.MAC, layers.ARPRequest, a.MAC, a.IP, nobody, far.IP),
			ARP("for an unknown address", Broadcast, layers.ARPRequest, a.MAC, a.IP, nobody, "10.1.0.77"))
		asker.Await("by unicast")
		asker.Got("by broadcast", "by unicast")
		a.MustReach(far.IP) // having asked
		a.Settle(asked)
		asked.Got()
		frames, err := tunnel.Frames()
		if err != nil {
			t.Fatal(err)
		}
		pings := 0
		for _, f := range frames {
			if f.Layer(layers.LayerTypeARP) != nil {
				t.Errorf("ARP in a tunnel: %v", f)
			}
			if f.Layer(layers.LayerTypeICMPv4) != nil {
				pings++
			}
		}
		if pings < 6 {
			t.Errorf("%d pings seen in the tunnel, expected at least 6 of them", pings)
		}
		neighbours, err := a.Exec("ip", "neigh", "show", far.IP)
		if err != nil || !strings.Contains(neighbours, far.MAC) {
			t.Errorf("%s is said to be at %q, %v; it is at %s", far.IP, neighbours, err, far.MAC)
		}
	})

	c.Run("duplicate address detection", func(t *testing.T) {
		for _, v := range []*VM{a, near, far} {
			if taken(v, v.IP) {
				t.Errorf("%s finds its own address taken", v.Name)
			}
		}
		if taken(a, "10.1.0.77") {
			t.Error("an address that nobody has is found taken")
		}
		if !taken(a, c.DHCPServer(net).IP()) || !taken(a, near.IP) || !taken(a, far.IP) || !taken(far, a.IP) {
			t.Error("an address that another VM has is not found taken")
		}
	})

	c.Run("announcements are heard by all", func(t *testing.T) {
		witnesses := []*Witness{near.Watch("arp"), far.Watch("arp")}
		if _, err := a.Exec("arping", "-q", "-U", "-c", "1", "-w", "1", "-I", "eth0", a.IP); err != nil {
			t.Error(err)
		}
		a.SendFrames(ARP("unsolicited reply", Broadcast, layers.ARPReply, a.MAC, a.IP, Broadcast, a.IP))
		for _, w := range witnesses {
			w.Await("unsolicited reply")
			lab.Eventually(t, limit, w.vm.Name+" hears arping's announcement", func() error {
				for _, f := range w.frames() {
					arp, ok := f.Layer(layers.LayerTypeARP).(*layers.ARP)
					if ok && arp.Operation == layers.ARPRequest && ip4(a.IP).Equal(arp.SourceProtAddress) && ip4(a.IP).Equal(arp.DstProtAddress) {
						return nil
					}
				}
				return fmt.Errorf("it heard %q", w.Names())
			})
		}
	})

	c.Run("an address that two ports share", func(t *testing.T) {
		// As keepalived does it: the master has the address, and announces it when it becomes the master.
		hold := func(v *VM) {
			_, err := v.Exec("sh", "-c", fmt.Sprintf("ip addr add %s/32 dev eth0 && arping -q -U -c 1 -w 1 -I eth0 -s %s %s", vip, vip, vip))
			if err != nil {
				t.Fatal(err)
			}
		}
		release := func(v *VM) {
			if _, err := v.Exec("ip", "addr", "del", vip+"/32", "dev", "eth0"); err != nil {
				t.Fatal(err)
			}
		}
		holder := func() string {
			out, err := a.Exec("ip", "neigh", "show", vip)
			if err != nil {
				t.Fatal(err)
			}
			return out
		}
		hold(near)
		forget(t, a)
		a.MustReach(vip)
		if !strings.Contains(holder(), near.MAC) {
			t.Errorf("%s is at %q, not at %s's %s", vip, holder(), near.Name, near.MAC)
		}
		ping := a.StartPing(vip, pingInterval)
		c.Answered(ping, 3, "the first holder answers")
		release(near)
		hold(far)
		c.Answered(ping, 3, "the second holder answers")
		t.Logf("failover of a shared address: %v", ping.Stop())
		if !strings.Contains(holder(), far.MAC) {
			t.Errorf("%s is at %q, not at %s's %s", vip, holder(), far.Name, far.MAC)
		}
		forget(t, a)
		a.MustReach(vip) // by asking
		release(far)
	})
}

// forget empties a VM's neighbour cache.
func forget(t *testing.T, v *VM) {
	t.Helper()
	if _, err := v.Exec("ip", "neigh", "flush", "dev", "eth0"); err != nil {
		t.Fatal(err)
	}
}

// taken tells whether a VM that probes for an address finds that it is in use.
func taken(v *VM, ip string) bool {
	v.cloud.t.Helper()
	answers := v.Capture("inbound and arp")
	defer answers.Close()
	began := time.Now()
	_, err := v.Exec("arping", "-q", "-D", "-c", "1", "-w", "1", "-I", "eth0", ip)
	if err != nil && answers.Seen(1) != nil {
		v.cloud.t.Fatalf("after %v: %v", time.Since(began), err)
	}
	return err != nil
}
