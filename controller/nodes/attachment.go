package nodes

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/planck-sdn/planck/model"
	"github.com/planck-sdn/planck/model/store"
	"github.com/planck-sdn/planck/southbound/ovsdb"
)

// attachment is one OVSDB session of a node, and what came of it.
type attachment struct {
	registry *Registry
	session  *ovsdb.Session
	log      *zap.Logger
	wake     chan struct{}
	done     chan struct{}

	mu      sync.Mutex
	state   ovsdb.State
	node    *model.Node // its row; nil: none yet, or refused
	problem string      // why it is not in service, in words
}

// OVSDB is the registry as the handler of the nodes' OVSDB sessions.
func (r *Registry) OVSDB() ovsdb.Handler { return databases{r} }

type databases struct{ *Registry }

// Updated takes what a node's database shows.
func (r databases) Updated(s *ovsdb.Session, state ovsdb.State) {
	r.mu.Lock()
	a := r.attached[s]
	first := a == nil
	if first {
		a = &attachment{registry: r.Registry, session: s, wake: make(chan struct{}, 1), done: make(chan struct{}),
			log: r.cfg.Log.With(zap.Stringer("remote", s.RemoteAddr()), zap.String("hostname", state.Hostname))}
		r.attached[s] = a
		r.running.Go(a.run)
	}
	r.mu.Unlock()
	a.mu.Lock()
	before := a.state
	a.state = state
	a.mu.Unlock()
	if !first { // what the first state shows was plugged some time ago
		r.wiring.updated(before, state)
	}
	a.signal()
}

// Disconnected forgets a session. The node's row stays: a node that is away keeps its report.
func (r databases) Disconnected(s *ovsdb.Session, last ovsdb.State, err error) {
	r.wiring.gone(last)
	r.mu.Lock()
	a := r.attached[s]
	delete(r.attached, s)
	r.mu.Unlock()
	if a != nil {
		a.log.Info("OVSDB session ended", zap.Error(err))
		close(a.done)
	}
}

func (a *attachment) signal() {
	select {
	case a.wake <- struct{}{}:
	default:
	}
}

// retryAfter is how long a node waits that could not be served for a reason that may pass.
const retryAfter = 2 * time.Second

func (a *attachment) run() {
	ctx := a.registry.ctx
	for {
		select {
		case <-ctx.Done():
			return
		case <-a.done:
			return
		case <-a.wake:
		}
		a.mu.Lock()
		state := a.state
		a.mu.Unlock()
		again := a.serve(ctx, state)
		if again {
			time.AfterFunc(retryAfter, a.signal)
		}
	}
}

// serve brings the node to its set-up and takes its report. It tells whether to try again without a change.
func (a *attachment) serve(ctx context.Context, state ovsdb.State) (again bool) {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	report, mappings, problem := a.check(state)
	switch {
	case problem != "":
		a.refuse(problem)
		return false
	}
	// A claim on a node that is in service is settled by asking that one, before anything is done in its name.
	if other := a.registry.sameSystem(a); other != nil {
		if other.session.Ping(ctx) == nil {
			a.refuse(fmt.Sprintf("system-id %s has a session from %s that answers", state.SystemID, other.session.RemoteAddr()))
			return true
		}
		other.session.Close(errReplaced)
		return true
	}
	if !report.EncapIP.IsValid() {
		return a.detach(ctx, state)
	}
	row := a.row(state)
	if row == nil {
		// A machine that died, and was declared gone for it, must not come back by what its session left behind.
		if err := a.session.Ping(ctx); err != nil {
			return a.failed("taking in the node", err)
		}
		var err error
		if row, _, err = a.registry.cfg.Store.ReportNode(ctx, *report); err != nil {
			return a.failed("taking in the node", err)
		}
	}
	a.mu.Lock()
	a.node = row
	a.mu.Unlock()

	changed, err := a.session.Ensure(ctx, ovsdb.Desired{
		Cloud:         a.registry.cfg.Cloud,
		DatapathID:    row.DatapathID,
		Controllers:   []string{a.registry.cfg.Target(hostOf(a.session.LocalAddr()).String())},
		DatapathType:  state.DatapathType,
		EncapIP:       state.EncapIP,
		TunnelUDPPort: a.registry.cfg.TunnelUDPPort,
		Mappings:      mappings,
	})
	if err != nil {
		return a.failed("setting up", err)
	}
	if changed || !complete(state, mappings) {
		return false // the next state shows it
	}
	ensured := row.DatapathID
	report = a.fill(report, state, mappings)
	// Most updates of a node's database say nothing new.
	if followed := a.registry.view().Node(row.Number); followed != nil && store.SameReport(followed, report) && store.SameReport(row, report) {
		a.mu.Lock()
		a.problem = ""
		a.mu.Unlock()
		return false
	}
	row, changed, err = a.registry.cfg.Store.ReportInterfaces(ctx, row, *report)
	if err != nil {
		return a.failed("taking the report", err)
	}
	a.mu.Lock()
	a.node, a.problem = row, ""
	a.mu.Unlock()
	if row.DatapathID != ensured { // it was declared gone, and is back as another node
		a.signal()
	}
	if changed {
		a.log.Info("node reported", zap.Int("interfaces", len(row.Interfaces)))
	}
	return false
}

// row is the node's row: as this session last saw it, which may be newer than the topology, or else the topology's.
func (a *attachment) row(state ovsdb.State) *model.Node {
	a.mu.Lock()
	node := a.node
	a.mu.Unlock()
	if node != nil && node.SystemID == state.SystemID {
		return node
	}
	return a.registry.bySystemID(state.SystemID)
}

// complete tells whether Open vSwitch has made every port of the set-up.
func complete(state ovsdb.State, mappings map[string]string) bool {
	if state.Integration.TunnelPort == 0 {
		return false
	}
	for physnet := range mappings {
		if state.Integration.Patches[physnet] == 0 {
			return false
		}
	}
	return true
}

// check reads the operator's settings. The report has no interfaces and ports yet; no encapsulation address means
// that the node is to be detached.
func (a *attachment) check(state ovsdb.State) (report *model.Node, mappings map[string]string, problem string) {
	bad := func(format string, args ...any) (*model.Node, map[string]string, string) {
		return nil, nil, fmt.Sprintf(format, args...)
	}
	if state.SystemID == "" {
		return bad("external_ids:system-id is not set")
	}
	if state.Hostname == "" {
		return bad("external_ids:hostname is not set")
	}
	if state.Cloud != "" && state.Cloud != a.registry.cfg.Cloud {
		return bad("the node belongs to cloud %s, and this is cloud %s: is the database the right one? "+
			"(on the node: ovs-vsctl remove Open_vSwitch . external_ids planck-cloud hands it over)", state.Cloud, a.registry.cfg.Cloud)
	}
	if state.EncapIP == "" {
		if a.row(state) == nil && state.Cloud == "" {
			return bad("external_ids:planck-encap-ip is not set")
		}
		return &model.Node{}, nil, ""
	}
	encap, err := netip.ParseAddr(state.EncapIP)
	if err != nil || !encap.Is4() || encap.IsUnspecified() || encap.IsMulticast() {
		return bad("external_ids:planck-encap-ip %.64q is not an IPv4 address of a host", state.EncapIP)
	}
	if mappings, err = ovsdb.ParseMappings(state.BridgeMappings); err != nil {
		return bad("external_ids:planck-bridge-mappings: %v", err)
	}
	for physnet, bridge := range mappings {
		if _, exists := state.Bridge(bridge); !exists {
			return bad("physical network %s is mapped to bridge %s, which does not exist", physnet, bridge)
		}
		if bridge == ovsdb.IntegrationBridge {
			return bad("physical network %s is mapped to the integration bridge", physnet)
		}
	}
	if state.Integration.Exists && state.Integration.Ownership == ovsdb.Foreign && !state.Adopt {
		return bad("%s was not made by Planck (external_ids:planck-adopt=true hands it over)", ovsdb.IntegrationBridge)
	}
	a.registry.view().Nodes(func(n *model.Node) {
		switch same := n.Hostname == state.Hostname; {
		case n.SystemID == state.SystemID:
			if !same && n.HostnamePinned {
				problem = fmt.Sprintf("system-id %s is pinned to hostname %s (planckctl node forget %s unpins it)", n.SystemID, n.Hostname, n.Hostname)
			}
		case same && n.HostnamePinned:
			problem = fmt.Sprintf("hostname %s is pinned to system-id %s (planckctl node forget %s unpins it)", n.Hostname, n.SystemID, n.Hostname)
		case same: // it was forgotten, and gives way with all that it has
		case n.EncapIP == encap:
			problem = fmt.Sprintf("encapsulation address %s is that of node %s", encap, n.Hostname)
		}
	})
	return &model.Node{SystemID: state.SystemID, Hostname: state.Hostname, EncapIP: encap, DatapathType: datapathType(state)}, mappings, problem
}

// datapathType is br-int's, or what it will be made with.
func datapathType(state ovsdb.State) string {
	if br, exists := state.Bridge(ovsdb.IntegrationBridge); exists {
		return cmp.Or(br.DatapathType, model.DatapathSystem)
	}
	return cmp.Or(state.DatapathType, model.DatapathSystem)
}

// maxOfport is the largest ofport that can be a port's key and conntrack zone.
const maxOfport = 0x7fff

// fill adds to a report what Open vSwitch has made of the set-up, and what is plugged.
func (a *attachment) fill(report *model.Node, state ovsdb.State, mappings map[string]string) *model.Node {
	report.TunnelPort = state.Integration.TunnelPort
	for physnet, bridge := range mappings {
		report.Mappings = append(report.Mappings, model.Mapping{
			PhysicalNetwork: physnet, Bridge: bridge, PatchPort: state.Integration.Patches[physnet]})
	}
	slices.SortFunc(report.Mappings, func(x, y model.Mapping) int {
		if x.PhysicalNetwork < y.PhysicalNetwork {
			return -1
		}
		return 1
	})
	plugged, duplicates := state.Plugged()
	for _, i := range duplicates {
		a.log.Warn("two interfaces name the same port; the newer one is taken",
			zap.String("port", i.IfaceID), zap.String("left out", i.Name))
	}
	for _, i := range plugged {
		if i.Ofport > maxOfport {
			a.log.Error("interface left out: its ofport is too large for a key", zap.String("interface", i.Name), zap.Uint32("ofport", i.Ofport))
			continue
		}
		report.Interfaces = append(report.Interfaces, model.Interface{Name: i.Name, PortID: i.IfaceID, Ofport: i.Ofport})
	}
	return report
}

// detach takes a node out of service whose operator cleared its encapsulation address.
func (a *attachment) detach(ctx context.Context, state ovsdb.State) (again bool) {
	if row := a.row(state); row != nil {
		if err := a.registry.cfg.Store.DeleteNode(ctx, row.Number); err != nil {
			return a.failed("detaching", err)
		}
	}
	if _, err := a.session.Remove(ctx, a.registry.cfg.Cloud); err != nil {
		return a.failed("detaching", err)
	}
	a.mu.Lock()
	a.node, a.problem = nil, "detached: external_ids:planck-encap-ip is not set"
	a.mu.Unlock()
	a.log.Info("node detached")
	return false
}

func (a *attachment) refuse(problem string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.problem != problem {
		a.log.Warn("node not in service", zap.String("reason", problem))
	}
	a.problem = problem
}

// failed notes an error, and tells whether it may pass.
func (a *attachment) failed(doing string, err error) (again bool) {
	a.refuse(doing + ": " + err.Error())
	for _, final := range []error{ovsdb.ErrForeignCloud, ovsdb.ErrForeignBridge, ovsdb.ErrForeignPort, ovsdb.ErrMapping} {
		if errors.Is(err, final) {
			return false
		}
	}
	return true
}

func (a *attachment) datapathID() uint64 {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.node == nil {
		return 0
	}
	return a.node.DatapathID
}

func (a *attachment) number() model.Number {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.node == nil {
		return 0
	}
	return a.node.Number
}

func (a *attachment) name() string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.state.Hostname
}

// sameSystem returns an older attachment of the same system-id that is in service.
func (r *Registry) sameSystem(a *attachment) *attachment {
	id := a.systemID()
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, other := range r.attached {
		if other != a && other.systemID() == id && other.number() != 0 {
			return other
		}
	}
	return nil
}

func (a *attachment) systemID() string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.state.SystemID
}

// bySystemID finds a node's row in the topology.
func (r *Registry) bySystemID(id string) *model.Node {
	var found *model.Node
	r.view().Nodes(func(n *model.Node) {
		if n.SystemID == id {
			found = n
		}
	})
	return found
}

func (r *Registry) keepsForeign(node model.Number) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, a := range r.attached {
		if a.number() == node {
			a.mu.Lock()
			defer a.mu.Unlock()
			return a.state.KeepForeign
		}
	}
	return false
}
