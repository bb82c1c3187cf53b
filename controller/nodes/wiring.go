package nodes

import (
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"github.com/planck-sdn/planck/controller/reconcile"
	"github.com/planck-sdn/planck/southbound/ovsdb"
)

// wiring measures how long it takes to bring ports into service: from the OVSDB update that shows the interface with its ofport
// to the barrier reply after the port's last entry on that node. A port that is plugged before it is made in the API counts from
// when it was plugged.
type wiring struct {
	seconds prometheus.Histogram

	mu    sync.Mutex
	since map[wire]time.Time
}

// wire is a port that is plugged into a node and not in service yet.
type wire struct{ hostname, port string }

func newWiring() *wiring {
	return &wiring{since: map[wire]time.Time{}, seconds: prometheus.NewHistogram(prometheus.HistogramOpts{
		Name:    "planck_port_wiring_seconds",
		Help:    "From the node's OVSDB update that shows a plugged port to the barrier reply after its last entry.",
		Buckets: prometheus.ExponentialBuckets(0.0005, 2, 16), // to 16 s
	})}
}

// updated compares two states of a node.
func (w *wiring) updated(before, now ovsdb.State) {
	was := make(map[string]uint32, len(before.Interfaces))
	for _, i := range before.Interfaces {
		was[i.IfaceID] = i.Ofport
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, i := range now.Interfaces {
		if i.Ofport != 0 && was[i.IfaceID] == 0 {
			w.since[wire{now.Hostname, i.IfaceID}] = now.Since
		}
		delete(was, i.IfaceID)
	}
	for port := range was { // unplugged before it was in service
		delete(w.since, wire{now.Hostname, port})
	}
}

// gone forgets what was plugged into a node whose session has ended.
func (w *wiring) gone(last ovsdb.State) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, i := range last.Interfaces {
		delete(w.since, wire{last.Hostname, i.IfaceID})
	}
}

// confirmed takes the time of a port that has just come into service.
func (w *wiring) confirmed(hostname, port string) (took time.Duration, waited bool) {
	key := wire{hostname, port}
	w.mu.Lock()
	since, waited := w.since[key]
	delete(w.since, key)
	w.mu.Unlock()
	if waited {
		took = time.Since(since)
		w.seconds.Observe(took.Seconds())
	}
	return took, waited
}

// status takes what a switch says of a port, and passes it on.
func (r *Registry) status(s reconcile.PortStatus) {
	if view := r.view(); s.Active {
		if port, node := view.Port(s.Port), view.Node(s.Node); port != nil && node != nil {
			if took, waited := r.wiring.confirmed(node.Hostname, port.ID); waited {
				r.cfg.Log.Info("port in service", zap.String("port", port.ID), zap.String("hostname", node.Hostname), zap.Duration("took", took))
			}
		}
	}
	r.cfg.Status(s)
}
