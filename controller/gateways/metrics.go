package gateways

import "github.com/prometheus/client_golang/prometheus"

type metrics struct {
	moves, services *prometheus.CounterVec
	probes, answers prometheus.Counter
}

func newMetrics() metrics {
	return metrics{
		moves: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "planck_gateway_moves_total",
			Help: "Routers that were given a gateway node, by reason."}, []string{"reason"}),
		services: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "planck_service_moves_total",
			Help: "Routers' interfaces that were given a node that routes there for bare metal, by reason."}, []string{"reason"}),
		probes: prometheus.NewCounter(prometheus.CounterOpts{Name: "planck_gateway_probe_rounds_total",
			Help: "Rounds of probes sent to gateway nodes whose session is gone."}),
		answers: prometheus.NewCounter(prometheus.CounterOpts{Name: "planck_gateway_probe_answers_total",
			Help: "Probes that came back."}),
	}
}

var descAway = prometheus.NewDesc("planck_gateway_nodes_away", "Nodes with a bridge outside whose session does not answer.", nil, nil)

// Describe implements prometheus.Collector.
func (k *Keeper) Describe(ch chan<- *prometheus.Desc) {
	k.metrics.moves.Describe(ch)
	k.metrics.services.Describe(ch)
	k.metrics.probes.Describe(ch)
	k.metrics.answers.Describe(ch)
	ch <- descAway
}

// Collect implements prometheus.Collector.
func (k *Keeper) Collect(ch chan<- prometheus.Metric) {
	k.metrics.moves.Collect(ch)
	k.metrics.services.Collect(ch)
	k.metrics.probes.Collect(ch)
	k.metrics.answers.Collect(ch)
	k.mu.Lock()
	defer k.mu.Unlock()
	away := 0
	for _, w := range k.nodes {
		if !w.gone.IsZero() {
			away++
		}
	}
	ch <- prometheus.MustNewConstMetric(descAway, prometheus.GaugeValue, float64(away))
}
