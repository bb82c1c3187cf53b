package openflow

import (
	"bytes"
	"encoding/binary"
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"

	of "github.com/netrack/openflow"

	"github.com/planck-sdn/planck/model/flow"
	"github.com/planck-sdn/planck/southbound/openflow/tablefeatures"
)

// TestFeaturesOfOpenVSwitch reads what a real switch says of itself.
func TestFeaturesOfOpenVSwitch(t *testing.T) {
	o, s, r := connectOVS(t)
	d, err := s.Description(timeLimit(t))
	if err != nil || d.Manufacturer != "Nicira, Inc." || d.Hardware != "Open vSwitch" || !strings.HasPrefix(d.Software, "3.") || d.SerialNumber != "None" {
		t.Errorf("%+v %v", d, err)
	}
	meters, err := s.MeterFeatures(timeLimit(t))
	if err != nil || meters.Room() == 0 {
		t.Errorf("%+v %v", meters, err)
	}
	tables, err := s.TableFeatures(timeLimit(t), nil, tablefeatures.Form{})
	if err != nil || len(tables) != 254 {
		t.Fatalf("%d tables, %v", len(tables), err)
	}
	first := tables[0]
	want := flow.CanApply | flow.CanGoto | flow.CanMeter | flow.CanWriteMetadata | flow.CanOutput | flow.CanGroup | flow.CanSetField |
		flow.CanPushVLAN | flow.CanPopVLAN | flow.CanDecTTL
	if first.ID != 0 || first.MaxEntries != 1000000 || first.Entry.Can != want || !reflect.DeepEqual(first.Entry, first.Miss) || len(first.Entry.Next) != 253 {
		t.Errorf("%+v", first)
	}
	for _, f := range []flow.FieldFeature{{Field: flow.InPort}, {Field: flow.EthDst, Masked: true}, {Field: flow.IPv4Src, Masked: true}} {
		if !slices.Contains(first.Match, f) {
			t.Errorf("%v is not among the fields %v", f, first.Match)
		}
	}
	if !slices.Contains(first.Entry.Set, flow.VLANVID) || !slices.Contains(first.Wildcards, flow.VLANVID) {
		t.Errorf("%+v", first)
	}
	if errs := recorded(r, &r.errors); len(errs) > 0 {
		t.Errorf("errors %v", errs)
	}
	o.vsctl("del-controller", "br0")
	_ = r.end(t, s)
}

func multipart(kind byte, more bool, body ...byte) []byte {
	header := []byte{0, kind, 0, 0, 0, 0, 0, 0}
	if more {
		header[3] = 1
	}
	return append(header, body...)
}

// TestDescriptionAndMeters plays switches that say odd things of themselves.
func TestDescriptionAndMeters(t *testing.T) {
	_, p, s, _ := connectPeer(t, Config{})
	answer := func(of13 ...byte) {
		go func() {
			xid, _ := p.expect(of.TypeMultipartRequest)
			p.send(of.TypeMultipartReply, xid, of13...)
		}()
	}
	body := make([]byte, 1056)
	copy(body, "ACME")
	copy(body[256:], bytes.Repeat([]byte{'h'}, 256)) // no zero at its end
	copy(body[512:], "1.\xff0\x00 and what was there before")
	copy(body[768:], strings.Repeat("7", 32))
	copy(body[800:], "top of rack")
	answer(multipart(0, false, body...)...)
	want := Description{"ACME", strings.Repeat("h", 256), "1.\ufffd0", strings.Repeat("7", 32), "top of rack"}
	if d, err := s.Description(timeLimit(t)); err != nil || d != want {
		t.Errorf("%+v %v", d, err)
	}
	for _, c := range []struct {
		body []byte
		room uint32
	}{
		{[]byte{0, 0, 0, 9, 0, 0, 0, 2, 0, 0, 0, 6, 1, 0, 0, 0}, 9},
		{[]byte{0, 0, 0, 9, 0, 0, 0, 4, 0, 0, 0, 6, 1, 0, 0, 0}, 0}, // bands that mark only
		{[]byte{0, 0, 0, 9, 0, 0, 0, 6, 0, 0, 0, 5, 1, 0, 0, 0}, 0}, // kilobits only
		{[]byte{0, 0, 0, 9, 0, 0, 0, 2, 0, 0, 0, 2, 1, 0, 0, 0}, 0}, // no bursts
		{[]byte{0, 0, 0, 9, 0, 0, 0, 2, 0, 0, 0, 6, 0, 0, 0, 0}, 0}, // no bands
	} {
		answer(multipart(11, false, c.body...)...)
		if f, err := s.MeterFeatures(timeLimit(t)); err != nil || f.Room() != c.room {
			t.Errorf("% x: %+v %v", c.body, f, err)
		}
	}
	go func() {
		for _, code := range []byte{2, 5} { // BAD_MULTIPART, EPERM
			xid, _ := p.expect(of.TypeMultipartRequest)
			p.send(of.TypeError, xid, 0, 1, 0, code)
		}
	}()
	if f, err := s.MeterFeatures(timeLimit(t)); err != nil || f != (MeterFeatures{}) {
		t.Errorf("a switch without meters: %+v %v", f, err)
	}
	if _, err := s.MeterFeatures(timeLimit(t)); err == nil || errors.Is(err, ErrUnsupported) {
		t.Errorf("a switch that says why: %v", err)
	}
	answer(multipart(0, false, 1, 2, 3)...)
	if _, err := s.Description(timeLimit(t)); err == nil || s.Err() == nil {
		t.Errorf("half a description was read: %v", err)
	}
}

// TestTableFeaturesInManyMessages: what does not fit into one message goes in several, there and back.
func TestTableFeaturesInManyMessages(t *testing.T) {
	_, p, s, _ := connectPeer(t, Config{})
	want := make([]flow.TableFeatures, 254)
	for i := range want {
		want[i] = flow.TableFeatures{ID: uint8(i), MaxEntries: uint32(i), Entry: flow.EntryFeatures{Next: bytes.Repeat([]byte{7}, 800)}}
	}
	go func() {
		var bodies [][]byte
		for more := true; more; {
			xid, body := p.expect(of.TypeMultipartRequest)
			if kind := binary.BigEndian.Uint16(body); kind != 12 {
				t.Errorf("multipart request of type %d", kind)
			}
			more = body[3] == 1
			if bodies = append(bodies, body[8:]); more {
				continue
			}
			for i, b := range bodies {
				p.send(of.TypeMultipartReply, xid, multipart(12, i < len(bodies)-1, b...)...)
			}
		}
		if len(bodies) < 4 {
			t.Errorf("%d messages", len(bodies))
		}
	}()
	got, err := s.TableFeatures(timeLimit(t), want, tablefeatures.Form{FieldIDs: true})
	if err != nil || len(got) != len(want) {
		t.Fatalf("%d tables came back, %v", len(got), err)
	}
	for i, f := range got {
		if f.ID != want[i].ID || f.MaxEntries != want[i].MaxEntries || !bytes.Equal(f.Entry.Next, want[i].Entry.Next) || len(f.Miss.Next) != 0 {
			t.Fatalf("%+v", f)
		}
	}
	go func() {
		xid, _ := p.expect(of.TypeMultipartRequest)
		p.send(of.TypeError, xid, 0, 1, 0, 2)
		xid, _ = p.expect(of.TypeMultipartRequest)
		p.send(of.TypeError, xid, 0, 13, 0, 4)
	}()
	if _, err := s.TableFeatures(timeLimit(t), nil, tablefeatures.Form{}); !errors.Is(err, ErrUnsupported) {
		t.Error(err)
	}
	if _, err := s.TableFeatures(timeLimit(t), want[:1], tablefeatures.Form{}); err == nil || !strings.Contains(err.Error(), "TableFeaturesFailedBadArgument (type 13, code 4)") {
		t.Error(err)
	}
}

// TestPortIsDown: a port is down whether it was taken down or has lost its link.
func TestPortIsDown(t *testing.T) {
	_, p, s, r := connectPeer(t, Config{})
	for i, c := range []struct {
		config, state byte
		down          bool
	}{{0, 4, false}, {0, 0, false}, {0, 1, true}, {1, 4, true}, {1, 1, true}, {0, 2, false}, {0x44, 4, false}} {
		body := make([]byte, 8+portLen)
		body[0], body[8+3], body[8+35], body[8+39] = byte(PortModified), 5, c.config, c.state
		p.send(of.TypePortStatus, 0, body...)
		eventually(t, "the port status comes", func() bool { return len(recorded(r, &r.ports)) == i+1 })
		told := recorded(r, &r.ports)[i]
		if told.Port.Down != c.down || told.Reason != PortModified || !slices.ContainsFunc(s.Ports(), func(p Port) bool { return p.Number == 5 && p.Down == c.down }) {
			t.Errorf("config %#x, state %#x: %+v", c.config, c.state, told)
		}
	}
}
