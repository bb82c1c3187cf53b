package store

import (
	"context"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/planck-sdn/planck/model"
)

// portReads makes requests for single ports share statements: those that come while others are being read wait, and are then
// read together. Each is read after it came, so it sees what was committed before. One that is alone waits for nothing.
type portReads struct {
	mutex   sync.Mutex
	reading int
	waiting []*portBatch // in the order in which they are read
}

// portBatch are ports to be read for one scope.
type portBatch struct {
	scope Scope
	ids   map[string]bool
	done  chan struct{} // closed when the following are there
	found map[string]*model.Port
	err   error
}

const (
	maxPortReads  = 2 // statements at a time
	maxPortBatch  = 64
	portReadLimit = 30 * time.Second
)

// Port gives one port, or PortNotFound.
func (s *Store) Port(ctx context.Context, id string) (*model.Port, error) {
	if !utf8.ValidString(id) || strings.ContainsRune(id, 0) {
		return nil, portResource.notFound(id) // and not an error for those who read with us
	}
	scope := scopeOf(ctx)
	scope.Revision = 0
	b, read := s.portReads.join(scope, id)
	if read {
		go s.readPorts(b)
	}
	select {
	case <-b.done:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if b.err != nil {
		return nil, b.err
	}
	found, ok := b.found[id]
	if !ok {
		return nil, portResource.notFound(id)
	}
	p := clonePort(found) // others may have asked for it too
	return &p, nil
}

// join adds a port to a batch that is not being read yet. The caller must read it if that is said.
func (r *portReads) join(scope Scope, id string) (b *portBatch, read bool) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	i := slices.IndexFunc(r.waiting, func(b *portBatch) bool { return b.scope == scope && len(b.ids) < maxPortBatch })
	if i >= 0 {
		b = r.waiting[i]
		b.ids[id] = true
		return b, false
	}
	b = &portBatch{scope: scope, ids: map[string]bool{id: true}, done: make(chan struct{})}
	if r.reading < maxPortReads {
		r.reading++
		return b, true
	}
	r.waiting = append(r.waiting, b)
	return b, false
}

// next gives the batch to read after another, nil when none waits.
func (r *portReads) next() *portBatch {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	if len(r.waiting) == 0 {
		r.reading--
		return nil
	}
	b := r.waiting[0]
	r.waiting = r.waiting[1:]
	return b
}

// readPorts reads a batch, and those that wait meanwhile. It is nobody's request: one that is cancelled must not spoil the others'.
func (s *Store) readPorts(b *portBatch) {
	for ; b != nil; b = s.portReads.next() {
		ctx, cancel := context.WithTimeout(context.Background(), portReadLimit)
		b.found, b.err = s.portsByID(ctx, b.scope, slices.Collect(maps.Keys(b.ids)))
		b.err = s.readError(ctx, b.err)
		cancel()
		close(b.done)
	}
}

func (s *Store) portsByID(ctx context.Context, scope Scope, ids []string) (map[string]*model.Port, error) {
	found := make(map[string]*model.Port, len(ids))
	for length := 1; ; length *= 2 { // few different statements, which stay prepared
		if length >= len(ids) {
			ids = append(ids, slices.Repeat(ids[:1], length-len(ids))...)
			break
		}
	}
	ports, err := collect(scope.ports(s.reader.WithContext(ctx)).Where("ports.id IN ?", ids), portFields, new(portRow))
	for _, p := range ports {
		found[p.ID] = p
	}
	return found, err
}
