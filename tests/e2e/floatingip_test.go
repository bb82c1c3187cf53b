package e2e

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/gopacket/layers"

	"github.com/planck-sdn/planck/tests/lab"
)

// floating is a cloud with floating IPs: of two tenants, on two nodes with the external network's bridge and one without it.
type floating struct {
	*Cloud
	nodes       []*lab.Node // the third has no bridge
	w           *World
	red, blue   *Client
	router      Router // red's
	twin        Router // blue's, with the same addresses inside
	net         Network
	here, there *VM // red's with a floating IP, on the first node and on the third
	other       *VM // blue's with a floating IP, on the second node
	bare, plain *VM // red's without one, on the first node and on the third
	vms         []*VM
	of          map[*VM]FloatingIP
}

func startFloating(t *testing.T, o Options) *floating {
	t.Helper()
	s := &floating{Cloud: Start(t, o), of: map[*VM]FloatingIP{}}
	s.nodes = []*lab.Node{s.AddNode("compute1", public), s.AddNode("compute2", public), s.AddNode("compute3")}
	s.w = s.World(s.nodes[1], "br-ex")
	s.red, s.blue = s.Project("red"), s.Project("blue")
	// Not where "here" and "bare" are: what is theirs is then on another node than what is centralised.
	s.router = s.RouterOn(s.nodes[1], s.red, "router", s.w)
	s.twin = s.blue.CreateRouter("router", Via(s.w.Net, nil))
	s.net, _ = s.red.Routed(s.router.ID, "net", "10.1.0.0/24", nil)
	net, _ := s.blue.Routed(s.twin.ID, "net", "10.1.0.0/24", nil)
	s.here = s.Boot(s.nodes[0], s.red.CreatePort(s.net, "here", nil))
	s.there = s.Boot(s.nodes[2], s.red.CreatePort(s.net, "there", nil))
	s.bare = s.Boot(s.nodes[0], s.red.CreatePort(s.net, "bare", nil))
	s.plain = s.Boot(s.nodes[2], s.red.CreatePort(s.net, "plain", nil))
	s.other = s.Boot(s.nodes[1], s.blue.CreatePort(net, "other", Attrs{"mac_address": s.here.MAC, "fixed_ips": []Attrs{{"ip_address": s.here.IP}}}))
	s.vms = []*VM{s.here, s.there, s.other, s.bare, s.plain}
	for _, v := range s.vms {
		v.Serve(talkPort)
	}
	for v, project := range map[*VM]*Client{s.here: s.red, s.there: s.red, s.other: s.blue} {
		s.of[v] = project.CreateFloatingIP(s.w.Net, Attrs{"port_id": v.Port.ID})
	}
	s.WaitConverged()
	return s
}

// as is the address that others outside see a VM by.
func (s *floating) as(v *VM) string {
	if f, has := s.of[v]; has {
		return f.Address
	}
	if v == s.other {
		return s.twin.GatewayIP()
	}
	return s.router.GatewayIP()
}

// TestFloatingIPs: addresses of the outside that stand for VMs.
func TestFloatingIPs(t *testing.T) {
	t.Parallel()
	s := startFloating(t, Options{})
	outside := []*VM{s.w.Host, s.w.Gateway, s.w.Far}

	s.Run("in and out", func(t *testing.T) {
		for v, f := range s.of {
			for _, o := range outside {
				o.MustReach(f.Address)
				o.MustBeSeenAs(o.IP, v, f.Address)
				v.MustBeSeenAs(f.Address, o, o.IP)
			}
			if request := ipv4(pings(t, v, s.w.Host, hostIP)[0]); request.SrcIP.String() != f.Address || request.TTL != 63 {
				t.Errorf("%s pings the outside from %s with TTL %d", v.Name, request.SrcIP, request.TTL)
			}
			if ttl := ipv4(pings(t, s.w.Host, v, f.Address)[0]).TTL; ttl != 63 {
				t.Errorf("%s is pinged from outside with TTL %d", v.Name, ttl)
			}
			// The first packet of a node that has asked nobody, too: its questions come from the floating IP.
			if mac := arpOutside(t, s.w.Host, f.Address); mac != s.FloatingMAC(f.ID) {
				t.Errorf("%s is at %q, expected %s", f.Address, mac, s.FloatingMAC(f.ID))
			}
		}
		s.plain.MustBeSeenAs(s.router.GatewayIP(), s.w.Host, hostIP)
	})

	s.Run("hairpins", func(t *testing.T) {
		for _, from := range s.vms {
			for to, f := range s.of {
				if err := from.Reaches(f.Address); err != nil {
					t.Error(err)
				}
				from.MustBeSeenAs(s.as(from), to, f.Address)
			}
		}
	})

	s.Run("throughput", func(t *testing.T) {
		for _, v := range []*VM{s.here, s.there} {
			server, err := v.Start("iperf3", "-s")
			if err != nil {
				t.Fatal(err)
			}
			for _, reverse := range []bool{false, true} {
				rate := iperf(t, s.w.Host, s.of[v].Address, reverse)
				t.Logf("iperf3 between the outside and %s on %s, reverse %t: %.0f Mbit/s", v.Name, v.Node().Name, reverse, rate)
				if rate < 20 {
					t.Errorf("%.0f Mbit/s", rate)
				}
			}
			server.Kill()
		}
	})

	s.Run("disassociated", func(t *testing.T) {
		for _, v := range []*VM{s.here, s.there} {
			f := s.of[v]
			talks := map[string]*Talk{}
			for _, network := range []string{"tcp4", "udp4"} {
				var in, out *Talk
				var err error
				if in, err = s.w.Host.Talk(network, f.Address, talkPort); err != nil {
					t.Fatal(err)
				}
				if out, err = v.Talk(network, hostIP, talkPort); err != nil {
					t.Fatal(err)
				}
				talks["in by "+network], talks["out by "+network] = in, out
			}
			for what, talk := range talks {
				if h, err := talk.Say(); err != nil || h.From.Addr().String() == v.IP {
					t.Fatalf("%s: %v, %v", what, h, err)
				}
			}
			if f := s.red.Disassociate(f.ID); f.PortID != "" || f.Status != "DOWN" {
				t.Errorf("disassociated: %+v", f)
			}
			s.WaitConverged()
			var group sync.WaitGroup
			for what, talk := range talks {
				group.Go(func() {
					// What a VM sends goes on by source NAT, under the router's address: to a TCP peer that is somebody else.
					if h, err := talk.Say(); err == nil && (what != "out by udp4" || h.From.Addr().String() != s.router.GatewayIP()) {
						t.Errorf("%s, %s: %s still answers, and sees %v", v.Name, what, h.By, h.From)
					}
					talk.Close()
				})
			}
			group.Wait()
			s.w.Host.MustNotReach(f.Address)
			s.bare.MustNotReach(f.Address)
			v.MustBeSeenAs(s.router.GatewayIP(), s.w.Host, hostIP)
			s.red.Associate(f.ID, v.Port)
			s.WaitConverged()
			for _, n := range s.nodes {
				n.ForgetPackets()
			}
			if err := s.w.Host.Reaches(f.Address); err != nil { // at once
				t.Error(err)
			}
			v.MustBeSeenAs(f.Address, s.w.Host, hostIP)
		}
	})

	s.Run("announced, and moved", func(t *testing.T) {
		f := s.red.CreateFloatingIP(s.w.Net, nil)
		mac := s.FloatingMAC(f.ID)
		s.w.Host.MustNotReach(f.Address)
		ping := s.w.Host.StartPing(f.Address, pingInterval)
		served := ""
		for _, v := range []*VM{s.bare, s.plain, s.bare} { // from node to node
			heard := s.w.Host.Capture("inbound and arp and ether src " + mac)
			began := time.Now()
			s.red.Associate(f.ID, v.Port)
			s.WaitConverged()
			confirmed := time.Since(began)
			s.Answered(ping, 3, f.Address+" stands for "+v.Name)
			t.Logf("%s stands for %s: confirmed after %v, answered after %v", f.Address, v.Name,
				confirmed.Round(time.Millisecond), time.Since(began).Round(time.Millisecond))
			if node := s.FloatingNode(f.ID); node == served {
				t.Errorf("%s is still served by %s", f.Address, node)
			} else {
				served = node
			}
			lab.Eventually(t, limit, "the outside is told", func() error { return announced(heard, f.Address) })
			s.w.Host.MustBeSeenAs(hostIP, v, f.Address)
			v.MustBeSeenAs(f.Address, s.w.Host, hostIP)
			heard.Close()
		}
		s.plain.MustBeSeenAs(s.router.GatewayIP(), s.w.Host, hostIP) // no longer the floating IP
		ping.Stop()
		s.red.DeleteFloatingIP(f.ID)
		s.WaitConverged()
		s.w.Host.MustNotReach(f.Address)
	})

	s.Run("follows the port that announces it", s.keepalived)

	s.Run("planckd restarts", func(t *testing.T) {
		s.WaitConverged()
		entries := s.EntryAges()
		pings := []*lab.Pinger{s.w.Host.StartPing(s.of[s.here].Address, pingInterval), s.w.Host.StartPing(s.of[s.there].Address, pingInterval),
			s.plain.StartPing(farIP, pingInterval)}
		s.Planckd.Kill()
		s.Answered(pings[2], 20, "pings without a controller")
		s.Planckd.Start()
		s.WaitReady(s.nodes...)
		s.WaitConverged()
		for _, p := range pings {
			s.Answered(p, 20, "pings with the new controller")
			lostNothing(t, p)
		}
		s.sentNothing()
		s.Kept(entries)
	})
}

// arpOutside is the MAC address that answers for an address outside, when exactly one does; otherwise it says who.
func arpOutside(t *testing.T, host *VM, ip string) string {
	t.Helper()
	answers := host.Capture("inbound and arp[6:2] == 2 and src host " + ip)
	defer answers.Close()
	if _, err := host.Exec("arping", "-q", "-c", "2", "-w", "2", "-b", "-I", "eth0", ip); err != nil {
		t.Fatal(err)
	}
	frames, err := answers.Frames()
	if err != nil {
		t.Fatal(err)
	}
	macs := map[string]int{}
	for _, f := range frames {
		macs[f.LinkLayer().(*layers.Ethernet).SrcMAC.String()]++
	}
	if len(macs) != 1 || len(frames) != 2 {
		return fmt.Sprintf("%v", macs)
	}
	return slices.Collect(maps.Keys(macs))[0]
}

// announced is a condition for Eventually: a gratuitous ARP of an address (RFC 5227, 3) has been captured.
func announced(c *lab.Capture, ip string) error {
	frames, err := c.Frames()
	if err != nil {
		return err
	}
	for _, f := range frames {
		arp, ok := f.Layer(layers.LayerTypeARP).(*layers.ARP)
		eth := f.LinkLayer().(*layers.Ethernet)
		if ok && ip4(ip).Equal(arp.SourceProtAddress) && ip4(ip).Equal(arp.DstProtAddress) && eth.DstMAC.String() == Broadcast {
			return nil
		}
	}
	return fmt.Errorf("%d frames, no announcement of %s", len(frames), ip)
}

// iperf measures TCP from the VM to a server for a second, or the other way; in Mbit/s.
func iperf(t *testing.T, v *VM, ip string, reverse bool) float64 {
	t.Helper()
	args := []string{"iperf3", "-c", ip, "-t", "1", "-J"}
	if reverse {
		args = append(args, "-R")
	}
	var report struct {
		Error string // with exit code 0, when the server was not ready for the test
		End   struct {
			Received struct {
				Rate float64 `json:"bits_per_second"`
			} `json:"sum_received"`
		}
	}
	lab.Eventually(t, 10*time.Second, "iperf3 from "+v.Name+" to "+ip, func() error { // the server may not have begun
		out, err := v.Exec(args...)
		if err != nil {
			return err
		}
		report.Error = ""
		if err = json.Unmarshal([]byte(out), &report); err == nil && report.Error != "" {
			err = errors.New(report.Error)
		}
		return err
	})
	return report.End.Received.Rate / 1e6
}

// keepalived: an address in the allowed address pairs of two ports is where it was announced last, and so is its floating IP.
func (s *floating) keepalived(t *testing.T) {
	vip := s.red.CreatePort(s.net, "vip", nil) // of no VM: it keeps the address
	pairs := Attrs{"allowed_address_pairs": []Attrs{{"ip_address": vip.IP()}}}
	one := s.Boot(s.nodes[0], s.red.CreatePort(s.net, "one", pairs))
	two := s.Boot(s.nodes[2], s.red.CreatePort(s.net, "two", pairs))
	three := s.Boot(s.nodes[1], s.red.CreatePort(s.net, "three", pairs))
	for _, v := range []*VM{one, two, three} {
		v.Serve(talkPort)
	}
	f := s.red.CreateFloatingIP(s.w.Net, Attrs{"port_id": vip.ID})
	s.WaitConverged()
	ping := s.w.Host.StartPing(f.Address, pingInterval)
	var before *VM
	for _, v := range []*VM{one, two, three, one} {
		if before != nil {
			if _, err := before.Exec("ip", "addr", "del", vip.IP()+"/32", "dev", "eth0"); err != nil {
				t.Fatal(err)
			}
		}
		began := time.Now()
		if _, err := v.Exec("sh", "-c", fmt.Sprintf("ip addr add %s/32 dev eth0 && arping -q -U -c 1 -w 1 -I eth0 -s %s %s", vip.IP(), vip.IP(), vip.IP())); err != nil {
			t.Fatal(err)
		}
		s.Answered(ping, 3, f.Address+" is at "+v.Name)
		t.Logf("%s is at %s on %s %v after its announcement", f.Address, v.Name, v.Node().Name, time.Since(began).Round(time.Millisecond))
		s.w.Host.MustBeSeenAs(hostIP, v, f.Address)
		s.other.MustBeSeenAs(s.as(s.other), v, f.Address)
		s.bare.MustBeSeenAs(s.bare.IP, v, vip.IP())
		before = v
	}
	ping.Stop()
	s.red.DeleteFloatingIP(f.ID)
	for _, v := range []*VM{one, two, three} {
		v.Close()
		s.DeletePort(v.Port.ID)
	}
	s.DeletePort(vip.ID)
}
