package icmp_test

import (
	"bytes"
	"testing"

	"github.com/planck-sdn/planck/apps"
	"github.com/planck-sdn/planck/apps/example"
	"github.com/planck-sdn/planck/model"
	"github.com/planck-sdn/planck/model/flow"
)

// Whatever comes up by whatever entry: what the apps send for it is well-formed, and goes through the switch.
func FuzzPacketIn(f *testing.F) {
	c := newTown()
	c.blue.MTU, c.ext.MTU = 1000, 1200
	w := build(f, &c.Cloud)
	node := w.view.Node(c.n1.Number)
	var cookies []flow.Cookie
	seen := map[flow.Cookie]bool{}
	tables, err := example.Tables(apps.All(), w.view, node.Number)
	if err != nil {
		f.Fatal(err)
	}
	for _, e := range tables.Flows {
		entry, err := e.Decode()
		if err != nil {
			f.Fatal(err)
		}
		for _, a := range entry.Apply {
			if out, ok := a.(flow.Output); ok && out.Port == flow.PortController && !seen[entry.Cookie] && model.Kind(entry.Cookie.Kind()) != model.KindPort {
				seen[entry.Cookie] = true
				cookies = append(cookies, entry.Cookie)
			}
		}
	}
	if len(cookies) < 10 {
		f.Fatalf("%d entries send packets up", len(cookies))
	}
	frames := [][]byte{
		ip{src: "10.0.0.11", dst: "203.0.113.44", to: c.inRed.MAC, payload: make([]byte, 1400)}.frame(f),
		ip{src: "203.0.113.9", dst: "203.0.113.73", icmp: []byte{3, 3}, payload: ip{src: "203.0.113.73", dst: "203.0.113.9", tcp: true}.frame(f)[14:]}.frame(f),
		ip{src: "10.0.1.13", dst: "203.0.113.9", icmp: []byte{3, 3}, payload: ip{src: "203.0.113.9", dst: "10.0.1.13"}.frame(f)[14:]}.frame(f),
		{},
	}
	for i := range cookies {
		for _, frame := range frames {
			f.Add(frame, uint8(i), uint64(c.blue.Key)<<16, uint32(0xcb00712c))
			f.Add(frame, uint8(i), uint64(c.ext.Key)<<16, uint32(0xcb00712c))
		}
	}
	f.Fuzz(func(t *testing.T, frame []byte, which uint8, metadata uint64, hop uint32) {
		before := bytes.Clone(frame)
		reply := answer(w.view, node, flow.PacketIn{Cookie: cookies[int(which)%len(cookies)], Metadata: metadata, Data: frame,
			Reg: [3]uint32{hop, uint32(c.router.Key)}})
		packets := reply.Packets
		if q := reply.Question; q != nil {
			packets = append(append(packets, q.Ask, q.Release(c.host)), q.Unreachable...)
		}
		if !bytes.Equal(before, frame) {
			t.Error("the packet was changed")
		}
		for _, p := range packets {
			if _, err := w.switches[node.Number].Send(p); err != nil {
				t.Errorf("%+v: %v", p, err)
			}
		}
	})
}
