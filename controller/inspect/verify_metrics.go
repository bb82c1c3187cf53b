package inspect

import (
	"strconv"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/planck-sdn/planck/model"
	"github.com/planck-sdn/planck/model/topology"
	"github.com/planck-sdn/planck/northbound/admin"
)

// proved keeps what the last proof of each node has found.
type proved struct {
	mu   sync.Mutex
	last map[model.Number]lastProof
}

type lastProof struct {
	violations int
	took       time.Duration
	at         time.Time
}

// note remembers a proof. One that could not be made leaves the last, and its time.
func (p *proved) note(node model.Number, found *admin.NodeProof) {
	if found.Problem != "" {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.last == nil {
		p.last = map[model.Number]lastProof{}
	}
	p.last[node] = lastProof{len(found.Violations) + found.More, found.Took, time.Now()}
}

var (
	descViolations = prometheus.NewDesc("planck_isolation_violations", "Violations of tenants' isolation, and of what has to be reachable, that the last planckctl verify has found in the tables of a node's switch.", []string{"node"}, nil)
	descProving    = prometheus.NewDesc("planck_verify_seconds", "How long the last proof of a node took, the reading of its tables included.", []string{"node"}, nil)
	descProved     = prometheus.NewDesc("planck_verify_timestamp_seconds", "When the node was last proved.", []string{"node"}, nil)
)

func (p *proved) collect(v *topology.View, ch chan<- prometheus.Metric) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for number, last := range p.last {
		if v.Node(number) == nil {
			delete(p.last, number)
			continue
		}
		node := strconv.FormatUint(uint64(number), 10)
		ch <- prometheus.MustNewConstMetric(descViolations, prometheus.GaugeValue, float64(last.violations), node)
		ch <- prometheus.MustNewConstMetric(descProving, prometheus.GaugeValue, last.took.Seconds(), node)
		ch <- prometheus.MustNewConstMetric(descProved, prometheus.GaugeValue, float64(last.at.UnixMilli())/1000, node)
	}
}
