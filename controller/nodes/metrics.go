package nodes

import (
	"strconv"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/planck-sdn/planck/southbound/openflow"
)

// collector tells Prometheus of each switch's session.
type collector struct{ registry *Registry }

// NewCollector returns metrics of the switches, labelled with the node's number.
func NewCollector(r *Registry) prometheus.Collector { return collector{r} }

var (
	descConnected  = prometheus.NewDesc("planck_switch_connected", "1 while the switch has an OpenFlow session.", []string{"node"}, nil)
	descRevision   = prometheus.NewDesc("planck_switch_confirmed_revision", "Journal revision up to which the switch has confirmed everything.", []string{"node"}, nil)
	descWaiting    = prometheus.NewDesc("planck_switch_waiting_units", "Units that wait to be rendered and sent.", []string{"node"}, nil)
	descCollisions = prometheus.NewDesc("planck_switch_collisions_total", "Entries that lost their place to another object's: each is a defect.", []string{"node"}, nil)
	descMessages   = prometheus.NewDesc("planck_switch_messages_total", "Messages of the present OpenFlow session.", []string{"node", "kind"}, nil)
)

// Describe implements prometheus.Collector.
func (c collector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{descConnected, descRevision, descWaiting, descCollisions, descMessages} {
		ch <- d
	}
	c.registry.wiring.seconds.Describe(ch)
}

// Collect implements prometheus.Collector.
func (c collector) Collect(ch chan<- prometheus.Metric) {
	c.registry.wiring.seconds.Collect(ch)
	c.registry.mu.Lock()
	defer c.registry.mu.Unlock()
	for number, s := range c.registry.switches {
		node := strconv.FormatUint(uint64(number), 10)
		gauge := func(d *prometheus.Desc, v float64) {
			ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, node)
		}
		if v := s.Confirmed(); v != nil {
			gauge(descRevision, float64(v.Revision))
		}
		gauge(descWaiting, float64(s.Waiting()))
		ch <- prometheus.MustNewConstMetric(descCollisions, prometheus.CounterValue, float64(s.Collisions()), node)
		session, ok := s.Connection().(*openflow.Session)
		if !ok {
			gauge(descConnected, 0)
			continue
		}
		gauge(descConnected, 1)
		n := session.Counters()
		for kind, count := range map[string]uint64{"flow_mod": n.FlowMods, "group_mod": n.GroupMods, "meter_mod": n.MeterMods,
			"packet_in": n.PacketIns, "packet_in_dropped": n.PacketInsDropped, "packet_out": n.PacketOuts, "error": n.Errors} {
			ch <- prometheus.MustNewConstMetric(descMessages, prometheus.CounterValue, float64(count), node, kind)
		}
	}
}
