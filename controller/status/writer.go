// Package status writes what switches confirmed into the ports' rows. A status is an answer to clients; nothing is
// rendered from it.
package status

import (
	"context"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/planck-sdn/planck/controller/reconcile"
	"github.com/planck-sdn/planck/model"
	"github.com/planck-sdn/planck/model/store"
	"github.com/planck-sdn/planck/model/topology"
)

// retryAfter is the wait after the database refused a write.
const retryAfter = time.Second

// batchSize bounds one statement.
const batchSize = 1000

// Writer collects the statuses of ports and writes them, many at once when many come.
type Writer struct {
	store *store.Store
	view  func() *topology.View
	log   *zap.Logger
	wake  chan struct{}

	mu      sync.Mutex
	waiting map[source]reconcile.PortStatus
	// refused are the ports that were last said not to be active although they are plugged, each by the switch that said so.
	refused map[model.Number]model.Number
}

// source is a switch that says something of a port. What one says, another that still sees an older topology must not replace:
// which of them is to be believed is decided when it is written.
type source struct {
	port, node model.Number
	awaiting   bool
}

func sourceOf(s reconcile.PortStatus) source { return source{s.Port, s.Node, s.Awaiting} }

// NewWriter returns a writer; view gives the present topology.
func NewWriter(s *store.Store, view func() *topology.View, log *zap.Logger) *Writer {
	return &Writer{store: s, view: view, log: log, wake: make(chan struct{}, 1), waiting: map[source]reconcile.PortStatus{},
		refused: map[model.Number]model.Number{}}
}

// Note takes a port's status; a later one by the same switch replaces it.
func (w *Writer) Note(s reconcile.PortStatus) {
	w.mu.Lock()
	w.waiting[sourceOf(s)] = s
	if !s.Awaiting {
		w.note(s)
	}
	w.mu.Unlock()
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// Run writes until ctx ends.
func (w *Writer) Run(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-w.wake:
		}
		for w.write(ctx) && ctx.Err() == nil {
		}
	}
}

// write writes one batch, and tells whether there was one.
func (w *Writer) write(ctx context.Context) bool {
	taken := w.take()
	if len(taken) == 0 {
		return false
	}
	view := w.view()
	rows := believed(view, taken)
	err := w.store.SetPortStatus(ctx, rows)
	if err == nil {
		err = w.store.TellPlugged(ctx, awaiting(view, taken))
	}
	if err != nil {
		w.log.Warn("port statuses not written", zap.Int("ports", len(rows)), zap.Error(err))
		w.putBack(taken)
		select {
		case <-ctx.Done():
		case <-time.After(retryAfter):
		}
	}
	return true
}

func (w *Writer) take() []reconcile.PortStatus {
	w.mu.Lock()
	defer w.mu.Unlock()
	list := make([]reconcile.PortStatus, 0, min(len(w.waiting), batchSize))
	for from, s := range w.waiting {
		if len(list) == batchSize {
			break
		}
		list = append(list, s)
		delete(w.waiting, from)
	}
	return list
}

// putBack returns statuses that newer ones have not replaced.
func (w *Writer) putBack(list []reconcile.PortStatus) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, s := range list {
		if _, newer := w.waiting[sourceOf(s)]; !newer {
			w.waiting[sourceOf(s)] = s
		}
	}
}

// believed gives what is to be written, one row a port: those that the present topology bears out agree.
func believed(view *topology.View, list []reconcile.PortStatus) []store.PortStatus {
	rows, seen := make([]store.PortStatus, 0, len(list)), make(map[model.Number]bool, len(list))
	for _, s := range list {
		if row, ok := current(view, s); ok && !seen[s.Port] {
			seen[s.Port] = true
			rows = append(rows, row)
		}
	}
	return rows
}

// current drops what the topology has overtaken: a confirmation by a node that no longer has the port, and an
// unplugging of a port that is plugged again.
func current(view *topology.View, s reconcile.PortStatus) (store.PortStatus, bool) {
	p := view.Port(s.Port)
	if s.Awaiting || p == nil || p.BindingGeneration != s.Generation || ownStatus(p) {
		return store.PortStatus{}, false
	}
	location, plugged := view.Location(s.Port)
	if (s.Active || s.Reason != "") != plugged || plugged && location.Node != s.Node {
		return store.PortStatus{}, false
	}
	row := store.PortStatus{Number: s.Port, BindingGeneration: s.Generation, Status: model.StatusDown, Reason: s.Reason}
	if s.Active {
		row.Status = model.StatusActive
	}
	return row, true
}

// awaiting gives the ports that are in place where their inactive bindings are, as Nova waits for it before it moves a server.
func awaiting(view *topology.View, list []reconcile.PortStatus) []store.PortStatus {
	var rows []store.PortStatus
	for _, s := range list {
		p := view.Port(s.Port)
		here, plugged := view.AttachmentOn(s.Port, s.Node)
		if s.Awaiting && p != nil && p.BindingGeneration == s.Generation && plugged && !here.Active {
			rows = append(rows, store.PortStatus{Number: s.Port, BindingGeneration: s.Generation, Status: model.StatusActive})
		}
	}
	return rows
}

// ownStatus tells whether a port is ACTIVE from its creation, because no VM is behind it.
func ownStatus(p *model.Port) bool { return p.DeviceOwner == model.DeviceOwnerDHCP }
