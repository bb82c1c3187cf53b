package inspect

import (
	"context"
	"sync"
	"time"

	"github.com/planck-sdn/planck/controller/reconcile"
	"github.com/planck-sdn/planck/controller/verify"
	"github.com/planck-sdn/planck/model"
	"github.com/planck-sdn/planck/model/flow"
	"github.com/planck-sdn/planck/model/topology"
	"github.com/planck-sdn/planck/northbound/admin"
)

// verifying is how many nodes are proved at once: it is work for a processor.
const verifying = 2

// Verify proves.
func (i *Inspector) Verify(ctx context.Context, node string, each func(admin.NodeProof) error) error {
	chosen, err := i.chosen(node)
	if err != nil {
		return err
	}
	proofs := proofs{processor: make(chan struct{}, verifying)}
	work := func(ctx context.Context, n *model.Node) admin.NodeProof { return i.prove(ctx, n, &proofs) }
	return perNode(ctx, chosen, work, each)
}

// proofs is what the proofs of several nodes share.
type proofs struct {
	processor chan struct{} // a place in it is a processor

	mu     sync.Mutex
	view   *topology.View
	intent *verify.Intent
}

// of reads a version of the topology, unless it is the one that was read last.
func (p *proofs) of(v *topology.View) *verify.Intent {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.view != v {
		p.view, p.intent = v, verify.Of(v)
	}
	return p.intent
}

func (i *Inspector) prove(ctx context.Context, n *model.Node, shared *proofs) (proof admin.NodeProof) {
	began := time.Now()
	proof.Node = n.Hostname
	defer func() {
		proof.Took = time.Since(began)
		i.proved.note(n.Number, &proof)
	}()
	s := i.Registry.Switch(n.Number)
	if s == nil {
		proof.Problem = words(errNoSwitch)
		return proof
	}
	held, view, settled, err := readSettled(ctx, s)
	if err != nil {
		proof.Problem = words(err)
		return proof
	}
	select {
	case shared.processor <- struct{}{}:
		defer func() { <-shared.processor }()
	case <-ctx.Done():
		proof.Problem = words(ctx.Err())
		return proof
	}
	found := shared.of(view).Switch(n.Number, held)
	if !settled && len(found.Violations) > 0 {
		proof.Problem = "it is being sent changes all the time, so that it cannot be said what its tables are"
		return proof
	}
	proof.Revision, proof.Entries, proof.Ports, proof.Pairs = view.Revision, len(held.Flows), found.Ports, found.Pairs
	for k := range found.Violations {
		proof.Violations = append(proof.Violations, violation(view, n, &found.Violations[k]))
	}
	proof.More = found.More
	return proof
}

func readSettled(ctx context.Context, s *reconcile.Switch) (*flow.Tables, *topology.View, bool, error) {
	ctx, cancel := context.WithTimeout(ctx, answerTimeout)
	defer cancel()
	return s.Settled(ctx)
}

func violation(v *topology.View, n *model.Node, found *verify.Violation) admin.Violation {
	told := admin.Violation{Contract: string(found.Contract), Text: found.Text, Packet: found.Packet, Confirmed: found.Confirmed, Way: []admin.PassedBy{}}
	for _, p := range found.Way {
		told.Way = append(told.Way, passedBy(v, n, p.Table, p.Entry))
	}
	return told
}
