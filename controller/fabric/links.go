package fabric

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"time"

	"github.com/planck-sdn/planck/model"
)

func compareEnds(a, b model.LinkEnd) int {
	return cmp.Or(cmp.Compare(a.Node, b.Node), cmp.Compare(a.Port, b.Port))
}

// found lists the links that are seen and have no row, in order.
func (k *Keeper) found(now time.Time, inStep map[model.Number]bool) [][2]model.LinkEnd {
	var list [][2]model.LinkEnd
	add := func(a, b model.LinkEnd) {
		l := sorted(a, b)
		if until, ok := k.refused[l]; (!ok || !until.After(now)) && !slices.Contains(list, l) {
			list = append(list, l)
		}
	}
	behind := map[model.LinkEnd][]model.LinkEnd{} // by patch port: the ports at which its frames come in
	for d, s := range k.sights {
		from, to := k.ends[d.from], k.ends[d.to]
		switch {
		case !s.fresh() || !inStep[d.from.Node] || !inStep[d.to.Node]:
		case !from.isSwitch && now.Sub(s.first) > interval && len(k.linked[d.from]) == 0 && !k.facesSwitch(d.to):
			behind[d.from] = append(behind[d.from], d.to)
		case from.isSwitch && to.isSwitch && k.sights[direction{d.to, d.from}].fresh() && k.free(d.from) && k.free(d.to) &&
			k.alone(d.from, d.to) && k.alone(d.to, d.from):
			add(d.from, d.to)
		}
	}
	for node, ports := range behind {
		// Bridges that are no switches of ours may lie between, and other nodes at them. All these hang on one port, or there were a loop.
		add(node, slices.MinFunc(ports, func(a, b model.LinkEnd) int {
			return cmp.Or(cmp.Compare(len(k.linked[b]), len(k.linked[a])), compareEnds(a, b))
		}))
	}
	slices.SortFunc(list, func(a, b [2]model.LinkEnd) int { return cmp.Or(compareEnds(a[0], b[0]), compareEnds(a[1], b[1])) })
	return list
}

// free tells whether a switch's port has no link.
func (k *Keeper) free(at model.LinkEnd) bool { return len(k.linked[at]) == 0 }

// facesSwitch tells whether a port has a link to another switch, or frames of one come in there.
func (k *Keeper) facesSwitch(at model.LinkEnd) bool {
	for _, peer := range k.linked[at] {
		if e := k.ends[peer]; e == nil || e.isSwitch {
			return true
		}
	}
	return !k.alone(at, model.LinkEnd{})
}

// alone tells whether no other switch than the one at peer is heard at a port: a cable has two ends.
func (k *Keeper) alone(at, peer model.LinkEnd) bool {
	for d, s := range k.sights {
		if d.to == at && d.from != peer && s.heard && k.ends[d.from].isSwitch {
			return false
		}
	}
	return true
}

// lost lists the links that cannot be, as an end is down or a host is bound there, and those over which nothing comes any more although both
// ends seem to speak.
func (k *Keeper) lost(now time.Time, inStep map[model.Number]bool) (over []model.Number, silent []*model.Link) {
	for d, s := range k.sights {
		if s.missed > lostAfter && !slices.Contains(k.linked[d.from], d.to) {
			delete(k.sights, d)
		}
	}
	for _, l := range k.links {
		if k.removing[l.Number] {
			continue
		}
		if k.ends[l.A] == nil || k.ends[l.B] == nil {
			k.removing[l.Number] = true
			over = append(over, l.Number)
			continue
		}
		missed := false
		for _, d := range directions(l) {
			if !k.ends[d.to].isSwitch { // a node's patch port sends only
				continue
			}
			s := k.sights[d]
			if s == nil {
				s = &sight{first: now}
				k.sights[d] = s
			}
			if !inStep[l.A.Node] || !inStep[l.B.Node] {
				s.missed = 0 // whoever does not listen has missed nothing
			}
			missed = missed || s.missed > lostAfter
		}
		if missed {
			k.removing[l.Number] = true
			silent = append(silent, l)
		}
	}
	return over, silent
}

func directions(l *model.Link) [2]direction { return [2]direction{{l.A, l.B}, {l.B, l.A}} }

// confirmed lists those of silent links that are lost: both switches answer, and so have sent and would have told what came. A session that is
// dead stands for some time yet, and a network of the controller's that is cut must not take the fabric with it.
func (k *Keeper) confirmed(ctx context.Context, silent []*model.Link) (lost []model.Number) {
	if len(silent) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, pingTimeout)
	defer cancel()
	failed := map[model.Number]*error{}
	var pings sync.WaitGroup
	for _, l := range silent {
		for _, end := range []model.LinkEnd{l.A, l.B} {
			if failed[end.Node] == nil {
				result := new(error)
				failed[end.Node] = result
				pings.Go(func() { *result = k.cfg.Ping(ctx, end.Node) })
			}
		}
	}
	pings.Wait()
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, l := range silent {
		answered, missed := *failed[l.A.Node] == nil && *failed[l.B.Node] == nil, false
		for _, d := range directions(l) {
			if s := k.sights[d]; s != nil {
				missed = missed || s.missed > lostAfter
				if !answered {
					s.missed = 0
				}
			}
		}
		if answered && missed {
			lost = append(lost, l.Number)
		} else {
			delete(k.removing, l.Number)
		}
	}
	return lost
}
