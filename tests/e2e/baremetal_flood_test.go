package e2e

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"

	"github.com/planck-sdn/planck/tests/lab"
	"github.com/planck-sdn/planck/tests/proxy"
)

// bytes is the frame on the wire.
func (f Frame) bytes(t *testing.T) []byte {
	t.Helper()
	buffer := gopacket.NewSerializeBuffer()
	if err := gopacket.SerializeLayers(buffer, gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true}, f.layers...); err != nil {
		t.Fatal(err)
	}
	return buffer.Bytes()
}

// inTime is how long a machine may wait for its address, of which a client that asks a second time waits for a second.
const inTime = 3 * time.Second

// TestBareMetalFlood: a server sends 10,000 requests a second, and everybody else gets what he asks for all the same; of switches with meters, and of
// those without.
func TestBareMetalFlood(t *testing.T) {
	for _, x := range []struct {
		name, driver string
		portion      float64 // of what is sent that may come to the controller
	}{{"with meters", "", 0.02}, {"without meters", "plain", 0.2}} {
		t.Run(x.name, func(t *testing.T) {
			c := Start(t, Options{})
			node := c.AddNode("compute1", onFabric)
			ring := c.RingOf(func(name string, datapathID uint64) *Hardware {
				h := c.AddHardware(name, datapathID)
				h.Driver = x.driver
				return h
			}, node)
			leaf1, leaf2, leaf3 := ring.Switches[0], ring.Switches[1], ring.Switches[2]
			if s, err := leaf1.Shown(); err != nil || (s.MaxMeters > 0) != (x.driver == "") {
				t.Fatalf("switch %s has driver %s and %d meters, %v", s.Name, s.Driver, s.MaxMeters, err)
			}
			net, _ := c.VLAN(100, "10.1.0.0/24")
			attacker := leaf1.Server(net, "attacker", hostPort, 0)
			near := leaf1.Server(net, "near", hostPort+1, 0)
			far := leaf2.Server(net, "far", hostPort, 0)
			vm := c.Boot(node, c.CreatePort(net, "vm", nil))
			near.MustReach(far.IP)
			vm.MustReach(near.IP)
			// Offers go to a client, as they would anywhere. A kernel without one answers each by ICMP, and through the one socket that all
			// machines of a lab have for that: when it is full, others' pings stay unanswered.
			client, err := attacker.ListenPacket("udp4", ":68")
			if err != nil {
				t.Fatal(err)
			}
			defer client.Close()

			for i, flood := range []struct {
				name   string
				frames []Frame
			}{
				{"ARP", []Frame{
					ARP("known", Broadcast, layers.ARPRequest, attacker.MAC, attacker.IP, nobody, near.IP),
					ARP("unknown", Broadcast, layers.ARPRequest, attacker.MAC, attacker.IP, nobody, "10.1.0.250"),
				}},
				{"DHCP", []Frame{discover(attacker.MAC, attacker.MAC, 8)}},
			} {
				c.Run(flood.name, func(t *testing.T) {
					const packetIn = 10 // OpenFlow 1.3.5, 7.1
					came := func() int { return leaf1.Proxy.Counts()[proxy.Kind{Type: packetIn}] }
					var frames [][]byte
					for _, f := range flood.frames {
						frames = append(frames, f.bytes(t))
					}
					port := uint32(hostPort + 2 + i)
					racked := map[*VM]*Hardware{}
					for _, s := range []*Hardware{leaf1, leaf3} {
						racked[s.Rack(fmt.Sprintf("%s-%s", flood.name, s.Name), port, 0)] = s
					}
					before := came()
					pings := map[string]*lab.Pinger{
						"between servers":       near.StartPing(far.IP, pingInterval),
						"from a server to a VM": near.StartPing(vm.IP, pingInterval),
					}
					for what, p := range pings {
						c.Answered(p, 20, what)
					}
					stop, began := attacker.flood(frames...), time.Now()
					lab.Eventually(t, limit, "the flood comes up", func() error {
						if n := came() - before; n < 50 {
							return fmt.Errorf("%d requests", n)
						}
						return nil
					})
					waited := map[string]time.Duration{}
					lease := func(v *VM, get func() (lab.Lease, error)) {
						t.Helper()
						from := time.Now()
						if _, err := get(); err != nil {
							t.Fatal(err)
						}
						waited[v.Name] = time.Since(from).Round(time.Millisecond)
					}
					again := func(v *VM) { lease(v, func() (lab.Lease, error) { return v.DHCP(lab.Udhcpc) }) }
					for v, s := range racked {
						v.Port = c.WaitActive(c.CreatePort(net, v.Name, BareMetal(v.MAC, s.Profile(port, 0))).ID)
						v.IP = v.Port.IP()
						again(v)
						v.MustReach(far.IP)
					}
					for _, v := range []*VM{far, vm} {
						lease(v, func() (lab.Lease, error) { return v.Renew(inTime) })
					}
					booted := c.Plug(node, c.CreatePort(net, flood.name, nil))
					again(booted)
					near.MustReach(booted.IP)
					for what, p := range pings {
						lab.Eventually(t, limit, what, func() error { return p.AnsweredAfter(began.Add(5*time.Second), 20) })
					}
					sent, took, n := stop(), time.Since(began), came()-before
					t.Logf("%d requests in %v, of which %d came to the controller; leases meanwhile: %v", sent, took.Round(time.Millisecond), n, waited)
					for name, d := range waited {
						if d > inTime {
							t.Errorf("%s waited %v for its address", name, d)
						}
					}
					if float64(n) > x.portion*float64(sent) {
						t.Errorf("%d of %d requests came to the controller", n, sent)
					}
					if rate := float64(sent) / took.Seconds(); rate < 5000 {
						t.Errorf("no flood: %.0f a second", rate)
					}
					for what, p := range pings {
						r := p.Stop()
						t.Logf("pings %s: %v", what, r)
						if r.Outage > 200*time.Millisecond || r.Duplicates > 0 {
							t.Errorf("pings %s: %v, %d duplicates", what, r, r.Duplicates)
						}
					}
					forget(t, attacker)
					attacker.MustReach(far.IP)
				})
			}
		})
	}
}
