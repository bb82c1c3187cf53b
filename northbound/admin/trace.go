package admin

import (
	"net/netip"
	"strconv"

	"github.com/gin-gonic/gin"
)

// TraceQuery is a packet, as its sender would send it.
type TraceQuery struct {
	From     string // UUID of the port that sends it
	To       string // UUID of a port, or an IPv4 address
	Protocol string // "icmp" (an echo request), "tcp", "udp", "arp", "dhcp", or the number of an IP protocol; empty: icmp

	Port       uint16     // destination port of TCP and UDP
	SourcePort uint16     // 0: one that clients use
	Source     netip.Addr // the zero Addr: the port's first fixed IP
	SourceMAC  string     // empty: the port's
	TTL        uint8      // 0: 64
	Size       int        // of the IP packet in bytes; 0: as small as it can be
	Live       bool       // send it, and tell where it came out
}

// Trace is the way of a packet.
type Trace struct {
	Verdict string `json:"verdict"` // in words, about the switches as they are
	Outcome string `json:"outcome"` // "delivered", "answered", "left", "controller", "dropped", "unknown"
	// Difference says in words where the wanted tables would have done something else; empty: nowhere.
	Difference string `json:"difference,omitempty"`
	Packet     string `json:"packet"`         // in ovs-ofctl syntax
	Wanted     Way    `json:"wanted"`         // through the tables that the switches should hold
	Present    Way    `json:"present"`        // through the tables as they were read from the switches
	Live       *Live  `json:"live,omitempty"` // what became of a real packet
}

// Way is what a packet meets.
type Way struct {
	Verdict string  `json:"verdict"`
	Outcome string  `json:"outcome"`
	Stages  []Stage `json:"stages"`
	Arrived []Place `json:"arrived"` // where copies of the packet came out
}

// Stage is one lookup, or what happens between switches.
type Stage struct {
	PassedBy
	Depth int    `json:"depth"`          // how many groups and resubmits it is inside of
	Note  string `json:"note,omitempty"` // in words: "through the tunnel to compute2, key 5001"
	// Packet is what comes to the node, as ofproto/trace takes it; beside a Note that says how it comes.
	Packet string `json:"packet,omitempty"`
}

// Place is where a packet came out.
type Place struct {
	Node   string `json:"node"`
	Port   string `json:"port,omitempty"`   // UUID; empty: a mapped bridge
	Name   string `json:"name,omitempty"`   // of the port, or the physical network
	Packet string `json:"packet,omitempty"` // as it came out, in ovs-ofctl syntax
}

// Live is what became of a real packet.
type Live struct {
	Verdict string  `json:"verdict"`
	Arrived []Place `json:"arrived"`
}

func (h handlers) trace(c *gin.Context) error {
	q := TraceQuery{From: c.Query("from"), To: c.Query("to"), Protocol: c.Query("protocol"), SourceMAC: c.Query("source_mac")}
	var err error
	number := func(name string, bits int) uint64 {
		s, given := c.GetQuery(name)
		if !given || err != nil {
			return 0
		}
		n, bad := strconv.ParseUint(s, 10, bits)
		if bad != nil {
			err = badRequest("%s is a number from 0 to %d, not %q.", name, 1<<bits-1, s)
		}
		return n
	}
	q.Port, q.SourcePort = uint16(number("port", 16)), uint16(number("source_port", 16))
	q.TTL, q.Size = uint8(number("ttl", 8)), int(number("size", 16))
	if err != nil {
		return err
	}
	if s := c.Query("source"); s != "" {
		if q.Source, err = netip.ParseAddr(s); err != nil {
			return badRequest("source is an IPv4 address, not %q.", s)
		}
	}
	if q.Live, err = boolean(c, "live"); err != nil {
		return err
	}
	if q.From == "" || q.To == "" && q.Protocol != "dhcp" {
		return badRequest("from is the port that sends the packet, to is a port or an IPv4 address.")
	}
	t, err := h.controller.Trace(c.Request.Context(), q)
	if err != nil {
		return err
	}
	answer(c, t)
	return nil
}
