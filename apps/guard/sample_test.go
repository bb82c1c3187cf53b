package guard_test

import (
	"encoding/hex"
	"strings"
	"testing"

	"github.com/planck-sdn/planck/apps"
	"github.com/planck-sdn/planck/apps/example"
	"github.com/planck-sdn/planck/apps/guard"
	"github.com/planck-sdn/planck/apps/pipeline"
	"github.com/planck-sdn/planck/model/flow"
)

func bytesOf(t *testing.T, text string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(text, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return append(b, make([]byte, max(0, 60-len(b)))...)
}

const (
	toAll = "ffffffffffff "
	own   = "fa163e000002 " // of the first VM; the first port is DHCP's
	other = "0200000000aa "
)

// TestSample: what the guard drops of a port comes up while it is sampled, and nothing else does.
func TestSample(t *testing.T) {
	c := example.TwoNodes()
	view := c.View()
	web1 := view.PortByID("web1")
	network := view.NetworkByID(web1.NetworkID)
	at, ok := view.Location(web1.Number)
	if !ok {
		t.Fatal("web1 is nowhere")
	}
	tables, err := example.Tables(apps.All(), view, at.Node)
	if err != nil {
		t.Fatal(err)
	}
	s := flow.NewSwitch(flow.SwitchConfig{})
	changes := example.Changes(tables)
	for _, e := range guard.Sample(network, web1, at.Ofport) {
		if e.HardTimeout() == 0 {
			t.Errorf("%s stays", example.Text(e))
		}
		changes = append(changes, flow.Change{Op: flow.OpAdd, Flow: e})
	}
	if refused := s.Apply(changes); len(refused) > 0 {
		t.Fatal(refused)
	}
	for _, test := range []struct{ name, frame, says string }{
		{"ARP from a foreign address", toAll + own + "0806 0001 0800 0604 0001" + own + "0a010042" + "000000000000 0a010001",
			"ARP from fa:16:3e:00:00:02, whose sender is 10.1.0.66 at fa:16:3e:00:00:02, about 10.1.0.1"},
		{"ARP from a foreign MAC", toAll + other + "0806 0001 0800 0604 0001" + other + "0a01000b" + "000000000000 0a010001",
			"ARP from 02:00:00:00:00:aa, whose sender is 10.1.0.11 at 02:00:00:00:00:aa, about 10.1.0.1"},
		{"ARP of its own", toAll + own + "0806 0001 0800 0604 0001" + own + "0a01000b" + "000000000000 0a010001", ""},
		{"IPv4 from a foreign address", toAll + own + "0800 4500 001c 0000 0000 40 fd 0000 0a010042 0a01000c 00000000 00000000",
			"IPv4 from fa:16:3e:00:00:02, 10.1.0.66 to 10.1.0.12"},
		{"IPv6", "3333ff000001 " + own + "86dd 60000000 0000 3aff", ""}, // of which there is too much to tell
	} {
		t.Run(test.name, func(t *testing.T) {
			r, err := s.Execute(flow.Input{Frame: bytesOf(t, test.frame), InPort: at.Ofport})
			if err != nil {
				t.Fatal(err)
			}
			said := ""
			for _, e := range r.Emissions {
				if e.PacketIn != nil && e.PacketIn.Table == pipeline.Guard.ID {
					said = guard.App.PacketIn(pipeline.PacketIn{View: view, Port: web1, Ref: web1.Ref(), PacketIn: *e.PacketIn}).Observed
				}
			}
			if said != test.says {
				t.Errorf("said %q, want %q", said, test.says)
			}
		})
	}
}

func FuzzPacketIn(f *testing.F) {
	f.Add([]byte(toAll))
	f.Add([]byte("\xff\xff\xff\xff\xff\xff\x02\x00\x00\x00\x00\xaa\x08\x06\x00\x01\x08\x00\xff\xff\x00\x01"))
	f.Add([]byte("\xff\xff\xff\xff\xff\xff\x02\x00\x00\x00\x00\xaa\x08\x00\x4f\x00\x00\x00"))
	f.Fuzz(func(t *testing.T, frame []byte) {
		if r := guard.App.PacketIn(pipeline.PacketIn{PacketIn: flow.PacketIn{Data: frame}}); r.Observed == "" || len(r.Packets) > 0 {
			t.Errorf("%+v", r)
		}
	})
}
