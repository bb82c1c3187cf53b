package e2e

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/google/gopacket/layers"

	"github.com/planck-sdn/planck/apps/example"
	"github.com/planck-sdn/planck/model"
	"github.com/planck-sdn/planck/tests/lab"
)

// way leads from a VM to an address at which another one serves on talkPort.
type way struct {
	from, to *VM
	ip       string
}

// to is the way to another VM's own address.
func (v *VM) to(other *VM) way { return way{v, other, other.IP} }

// try has ping, TCP and UDP go a way and back at once. It tells what went wrong with each; nil: nothing.
func (w way) try() (failures [3]error) {
	var group sync.WaitGroup
	group.Go(func() { failures[0] = w.from.Reaches(w.ip) })
	for i, network := range []string{"tcp4", "udp4"} {
		group.Go(func() {
			h, err := w.from.Hears(network, w.ip, talkPort)
			if err == nil && h.By != w.to.Name {
				err = fmt.Errorf("%s speaks %s to %s: %s answers", w.from.Name, network, w.ip, h.By)
			}
			failures[i+1] = err
		})
	}
	group.Wait()
	return failures
}

// tryAll tries ways at once.
func tryAll(ways []way) [][3]error {
	failures := make([][3]error, len(ways))
	var group sync.WaitGroup
	for i, w := range ways {
		group.Go(func() { failures[i] = w.try() })
	}
	group.Wait()
	return failures
}

// Passable fails the test unless ping, TCP and UDP and their replies get through on each way, soon.
func (c *Cloud) Passable(ways ...way) {
	c.t.Helper()
	lab.Eventually(c.t, 15*time.Second, "all get through", func() error {
		var failed []error
		var left []way
		for i, f := range tryAll(ways) {
			if err := errors.Join(f[:]...); err != nil {
				failed, left = append(failed, err), append(left, ways[i])
			}
		}
		ways = left
		return errors.Join(failed...)
	})
}

// Impassable fails the test if a ping is answered on one of the ways, or TCP or UDP.
func (c *Cloud) Impassable(ways ...way) {
	c.t.Helper()
	for i, f := range tryAll(ways) {
		if by := slices.Index(f[:], nil); by >= 0 {
			c.t.Errorf("%s gets through to %s at %s by %s", ways[i].from.Name, ways[i].to.Name, ways[i].ip, [3]string{"ping", "TCP", "UDP"}[by])
		}
	}
}

// Named is a packet from the VM's own addresses to another VM, by what it is: "udp 53" and "tcp 22" begin a connection to a port,
// "icmp 8" is of a type, and "47" of a protocol. The frame's name is the VM's and these words.
func (v *VM) Named(to *VM, words string) Frame {
	const source = 40000
	p := example.Packet{SrcPort: source}
	if _, err := fmt.Sscanf(words, "udp %d", &p.DstPort); err == nil {
		p.Proto = model.ProtocolUDP
	} else if _, err := fmt.Sscanf(words, "tcp %d", &p.DstPort); err == nil {
		p.Proto = model.ProtocolTCP
	} else if _, err := fmt.Sscanf(words, "icmp %d", &p.Type); err == nil {
		p.Proto = model.ProtocolICMP
	} else if _, err := fmt.Sscanf(words, "%d", &p.Proto); err != nil {
		panic("e2e: packet " + words)
	}
	return v.packet(v.Name+" "+words, to, p)
}

// packet is a packet from the VM's own addresses to another VM's: protocol, ports and type are as p says. TCP begins a connection.
func (v *VM) packet(name string, to *VM, p example.Packet) Frame {
	if p.Proto == model.ProtocolUDP {
		return UDP(name, v.MAC, to.MAC, v.IP, to.IP, layers.UDPPort(p.SrcPort), layers.UDPPort(p.DstPort))
	}
	eth := &layers.Ethernet{SrcMAC: hw(v.MAC), DstMAC: hw(to.MAC), EthernetType: layers.EthernetTypeIPv4}
	ip := &layers.IPv4{Version: 4, TTL: 64, Protocol: layers.IPProtocol(p.Proto), SrcIP: ip4(v.IP), DstIP: ip4(to.IP)}
	switch p.Proto {
	case model.ProtocolTCP:
		syn := &layers.TCP{SrcPort: layers.TCPPort(p.SrcPort), DstPort: layers.TCPPort(p.DstPort), SYN: true, Window: 1024}
		if err := syn.SetNetworkLayerForChecksum(ip); err != nil {
			panic(err) // not an IP layer
		}
		return frame(name, eth, ip, syn)
	case model.ProtocolICMP:
		return frame(name, eth, ip, &layers.ICMPv4{TypeCode: layers.CreateICMPv4TypeCode(p.Type, 0), Id: p.SrcPort})
	}
	return frame(name, eth, ip)
}

// goesOn fails the test unless the other side of a conversation still answers, soon.
func (c *Cloud) goesOn(talks ...*Talk) {
	c.t.Helper()
	for _, t := range talks {
		lab.Eventually(c.t, 15*time.Second, t.what+" goes on", func() error { _, err := t.Say(); return err })
	}
}

// cut fails the test if the other side of one of the conversations still answers.
func (c *Cloud) cut(talks ...*Talk) {
	c.t.Helper()
	var group sync.WaitGroup
	for _, t := range talks {
		group.Go(func() {
			if h, err := t.Say(); err == nil {
				c.t.Errorf("%s: %s still answers", t.what, h.By)
			}
		})
	}
	group.Wait()
}

// talks begins a conversation with the VM that serves on the port, and has it say something.
func (c *Cloud) talks(v *VM, network, ip string, port int) *Talk {
	c.t.Helper()
	var t *Talk
	lab.Eventually(c.t, 15*time.Second, fmt.Sprintf("%s speaks %s to %s", v.Name, network, ip), func() (err error) {
		if t, err = v.Talk(network, ip, port); err == nil {
			_, err = t.Say()
		}
		return err
	})
	return t
}
