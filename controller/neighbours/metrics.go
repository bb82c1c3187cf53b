package neighbours

import "github.com/prometheus/client_golang/prometheus"

type metrics struct {
	questions, asks, answered, unanswered, unasked, refused, dropped, learned, forgotten, holders, lost prometheus.Counter
}

func newMetrics() metrics {
	counter := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Name: "planck_neighbour_" + name, Help: help})
	}
	return metrics{
		questions:  counter("questions_total", "Neighbours outside that packets waited for."),
		asks:       counter("requests_total", "ARP requests sent outside, refreshes included."),
		answered:   counter("answered_total", "Questions that were answered."),
		unanswered: counter("unanswered_total", "Questions that were given up."),
		unasked:    counter("unasked_total", "ARP replies from outside that nobody had asked for, or that name no host."),
		refused:    counter("refused_total", "Packets to a new neighbour of a router that has as many as it may."),
		dropped:    counter("dropped_packets_total", "Packets that found no room to wait in."),
		learned:    counter("learned_total", "Neighbours that were new, or had a new MAC address."),
		forgotten:  counter("forgotten_total", "Neighbours that no longer answered."),
		holders:    counter("holder_moves_total", "Shared addresses that went to another port."),
		lost:       counter("lost_writes_total", "Writes that the database did not take."),
	}
}

func (m *metrics) all() []prometheus.Counter {
	return []prometheus.Counter{m.questions, m.asks, m.answered, m.unanswered, m.unasked, m.refused, m.dropped, m.learned, m.forgotten,
		m.holders, m.lost}
}

var (
	descOutstanding = prometheus.NewDesc("planck_neighbour_outstanding", "Questions without an answer or a row yet.", nil, nil)
	descKnown       = prometheus.NewDesc("planck_neighbours", "Neighbours outside that are known.", nil, nil)
	descHeldBytes   = prometheus.NewDesc("planck_neighbour_held_bytes", "Octets of the packets that wait.", nil, nil)
)

// Describe implements prometheus.Collector.
func (r *Resolver) Describe(ch chan<- *prometheus.Desc) {
	for _, c := range r.metrics.all() {
		c.Describe(ch)
	}
	for _, d := range []*prometheus.Desc{descOutstanding, descKnown, descHeldBytes} {
		ch <- d
	}
}

// Collect implements prometheus.Collector.
func (r *Resolver) Collect(ch chan<- prometheus.Metric) {
	for _, c := range r.metrics.all() {
		c.Collect(ch)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	gauge := func(d *prometheus.Desc, v int) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, float64(v))
	}
	gauge(descOutstanding, len(r.questions))
	gauge(descKnown, len(r.rows))
	gauge(descHeldBytes, r.heldBytes)
}
