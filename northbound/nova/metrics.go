package nova

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

type metrics struct {
	sent, failures atomic.Uint64

	mu      sync.Mutex
	waiting int
	oldest  time.Time // zero: nothing waits
	drops   map[string]uint64
}

func (m *metrics) note(waiting int, oldest time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.waiting, m.oldest = waiting, oldest
}

func (m *metrics) dropped(reason string, n int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.drops == nil {
		m.drops = map[string]uint64{}
	}
	m.drops[reason] += uint64(n)
}

var (
	descWaiting  = prometheus.NewDesc("planck_nova_events_waiting", "Events for Nova in the database, at the last look.", nil, nil)
	descOldest   = prometheus.NewDesc("planck_nova_events_oldest_seconds", "For how long the oldest of them has waited.", nil, nil)
	descSent     = prometheus.NewDesc("planck_nova_events_sent_total", "Events that Nova took from this replica.", nil, nil)
	descDropped  = prometheus.NewDesc("planck_nova_events_dropped_total", "Events that Nova did not get, or has no use for.", []string{"reason"}, nil)
	descFailures = prometheus.NewDesc("planck_nova_failures_total", "Attempts to send that are made again.", nil, nil)
)

// Describe implements prometheus.Collector.
func (n *Notifier) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{descWaiting, descOldest, descSent, descDropped, descFailures} {
		ch <- d
	}
}

// Collect implements prometheus.Collector.
func (n *Notifier) Collect(ch chan<- prometheus.Metric) {
	m := &n.metrics
	m.mu.Lock()
	defer m.mu.Unlock()
	age := 0.0
	if !m.oldest.IsZero() {
		age = max(0, n.config.Now().Sub(m.oldest).Seconds())
	}
	ch <- prometheus.MustNewConstMetric(descWaiting, prometheus.GaugeValue, float64(m.waiting))
	ch <- prometheus.MustNewConstMetric(descOldest, prometheus.GaugeValue, age)
	ch <- prometheus.MustNewConstMetric(descSent, prometheus.CounterValue, float64(m.sent.Load()))
	ch <- prometheus.MustNewConstMetric(descFailures, prometheus.CounterValue, float64(m.failures.Load()))
	for reason, count := range m.drops {
		ch <- prometheus.MustNewConstMetric(descDropped, prometheus.CounterValue, float64(count), reason)
	}
}
