package main

import (
	"fmt"
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/planck-sdn/planck/controller/cluster"
	"github.com/planck-sdn/planck/controller/inspect"
	"github.com/planck-sdn/planck/controller/nodes"
	"github.com/planck-sdn/planck/controller/status"
	"github.com/planck-sdn/planck/northbound/nova"
)

// metricsOf lists what planckd tells Prometheus of its parts; docs/metrics.md describes it. notifier is nil without a Nova.
func metricsOf(follower *cluster.Follower, registry *nodes.Registry, statuses *status.Writer, outside *outside, inspector *inspect.Inspector,
	notifier *nova.Notifier) []prometheus.Collector {
	list := []prometheus.Collector{follower, nodes.NewCollector(registry), statuses, outside.resolver, outside.keeper, outside.fabric, inspector}
	if notifier != nil {
		list = append(list, notifier)
	}
	return list
}

// serveMetrics serves /metrics for Prometheus, and /healthz: 200 while the database is followed.
func (s *settings) serveMetrics(g *group, follower *cluster.Follower, metrics ...prometheus.Collector) error {
	if s.metrics == "" {
		return nil
	}
	reg := prometheus.NewRegistry()
	reg.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	reg.MustRegister(metrics...)
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(reg, promhttp.HandlerOpts{}))
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		if err := follower.Err(); err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
		fmt.Fprintln(w, "ok")
	})
	l, err := g.listen(s.metrics, nil)
	if err != nil {
		return err
	}
	g.http("metrics", &http.Server{Handler: mux, ReadHeaderTimeout: shutdownTimeout}, l)
	return nil
}
