package openflow

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	of "github.com/netrack/openflow"

	"github.com/planck-sdn/planck/model/flow"
	"github.com/planck-sdn/planck/southbound/nicira"
)

// ErrNotInBundle: Open vSwitch refuses a meter or a conntrack zone inside a bundle, and then commits the rest of it.
var ErrNotInBundle = errors.New("meters and conntrack zones cannot be changed atomically after other things")

var errEmptyChange = errors.New("change of nothing")

// Apply sends changes in the order given and returns when the switch has confirmed all by a barrier. Other switches than Open vSwitch may do what is in
// one list in another order (OpenFlow 1.3.5, 6.2): what needs something else to be there or gone belongs into the next Apply. If not atomic,
// what is refused is returned and the rest is in force. If atomic, the meters and conntrack zones at the beginning of the list are changed by themselves,
// and all that follows is in one bundle (ONF EXT-230): what is refused is returned, and then nothing of the list is in force but the
// meters and zones that were not refused. The error is for when no answer can be had; then the switch's tables must be read
// again. ErrNoBundles: nothing of the list but meters and zones is in force. One Apply runs at a time.
func (s *Session) Apply(ctx context.Context, changes []flow.Change, atomic bool) ([]flow.Refusal, error) {
	if len(changes) == 0 {
		return nil, nil
	}
	if atomic {
		others := slices.IndexFunc(changes, func(c flow.Change) bool { return !outsideBundle(&c) })
		if others < 0 {
			atomic = false
		} else if slices.ContainsFunc(changes[others:], func(c flow.Change) bool { return outsideBundle(&c) }) {
			return nil, ErrNotInBundle
		}
	}
	select {
	case s.applying <- struct{}{}:
		defer func() { <-s.applying }()
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-s.done:
		return nil, s.Err()
	}
	b := s.startBatch(uint32(len(changes)))
	defer s.endBatch()
	var err error
	if atomic {
		err = s.applyBundle(ctx, b, changes)
	} else {
		err = s.stream(ctx, b, changes, s.appendChange)
	}
	return s.refusals(b), err
}

// stream sends what encode makes of each change, and a barrier, and waits for its reply.
func (s *Session) stream(ctx context.Context, b *batch, changes []flow.Change, encode encodeChange) error {
	w := chunkWriter{s: s, ctx: ctx}
	defer w.release()
	for i := range changes {
		err := w.append(func(buf []byte) ([]byte, error) { return encode(buf, b.first+uint32(i), &changes[i]) })
		var refused refusedHere
		switch {
		case errors.As(err, &refused):
			s.refuse(b, i, refused.error)
		case err != nil:
			return err
		}
	}
	return w.barrier()
}

type encodeChange func(b []byte, xid uint32, c *flow.Change) ([]byte, error)

// outsideBundle tells whether c cannot be part of a bundle.
func outsideBundle(c *flow.Change) bool { return c.Meter != nil || c.Zone != 0 }

// appendFlushZone appends Nicira's message that empties a conntrack zone.
func appendFlushZone(b []byte, xid uint32, zone uint16) ([]byte, error) {
	start := len(b)
	return endMessage(nicira.AppendFlushZone(appendHeader(b, of.TypeExperiment, xid), zone), start)
}

// appendChange appends the message for c, and nothing if it fails.
func (s *Session) appendChange(b []byte, xid uint32, c *flow.Change) ([]byte, error) {
	switch {
	case c.Flow != "":
		s.counters.flowMods.Add(1)
		return appendFlowMod(b, xid, c.Op, c.Flow)
	case c.Group != nil:
		s.counters.groupMods.Add(1)
		return appendGroupMod(b, xid, c.Op, c.Group)
	case c.Meter != nil:
		s.counters.meterMods.Add(1)
		return appendMeterMod(b, xid, c.Op, c.Meter)
	case c.Zone != 0 && c.Op == flow.OpDelete:
		s.counters.zoneFlushes.Add(1)
		return appendFlushZone(b, xid, c.Zone)
	}
	return b, errEmptyChange
}

// applyBundle sends meters and zones, and then other changes in a bundle. Open vSwitch commits a bundle although it refused a message that was
// to be added, so the commit is sent only once a barrier has shown that nothing was: no meter that the bundle needs, and nothing in it.
// The open is not waited for by itself: when it fails, so does all that was to be added, and the barrier shows it too.
func (s *Session) applyBundle(ctx context.Context, b *batch, changes []flow.Change) error {
	id := s.newBundle()
	open := s.newRequest(of.TypeExperiment)
	defer s.forget(open)
	opened := false
	err := s.stream(ctx, b, changes, func(buf []byte, xid uint32, c *flow.Change) ([]byte, error) {
		if outsideBundle(c) {
			return s.appendChange(buf, xid, c)
		}
		if !opened {
			buf = append(buf, bundleControl(open.xid, id, bundleOpen)...)
			opened = true
		}
		return appendBundleAdd(buf, xid, id, func(buf []byte) ([]byte, error) { return s.appendChange(buf, xid, c) })
	})
	if err == nil {
		if err = s.replyToBundle(ctx, open, id, bundleOpen); err != nil {
			return fmt.Errorf("opening a bundle: %w", err)
		}
	}
	if err != nil || s.anyRefused(b) {
		// A switch that does not hear this drops the bundle by itself after some seconds.
		s.discard(id)
		return err
	}
	err = s.bundleControl(ctx, id, bundleCommit)
	var e Error
	if errors.As(err, &e) && s.anyRefused(b) {
		return nil // which of them is known
	}
	if err != nil {
		return fmt.Errorf("committing a bundle: %w", err)
	}
	return nil
}

func (s *Session) newBundle() uint32 {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.bundles++
	return s.bundles
}

// bundleControl sends a bundle control message and waits for its reply.
func (s *Session) bundleControl(ctx context.Context, id uint32, control uint16) error {
	r := s.newRequest(of.TypeExperiment)
	defer s.forget(r)
	if err := s.send(ctx, bundleControl(r.xid, id, control)); err != nil {
		return err
	}
	return s.replyToBundle(ctx, r, id, control)
}

func (s *Session) replyToBundle(ctx context.Context, r *request, id uint32, control uint16) error {
	reply, err := s.next(ctx, r)
	if err != nil {
		return err
	}
	return parseBundleReply(reply, id, control)
}

func (s *Session) discard(id uint32) {
	s.mu.Lock()
	xid := s.newXIDs(1)
	s.mu.Unlock()
	_ = s.trySend(bundleControl(xid, id, bundleDiscard))
}

func (s *Session) startBatch(n uint32) *batch {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.batch = &batch{first: s.newXIDs(n), count: n, refused: map[uint32]error{}}
	return s.batch
}

func (s *Session) endBatch() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.batch = nil
}

// refuse notes a change that cannot be put into a message.
func (s *Session) refuse(b *batch, i int, reason error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	b.refused[uint32(i)] = reason
}

func (s *Session) anyRefused(b *batch) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(b.refused) > 0
}

// refusals lists what was refused, by index.
func (s *Session) refusals(b *batch) []flow.Refusal {
	s.mu.Lock()
	defer s.mu.Unlock()
	var list []flow.Refusal
	for i, reason := range b.refused {
		list = append(list, flow.Refusal{Index: int(i), Reason: reason.Error()})
	}
	slices.SortFunc(list, func(a, b flow.Refusal) int { return cmp.Compare(a.Index, b.Index) })
	return list
}
