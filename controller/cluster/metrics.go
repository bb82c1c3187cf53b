package cluster

import "github.com/prometheus/client_golang/prometheus"

var (
	descDatabase = prometheus.NewDesc("planck_database_up", "1 if the database could be followed at the last attempt.", nil, nil)
	descRevision = prometheus.NewDesc("planck_journal_revision", "Highest journal line in this replica's topology.", nil, nil)
	descObjects  = prometheus.NewDesc("planck_objects", "Objects in this replica's topology.", []string{"kind"}, nil)
)

// Describe implements prometheus.Collector.
func (f *Follower) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{descDatabase, descRevision, descObjects} {
		ch <- d
	}
}

// Collect implements prometheus.Collector. It does not ask the database.
func (f *Follower) Collect(ch chan<- prometheus.Metric) {
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	up := 1.0
	if f.Err() != nil {
		up = 0
	}
	view := f.View()
	networks, subnets, ports, nodes := view.Counts()
	gauge(descDatabase, up)
	gauge(descRevision, float64(view.Revision))
	for kind, n := range map[string]int{"network": networks, "subnet": subnets, "port": ports, "node": nodes} {
		gauge(descObjects, float64(n), kind)
	}
}
