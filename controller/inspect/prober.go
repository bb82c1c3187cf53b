package inspect

import (
	"context"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/planck-sdn/planck/apps/l2"
	"github.com/planck-sdn/planck/controller/reconcile"
	"github.com/planck-sdn/planck/model"
)

// Prober asks through tunnels whether other nodes forward. The zero value is ready.
type Prober struct {
	mu      sync.Mutex
	waiting map[uint64]chan struct{} // by nonce
}

// probePatience is how long the answer may take: the first packet of a tunnel may be lost while its neighbour is resolved.
const (
	probePatience = 600 * time.Millisecond
	probeAgain    = 150 * time.Millisecond
)

// Bounced takes the nonce of a probe that has come back.
func (p *Prober) Bounced(nonce uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if done := p.waiting[nonce]; done != nil {
		close(done)
		delete(p.waiting, nonce)
	}
}

// silent asks all peers at once through the tunnel of a node, and returns those of which no answer came back in probePatience.
func (p *Prober) silent(ctx context.Context, s *reconcile.Switch, from *model.Node, peers []*model.Node) []*model.Node {
	ctx, cancel := context.WithTimeout(ctx, probePatience)
	defer cancel()
	answers := make([]chan struct{}, len(peers))
	nonces := make([]uint64, len(peers))
	p.mu.Lock()
	if p.waiting == nil {
		p.waiting = map[uint64]chan struct{}{}
	}
	for i := range peers {
		nonces[i], answers[i] = rand.Uint64()|1, make(chan struct{})
		p.waiting[nonces[i]] = answers[i]
	}
	p.mu.Unlock()
	defer p.forget(nonces)

	again := time.NewTicker(probeAgain)
	defer again.Stop()
	for {
		var silent []*model.Node
		for i, peer := range peers {
			select {
			case <-answers[i]:
			default:
				silent = append(silent, peer)
				_ = s.Send(l2.Probe(from, peer, nonces[i])) // one that cannot be sent has no answer
			}
		}
		if len(silent) == 0 {
			return nil
		}
		select {
		case <-ctx.Done():
			return silent
		case <-again.C:
		}
	}
}

func (p *Prober) forget(nonces []uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, n := range nonces {
		delete(p.waiting, n)
	}
}
