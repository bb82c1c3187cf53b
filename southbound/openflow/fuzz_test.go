package openflow

import (
	"bytes"
	"errors"
	"io"
	"net"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	of "github.com/netrack/openflow"

	"github.com/planck-sdn/planck/model/flow"
	"github.com/planck-sdn/planck/southbound/openflow/oxm"
)

// fromBytes is a connection whose other side has said all it will ever say.
type fromBytes struct {
	net.Conn
	r io.Reader
}

func (c fromBytes) Read(b []byte) (int, error)  { return c.r.Read(b) }
func (c fromBytes) Write(b []byte) (int, error) { return len(b), nil }
func (fromBytes) Close() error                  { return nil }
func (fromBytes) SetDeadline(time.Time) error   { return nil }
func (fromBytes) RemoteAddr() net.Addr          { return &net.TCPAddr{} }

// FuzzSession reads a stream from a switch, the handshake and what follows, with requests of all kinds under way.
func FuzzSession(f *testing.F) {
	handshake := slices.Concat(encode(of.TypeHello, 1, 0, 1, 0, 8, 0, 0, 0, 0x10), encode(of.TypeFeaturesReply, 1, features(1, 0)...),
		encode(of.TypeMultipartReply, 2, append([]byte{0, 13, 0, 0, 0, 0, 0, 0}, make([]byte, portLen)...)...))
	for _, m := range [][]byte{
		{},
		encode(of.TypeEchoRequest, 7, 1, 2, 3),
		encode(of.TypePacketIn, 0, append(make([]byte, 16), 0, 1, 0, 12, 0x80, 0, 0, 4, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0xaa)...),
		encode(of.TypePortStatus, 0, make([]byte, 72)...),
		encode(of.TypeFlowRemoved, 0, append(make([]byte, 40), 0, 1, 0, 4, 0, 0, 0, 0)...),
		encode(of.TypeError, 3, 0xff, 0xff, 9, 9, 0x4f, 0x4e, 0x46, 0),
		encode(of.TypeMultipartReply, 3, append([]byte{0, 1, 0, 1, 0, 0, 0, 0}, statsOf(1)...)...),
		encode(of.TypeBarrierReply, 4),
	} {
		f.Add(append(bytes.Clone(handshake), m...))
	}
	f.Fuzz(func(t *testing.T, stream []byte) {
		r := &recorder{connected: make(chan *Session, 1), ended: make(chan *Session, 1)}
		s := newSession(Config{}.withDefaults(), r, fromBytes{r: bytes.NewReader(stream)})
		if s.handshake() != nil {
			return
		}
		s.requests = map[uint32]*request{}
		s.control = make(chan []byte, 4)
		for _, reply := range []of.Type{of.TypeMultipartReply, of.TypeBarrierReply, of.TypeExperiment, of.TypeEchoReply} {
			s.newRequest(reply)
		}
		s.startBatch(3)
		if s.read() == nil {
			t.Error("reading ended without a reason")
		}
	})
}

// FuzzFlowStats: an entry that can be read can be sent, and then says the same.
func FuzzFlowStats(f *testing.F) {
	f.Add(statsOf(7))
	for _, c := range manyEntries(2) {
		f.Add(flowStats(f, c.Flow))
	}
	f.Add(flowStats(f, flow.Encode(flow.Entry{Meter: 1, WriteMetadata: 3, MetadataMask: 7, Apply: []flow.Action{
		flow.Move{From: flow.EthSrc, To: flow.EthDst, Bits: 48}, flow.Punt{MaxLen: 128, Meter: 3}, flow.Resubmit{Table: 3},
		flow.SetField{Field: flow.InPort, Mask: flow.InPort.AllOnes()}, flow.CheckLarger{Bytes: 1514, To: flow.Reg2},
		flow.Conntrack{Zone: 5, Commit: true, NAT: flow.NATSource, Addr: 0x0a000001, Next: 7},
		flow.SetField{Field: flow.Metadata, Value: 1, Mask: 0xff00ff}, flow.ToGroup{ID: 3}, flow.PushVLAN{}, flow.PopVLAN{}, flow.DecTTL{},
	}})))
	f.Fuzz(func(t *testing.T, b []byte) {
		var p, q entryParser
		_ = p.parseFlowStats(b, func(s FlowStats) {
			m, err := appendFlowMod(nil, 1, flow.OpDelete, s.Flow)
			if err != nil || len(m) < 56 {
				t.Fatalf("cannot be deleted: %v", err)
			}
			if s.Flow.IsForeign() {
				return
			}
			again, err := flowStatsOf(s.Flow)
			if err != nil {
				t.Fatalf("cannot be sent: %v", err)
			}
			if err := q.parseFlowStats(again, func(s2 FlowStats) {
				if s2.Flow != s.Flow {
					t.Errorf("%s\nbecame %s", describe(s.Flow), describe(s2.Flow))
				}
			}); err != nil {
				t.Error(err)
			}
		})
	})
}

func flowStats(t testing.TB, f flow.Encoded) []byte {
	b, err := flowStatsOf(f)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// flowStatsOf is f in a flow statistics reply.
func flowStatsOf(f flow.Encoded) ([]byte, error) {
	e, err := f.Decode()
	if err != nil {
		return nil, err
	}
	b := make([]byte, 48)
	b[2] = e.Table
	for at, v := range map[int]uint16{12: e.Priority, 14: e.IdleTimeout, 16: e.HardTimeout, 18: e.Flags} {
		b[at], b[at+1] = byte(v>>8), byte(v)
	}
	for i := range 8 {
		b[24+i] = byte(e.Cookie >> (56 - 8*i))
	}
	b = oxm.AppendMatch(b, e.Match)
	if b, err = appendInstructions(b, &e); err != nil {
		return nil, err
	}
	if len(b) > maxMessage {
		return nil, errors.New("too long")
	}
	b[0], b[1] = byte(len(b)>>8), byte(len(b))
	return b, nil
}

// FuzzGroupsAndMeters: what can be read of these can be sent.
func FuzzGroupsAndMeters(f *testing.F) {
	f.Add([]byte{0, 40, 0, 0, 0, 0, 0, 1, 0, 32, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 16, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0})
	f.Add([]byte{0, 24, 0, 6, 0, 0, 0, 1, 0, 1, 0, 16, 0, 0, 0, 9, 0, 0, 0, 9, 0, 0, 0, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		groups, _ := parseGroups(nil, b)
		for _, g := range groups {
			if slices.ContainsFunc(g.Buckets, func(b []flow.Action) bool { return slices.ContainsFunc(b, isOpaque) }) {
				continue
			}
			m, err := appendGroupMod(nil, 1, flow.OpAdd, &g)
			if err != nil && len(b) < 32<<10 { // reg_load2 is longer than the reg_load that it may stand for
				t.Fatal(err)
			}
			if _, err := parseBuckets(m[min(16, len(m)):]); err != nil {
				t.Error(err)
			}
		}
		meters, _ := parseMeters(nil, b)
		for _, m := range meters {
			if _, err := appendMeterMod(nil, 1, flow.OpModify, &m); err != nil {
				t.Error(err)
			}
		}
	})
}

// FuzzFeatures: what a switch says of itself can be kept as text.
func FuzzFeatures(f *testing.F) {
	f.Add(make([]byte, 1056))
	f.Add(make([]byte, 16))
	f.Fuzz(func(t *testing.T, b []byte) {
		d, _ := parseDescription(b)
		for _, s := range []string{d.Manufacturer, d.Hardware, d.Software, d.SerialNumber, d.Datapath} {
			if !utf8.ValidString(s) || strings.Contains(s, "\x00") {
				t.Errorf("%q", s)
			}
		}
		if m, err := parseMeterFeatures(b); err == nil && m.Room() > m.MaxMeters {
			t.Errorf("%+v", m)
		}
	})
}
