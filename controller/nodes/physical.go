package nodes

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/planck-sdn/planck/apps/pipeline"
	"github.com/planck-sdn/planck/controller/reconcile"
	"github.com/planck-sdn/planck/model"
	"github.com/planck-sdn/planck/model/topology"
	"github.com/planck-sdn/planck/southbound/openflow"
)

// errRedeclared: what an operator says of a switch decides how it is used, and that is settled when a session begins.
var errRedeclared = errors.New("the switch was declared anew")

// physical is the OpenFlow session of a physical switch. It is introduced before it is used: what it says of itself becomes part of its
// node's row, and from there the topology's.
type physical struct {
	registry *Registry
	session  *openflow.Session
	sw       *reconcile.Switch
	node     model.Number
	override string // of the driver, as it was declared when the session began
	log      *zap.Logger
	wake     chan struct{} // of capacity 1: ports have changed

	mu      sync.Mutex
	problem string // why it is not used, in words
}

// declared finds the physical switch that an operator has declared under a datapath id, or nil.
func (r *Registry) declared(datapathID uint64) *model.Node {
	for _, n := range r.view().Switches() {
		if n.DatapathID == datapathID {
			return n
		}
	}
	return nil
}

// admitPhysical lets a declared switch in, unless another session of its still answers.
func (r *Registry) admitPhysical(n *model.Node) error {
	if r.awaitSwitch(n.Number) == nil {
		return fmt.Errorf("switch %s is not in the topology yet", n.Hostname)
	}
	r.mu.Lock()
	var old []*openflow.Session
	for s, p := range r.physicals {
		if p.node == n.Number {
			old = append(old, s)
		}
	}
	r.mu.Unlock()
	for _, s := range old {
		if err := r.replace(s, n.Hostname); err != nil {
			return err
		}
	}
	return nil
}

// start runs a physical switch's session from its handshake on.
func (r sessions) start(s *openflow.Session, n *model.Node) {
	sw := r.Switch(n.Number)
	if sw == nil {
		s.Close(errNodeGone)
		return
	}
	p := &physical{registry: r.Registry, session: s, sw: sw, node: n.Number, override: n.Switch.Override, wake: make(chan struct{}, 1),
		log: r.cfg.Log.With(zap.Uint64("node", uint64(n.Number)), zap.String("hostname", n.Hostname))}
	r.mu.Lock()
	for other, q := range r.physicals {
		if q.node == p.node { // it dialled twice at once
			other.Close(errReplaced)
		}
	}
	r.physicals[s], r.bySession[s] = p, sw
	r.mu.Unlock()
	r.running.Go(p.run)
}

func (p *physical) signal() {
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

// errUnfit is wrapped by the reasons for which a switch cannot be used as it is.
var errUnfit = errors.New("the switch cannot be used")

// introductionTimeout bounds what a switch may take to say what it is.
const introductionTimeout = 30 * time.Second

// run introduces the switch, and then reports its ports whenever they change.
func (p *physical) run() {
	report, err := p.introduce()
	if errors.Is(err, errUnfit) {
		report.Problem, report.Ports = err.Error(), portsOf(p.session)
		if _, failed := p.report(report); failed != nil {
			err = fmt.Errorf("%v; taking the report: %w", err, failed)
		}
	}
	if err != nil {
		p.refuse(err)
		if !errors.Is(err, errUnfit) {
			p.session.Close(err) // and when it comes back it is tried again
			return
		}
		<-p.session.Done()
		return
	}
	p.sw.Connected(p.session)
	reported := true
	var retry <-chan time.Time
	for {
		select {
		case <-p.session.Done():
			return
		case <-p.wake:
		case <-retry:
		}
		retry = nil
		ports := portsOf(p.session)
		if reported && slices.Equal(ports, report.Ports) {
			continue
		}
		report.Ports = ports
		_, err := p.report(report)
		if reported = err == nil; !reported {
			p.log.Warn("ports not reported", zap.Error(err))
			retry = time.After(retryAfter)
		}
	}
}

// hold keeps a port of the tree that went down out of it until all switches know the new tree: it may be back before.
func (p *physical) hold(port uint32) {
	v := p.sw.View()
	n := v.Node(p.node)
	if n == nil || n.Switch == nil || p.registry.cfg.Hold == nil {
		return
	}
	if f := v.Fabric(n.Switch.PhysicalNetwork); f != nil && slices.Contains(f.TreePorts(p.node), port) {
		p.sw.Pass(p.registry.cfg.Hold(n, port))
	}
}

func (p *physical) refuse(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.problem = err.Error()
	p.log.Warn("switch not in service", zap.Error(err))
}

// introduce asks the switch what it is, has its tables set up if its driver says so, and reports what came of it. When it returns the topology
// knows the report.
func (p *physical) introduce() (report model.Switch, err error) {
	ctx, cancel := context.WithTimeout(p.registry.ctx, introductionTimeout)
	defer cancel()
	generation, err := p.registry.cfg.Masters.Generation(ctx, p.node)
	if err != nil {
		return report, fmt.Errorf("mastership: %w", err)
	}
	if err := p.session.BecomeMaster(ctx, generation); err != nil {
		return report, fmt.Errorf("mastership: %w", err)
	}
	description, err := p.session.Description(ctx)
	if err != nil {
		return report, fmt.Errorf("description: %w", err)
	}
	report.Description = model.Description(description)
	if p.override != "" && pipeline.DriverByName(p.override) == nil {
		return report, fmt.Errorf("%w: there is no driver %s", errUnfit, p.override)
	}
	driver := pipeline.DriverFor(report.Description, p.override)
	report.Driver = driver.Name
	meters, err := p.session.MeterFeatures(ctx)
	if err != nil {
		return report, fmt.Errorf("meter features: %w", err)
	}
	if driver.Meters {
		report.Meters = meters.Room()
	}
	if report.Tables, err = settleTables(ctx, p.session, driver); err != nil {
		return report, err
	}
	report.Ports = portsOf(p.session)
	node, err := p.report(report)
	if err != nil {
		return report, fmt.Errorf("taking the report: %w", err)
	}
	return report, p.awaitReport(ctx, node.Reports)
}

func (p *physical) report(report model.Switch) (*model.Node, error) {
	ctx, cancel := context.WithTimeout(p.registry.ctx, introductionTimeout)
	defer cancel()
	node, changed, err := p.registry.cfg.Store.ReportSwitch(ctx, p.node, report)
	if err == nil && changed {
		p.log.Info("switch reported", zap.String("driver", report.Driver), zap.Int("ports", len(report.Ports)), zap.Uint32("meters", report.Meters))
	}
	return node, err
}

// awaitReport waits until the switch's wanted entries follow from the report.
func (p *physical) awaitReport(ctx context.Context, reports int64) error {
	for {
		if n := p.sw.View().Node(p.node); n == nil {
			return errNodeGone
		} else if n.Reports >= reports {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("waiting for the topology: %w", ctx.Err())
		case <-p.session.Done():
			return p.session.Err()
		case <-time.After(time.Millisecond):
		}
	}
}

// lastPort is the highest number of a physical port (OpenFlow 1.3.5, 7.2.1, OFPP_MAX).
const lastPort = 0xffffff00

// portsOf lists the switch's physical ports in order of number.
func portsOf(s *openflow.Session) []model.SwitchPort {
	var list []model.SwitchPort
	for _, port := range s.Ports() {
		if port.Number == 0 || port.Number > lastPort {
			continue
		}
		var mac model.MAC
		copy(mac[:], port.HWAddr)
		list = append(list, model.SwitchPort{Number: port.Number, Name: port.Name, MAC: mac, Up: !port.Down})
	}
	return list
}

// redeclare ends the sessions of switches that have gone, or are to be used by another driver, since they began. The registry is locked.
func (r *Registry) redeclare(v *topology.View) {
	for s, p := range r.physicals {
		switch n := v.Node(p.node); {
		case n == nil || n.Switch == nil:
			s.Close(errNodeGone)
		case n.Switch.Override != p.override:
			s.Close(errRedeclared)
		}
	}
}

// Physical is what the registry knows of a physical switch beyond its row: the session, if there is one.
type Physical struct {
	Remote  string
	Problem string // why it is not used; empty: it is
}

// Physical tells of a physical switch's session; false: it has none here.
func (r *Registry) Physical(node model.Number) (Physical, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for s, p := range r.physicals {
		if p.node == node && s.Err() == nil {
			p.mu.Lock()
			defer p.mu.Unlock()
			return Physical{Remote: s.RemoteAddr().String(), Problem: p.problem}, true
		}
	}
	return Physical{}, false
}
