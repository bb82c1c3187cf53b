package store

import (
	"context"
	"reflect"
	"testing"
	"time"

	"github.com/planck-sdn/planck/model"
)

// TestNotActivePorts: those are listed that are up, and have a host or are plugged; the plugged first.
func TestNotActivePorts(t *testing.T) {
	onBoth(t, func(t *testing.T, s *Store) {
		ctx := context.Background()
		n := newNetwork(t, s)
		on := func(host string) func(*model.Port) { return func(p *model.Port) { p.HostID = host } }
		named := func(name string) func(*model.Port) { return func(p *model.Port) { p.Name = name } }
		newPort(t, s, n, named("nowhere"))
		off := newPort(t, s, n, named("off"), on("compute1"))
		newPort(t, s, n, named("down"), on("compute1"), func(p *model.Port) { p.AdminStateUp = false })
		well := newPort(t, s, n, named("well"), on("compute1"))
		plugged, lost := newPort(t, s, n, named("plugged"), on("compute1")), newPort(t, s, n, named("lost"), on("compute9"))
		moved := newPort(t, s, n, named("moved"))
		check(t, reportNode(s, model.Node{SystemID: "a", Hostname: "compute1", TunnelPort: 1, Interfaces: []model.Interface{
			{Name: "tap1", PortID: plugged.ID, Ofport: 5}, {Name: "tap2", PortID: well.ID, Ofport: 6}, {Name: "tap3", PortID: moved.ID, Ofport: 7}, {Name: "tap4", PortID: "x", Ofport: 8}}}))
		check(t, reportNode(s, model.Node{SystemID: "b", Hostname: "compute2", TunnelPort: 1, Interfaces: []model.Interface{{Name: "tap1", PortID: moved.ID, Ofport: 5}}}))
		check(t, s.SetPortStatus(ctx, []PortStatus{
			{Number: well.Number, BindingGeneration: must(s.Port(admin, well.ID))(t).BindingGeneration, Status: model.StatusActive},
			{Number: plugged.Number, BindingGeneration: must(s.Port(admin, plugged.ID))(t).BindingGeneration, Status: model.StatusDown, Reason: "refused"}}))

		list, total, err := s.NotActivePorts(ctx, 3)
		check(t, err)
		vif := func(p *model.Port) string { return must(s.Port(admin, p.ID))(t).VIFType }
		want := []NotActive{
			{ID: plugged.ID, Name: "plugged", HostID: "compute1", VIFType: vif(plugged), Status: "DOWN", StatusReason: "refused", PluggedOn: "compute1"},
			{ID: moved.ID, Name: "moved", VIFType: vif(moved), Status: "DOWN", PluggedOn: "compute2"},
			{ID: off.ID, Name: "off", HostID: "compute1", VIFType: vif(off), Status: "DOWN"}}
		if total != 4 || !reflect.DeepEqual(list, want) {
			t.Errorf("%d ports, the first\n%+v, want\n%+v", total, list, want)
		}
		if list, total, err = s.NotActivePorts(ctx, 9); err != nil || total != 4 || list[3].ID != lost.ID {
			t.Errorf("%d ports, %+v, %v", total, list, err)
		}
	})
}

func TestReplicas(t *testing.T) {
	onBoth(t, func(t *testing.T, s *Store) {
		ctx := context.Background()
		var numbers []model.Number
		for _, name := range []string{"a", "b", "c", "d"} {
			node, _, err := s.ReportNode(ctx, model.Node{SystemID: name, Hostname: name})
			check(t, err)
			numbers = append(numbers, node.Number)
		}
		must(s.AcquireMasters(ctx, "two", numbers[:2], time.Hour))(t)
		must(s.AcquireMasters(ctx, "one", numbers[2:3], time.Hour))(t)
		must(s.AcquireMasters(ctx, "gone", numbers[3:], -time.Hour))(t)
		if got := must(s.Replicas(ctx))(t); !reflect.DeepEqual(got, []Replica{{"one", 1}, {"two", 2}}) {
			t.Errorf("%+v", got)
		}
	})
}
