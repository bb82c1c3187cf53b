package store

import (
	"context"
	"fmt"
	"reflect"
	"sync"
	"testing"

	"pgregory.net/rapid"

	"github.com/planck-sdn/planck/model"
)

// TestReportInterfaces: whatever the caller knows of the node, the database afterwards holds what was reported, interfaces that
// stay keep their sequence, and followers are told.
func TestReportInterfaces(t *testing.T) {
	onBoth(t, func(t *testing.T, s *Store) {
		ctx := context.Background()
		rapid.Check(t, func(r *rapid.T) {
			report := model.Node{SystemID: "a", Hostname: "a"}
			node, _, err := s.ReportNode(ctx, report)
			check(t, err)
			knowns := []*model.Node{node}
			f := newFollower(t, s)
			for range 8 {
				report.Interfaces = nil
				for i, port := range rapid.SliceOfN(rapid.IntRange(0, 2), 0, 5).Draw(r, "ports") {
					if port > 0 {
						report.Interfaces = append(report.Interfaces, model.Interface{
							Name: fmt.Sprint("tap", i), PortID: fmt.Sprint("p", i, port), Ofport: rapid.Uint32Range(8, 9).Draw(r, "ofport")})
					}
				}
				switch rapid.IntRange(0, 9).Draw(r, "also") {
				case 0:
					report.TunnelPort++
				case 1:
					check(t, s.ForgetNode(ctx, node.Number))
				}
				before := must(s.Nodes(ctx))(t)[0]
				known := rapid.SampledFrom(knowns).Draw(r, "known")
				var changed bool
				node, changed, err = s.ReportInterfaces(ctx, known, report)
				check(t, err)
				knowns = append(knowns, node)
				stored := must(s.Nodes(ctx))(t)[0]
				if !reflect.DeepEqual(stored, node) || !SameReport(stored, &report) || !stored.HostnamePinned {
					r.Fatalf("stored %+v\nreturned %+v\nof the report %+v", stored, node, report)
				}
				if changed == reflect.DeepEqual(before, stored) {
					r.Fatalf("changed: %v, from %+v to %+v", changed, before, stored)
				}
				for _, i := range stored.Interfaces {
					for _, old := range before.Interfaces {
						if same := i.Name == old.Name && i.PortID == old.PortID; same != (i.Sequence == old.Sequence) {
							r.Fatalf("%+v became %+v", old, i)
						}
					}
				}
				f.follow(t)
			}
			f.equalsLoad(t)
			check(t, s.DeleteNode(ctx, node.Number))
		})
	})
}

// TestReportInterfacesIsOneStatement: a port that is plugged waits for one answer of PostgreSQL to the report, and for one to follow it.
func TestReportInterfacesIsOneStatement(t *testing.T) {
	s := open(t, postgresURL(t), Options{})
	report := model.Node{SystemID: "a", Hostname: "a", Interfaces: []model.Interface{{Name: "tap1", PortID: "p1", Ofport: 1}, {Name: "tap2", PortID: "p2", Ofport: 2}}}
	node, _, err := s.ReportNode(context.Background(), report)
	check(t, err)
	_, position, err := s.Load(context.Background())
	check(t, err)
	statements := listStatements(t, s.db)
	report.Interfaces = []model.Interface{report.Interfaces[1], {Name: "tap3", PortID: "p3", Ofport: 3}}
	_, changed, err := s.ReportInterfaces(listed(context.Background()), node, report)
	if err != nil || !changed || len(*statements) != 1 {
		t.Fatalf("changed %v, %v, by %q", changed, err, *statements)
	}
	if changes, _, err := s.Follow(listed(context.Background()), position); err != nil || len(changes) != 1 || len(*statements) != 2 {
		t.Fatalf("followed %v, %v, by %q", changes, err, *statements)
	}
}

// TestReportsCompete: replicas that report one node at once, each from what it knew, leave what the last of them said.
func TestReportsCompete(t *testing.T) {
	onBoth(t, func(t *testing.T, s *Store) {
		report := model.Node{SystemID: "a", Hostname: "a"}
		first, _, err := s.ReportNode(context.Background(), report)
		check(t, err)
		var group sync.WaitGroup
		for replica := range 4 {
			group.Go(func() {
				known, mine := first, report
				for i := range 50 {
					mine.Interfaces = []model.Interface{{Name: fmt.Sprint("tap", replica, i%3), PortID: "p", Ofport: 1}}
					node, _, err := s.ReportInterfaces(context.Background(), known, mine)
					if err != nil {
						t.Error(err)
						return
					}
					if known = node; !SameReport(node, &mine) {
						t.Errorf("%+v after a report of %+v", node, mine)
					}
				}
			})
		}
		group.Wait()
		if node := must(s.Nodes(context.Background()))(t)[0]; len(node.Interfaces) != 1 {
			t.Errorf("left: %+v", node.Interfaces)
		}
	})
}
