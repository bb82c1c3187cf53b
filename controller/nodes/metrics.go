package nodes

import (
	"strconv"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/planck-sdn/planck/controller/reconcile"
	"github.com/planck-sdn/planck/model"
	"github.com/planck-sdn/planck/southbound/openflow"
)

// collector tells Prometheus of the nodes, and of each switch's session.
type collector struct{ registry *Registry }

// NewCollector returns metrics of the nodes and their switches, labelled with the node's number. It asks no switch.
func NewCollector(r *Registry) prometheus.Collector { return collector{r} }

var (
	descNodes           = prometheus.NewDesc("planck_nodes", "Nodes by the state of their switch, as this replica sees them; refused are those that have no row.", []string{"state"}, nil)
	descWaitingSwitches = prometheus.NewDesc("planck_switches_undeclared", "Switches that dial and are known to nobody.", nil, nil)
	descFrozen          = prometheus.NewDesc("planck_nodes_frozen", "Nodes that an operator has frozen, whatever their state.", nil, nil)
	descInfo            = prometheus.NewDesc("planck_node_info", "1 for each node: which number has which name.", []string{"node", "hostname"}, nil)
	descConnected       = prometheus.NewDesc("planck_switch_connected", "1 while the switch has an OpenFlow session.", []string{"node"}, nil)
	descRevision        = prometheus.NewDesc("planck_switch_confirmed_revision", "Journal revision up to which the switch has confirmed everything.", []string{"node"}, nil)
	descLag             = prometheus.NewDesc("planck_switch_revision_lag", "By how much that is behind this replica's revision.", []string{"node"}, nil)
	descEntries         = prometheus.NewDesc("planck_switch_entries", "Entries that the switch should have.", []string{"node", "kind"}, nil)
	descQuarantined     = prometheus.NewDesc("planck_switch_quarantined_units", "Objects on the switch whose entries it has refused.", []string{"node"}, nil)
	descWaiting         = prometheus.NewDesc("planck_switch_waiting_units", "Units that wait to be rendered and sent.", []string{"node"}, nil)
	descCollisions      = prometheus.NewDesc("planck_switch_collisions_total", "Entries that lost their place to another object's: each is a defect.", []string{"node"}, nil)
	descMessages        = prometheus.NewDesc("planck_switch_messages_total", "Messages of the present OpenFlow session.", []string{"node", "kind"}, nil)
)

// refused is the state of a node that has a session and no row.
const refused = "refused"

// Describe implements prometheus.Collector.
func (c collector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{descNodes, descWaitingSwitches, descFrozen, descInfo, descConnected, descRevision, descLag, descEntries, descQuarantined,
		descWaiting, descCollisions, descMessages} {
		ch <- d
	}
	c.registry.wiring.seconds.Describe(ch)
}

// Collect implements prometheus.Collector.
func (c collector) Collect(ch chan<- prometheus.Metric) {
	c.registry.wiring.seconds.Collect(ch)
	view := c.registry.view()
	states := map[string]int{string(reconcile.Away): 0, string(reconcile.Reconciling): 0, string(reconcile.Ready): 0, string(reconcile.Held): 0,
		string(reconcile.Frozen): 0, refused: 0}
	for _, a := range c.registry.Attached() {
		if a.Node == nil {
			states[refused]++
		}
	}
	ch <- prometheus.MustNewConstMetric(descWaitingSwitches, prometheus.GaugeValue, float64(len(c.registry.Waiting())))
	frozen := 0
	view.Nodes(func(n *model.Node) {
		ch <- prometheus.MustNewConstMetric(descInfo, prometheus.GaugeValue, 1, strconv.FormatUint(uint64(n.Number), 10), n.Hostname)
		if n.Frozen {
			frozen++
		}
	})
	ch <- prometheus.MustNewConstMetric(descFrozen, prometheus.GaugeValue, float64(frozen))
	c.registry.mu.Lock()
	defer c.registry.mu.Unlock()
	for number, s := range c.registry.switches {
		states[string(s.Standing().State)]++
		collectSwitch(ch, number, s.Switch, view.Revision)
	}
	for state, n := range states {
		ch <- prometheus.MustNewConstMetric(descNodes, prometheus.GaugeValue, float64(n), state)
	}
}

func collectSwitch(ch chan<- prometheus.Metric, number model.Number, s *reconcile.Switch, revision int64) {
	node := strconv.FormatUint(uint64(number), 10)
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, append([]string{node}, labels...)...)
	}
	standing := s.Standing()
	gauge(descEntries, float64(standing.Flows), "flow")
	gauge(descEntries, float64(standing.Groups), "group")
	gauge(descEntries, float64(standing.Meters), "meter")
	gauge(descQuarantined, float64(standing.Quarantined))
	if v := s.Confirmed(); v != nil {
		gauge(descRevision, float64(v.Revision))
		gauge(descLag, float64(max(0, revision-v.Revision)))
	}
	gauge(descWaiting, float64(s.Waiting()))
	ch <- prometheus.MustNewConstMetric(descCollisions, prometheus.CounterValue, float64(s.Collisions()), node)
	session, ok := s.Connection().(*openflow.Session)
	if !ok {
		gauge(descConnected, 0)
		return
	}
	gauge(descConnected, 1)
	n := session.Counters()
	for kind, count := range map[string]uint64{"flow_mod": n.FlowMods, "group_mod": n.GroupMods, "meter_mod": n.MeterMods,
		"packet_in": n.PacketIns, "packet_in_dropped": n.PacketInsDropped, "packet_out": n.PacketOuts, "error": n.Errors} {
		ch <- prometheus.MustNewConstMetric(descMessages, prometheus.CounterValue, float64(count), node, kind)
	}
}
