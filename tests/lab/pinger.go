package lab

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
)

// Pinger sends echo requests from a VM until it is stopped, to measure an outage. (The ping command, when it is
// ended, counts an answer that is on its way as lost.)
type Pinger struct {
	vm    *VM
	conn  net.PacketConn
	to    *net.IPAddr
	id    uint16
	stop  chan struct{}
	group sync.WaitGroup

	mu      sync.Mutex
	echoes  []echo // by sequence number
	sendErr error  // the last
}

type echo struct {
	sent, answered time.Time
	answers        int
}

// PingerResult is what a Pinger counted.
type PingerResult struct {
	Sent, Received, Duplicates int
	// Replugged is how many of the lost ones were sent while the lab plugged or unplugged an interface anywhere: Open vSwitch
	// may have lost them by itself.
	Replugged int
	// Outage is the longest time without service: from the sending of the first of consecutive lost requests to
	// the sending of the next one that was answered. Zero: none was lost.
	Outage time.Duration
	// SendError is the last error of sending, if any: such requests count as lost.
	SendError error
}

// Lost is the number of requests without an answer.
func (r PingerResult) Lost() int { return r.Sent - r.Received }

func (r PingerResult) String() string {
	s := fmt.Sprintf("%d sent, %d lost, longest outage %v", r.Sent, r.Lost(), r.Outage.Round(time.Millisecond))
	if r.Replugged > 0 {
		s += fmt.Sprintf(", %d of them while an interface was plugged or unplugged", r.Replugged)
	}
	if r.SendError != nil {
		s += fmt.Sprintf(" (%v)", r.SendError)
	}
	return s
}

// StartPing sends a request each interval until Stop; at most 65,536 in all.
func (v *VM) StartPing(to string, interval time.Duration) *Pinger {
	address, err := netip.ParseAddr(to)
	v.must("start ping", err)
	conn, err := v.ListenPacket("ip4:icmp", "0.0.0.0")
	v.must("start ping", err)
	p := &Pinger{vm: v, conn: conn, to: &net.IPAddr{IP: address.AsSlice()}, id: uint16(rand.Uint32()), stop: make(chan struct{})}
	p.group.Go(func() { p.send(interval) })
	go p.receive()
	v.lab.OnClose(func() { conn.Close() })
	return p
}

func (p *Pinger) send(interval time.Duration) {
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for seq := 0; seq < 1<<16; seq++ {
		p.mu.Lock()
		p.echoes = append(p.echoes, echo{sent: time.Now()})
		p.mu.Unlock()
		buf := gopacket.NewSerializeBuffer()
		err := gopacket.SerializeLayers(buf, gopacket.SerializeOptions{ComputeChecksums: true},
			&layers.ICMPv4{TypeCode: layers.CreateICMPv4TypeCode(layers.ICMPv4TypeEchoRequest, 0), Id: p.id, Seq: uint16(seq)},
			gopacket.Payload("planck lab"))
		if err == nil {
			_, err = p.conn.WriteTo(buf.Bytes(), p.to)
		}
		if err != nil {
			p.mu.Lock()
			p.sendErr = err
			p.mu.Unlock()
		}
		select {
		case <-p.stop:
			return
		case <-tick.C:
		}
	}
}

// receive ends when the socket is closed.
func (p *Pinger) receive() {
	buf := make([]byte, 1<<16)
	for {
		n, from, err := p.conn.ReadFrom(buf)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		var icmp layers.ICMPv4
		if err != nil || from.String() != p.to.String() || icmp.DecodeFromBytes(buf[:n], gopacket.NilDecodeFeedback) != nil {
			continue
		}
		if icmp.TypeCode.Type() != layers.ICMPv4TypeEchoReply || icmp.Id != p.id {
			continue
		}
		p.mu.Lock()
		if int(icmp.Seq) < len(p.echoes) {
			e := &p.echoes[icmp.Seq]
			if e.answers++; e.answers == 1 {
				e.answered = time.Now()
			}
		}
		p.mu.Unlock()
	}
}

// Result is the count so far; the latest requests may still be answered.
func (p *Pinger) Result() PingerResult {
	p.mu.Lock()
	defer p.mu.Unlock()
	r := PingerResult{Sent: len(p.echoes), SendError: p.sendErr}
	var lostSince time.Time
	for _, e := range p.echoes {
		if e.answers == 0 && p.vm.lab.replugged(e.sent) {
			r.Replugged++
		}
		switch {
		case e.answers > 0:
			r.Received++
			r.Duplicates += e.answers - 1
			if !lostSince.IsZero() {
				r.Outage = max(r.Outage, e.sent.Sub(lostSince))
			}
			lostSince = time.Time{}
		case lostSince.IsZero():
			lostSince = e.sent
		}
	}
	if !lostSince.IsZero() {
		r.Outage = max(r.Outage, time.Since(lostSince))
	}
	return r
}

// Sent returns an error until n requests have been sent: a condition for Eventually.
func (p *Pinger) Sent(n int) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.echoes) < n {
		return fmt.Errorf("%d requests sent, expected %d", len(p.echoes), n)
	}
	return nil
}

// Stop sends no more, gives the last request up to a second for its answer, and tells the counts.
func (p *Pinger) Stop() PingerResult {
	close(p.stop)
	p.group.Wait()
	await(time.Second, func() error {
		p.mu.Lock()
		defer p.mu.Unlock()
		if len(p.echoes) > 0 && p.echoes[len(p.echoes)-1].answers == 0 {
			return errors.New("no answer yet")
		}
		return nil
	}) // without an answer it is lost, as the counts say
	p.conn.Close()
	return p.Result()
}

// AnsweredAfter is a condition for Eventually: that so many requests sent after since have been answered.
func (p *Pinger) AnsweredAfter(since time.Time, n int) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	answered := 0
	for _, e := range p.echoes {
		if e.sent.After(since) && e.answers > 0 {
			answered++
		}
	}
	if answered < n {
		return fmt.Errorf("%d of %d requests answered", answered, n)
	}
	return nil
}
