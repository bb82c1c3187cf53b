package nodes

import (
	"cmp"
	"net"
	"slices"
	"time"
)

// Waiting is a switch that dials and is known to nobody: neither declared nor a node's.
type Waiting struct {
	DatapathID  uint64
	Remote      string
	First, Last time.Time // when it was seen
}

const (
	maxWaiting  = 256
	waitingKept = 10 * time.Minute // since it was last seen
)

// waited notes that an unknown switch has dialled. Of too many the one goes that has been away for longest.
func (r *Registry) waited(datapathID uint64, remote net.Addr) {
	now := r.cfg.Now()
	r.mu.Lock()
	defer r.mu.Unlock()
	w, known := r.waiting[datapathID]
	if !known {
		w = Waiting{DatapathID: datapathID, First: now}
		if len(r.waiting) >= maxWaiting {
			delete(r.waiting, r.unseen())
		}
	}
	w.Remote, w.Last = remote.String(), now
	r.waiting[datapathID] = w
}

// unseen is the switch that was last seen before all others.
func (r *Registry) unseen() uint64 {
	var oldest Waiting
	for _, w := range r.waiting {
		if oldest.Last.IsZero() || w.Last.Before(oldest.Last) {
			oldest = w
		}
	}
	return oldest.DatapathID
}

// Waiting lists the switches that dial and are known to nobody, by datapath id.
func (r *Registry) Waiting() []Waiting {
	now := r.cfg.Now()
	r.mu.Lock()
	defer r.mu.Unlock()
	var list []Waiting
	for id, w := range r.waiting {
		if now.Sub(w.Last) >= waitingKept {
			delete(r.waiting, id)
			continue
		}
		list = append(list, w)
	}
	slices.SortFunc(list, func(a, b Waiting) int { return cmp.Compare(a.DatapathID, b.DatapathID) })
	return list
}

// admitted forgets that a switch was waiting.
func (r *Registry) admitted(datapathID uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.waiting, datapathID)
}
