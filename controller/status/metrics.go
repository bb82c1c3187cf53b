package status

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/planck-sdn/planck/controller/reconcile"
	"github.com/planck-sdn/planck/model"
)

var (
	descNotActive = prometheus.NewDesc("planck_ports_not_active", "Ports that are up and should be ACTIVE and are not: unplugged, bound to a host where they are not plugged; refused, plugged and their entries refused by the switch, or not sent as the node is frozen.", []string{"reason"}, nil)
	descWaiting   = prometheus.NewDesc("planck_port_statuses_waiting", "Statuses of ports that wait to be written.", nil, nil)
)

// Describe implements prometheus.Collector.
func (w *Writer) Describe(ch chan<- *prometheus.Desc) {
	ch <- descNotActive
	ch <- descWaiting
}

// Collect implements prometheus.Collector. It does not ask the database: what is refused it knows of this replica's switches.
func (w *Writer) Collect(ch chan<- prometheus.Metric) {
	view := w.view()
	unplugged := 0
	view.Ports(func(p *model.Port) {
		if !p.AdminStateUp || p.HostID == "" || p.OwnedByNetwork() {
			return
		}
		if _, plugged := view.Location(p.Number); !plugged {
			unplugged++
		}
	})
	w.mu.Lock()
	defer w.mu.Unlock()
	for port, node := range w.refused {
		if at, plugged := view.Location(port); !plugged || at.Node != node {
			delete(w.refused, port) // deleted, unplugged, or another switch's to confirm
		}
	}
	ch <- prometheus.MustNewConstMetric(descNotActive, prometheus.GaugeValue, float64(unplugged), "unplugged")
	ch <- prometheus.MustNewConstMetric(descNotActive, prometheus.GaugeValue, float64(len(w.refused)), "refused")
	ch <- prometheus.MustNewConstMetric(descWaiting, prometheus.GaugeValue, float64(len(w.waiting)))
}

// note keeps which ports are not active where they are plugged. The writer must be locked.
func (w *Writer) note(s reconcile.PortStatus) {
	if !s.Active && s.Reason != "" {
		w.refused[s.Port] = s.Node
	} else if w.refused[s.Port] == s.Node {
		delete(w.refused, s.Port)
	}
}
