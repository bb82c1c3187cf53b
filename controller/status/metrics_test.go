package status

import (
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/planck-sdn/planck/controller/reconcile"
	"github.com/planck-sdn/planck/model"
	"github.com/planck-sdn/planck/model/topology"
)

// gathered are the values of planck_ports_not_active by reason.
func gathered(t *testing.T, w *Writer) map[string]float64 {
	t.Helper()
	r := prometheus.NewPedanticRegistry()
	r.MustRegister(w)
	families, err := r.Gather()
	if err != nil {
		t.Fatal(err)
	}
	values := map[string]float64{}
	for _, f := range families {
		if f.GetName() == "planck_ports_not_active" {
			for _, m := range f.GetMetric() {
				values[m.GetLabel()[0].GetValue()] = m.GetGauge().GetValue()
			}
		}
	}
	return values
}

func TestPortsNotActive(t *testing.T) {
	view := plugged(7)
	w := NewWriter(nil, func() *topology.View { return view }, nil)
	say := func(node model.Number, active bool, reason string) {
		w.Note(reconcile.PortStatus{Port: 1, Generation: 3, Node: node, Active: active, Reason: reason})
	}
	want := func(what string, unplugged, refused float64) {
		t.Helper()
		if got := gathered(t, w); got["unplugged"] != unplugged || got["refused"] != refused {
			t.Errorf("%s: %v", what, got)
		}
	}
	want("nothing said", 0, 0)
	say(7, false, "OFPBAC_BAD_OUT_PORT")
	want("refused", 0, 1)
	w.take() // as it is written
	want("written", 0, 1)
	say(8, false, "")
	want("another node has it no more", 0, 1)
	say(7, true, "")
	want("confirmed", 0, 0)
	say(7, false, "refused again")
	view = plugged(8)
	want("moved before it was confirmed", 0, 0)
	view = plugged(0)
	want("unplugged and bound to no host", 0, 0)
	bound := *view.Port(1)
	bound.HostID = "compute1"
	view, _ = view.Apply([]model.Change{{Ref: bound.Ref(), Object: &bound}})
	want("unplugged and bound", 1, 0)
	down := bound
	down.AdminStateUp = false
	view, _ = view.Apply([]model.Change{{Ref: down.Ref(), Object: &down}})
	want("down", 0, 0)
}
