package inspect

import (
	"errors"
	"net/netip"
	"strings"
	"testing"

	"github.com/planck-sdn/planck/apps"
	"github.com/planck-sdn/planck/apps/example"
	"github.com/planck-sdn/planck/apps/pipeline"
	"github.com/planck-sdn/planck/controller/trace"
	"github.com/planck-sdn/planck/model"
	"github.com/planck-sdn/planck/northbound/admin"
)

// TestPacketOf: what is asked for becomes a packet, or is refused with the reason.
func TestPacketOf(t *testing.T) {
	c := example.TwoNodes()
	c.Port(c.Network("empty"), "bare")
	v := c.View()
	web1, web2 := v.PortByID("web1"), v.PortByID("web2")
	address := trace.AddressOf(web2)
	for _, test := range []struct {
		name   string
		q      admin.TraceQuery
		want   trace.Packet
		reason string // beginning of it
	}{
		{"a port", admin.TraceQuery{From: "web1", To: "web2"}, trace.Packet{From: web1, To: address, Port: web2, Protocol: 1, Number: 1}, ""},
		{"an address", admin.TraceQuery{From: "web1", To: "10.1.0.12", Protocol: "tcp", Port: 22, SourcePort: 5, TTL: 3, Size: 100},
			trace.Packet{From: web1, To: address, Protocol: 6, DestinationPort: 22, SourcePort: 5, TTL: 3, Size: 100, Number: 1}, ""},
		{"a protocol by number", admin.TraceQuery{From: "web1", To: "10.1.0.12", Protocol: "47"}, trace.Packet{From: web1, To: address, Protocol: 47, Number: 1}, ""},
		{"ARP", admin.TraceQuery{From: "web1", To: "web2", Protocol: "arp"}, trace.Packet{From: web1, To: address, Port: web2, Kind: trace.ARP, Number: 1}, ""},
		{"DHCP", admin.TraceQuery{From: "web1", Protocol: "dhcp"}, trace.Packet{From: web1, Kind: trace.DHCP, Number: 1}, ""},
		{"a source", admin.TraceQuery{From: "web1", To: "web2", Source: netip.MustParseAddr("10.1.0.9"), SourceMAC: "02:00:00:00:00:09"},
			trace.Packet{From: web1, To: address, Port: web2, Protocol: 1, Number: 1, Source: netip.MustParseAddr("10.1.0.9"), SourceMAC: model.MAC{2, 0, 0, 0, 0, 9}}, ""},
		{"no sender", admin.TraceQuery{From: "web3", To: "web2"}, trace.Packet{}, "Port web3 could not be found"},
		{"no receiver", admin.TraceQuery{From: "web1", To: "web3"}, trace.Packet{}, "Port web3 could not be found"},
		{"a receiver without an address", admin.TraceQuery{From: "web1", To: "bare"}, trace.Packet{}, "Port bare has no IPv4 address"},
		{"IPv6", admin.TraceQuery{From: "web1", To: "fe80::1"}, trace.Packet{}, "There is no such packet"},
		{"TCP to no port", admin.TraceQuery{From: "web1", To: "web2", Protocol: "tcp"}, trace.Packet{}, "There is no such packet"},
		{"too small", admin.TraceQuery{From: "web1", To: "web2", Size: 27}, trace.Packet{}, "There is no such packet"},
		{"ARP of some size", admin.TraceQuery{From: "web1", To: "web2", Protocol: "arp", Size: 100}, trace.Packet{}, "There is no such packet"},
		{"an unknown protocol", admin.TraceQuery{From: "web1", To: "web2", Protocol: "smtp"}, trace.Packet{}, "protocol is icmp"},
		{"no MAC", admin.TraceQuery{From: "web1", To: "web2", SourceMAC: "02"}, trace.Packet{}, "source_mac is a MAC address"},
		{"DHCP live", admin.TraceQuery{From: "web1", Protocol: "dhcp", Live: true}, trace.Packet{}, "Only IP packets"},
	} {
		got, err := packetOf(v, test.q)
		var refusal *model.Error
		switch {
		case test.reason == "" && (err != nil || got != test.want):
			t.Errorf("%s: %+v, %v", test.name, got, err)
		case test.reason != "" && (!errors.As(err, &refusal) || !strings.HasPrefix(refusal.Message, test.reason)):
			t.Errorf("%s: %v", test.name, err)
		}
	}
}

// TestLeaves: what differs is said with its owner.
func TestLeaves(t *testing.T) {
	v := example.TwoNodes().View()
	node := v.NodeByHostname("node1")
	tables, err := example.Tables(apps.All(), v, node.Number)
	if err != nil {
		t.Fatal(err)
	}
	d := trace.Difference{Node: node}
	for _, f := range tables.Flows {
		if f.Table() == pipeline.Output.ID {
			d.Entry = f
		}
	}
	for kind, want := range map[trace.DifferenceKind]string{
		trace.Missing: "On node1 table output lacks an entry, of port web1 (web1): cookie=0x",
		trace.Extra:   "On node1 table output has an entry that it should not have, of port web1 (web1): cookie=0x",
		trace.Changed: "On node1 an entry of table output, of port web1 (web1), does something else; wanted is: cookie=0x",
	} {
		d.Kind = kind
		if got := leaves(v, &d); !strings.HasPrefix(got, want) {
			t.Errorf("%s: %s", kind, got)
		}
	}
	if got := leaves(v, &trace.Difference{Node: node, Kind: trace.Missing, Group: 7}); got != "On node1 group 7 is missing" {
		t.Error(got)
	}
}
