package arp

import (
	"encoding/binary"
	"net/netip"
	"testing"

	"github.com/planck-sdn/planck/apps/example"
	"github.com/planck-sdn/planck/apps/pipeline"
	"github.com/planck-sdn/planck/model"
	"github.com/planck-sdn/planck/model/flow"
	"github.com/planck-sdn/planck/model/topology"
)

const outsider = 9

// world is a router with a floating IP, another router outside, and two ports that share an address.
type world struct {
	view                 *topology.View
	node                 *model.Node
	router               *model.Router
	floating             *model.FloatingIP
	gateway, onExt       *model.Port
	sharing, third       *model.Port
	gatewayRef, floatRef model.Ref
}

func newWorld() *world {
	c := &example.Cloud{}
	w := &world{node: c.Node("n1", "public")}
	red := c.Network("red")
	c.BareSubnet(red, "10.0.0.0/24")
	ext := c.External("ext", "public", "203.0.113.0/24")
	w.router = c.Router("r")
	c.Interface(w.router, red, "10.0.0.1")
	w.gateway = c.Gateway(w.router, ext, "203.0.113.70", w.node)
	w.sharing, w.third = c.VM(red, w.node, "a", "10.0.0.11"), c.VM(red, w.node, "c", "10.0.0.13")
	b := c.VM(red, w.node, "b", "10.0.0.12")
	w.onExt = c.VM(ext, w.node, "on ext", "203.0.113.50")
	example.Pair(w.sharing, "10.0.0.100/32")
	example.Pair(b, "10.0.0.100/32")
	w.floating = c.FloatingIP(ext, "203.0.113.72", w.third, w.router)
	w.view = c.View()
	w.gatewayRef, w.floatRef = w.router.Ref(), w.floating.Ref()
	return w
}

func frame(op uint16, sha model.MAC, spa, tpa string) []byte {
	f := append(make([]byte, 6), sha[:]...)
	f = append(f, 8, 6, 0, 1, 8, 0, 6, 4)
	f = binary.BigEndian.AppendUint16(f, op)
	f = append(f, sha[:]...)
	f = append(f, netip.MustParseAddr(spa).AsSlice()...)
	f = append(f, make([]byte, 6)...)
	return append(f, netip.MustParseAddr(tpa).AsSlice()...)
}

func (w *world) up(rule *pipeline.Rule, ref model.Ref, port *model.Port, data []byte) pipeline.Reply {
	in := pipeline.PacketIn{View: w.view, Node: w.view.Node(w.node.Number), Ref: ref, Port: port,
		PacketIn: flow.PacketIn{Cookie: flow.NewCookie(rule.Number, uint8(ref.Kind), uint64(ref.Number)), Data: data}}
	if port != nil {
		at, _ := w.view.AttachmentOn(port.Number, w.node.Number)
		in.InPort = at.Ofport
	}
	return packetIn(in)
}

func TestSighting(t *testing.T) {
	w := newWorld()
	host := model.MAC{0x52, 0x54, 0, 0, 0, outsider}
	for name, c := range map[string]struct {
		ref      model.Ref
		op       uint16
		mac      model.MAC
		spa, tpa string
		seen     bool
	}{
		"to the gateway's address":        {w.gatewayRef, 2, host, "203.0.113.9", "203.0.113.70", true},
		"to a floating IP":                {w.floatRef, 2, host, "203.0.113.9", "203.0.113.72", true},
		"from a port outside":             {w.gatewayRef, 2, w.onExt.MAC, "203.0.113.50", "203.0.113.70", true},
		"from a port's address":           {w.gatewayRef, 2, host, "203.0.113.50", "203.0.113.70", false},
		"a request":                       {w.gatewayRef, 1, host, "203.0.113.9", "203.0.113.70", false},
		"to another address":              {w.gatewayRef, 2, host, "203.0.113.9", "203.0.113.71", false},
		"to the gateway's, by a floating": {w.floatRef, 2, host, "203.0.113.9", "203.0.113.70", false},
		"not of the external subnet":      {w.gatewayRef, 2, host, "10.0.0.11", "203.0.113.70", false},
		"the subnet's broadcast":          {w.gatewayRef, 2, host, "203.0.113.255", "203.0.113.70", false},
		"from a multicast MAC":            {w.gatewayRef, 2, model.MAC{1, 0, 0x5e, 0, 0, 1}, "203.0.113.9", "203.0.113.70", false},
		"from no MAC":                     {w.gatewayRef, 2, model.MAC{}, "203.0.113.9", "203.0.113.70", false},
		"from the floating IP":            {w.gatewayRef, 2, host, "203.0.113.72", "203.0.113.70", false},
		"from the gateway's own address":  {w.floatRef, 2, host, "203.0.113.70", "203.0.113.72", false},
		"from itself":                     {w.gatewayRef, 2, w.gateway.MAC, "203.0.113.70", "203.0.113.70", false},
		"of a router that has gone":       {model.Ref{Kind: model.KindRouter, Number: 99}, 2, host, "203.0.113.9", "203.0.113.70", false},
	} {
		r := w.up(ruleSighting, c.ref, nil, frame(c.op, c.mac, c.spa, c.tpa))
		if (r.Sighting != nil) != c.seen || r.Observed == "" {
			t.Errorf("%s: %+v", name, r)
		}
		if want := (pipeline.Sighting{Router: w.router.Number, Address: netip.MustParseAddr(c.spa), MAC: c.mac}); c.seen && *r.Sighting != want {
			t.Errorf("%s: %+v", name, *r.Sighting)
		}
	}
}

func TestHolder(t *testing.T) {
	w := newWorld()
	announce := func(p *model.Port, op uint16, spa, tpa string) *model.Holder {
		return w.up(ruleHolder, p.Ref(), p, frame(op, p.MAC, spa, tpa)).Holder
	}
	got := announce(w.sharing, 1, "10.0.0.100", "10.0.0.100")
	if want := (model.Holder{NetworkID: "red", Address: netip.MustParseAddr("10.0.0.100"), PortID: "a"}); got == nil || *got != want {
		t.Errorf("holder %+v", got)
	}
	for name, h := range map[string]*model.Holder{
		"asks for it":              announce(w.sharing, 1, "10.0.0.11", "10.0.0.100"),
		"a port's alone":           announce(w.sharing, 1, "10.0.0.11", "10.0.0.11"),
		"not one of the port's":    announce(w.third, 1, "10.0.0.100", "10.0.0.100"),
		"an answer":                announce(w.sharing, 2, "10.0.0.100", "10.0.0.100"),
		"a port that is elsewhere": w.up(ruleHolder, w.gateway.Ref(), w.gateway, frame(1, w.gateway.MAC, "10.0.0.100", "10.0.0.100")).Holder,
	} {
		if h != nil {
			t.Errorf("%s: %+v", name, h)
		}
	}
}

func FuzzPacketIn(f *testing.F) {
	w := newWorld()
	host := model.MAC{0x52, 0x54, 0, 0, 0, outsider}
	f.Add(frame(2, host, "203.0.113.9", "203.0.113.70"))
	f.Add(frame(1, w.sharing.MAC, "10.0.0.100", "10.0.0.100"))
	for _, lengths := range [][2]byte{{128, 4}, {6, 128}, {124, 0}, {255, 255}} { // sums that do not fit a byte
		bad := frame(2, host, "203.0.113.9", "203.0.113.70")
		bad[18], bad[19] = lengths[0], lengths[1]
		f.Add(bad)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if s := w.up(ruleSighting, w.gatewayRef, nil, data).Sighting; s != nil && (s.MAC.IsMulticast() || !netip.MustParsePrefix("203.0.113.0/24").Contains(s.Address)) {
			t.Errorf("%+v", s)
		}
		if h := w.up(ruleHolder, w.sharing.Ref(), w.sharing, data).Holder; h != nil && h.Address != netip.MustParseAddr("10.0.0.100") {
			t.Errorf("%+v", h)
		}
	})
}
