package reconcile

import (
	"errors"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/planck-sdn/planck/apps/pipeline"
	"github.com/planck-sdn/planck/model"
	"github.com/planck-sdn/planck/model/flow"
)

// PacketIn has a packet answered by the app whose entry sent it up. It is called from the session's reader and does
// not wait: the answer comes from memory.
func (s *Switch) PacketIn(session Session, in flow.PacketIn) {
	if s.Connection() != session {
		return
	}
	rule := pipeline.RuleByNumber(in.Cookie.Rule())
	if rule == nil || !in.Cookie.IsPlanck() || s.flooded(in) {
		return
	}
	view := s.view.Load()
	asked := pipeline.PacketIn{View: view, Node: view.Node(s.cfg.Node), Now: s.cfg.Now(), PacketIn: in,
		Ref: model.Ref{Kind: model.Kind(in.Cookie.Kind()), Number: model.Number(in.Cookie.Number())}}
	if asked.Ref.Kind == model.KindPort {
		asked.Port = view.Port(asked.Ref.Number)
	}
	if asked.Node == nil || asked.Ref.Kind == model.KindPort && asked.Port == nil {
		return
	}
	for _, app := range s.cfg.Apps {
		if app.Name == rule.App && app.PacketIn != nil {
			s.answer(session, app, asked)
		}
	}
}

func (s *Switch) answer(session Session, app *pipeline.App, asked pipeline.PacketIn) {
	reply := app.PacketIn(asked)
	for _, out := range reply.Packets {
		if err := session.PacketOut(out); err != nil {
			s.log.Debug("answer not sent", zap.String("app", app.Name), zap.Error(err))
		}
	}
	if reply.Observed != "" && asked.Port != nil {
		s.seen.note(observer{asked.Port.Number, app.Name}, Observation{reply.Observed, s.cfg.Now()})
	}
	if s.cfg.FollowUp != nil {
		s.cfg.FollowUp(s.cfg.Node, reply)
	}
}

// Send sends a packet by the switch; it does not wait.
func (s *Switch) Send(out flow.PacketOut) error {
	session := s.Connection()
	if session == nil {
		return errNotConnected
	}
	return session.PacketOut(out)
}

var errNotConnected = errors.New("the switch is not connected")

// Observation is what a port was seen to ask of the controller, with the answer.
type Observation struct {
	Text string // empty: nothing was seen
	At   time.Time
}

// Observed is what an app has last seen of a port here.
func (s *Switch) Observed(port model.Number, app string) Observation {
	return s.seen.of(observer{port, app})
}

type observer struct {
	port model.Number
	app  string
}

// observations keeps the last of each app for each port.
type observations struct {
	mu   sync.Mutex
	last map[observer]Observation
}

func (o *observations) note(by observer, seen Observation) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.last == nil {
		o.last = map[observer]Observation{}
	}
	o.last[by] = seen
}

func (o *observations) of(by observer) Observation {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.last[by]
}
