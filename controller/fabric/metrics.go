package fabric

import "github.com/prometheus/client_golang/prometheus"

type metrics struct {
	sent            prometheus.Counter
	frames, changes *prometheus.CounterVec
}

func newMetrics() metrics {
	m := metrics{
		sent: prometheus.NewCounter(prometheus.CounterOpts{Name: "planck_fabric_frames_sent_total",
			Help: "LLDP frames sent to find links."}),
		frames: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "planck_fabric_frames_total",
			Help: "LLDP frames that came up, by what became of them."}, []string{"result"}),
		changes: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "planck_fabric_link_changes_total",
			Help: "Links between switches, and to nodes, that were found or lost by frames."}, []string{"change"}),
	}
	for _, r := range results {
		m.frames.WithLabelValues(r)
	}
	m.changes.WithLabelValues("found")
	m.changes.WithLabelValues("lost")
	return m
}

var descLinks = prometheus.NewDesc("planck_fabric_links", "Links between switches, and to nodes, that are known.", nil, nil)

// Describe implements prometheus.Collector.
func (k *Keeper) Describe(ch chan<- *prometheus.Desc) {
	k.metrics.sent.Describe(ch)
	k.metrics.frames.Describe(ch)
	k.metrics.changes.Describe(ch)
	ch <- descLinks
}

// Collect implements prometheus.Collector.
func (k *Keeper) Collect(ch chan<- prometheus.Metric) {
	k.metrics.sent.Collect(ch)
	k.metrics.frames.Collect(ch)
	k.metrics.changes.Collect(ch)
	k.mu.Lock()
	defer k.mu.Unlock()
	ch <- prometheus.MustNewConstMetric(descLinks, prometheus.GaugeValue, float64(len(k.links)))
}
