// Package nova tells Nova what happens to the ports of its servers (Compute API, "Create External Events"): a server's boot waits for
// its port to be plugged, and what Nova knows of a server's addresses it believes until it is told of others.
//
// Events are rows that were written with what they tell of, so that none is lost; here they are sent, at least once, and in order for
// each port. Nobody waits for it.
package nova

import (
	"context"
	"math/rand/v2"
	"net/http"
	"time"

	"go.uber.org/zap"

	"github.com/planck-sdn/planck/model/store"
)

const (
	// batchSize keeps a request, of some 170 bytes an event, below the 114,688 bytes that OpenStack's services take.
	batchSize = 500
	// pollInterval is how late an event may be that another replica wrote and did not send.
	pollInterval = 2 * time.Second

	minBackOff = time.Second
	maxBackOff = 30 * time.Second

	requestTimeout = 10 * time.Second
	// leaseTime is for how long nobody else sends when this replica dies in between; sendTimeout, when it does not, ends before.
	leaseTime   = 20 * time.Second
	sendTimeout = 15 * time.Second
)

// TokenSource gives tokens of a user that may create external events: service or admin, by Nova's policy.
type TokenSource interface {
	// Token gives one that is not the refused one; empty: any.
	Token(ctx context.Context, refused string) (string, error)
}

// Config is what a Notifier needs.
type Config struct {
	Store   *store.Store // with Options.Events
	Replica string       // name of this process, unlike that of all others
	// Endpoint gives Nova's URL, to which /os-server-external-events is appended. It is asked again after a failure.
	Endpoint func(ctx context.Context) (string, error)
	Tokens   TokenSource  // nil: Nova wants none
	HTTP     *http.Client // one that follows no redirections, as tokens are sent
	Now      func() time.Time
	Log      *zap.Logger
}

// Notifier sends events.
type Notifier struct {
	config  Config
	client  client
	metrics metrics
}

// New returns a Notifier.
func New(config Config) *Notifier {
	return &Notifier{config: config, client: client{endpoint: config.Endpoint, tokens: config.Tokens, http: config.HTTP}}
}

// Run sends until ctx ends. What fails is tried again for ever, less and less often.
func (n *Notifier) Run(ctx context.Context) {
	backOff := minBackOff
	for {
		wake, pause := n.config.Store.EventsWritten(), pollInterval
		if err := n.sendAll(ctx); err == nil {
			backOff = minBackOff
		} else if ctx.Err() == nil {
			n.metrics.failures.Add(1)
			n.config.Log.Warn("events not sent to Nova, will try again", zap.Duration("in", backOff), zap.Error(err))
			wake, pause = nil, backOff/2+rand.N(backOff/2)
			backOff = min(2*backOff, maxBackOff)
		}
		timer := time.NewTimer(pause)
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-wake:
		case <-timer.C:
		}
		timer.Stop()
	}
}

// sendAll sends until nothing waits, or another replica does.
func (n *Notifier) sendAll(ctx context.Context) error {
	for {
		count, oldest, err := n.config.Store.EventBacklog(ctx)
		if err != nil {
			return err
		}
		n.metrics.note(count, oldest)
		if count == 0 {
			return nil
		}
		// What another replica writes while this one has the lease, this one sees when it looks again.
		sent, err := n.sendSome(ctx)
		if err != nil || !sent {
			return err
		}
	}
}

// sendSome sends a batch. It sends none while another replica does.
func (n *Notifier) sendSome(ctx context.Context) (sent bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, sendTimeout)
	defer cancel()
	events, ours, err := n.config.Store.TakeEvents(ctx, n.config.Replica, leaseTime, batchSize)
	if err != nil || !ours {
		return false, err
	}
	defer func() { // the lease runs out if this fails
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		_ = n.config.Store.ReleaseEvents(ctx, n.config.Replica)
	}()
	useful, useless := sift(events, n.config.Now())
	if err := n.drop(ctx, useless); err != nil {
		return false, err
	}
	return true, n.send(ctx, coalesce(useful))
}

// drop deletes what nobody would read.
func (n *Notifier) drop(ctx context.Context, useless []useless) error {
	if len(useless) == 0 {
		return nil
	}
	seqs := make([]int64, 0, len(useless))
	for _, u := range useless {
		seqs = append(seqs, u.Seq)
		n.config.Log.Info("event not sent to Nova", zap.String("reason", u.reason), zap.String("event", u.Name),
			zap.String("server", u.ServerID), zap.String("port", u.PortID), zap.Time("at", u.At))
		n.metrics.dropped(u.reason, 1)
	}
	return n.config.Store.DeleteEvents(ctx, seqs)
}

// send sends the batch, and deletes it when Nova has answered. When Nova refuses the whole, because of one event maybe, the halves are
// sent by themselves.
func (n *Notifier) send(ctx context.Context, batch []message) error {
	if len(batch) == 0 {
		return nil
	}
	answer, err := n.client.post(ctx, batch)
	switch {
	case err != nil:
		return err
	case answer.refused != "" && len(batch) > 1:
		if err := n.send(ctx, batch[:len(batch)/2]); err != nil {
			return err
		}
		return n.send(ctx, batch[len(batch)/2:])
	}
	n.count(batch, answer)
	var seqs []int64
	for _, m := range batch {
		seqs = append(seqs, m.seqs...)
	}
	return n.config.Store.DeleteEvents(ctx, seqs)
}

// count tells what became of a batch.
func (n *Notifier) count(batch []message, answer answer) {
	if answer.refused != "" {
		n.metrics.dropped(reasonRefused, 1)
		n.config.Log.Warn("event refused by Nova", zap.Any("event", batch[0]), zap.String("answer", answer.refused))
		return
	}
	for code, events := range answer.failed {
		reason := reasonRefused
		if code == http.StatusNotFound {
			reason = reasonUnknown
		}
		n.metrics.dropped(reason, len(events))
		n.config.Log.Info("events that Nova has no use for", zap.Int("code", code), zap.Any("events", events))
	}
	n.metrics.sent.Add(uint64(len(batch) - answer.failures()))
	n.config.Log.Debug("events sent to Nova", zap.Any("events", batch))
}
