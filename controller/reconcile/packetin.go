package reconcile

import (
	"errors"
	"sync"

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
	if rule == nil || !in.Cookie.IsPlanck() {
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
		s.seen.note(asked.Port.Number, reply.Observed)
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

// Observed is what a port was last seen to ask of the controller, and the answer.
func (s *Switch) Observed(port model.Number) string { return s.seen.of(port) }

// observations keeps the last observation of each port that made one.
type observations struct {
	mu   sync.Mutex
	last map[model.Number]string
}

func (o *observations) note(port model.Number, text string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.last == nil {
		o.last = map[model.Number]string{}
	}
	o.last[port] = text
}

func (o *observations) of(port model.Number) string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.last[port]
}
