package l2

import (
	"testing"

	"github.com/planck-sdn/planck/model"
	"github.com/planck-sdn/planck/model/flow"
)

// TestHush: whoever floods, with whatever addresses and tags, has a handful of entries made, and each drops what it was made for.
func TestHush(t *testing.T) {
	node := &model.Node{Number: 7, Switch: &model.Switch{}}
	keys := map[flow.Key]bool{}
	for i := range 1000 {
		frame := make([]byte, 64)
		copy(frame, []byte{byte(i >> 2), byte(i), 1, 2, 3, 4})
		if i%5 == 0 {
			copy(frame, everybody[:])
		}
		at := 12
		if i%2 == 0 {
			copy(frame[at:], []byte{0x81, 0, byte(i >> 8 & 0xf), byte(i)})
			at += 4
		}
		copy(frame[at:], [][]byte{{0x08, 0x00}, {0x08, 0x06}, {0x88, 0xcc}}[i%3])
		e := Hush(node, flow.PacketIn{InPort: 3, Data: frame})
		keys[e.Key()] = true
		if e.HardTimeout() == 0 {
			t.Fatal("it stays for ever")
		}
		s := flow.NewSwitch(flow.SwitchConfig{})
		all := flow.Encode(flow.Entry{Apply: []flow.Action{flow.Output{Port: 9}}})
		s.Apply([]flow.Change{{Op: flow.OpAdd, Flow: all}, {Op: flow.OpAdd, Flow: e}})
		if r, err := s.Execute(flow.Input{Frame: frame, InPort: 3}); err != nil || len(r.Emissions) != 0 {
			t.Fatalf("% x passes %v, %v", frame[:20], e, err)
		}
	}
	if len(keys) != 4 {
		t.Errorf("%d entries", len(keys))
	}
}
