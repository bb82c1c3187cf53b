package nodes

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"

	"go.uber.org/zap"

	"github.com/planck-sdn/planck/controller/reconcile"
	"github.com/planck-sdn/planck/model"
	"github.com/planck-sdn/planck/model/flow"
	"github.com/planck-sdn/planck/southbound/openflow"
)

// Reasons for which the registry ends OpenFlow sessions.
var (
	errNodeGone    = errors.New("the node was declared gone")
	errOtherMaster = errors.New("another replica is master")
	errReplaced    = errors.New("a newer session took its place, and this one did not answer an echo")
)

// pingTimeout is how long an old session may take to prove that it is alive.
const pingTimeout = 2 * time.Second

// Admit decides whether an OpenFlow connection is a node's: it must have a datapath id that Planck gave to a node whose
// OVSDB session comes from the same address, or that an operator has declared to be a physical switch's, and must not displace a session
// that still answers.
func (r *Registry) Admit(datapathID uint64, remote net.Addr) error {
	if err := r.admit(datapathID, remote); err != nil {
		return err
	}
	r.admitted(datapathID)
	return nil
}

func (r *Registry) admit(datapathID uint64, remote net.Addr) error {
	if n := r.declared(datapathID); n != nil {
		return r.admitPhysical(n)
	}
	a := r.awaitAttachment(datapathID)
	if a == nil {
		if !r.known(datapathID) {
			r.waited(datapathID, remote)
		}
		return fmt.Errorf("datapath id %016x is of no node that is attached over OVSDB, and of no switch that was declared", datapathID)
	}
	if address := hostOf(remote); address != hostOf(a.session.RemoteAddr()) {
		return fmt.Errorf("datapath id %016x is that of node %s, but %s is not its address", datapathID, a.name(), address)
	}
	s := r.awaitSwitch(a.number())
	if s == nil {
		return fmt.Errorf("node %s is not in the topology yet", a.name())
	}
	if old, ok := s.Connection().(*openflow.Session); ok {
		return r.replace(old, a.name())
	}
	return nil
}

// replace ends a session that a newer one wants to take the place of, unless it answers.
func (r *Registry) replace(old *openflow.Session, name string) error {
	ctx, cancel := context.WithTimeout(r.ctx, pingTimeout)
	defer cancel()
	if old.Ping(ctx) == nil {
		return fmt.Errorf("node %s has a session that answers", name)
	}
	old.Close(errReplaced)
	return nil
}

// known tells whether a datapath id is a node's, whether that is here or not.
func (r *Registry) known(datapathID uint64) bool {
	known := false
	r.view().Nodes(func(n *model.Node) { known = known || n.DatapathID == datapathID })
	return known
}

// awaitAttachment gives a node that is known the time to come by OVSDB too: when planckd starts, its nodes dial both ports.
func (r *Registry) awaitAttachment(datapathID uint64) *attachment {
	known := r.known(datapathID)
	for limit := time.Now().Add(pingTimeout); ; time.Sleep(10 * time.Millisecond) {
		if a := r.byDatapath(datapathID); a != nil || !known || time.Now().After(limit) {
			return a
		}
	}
}

// awaitSwitch gives a new node's row the time to come by way of the journal: a switch that is turned away waits a second and
// more before it tries again.
func (r *Registry) awaitSwitch(node model.Number) *reconcile.Switch {
	for limit := time.Now().Add(pingTimeout); ; time.Sleep(time.Millisecond) {
		if s := r.Switch(node); s != nil || time.Now().After(limit) {
			return s
		}
	}
}

func hostOf(a net.Addr) netip.Addr {
	p, err := netip.ParseAddrPort(a.String())
	if err != nil {
		return netip.Addr{}
	}
	return p.Addr().Unmap()
}

func (r *Registry) byDatapath(id uint64) *attachment {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, a := range r.attached {
		if a.datapathID() == id {
			return a
		}
	}
	return nil
}

// OpenFlow is the registry as the handler of the switches' OpenFlow sessions.
func (r *Registry) OpenFlow() openflow.Handler { return sessions{r} }

type sessions struct{ *Registry }

// Connected hands the session to the node's switch; that of a physical switch when it has said what it is.
func (r sessions) Connected(s *openflow.Session) {
	if n := r.declared(s.DatapathID()); n != nil {
		r.start(s, n)
		return
	}
	var sw *reconcile.Switch
	if a := r.byDatapath(s.DatapathID()); a != nil {
		sw = r.Switch(a.number())
	}
	if sw == nil {
		s.Close(errNodeGone)
		return
	}
	r.mu.Lock()
	r.bySession[s] = sw
	r.mu.Unlock()
	sw.Connected(s)
}

// PacketIn has the packet answered.
func (r sessions) PacketIn(s *openflow.Session, in flow.PacketIn) {
	if sw := r.of(s); sw != nil {
		sw.PacketIn(s, in)
	}
}

// PortStatus has the ports of a physical switch reported. Of a node it needs nothing: which interface is which port is told by OVSDB.
func (r sessions) PortStatus(s *openflow.Session, status openflow.PortStatus) {
	r.mu.Lock()
	p := r.physicals[s]
	r.mu.Unlock()
	if p == nil {
		return
	}
	if status.Port.Down {
		p.hold(status.Port.Number)
	}
	p.signal()
}

// FlowRemoved has the switch read back, if the entry is one that it should have.
func (r sessions) FlowRemoved(s *openflow.Session, removed openflow.FlowRemoved) {
	if sw := r.of(s); sw != nil {
		sw.Removed(removed.Key)
	}
}

// Error is for errors that nobody waits for: the switch did not take something that we do not know of any more, so its
// tables are read back.
func (r sessions) Error(s *openflow.Session, e openflow.Error) {
	r.cfg.Log.Warn("error from a switch", zap.String("datapath", fmt.Sprintf("%016x", s.DatapathID())), zap.Error(e))
	if sw := r.of(s); sw != nil {
		sw.Reread()
	}
}

// Disconnected needs nothing but to be forgotten: the switch watches its session itself.
func (r sessions) Disconnected(s *openflow.Session, _ error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.bySession, s)
	delete(r.physicals, s)
}

func (r *Registry) of(s *openflow.Session) *reconcile.Switch {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.bySession[s]
}
