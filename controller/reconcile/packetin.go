package reconcile

import (
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
	if rule == nil || !in.Cookie.IsPlanck() || model.Kind(in.Cookie.Kind()) != model.KindPort {
		return
	}
	view := s.view.Load()
	port, node := view.Port(model.Number(in.Cookie.Number())), view.Node(s.cfg.Node)
	if port == nil || node == nil {
		return
	}
	for _, app := range s.cfg.Apps {
		if app.Name != rule.App || app.PacketIn == nil {
			continue
		}
		reply := app.PacketIn(pipeline.PacketIn{View: view, Node: node, Port: port, Now: s.cfg.Now(), PacketIn: in})
		for _, out := range reply.Packets {
			if err := session.PacketOut(out); err != nil {
				s.log.Debug("answer not sent", zap.String("app", app.Name), zap.Error(err))
			}
		}
		if reply.Observed != "" {
			s.seen.note(port.Number, reply.Observed)
		}
	}
}

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
