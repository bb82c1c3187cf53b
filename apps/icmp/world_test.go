package icmp_test

import (
	"bytes"
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"

	"github.com/planck-sdn/planck/apps"
	"github.com/planck-sdn/planck/apps/example"
	"github.com/planck-sdn/planck/apps/pipeline"
	"github.com/planck-sdn/planck/model"
	"github.com/planck-sdn/planck/model/flow"
	"github.com/planck-sdn/planck/model/topology"
)

// world is a cloud whose switches are in memory, and whose apps answer what comes up.
type world struct {
	testing.TB
	view      *topology.View
	switches  map[model.Number]*flow.Switch
	arrived   []arrival
	questions []*pipeline.Question
	observed  []string
	todo      []hop
}

type arrival struct {
	where string // a port's name, or "wire" with the name of the node
	frame []byte
}

type hop struct {
	node *model.Node
	send func(*flow.Switch) (flow.Result, error)
}

func build(t testing.TB, c *example.Cloud) *world {
	w := &world{TB: t, view: c.View(), switches: map[model.Number]*flow.Switch{}}
	w.view.Nodes(func(n *model.Node) {
		tables, err := example.Tables(apps.All(), w.view, n.Number)
		if err != nil {
			t.Fatal(err)
		}
		w.switches[n.Number] = flow.NewSwitch(flow.SwitchConfig{})
		changes := example.Changes(tables)
		for _, r := range w.switches[n.Number].Apply(changes) {
			t.Fatalf("%s refuses %+v: %s", n.Hostname, changes[r.Index], r.Reason)
		}
	})
	return w
}

// from sends a frame from a port, and fromWire one from outside to all nodes.
func (w *world) from(p *model.Port, frame []byte) {
	w.Helper()
	at, ok := w.view.Location(p.Number)
	if !ok {
		w.Fatalf("%s is plugged nowhere", p.Name)
	}
	w.enter(w.view.Node(at.Node), flow.Input{Frame: frame, InPort: at.Ofport})
	w.run()
}

func (w *world) fromWire(frame []byte) {
	w.Helper()
	w.wire(nil, frame)
	w.run()
}

// by sends a packet-out by a node.
func (w *world) by(n *model.Node, out flow.PacketOut) {
	w.Helper()
	w.todo = append(w.todo, hop{n, func(s *flow.Switch) (flow.Result, error) { return s.Send(out) }})
	w.run()
}

func (w *world) enter(n *model.Node, in flow.Input) {
	w.todo = append(w.todo, hop{n, func(s *flow.Switch) (flow.Result, error) { return s.Execute(in) }})
}

func (w *world) wire(from *model.Node, frame []byte) {
	w.view.Nodes(func(n *model.Node) {
		if m, ok := n.Mapping("public"); ok && n != from {
			w.enter(n, flow.Input{Frame: frame, InPort: m.PatchPort})
		}
	})
}

func (w *world) run() {
	w.Helper()
	for steps := 0; len(w.todo) > 0; steps++ {
		if steps == 200 {
			w.Fatal("goes round in circles")
		}
		h := w.todo[0]
		w.todo = w.todo[1:]
		result, err := h.send(w.switches[h.node.Number])
		if err != nil {
			w.Fatal(err)
		}
		for _, s := range result.Steps {
			w.observed = append(w.observed, fmt.Sprintf("  %s: %s: %s", h.node.Hostname, pipeline.TableName(s.Table), example.Text(s.Entry)))
		}
		for _, e := range result.Emissions {
			w.emitted(h.node, e)
		}
	}
}

func (w *world) emitted(n *model.Node, e flow.Emission) {
	w.Helper()
	frame := bytes.Clone(e.Frame)
	if e.Port == flow.PortController {
		w.up(n, *e.PacketIn)
		return
	}
	if m, ok := n.Mapping("public"); ok && m.PatchPort == e.Port {
		w.arrived = append(w.arrived, arrival{"wire " + n.Hostname, frame})
		w.wire(n, frame)
		return
	}
	if e.Port == n.TunnelPort {
		w.view.Nodes(func(to *model.Node) {
			if pipeline.IPv4(to.EncapIP) == uint64(e.Tunnel.Dst) {
				w.enter(to, flow.Input{Frame: frame, InPort: to.TunnelPort,
					Tunnel: flow.Tunnel{ID: e.Tunnel.ID, Src: uint32(pipeline.IPv4(n.EncapIP)), Dst: e.Tunnel.Dst}})
			}
		})
		return
	}
	for _, i := range n.Interfaces {
		if i.Ofport == e.Port {
			w.arrived = append(w.arrived, arrival{i.PortID, frame})
		}
	}
}

// up has a packet answered as the controller does.
func (w *world) up(n *model.Node, in flow.PacketIn) {
	w.Helper()
	reply := answer(w.view, n, in)
	w.observed = append(w.observed, n.Hostname+": "+reply.Observed)
	if reply.Question != nil {
		w.questions = append(w.questions, reply.Question)
	}
	for _, out := range reply.Packets {
		w.todo = append(w.todo, hop{n, func(s *flow.Switch) (flow.Result, error) { return s.Send(out) }})
	}
}

func answer(v *topology.View, n *model.Node, in flow.PacketIn) pipeline.Reply {
	asked := pipeline.PacketIn{View: v, Node: n, Now: time.Unix(0, 0), PacketIn: in,
		Ref: model.Ref{Kind: model.Kind(in.Cookie.Kind()), Number: model.Number(in.Cookie.Number())}}
	if asked.Ref.Kind == model.KindPort {
		asked.Port = v.Port(asked.Ref.Number)
	}
	rule := pipeline.RuleByNumber(in.Cookie.Rule())
	for _, app := range apps.All() {
		if app.Name == rule.App && app.PacketIn != nil {
			return app.PacketIn(asked)
		}
	}
	return pipeline.Reply{}
}

// take returns what has arrived at one place, and fails unless that is all and it is n frames.
func (w *world) take(where string, n int) [][]byte {
	w.Helper()
	var frames [][]byte
	for _, a := range w.arrived {
		if a.where != where {
			w.Errorf("arrived at %s: %s", a.where, describe(a.frame))
		}
		frames = append(frames, a.frame)
	}
	if len(frames) != n || w.Failed() {
		for _, o := range w.observed {
			w.Log(o)
		}
		w.Fatalf("%d frames at %s, not %d", len(frames), where, n)
	}
	w.arrived, w.observed = nil, nil
	return frames
}

func describe(frame []byte) string {
	return gopacket.NewPacket(frame, layers.LayerTypeEthernet, gopacket.Default).String()
}

// ip is an IPv4 packet in a frame.
type ip struct {
	from, to model.MAC
	src, dst string
	ttl      uint8
	df       bool
	tcp      bool
	icmp     []byte // instead of UDP
	payload  []byte
}

func (p ip) frame(t testing.TB) []byte {
	t.Helper()
	eth := layers.Ethernet{SrcMAC: p.from[:], DstMAC: p.to[:], EthernetType: layers.EthernetTypeIPv4}
	head := layers.IPv4{Version: 4, TTL: p.ttl, Id: 7, Protocol: layers.IPProtocolUDP,
		SrcIP: netip.MustParseAddr(p.src).AsSlice(), DstIP: netip.MustParseAddr(p.dst).AsSlice()}
	if p.ttl == 0 {
		head.TTL = 20
	}
	if p.df {
		head.Flags = layers.IPv4DontFragment
	}
	list := []gopacket.SerializableLayer{&eth, &head}
	switch {
	case p.icmp != nil:
		head.Protocol = layers.IPProtocolICMPv4
		list = append(list, &layers.ICMPv4{TypeCode: layers.CreateICMPv4TypeCode(p.icmp[0], p.icmp[1])})
	case p.tcp:
		head.Protocol = layers.IPProtocolTCP
		tcp := &layers.TCP{SrcPort: 40000, DstPort: 80, SYN: true, DataOffset: 5}
		if err := tcp.SetNetworkLayerForChecksum(&head); err != nil {
			t.Fatal(err)
		}
		list = append(list, tcp)
	default:
		udp := &layers.UDP{SrcPort: 40000, DstPort: 33434}
		if err := udp.SetNetworkLayerForChecksum(&head); err != nil {
			t.Fatal(err)
		}
		list = append(list, udp)
	}
	b := gopacket.NewSerializeBuffer()
	if err := gopacket.SerializeLayers(b, gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true}, append(list, gopacket.Payload(p.payload))...); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()[:14+int(head.Length)] // without gopacket's padding
}

// heard is an ICMP error, checked.
type heard struct {
	from, to             model.MAC
	src, dst             string
	ttl                  uint8
	what                 layers.ICMPv4TypeCode
	mtu                  uint16
	quotedSrc, quotedDst string
}

// hear takes an ICMP error apart. gopacket must make the same of it, and of the packet that it quotes as far as it is there.
func hear(t testing.TB, frame []byte) heard {
	t.Helper()
	var eth layers.Ethernet
	var head layers.IPv4
	var message layers.ICMPv4
	for i, err := range []error{eth.DecodeFromBytes(frame, gopacket.NilDecodeFeedback), head.DecodeFromBytes(eth.Payload, gopacket.NilDecodeFeedback),
		message.DecodeFromBytes(head.Payload, gopacket.NilDecodeFeedback)} {
		if err != nil {
			t.Fatalf("layer %d: %v: %x", i, err, frame)
		}
	}
	again(t, frame, &eth, &head, &message, gopacket.Payload(message.Payload))
	quoted := gopacket.NewPacket(message.Payload, layers.LayerTypeIPv4, gopacket.Default)
	inner, ok := quoted.NetworkLayer().(*layers.IPv4)
	if !ok {
		t.Fatalf("quotes %x", message.Payload)
	}
	if int(inner.Length) <= len(message.Payload) {
		switch transport := quoted.TransportLayer().(type) {
		case *layers.UDP:
			_ = transport.SetNetworkLayerForChecksum(inner)
			again(t, message.Payload, inner, transport, gopacket.Payload(transport.Payload))
		case *layers.TCP:
			_ = transport.SetNetworkLayerForChecksum(inner)
			again(t, message.Payload, inner, transport, gopacket.Payload(transport.Payload))
		}
	}
	return heard{model.MAC(eth.SrcMAC), model.MAC(eth.DstMAC), head.SrcIP.String(), head.DstIP.String(), head.TTL, message.TypeCode, message.Seq,
		inner.SrcIP.String(), inner.DstIP.String()}
}

func again(t testing.TB, want []byte, list ...gopacket.SerializableLayer) {
	t.Helper()
	want = slices.Clone(want)
	b := gopacket.NewSerializeBuffer()
	if err := gopacket.SerializeLayers(b, gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true}, list...); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(b.Bytes(), want) {
		t.Fatalf("%x is not well-formed: gopacket makes it %x", want, b.Bytes())
	}
}
