package nodes

import (
	"context"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/planck-sdn/planck/apps/pipeline"
	"github.com/planck-sdn/planck/controller/cluster"
	"github.com/planck-sdn/planck/controller/reconcile"
	"github.com/planck-sdn/planck/model"
	"github.com/planck-sdn/planck/model/flow"
	"github.com/planck-sdn/planck/model/store"
	"github.com/planck-sdn/planck/model/topology"
	"github.com/planck-sdn/planck/southbound/openflow"
	"github.com/planck-sdn/planck/southbound/ovsdb"
)

// Config is what a Registry is made with.
type Config struct {
	Store   *store.Store
	Masters *cluster.Masters
	Apps    []*pipeline.App
	Log     *zap.Logger
	Now     func() time.Time
	Status  func(reconcile.PortStatus)
	// FollowUp is handed what apps leave to be done after a packet; it must not block.
	FollowUp func(node model.Number, reply pipeline.Reply)
	// Metered and Hush are reconcile.Config's.
	Metered func(node *model.Node, in flow.PacketIn) bool
	Hush    func(node *model.Node, in flow.PacketIn) flow.Encoded
	// Hold builds the entry by which a physical switch takes nothing in, for a while, by a port of the fabric's tree that went down.
	Hold  func(node *model.Node, port uint32) flow.Encoded
	Cloud string
	// Target gives the OpenFlow target to write into a node that reached us at local ("tcp:10.0.0.1:6653").
	Target func(local string) string
	// TunnelUDPPort of VXLAN; 0: Open vSwitch's default.
	TunnelUDPPort int
}

// concurrentReconciles is how many switches may read and reconcile at once after a reconnect storm.
const concurrentReconciles = 8

// Registry knows all nodes: those of the topology with their switches, and those that have an OVSDB session.
type Registry struct {
	cfg        Config
	reconciles chan struct{}
	view       func() *topology.View
	ctx        context.Context
	wiring     *wiring

	mu        sync.Mutex
	switches  map[model.Number]*running
	bySession map[*openflow.Session]*reconcile.Switch
	attached  map[*ovsdb.Session]*attachment
	physicals map[*openflow.Session]*physical
	waiting   map[uint64]Waiting // switches that are known to nobody, by datapath id
	running   sync.WaitGroup
}

type running struct {
	*reconcile.Switch
	stop context.CancelFunc
}

// New returns a registry; ctx bounds everything that it starts, view gives the present topology.
func New(ctx context.Context, cfg Config, view func() *topology.View) *Registry {
	r := &Registry{
		cfg:        cfg,
		reconciles: make(chan struct{}, concurrentReconciles),
		view:       view,
		ctx:        ctx,
		wiring:     newWiring(),
		switches:   map[model.Number]*running{},
		bySession:  map[*openflow.Session]*reconcile.Switch{},
		attached:   map[*ovsdb.Session]*attachment{},
		physicals:  map[*openflow.Session]*physical{},
		waiting:    map[uint64]Waiting{},
	}
	v := view()
	v.Nodes(func(n *model.Node) { r.start(n.Number, v) })
	return r
}

// Wait returns when all that the registry started has ended, after the end of its context.
func (r *Registry) Wait() { r.running.Wait() }

// start runs a node's switch. The registry must be locked, or not be shared yet.
func (r *Registry) start(node model.Number, v *topology.View) {
	ctx, stop := context.WithCancel(r.ctx)
	s := reconcile.New(reconcile.Config{
		Node:        node,
		Apps:        r.cfg.Apps,
		Log:         r.cfg.Log.With(zap.Uint64("node", uint64(node)), zap.String("hostname", v.Node(node).Hostname)),
		Now:         r.cfg.Now,
		Generation:  func(ctx context.Context) (uint64, error) { return r.cfg.Masters.Generation(ctx, node) },
		Reconciles:  r.reconciles,
		KeepForeign: func() bool { return r.keepsForeign(node) },
		Status:      r.status,
		FollowUp:    r.cfg.FollowUp,
		Metered:     r.cfg.Metered,
		Hush:        r.cfg.Hush,
	}, v)
	r.switches[node] = &running{s, stop}
	r.running.Go(func() { s.Run(ctx) })
}

// Apply hands a new version of the topology to every switch, with what it touches there.
func (r *Registry) Apply(v *topology.View, touches []topology.Touch) {
	byNode := map[model.Number][]topology.Unit{}
	for _, t := range touches {
		byNode[t.Node] = append(byNode[t.Node], t.Unit)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for node := range byNode {
		s, known := r.switches[node]
		switch {
		case !known && v.Node(node) != nil:
			r.start(node, v)
		case known && v.Node(node) == nil:
			s.stop()
			if session := s.Connection(); session != nil {
				session.Close(errNodeGone)
			}
			r.cfg.Masters.Lost(node)
			delete(r.switches, node)
		}
	}
	for node, s := range r.switches {
		s.Update(v, byNode[node])
	}
	r.redeclare(v)
}

// Switch returns a node's switch, or nil.
func (r *Registry) Switch(node model.Number) *reconcile.Switch {
	r.mu.Lock()
	defer r.mu.Unlock()
	if s := r.switches[node]; s != nil {
		return s.Switch
	}
	return nil
}

// Lost ends the session of a switch that another replica has become master of.
func (r *Registry) Lost(node model.Number) {
	if s := r.Switch(node); s != nil {
		if session := s.Connection(); session != nil {
			session.Close(errOtherMaster)
		}
	}
}

// Horizons tells for each switch that is in step below which every transaction is on it.
func (r *Registry) Horizons() map[model.Number]uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	horizons := map[model.Number]uint64{}
	for node, s := range r.switches {
		if v := s.Confirmed(); v != nil {
			horizons[node] = v.Horizon
		}
	}
	return horizons
}
