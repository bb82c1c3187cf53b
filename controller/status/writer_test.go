package status

import (
	"net/netip"
	"testing"

	"github.com/planck-sdn/planck/controller/reconcile"
	"github.com/planck-sdn/planck/model"
	"github.com/planck-sdn/planck/model/topology"
)

// plugged is a topology with port 1 on the node with that number; 0: nowhere.
func plugged(on model.Number) *topology.View {
	objects := []model.Object{
		&model.Network{Number: 1, ID: "net", AdminStateUp: true, NetworkType: model.NetworkVXLAN, Key: 5, SegmentationID: 5},
		&model.Port{Number: 1, ID: "p1", NetworkID: "net", AdminStateUp: true, BindingGeneration: 3},
		&model.Port{Number: 2, ID: "p2", NetworkID: "net", AdminStateUp: true, DeviceOwner: model.DeviceOwnerDHCP},
	}
	for _, n := range []model.Number{7, 8} {
		node := &model.Node{Number: n, Hostname: n0(n), SystemID: n0(n), EncapIP: netip.MustParseAddr("10.0.0.1"), TunnelPort: 1}
		if n == on {
			node.Interfaces = []model.Interface{{Name: "tap", PortID: "p1", Ofport: 4, Sequence: 1}}
		}
		objects = append(objects, node)
	}
	empty := topology.New()
	v, _ := empty.Apply(empty.Difference(objects))
	return v
}

func n0(n model.Number) string { return string(rune('a' + n)) }

// TestOvertakenStatusesAreDropped: what the topology has overtaken is not written.
func TestOvertakenStatusesAreDropped(t *testing.T) {
	active := reconcile.PortStatus{Port: 1, Generation: 3, Node: 7, Active: true}
	unplugged := reconcile.PortStatus{Port: 1, Generation: 3, Node: 7}
	refused := reconcile.PortStatus{Port: 1, Generation: 3, Node: 7, Reason: "refused"}
	older := reconcile.PortStatus{Port: 1, Generation: 2, Node: 7, Active: true}
	dhcp := reconcile.PortStatus{Port: 2, Node: 7}
	for _, c := range []struct {
		name   string
		status reconcile.PortStatus
		on     model.Number
		want   string
	}{
		{"confirmed where it is", active, 7, model.StatusActive},
		{"confirmed, but it has moved", active, 8, ""},
		{"confirmed, but it is unplugged", active, 0, ""},
		{"unplugged", unplugged, 0, model.StatusDown},
		{"unplugged, but plugged again", unplugged, 7, ""},
		{"refused where it is", refused, 7, model.StatusDown},
		{"refused, but it has moved", refused, 8, ""},
		{"confirmed for an earlier binding", older, 7, ""},
		{"the network's own port", dhcp, 0, ""},
	} {
		row, ok := current(plugged(c.on), c.status)
		if ok != (c.want != "") || row.Status != c.want || ok && row.Reason != c.status.Reason {
			t.Errorf("%s: %v %+v, want %q", c.name, ok, row, c.want)
		}
	}
}

// TestEachSwitchSpeaksForItself: a switch that has not seen yet that a port is plugged into another one does not take back what
// that one confirmed.
func TestEachSwitchSpeaksForItself(t *testing.T) {
	w := NewWriter(nil, func() *topology.View { return plugged(7) }, nil)
	w.Note(reconcile.PortStatus{Port: 1, Generation: 3, Node: 7, Active: true})
	w.Note(reconcile.PortStatus{Port: 1, Generation: 3, Node: 8}) // plugged nowhere, it says
	rows := believed(w.view(), w.take())
	if len(rows) != 1 || rows[0].Status != model.StatusActive {
		t.Errorf("%+v, expected that the port is ACTIVE", rows)
	}
	w = NewWriter(nil, func() *topology.View { return plugged(0) }, nil)
	w.Note(reconcile.PortStatus{Port: 1, Generation: 3, Node: 7})
	w.Note(reconcile.PortStatus{Port: 1, Generation: 3, Node: 8})
	if rows := believed(w.view(), w.take()); len(rows) != 1 || rows[0].Status != model.StatusDown {
		t.Errorf("%+v, expected once that the port is DOWN", rows)
	}
}

// TestAwaitedPorts: Nova is told of a port only while it is in place by an inactive binding of the generation that was confirmed.
func TestAwaitedPorts(t *testing.T) {
	base := plugged(7)
	with := func(host, inactive string) *topology.View {
		p := *base.Port(1)
		p.HostID, p.InactiveBindings = host, []model.Binding{{HostID: inactive}}
		v, _ := base.Apply([]model.Change{{Ref: p.Ref(), Object: &p}})
		return v
	}
	in := reconcile.PortStatus{Port: 1, Generation: 3, Node: 7, Awaiting: true}
	older, unplugged, gone, plain := in, in, in, in
	older.Generation, unplugged.Node, gone.Port, plain.Awaiting = 2, 8, 9, false
	for _, c := range []struct {
		name   string
		view   *topology.View
		status reconcile.PortStatus
		want   int
	}{
		{"in place", with(n0(8), n0(7)), in, 1},
		{"the active one by now", with(n0(7), n0(8)), in, 0},
		{"for an earlier binding", with(n0(8), n0(7)), older, 0},
		{"not plugged there", with(n0(8), n0(7)), unplugged, 0},
		{"deleted", with(n0(8), n0(7)), gone, 0},
		{"a status", with(n0(8), n0(7)), plain, 0},
	} {
		if rows := awaiting(c.view, []reconcile.PortStatus{c.status}); len(rows) != c.want {
			t.Errorf("%s: %v", c.name, rows)
		}
		if rows := believed(c.view, []reconcile.PortStatus{c.status}); c.status.Awaiting && len(rows) != 0 {
			t.Errorf("%s: written as a status, %v", c.name, rows)
		}
	}
}
