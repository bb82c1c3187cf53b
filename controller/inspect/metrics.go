package inspect

import (
	"strconv"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/planck-sdn/planck/model"
	"github.com/planck-sdn/planck/northbound/admin"
)

// checks keeps what the last check of each node has left.
type checks struct {
	mu   sync.Mutex
	last map[model.Number]lastCheck
}

type lastCheck struct {
	differences, stale int
	at                 time.Time
}

func (c *checks) note(node model.Number, found *admin.NodeCheck) {
	last := lastCheck{differences: len(found.Differences), stale: len(found.Stale), at: time.Now()}
	if found.Repaired {
		last.differences, last.stale = 0, 0
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.last == nil {
		c.last = map[model.Number]lastCheck{}
	}
	c.last[node] = last
}

var (
	descDifferences = prometheus.NewDesc("planck_check_differences", "Flow entries, groups and meters of a node that are not as Planck means them to be, which the last check has found and not mended.", []string{"node"}, nil)
	descStale       = prometheus.NewDesc("planck_check_stale", "Those that Planck means to be otherwise than the topology says, which the last check has found and not mended: each is a defect.", []string{"node"}, nil)
	descChecked     = prometheus.NewDesc("planck_check_timestamp_seconds", "When the node was last checked.", []string{"node"}, nil)
)

// Describe implements prometheus.Collector.
func (i *Inspector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{descDifferences, descStale, descChecked, descViolations, descProving, descProved} {
		ch <- d
	}
}

// Collect implements prometheus.Collector. Nodes are labelled with their number.
func (i *Inspector) Collect(ch chan<- prometheus.Metric) {
	i.checks.mu.Lock()
	defer i.checks.mu.Unlock()
	view := i.Follower.View()
	i.proved.collect(view, ch)
	for number, last := range i.checks.last {
		if view.Node(number) == nil {
			delete(i.checks.last, number)
			continue
		}
		node := strconv.FormatUint(uint64(number), 10)
		gauge := func(d *prometheus.Desc, v float64) {
			ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, node)
		}
		gauge(descDifferences, float64(last.differences))
		gauge(descStale, float64(last.stale))
		gauge(descChecked, float64(last.at.UnixMilli())/1000)
	}
}
