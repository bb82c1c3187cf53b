package proxy

import (
	"context"
	"encoding/hex"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/planck-sdn/planck/model/flow"
	"github.com/planck-sdn/planck/southbound/openflow"
	"github.com/planck-sdn/planck/southbound/openflow/tablefeatures"
	"github.com/planck-sdn/planck/tests/strict"
)

// handler hands out sessions.
type handler chan *openflow.Session

func (h handler) Connected(s *openflow.Session)                     { h <- s }
func (handler) PacketIn(*openflow.Session, flow.PacketIn)           {}
func (handler) PortStatus(*openflow.Session, openflow.PortStatus)   {}
func (handler) FlowRemoved(*openflow.Session, openflow.FlowRemoved) {}
func (handler) Error(*openflow.Session, openflow.Error)             {}
func (handler) Disconnected(_ *openflow.Session, _ error)           {}
func add(e flow.Entry) flow.Change                                  { return flow.Change{Op: flow.OpAdd, Flow: flow.Encode(e)} }
func sent(p *Proxy, kind uint8) int                                 { return p.Counts()[Kind{true, kind}] }
func told(p *Proxy, kind uint8) int                                 { return p.Counts()[Kind{false, kind}] }
func within(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	t.Cleanup(cancel)
	return ctx
}

// between is a strict switch that is connected to a controller through a proxy.
func between(t *testing.T) (*Proxy, *strict.Switch, handler) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	sessions := make(handler, 8)
	server := openflow.NewServer(openflow.Config{}, sessions)
	var serving sync.WaitGroup
	serving.Go(func() { _ = server.Serve(ctx, l) })
	t.Cleanup(func() { cancel(); serving.Wait() })
	p := New(t, l.Addr().String())
	s := strict.New(strict.Config{
		DatapathID: 1, Ports: strict.Ports(1, 4), Tables: strict.Tables(4, 100), Negotiable: true, Meters: 9, Groups: strict.GroupLimits{All: 9},
	}, nil)
	t.Cleanup(s.Close)
	s.Connect(p.Addr())
	return p, s, sessions
}

// TestStandardPasses: of all that a session says and hears that has nothing of Open vSwitch's, nothing is reported.
func TestStandardPasses(t *testing.T) {
	p, s, sessions := between(t)
	session := <-sessions
	if err := session.BecomeMaster(within(t), 1); err != nil {
		t.Fatal(err)
	}
	if _, err := session.Description(within(t)); err != nil {
		t.Error(err)
	}
	if _, err := session.MeterFeatures(within(t)); err != nil {
		t.Error(err)
	}
	if _, err := session.TableFeatures(within(t), strict.Tables(4, 50), tablefeatures.Form{FieldIDs: true, Required: true}); err != nil {
		t.Error(err)
	}
	up := flow.Output{Port: flow.PortController, MaxLen: 0xffff}
	refusals, err := session.Apply(within(t), []flow.Change{
		{Op: flow.OpAdd, Group: &flow.Group{ID: 1, Buckets: [][]flow.Action{{flow.PopVLAN{}, flow.Output{Port: 2}}}}},
		{Op: flow.OpAdd, Meter: &flow.Meter{ID: 1, Rate: 5, Burst: 5}},
		add(flow.Entry{Meter: 1, Flags: flow.FlagSendFlowRemoved, Apply: []flow.Action{up, flow.ToGroup{ID: 1}}, WriteMetadata: 1, MetadataMask: 1, Goto: 1, HasGoto: true}),
		add(flow.Entry{Table: 77}),
	}, false)
	if err != nil || len(refusals) != 1 {
		t.Errorf("%v %v", refusals, err)
	}
	s.Receive(1, make([]byte, 60))
	s.SetLink(3, false)
	if err := session.PacketOut(flow.PacketOut{InPort: 1, Data: make([]byte, 60), Actions: []flow.Action{flow.PushVLAN{}, flow.Output{Port: 2}}}); err != nil {
		t.Error(err)
	}
	if _, err := session.Read(within(t)); err != nil {
		t.Error(err)
	}
	if refusals, err := session.Apply(within(t), []flow.Change{{Op: flow.OpDelete, Flow: flow.Encode(flow.Entry{})}}, false); err != nil || len(refusals) > 0 {
		t.Errorf("%v %v", refusals, err)
	}
	if err := session.Ping(within(t)); err != nil {
		t.Error(err)
	}
	if alien := p.Alien(); len(alien) > 0 {
		t.Errorf("%q", alien)
	}
	const flowMod, packetIn, flowRemoved, errors, portStatus = 14, 10, 11, 1, 12
	if sent(p, flowMod) != 3 || told(p, packetIn) != 1 || told(p, flowRemoved) != 1 || told(p, errors) != 1 || told(p, portStatus) != 1 {
		t.Errorf("%v", p.Counts())
	}
}

// TestExtensionsAreReported: what Planck says to Open vSwitch alone is seen.
func TestExtensionsAreReported(t *testing.T) {
	p, _, sessions := between(t)
	session := <-sessions
	reports := 0
	for _, c := range []struct {
		name, reported string
		change         flow.Change
		atomic         bool
	}{
		{"Nicira's match", "field 0x00010004, of class 0x0001", add(flow.Entry{Match: flow.Match{flow.Exact(flow.Reg0, 1)}}), false},
		{"Nicira's action", "action of an experimenter", add(flow.Entry{Apply: []flow.Action{flow.Resubmit{Table: 1}}}), false},
		{"Nicira's field, set", "of class 0x", add(flow.Entry{Apply: []flow.Action{flow.SetField{Field: flow.InPort, Mask: flow.InPort.AllOnes()}}}), false},
		{"Nicira's field, set in a bucket", "of class 0x0001", flow.Change{Op: flow.OpAdd, Group: &flow.Group{ID: 1, Buckets: [][]flow.Action{{flow.SetField{Field: flow.Reg0, Mask: flow.Reg0.AllOnes()}}}}}, false},
		{"a conntrack zone", "experimenter message", flow.Change{Op: flow.OpDelete, Zone: 1}, false},
		{"a bundle", "experimenter message", add(flow.Entry{}), true},
	} {
		_, _ = session.Apply(within(t), []flow.Change{c.change}, c.atomic)
		found := p.Alien()[reports:]
		if len(found) == 0 || !slices.ContainsFunc(found, func(s string) bool {
			return strings.Contains(s, c.reported) && strings.Contains(s, "from the controller")
		}) {
			t.Errorf("%s: %q", c.name, found)
		}
		reports += len(found)
	}
	if err := session.PacketOut(flow.PacketOut{InPort: 1, Data: make([]byte, 60), Actions: []flow.Action{flow.Punt{MaxLen: 60, Meter: 1}}}); err != nil {
		t.Fatal(err)
	}
	if err := session.Ping(within(t)); err != nil {
		t.Fatal(err)
	}
	if found := p.Alien()[reports:]; len(found) == 0 {
		t.Error("a packet-out with Nicira's action passed")
	}
}

// TestCut: both sides see that a connection ends, and a switch may come again.
func TestCut(t *testing.T) {
	p, _, sessions := between(t)
	first := <-sessions
	p.Cut()
	select {
	case <-first.Done():
	case <-time.After(10 * time.Second):
		t.Fatal("the session goes on")
	}
	if err := (<-sessions).Ping(within(t)); err != nil {
		t.Error(err)
	}
}

// TestExamine: each of these messages has one thing in it that is not of the standard, or is damaged.
func TestExamine(t *testing.T) {
	const zeros = "0000000000000000"
	for _, c := range []struct{ name, message, want string }{
		{"version", "01020008 00000001", "version 1"},
		{"unknown type", "04630008 00000001", "unknown type"},
		{"cut short", "04020010 00000001", "message of 8 octets where it should have 16"},
		{"experimenter error", "04010010 00000001 ffff 0909 4f4e4600", "experimenter error"},
		{"packet-in with Nicira's register", "040a0028 00000001 ffffffff 0000 00 00" + zeros + "0001 000c 00010004 00000001 00000000 0000 0000", "class 0x0001"},
		{"flow-removed with an experimenter's field", "040b0040 00000001" + strings.Repeat(zeros, 5) + "0001 000c ffff0004 00000001 00000000", "class 0xffff"},
		{"flow-mod with an instruction", "040e0040 00000001" + strings.Repeat(zeros, 5) + "0001 0004 00000000 ffff 0008 00002320", "instruction of an experimenter"},
		{"flow-mod with an action in write-actions", "040e0050 00000001" + strings.Repeat(zeros, 5) + "0001 0004 00000000 0003 0018 00000000 ffff 0010 00002320 " + zeros, "action of an experimenter"},
		{"flow-mod with a field of 1.5", "040e0040 00000001" + strings.Repeat(zeros, 5) + "0001 000a 80005402 0001 000000000000", "field 42 of the basic class"},
		{"flow-mod with half a field", "040e0040 00000001" + strings.Repeat(zeros, 5) + "0001 000a 80000004 0001 000000000000", "field of 6 octets"},
		{"flow-mod of OpenFlow 1.1", "040e0038 00000001" + strings.Repeat(zeros, 5) + "0000 0058 00000000", "match of type 0"},
		{"meter band", "041d0020 00000001 0000 0000 00000001 ffff 0010 00000000 00000000 00002320", "meter band of an experimenter"},
		{"multipart", "04120010 00000001 ffff 0000 00000000", "multipart message of an experimenter"},
		{"multipart of 1.4", "04120010 00000001 0010 0000 00000000", "multipart message of type 16"},
		{"flow statistics asked with Nicira's field", "04120040 00000001 0001 0000 00000000" + strings.Repeat(zeros, 4) + "0001 000c 00010004 00000001 00000000", "class 0x0001"},
		{"flow statistics with Nicira's field", "04130050 00000001 0001 0000 00000000 0040 0000 00000000" + strings.Repeat(zeros, 5) + "0001 000c 00010004 00000001 00000000", "class 0x0001"},
		{"group with Nicira's action", "04130038 00000001 0007 0000 00000000 0028 0000 00000001 0020 0000 ffffffff ffffffff 00000000 ffff 0010 00002320 0000 000000000000", "action of an experimenter"},
		{"table features with a property", "04120060 00000001 000c 0000 00000000 0050 0000 00000000" + strings.Repeat(zeros, 7) + "fffe 000c 00002320 00000001 00000000", "table property of an experimenter"},
		{"table features with Nicira's field", "04120058 00000001 000c 0000 00000000 0048 0000 00000000" + strings.Repeat(zeros, 7) + "0008 0008 00010004", "class 0x0001"},
		{"table features with Nicira's action", "04120060 00000001 000c 0000 00000000 0050 0000 00000000" + strings.Repeat(zeros, 7) + "0006 000c ffff0008 00002320 00000000", "action id of an experimenter"},
	} {
		m, err := hex.DecodeString(strings.ReplaceAll(c.message, " ", ""))
		if err != nil {
			t.Fatal(err)
		}
		if found := Examine(m); len(found) != 1 || !strings.Contains(found[0], c.want) {
			t.Errorf("%s: %q", c.name, found)
		}
	}
}

func FuzzExamine(f *testing.F) {
	for _, seed := range []string{
		"040e0050000000010000000000000000000000000000000000000000000000000000000000000000000000000000000000010004000000000003001800000000ffff0010000023200000000000000000",
		"0413003800000001000700000000000000280000000000010020000000000000ffffffff00000000ffff0010000023200000000000000000",
		"0412006000000001000c000000000000005000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000006000cffff00080000232000000000",
	} {
		b, err := hex.DecodeString(seed)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(_ *testing.T, m []byte) { Examine(m) })
}
