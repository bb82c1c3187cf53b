package reconcile

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/planck-sdn/planck/apps"
	"github.com/planck-sdn/planck/model/flow"
	"github.com/planck-sdn/planck/southbound/openflow"
)

// acceptingSession is a session with a switch that takes everything and keeps nothing.
type acceptingSession struct{ done chan struct{} }

func (acceptingSession) BecomeMaster(context.Context, uint64) error { return nil }
func (acceptingSession) PacketOut(flow.PacketOut) error             { return nil }
func (acceptingSession) Close(error)                                {}
func (s acceptingSession) Done() <-chan struct{}                    { return s.done }

func (acceptingSession) ReadStatsOf(context.Context, uint8, flow.Cookie, flow.Cookie, func(openflow.FlowStats)) error {
	return nil
}

func (acceptingSession) Read(context.Context) (*flow.Tables, error) { return &flow.Tables{}, nil }

func (acceptingSession) Apply(context.Context, []flow.Change, bool) ([]flow.Refusal, error) {
	return nil, nil
}

// BenchmarkEntries is what the entries of a switch cost, wanted and confirmed, when all of its ports come at once: time and
// allocations to render them and to reconcile the switch, and the memory that is kept.
func BenchmarkEntries(b *testing.B) {
	for _, ports := range []int{500, 1500, 2500, 4000} {
		b.Run(fmt.Sprintf("ports=%d", ports), func(b *testing.B) {
			v := viewOf(smallCloud(ports))
			for b.Loop() {
				before := memory()
				s := New(Config{
					Node: here, Apps: apps.All(), Log: zap.NewNop(), Now: time.Now, Reconciles: make(chan struct{}, 1),
					Generation: func(context.Context) (uint64, error) { return 1, nil },
				}, v)
				ctx, stop := context.WithCancel(context.Background())
				var running sync.WaitGroup
				running.Go(func() { s.Run(ctx) })
				s.Connected(acceptingSession{make(chan struct{})})
				for s.Confirmed() == nil {
					time.Sleep(100 * time.Microsecond)
				}
				after := memory()
				var encoded int
				err := s.ask(ctx, func(context.Context) {
					for _, f := range s.tables.flows.wanted {
						encoded += len(f.value)
					}
				})
				if err != nil {
					b.Fatal(err)
				}
				entries := float64(len(s.tables.flows.wanted))
				b.ReportMetric(entries, "entries")
				b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/entries, "B/entry")
				b.ReportMetric(float64(encoded)/entries, "encoded-B/entry")
				b.ReportMetric(float64(after.Mallocs-before.Mallocs)/entries, "allocs/entry")
				b.ReportMetric(float64(after.HeapObjects-before.HeapObjects)/entries, "objects/entry")
				stop()
				running.Wait()
			}
		})
	}
}

// memory is what is in use after a collection.
func memory() (m runtime.MemStats) {
	runtime.GC()
	runtime.GC() // what a sync.Pool held survives the first
	runtime.ReadMemStats(&m)
	return m
}
