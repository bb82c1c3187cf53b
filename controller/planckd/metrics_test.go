package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
	"gopkg.in/yaml.v3"

	"github.com/planck-sdn/planck/apps"
	"github.com/planck-sdn/planck/controller/cluster"
	"github.com/planck-sdn/planck/controller/inspect"
	"github.com/planck-sdn/planck/controller/nodes"
	"github.com/planck-sdn/planck/controller/status"
	"github.com/planck-sdn/planck/model"
	"github.com/planck-sdn/planck/model/store"
	"github.com/planck-sdn/planck/northbound/nova"
)

// metric is what there is to know of a metric.
type metric struct{ kind, labels string }

// described are the metrics that planckd's parts say they have, over a database with one node. The kind of what has no value yet is told by
// its name, as Prometheus's naming has it.
func described(t *testing.T) map[string]metric {
	ctx := t.Context()
	db, err := store.Open(ctx, "sqlite:"+t.TempDir()+"/planck.db", store.Options{Source: model.SystemSource()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	if _, _, err := db.ReportNode(ctx, model.Node{SystemID: "s1", Hostname: "compute1"}); err != nil {
		t.Fatal(err)
	}
	log, now := zap.NewNop(), model.SystemSource().Now
	follower, err := cluster.NewFollower(ctx, db, log)
	if err != nil {
		t.Fatal(err)
	}
	statuses := status.NewWriter(db, follower.View, log)
	masters := cluster.NewMasters(db, "r1", log)
	registry := nodes.New(ctx, nodes.Config{Store: db, Masters: masters, Apps: apps.All(), Log: log, Now: now, Status: statuses.Note}, follower.View)
	out := &outside{}
	out.open(db, nil, follower.View, registry, now, log)
	inspector := &inspect.Inspector{Store: db, Follower: follower, Masters: masters, Registry: registry, Now: now}
	collectors := metricsOf(follower, registry, statuses, out, inspector, nova.New(nova.Config{Store: db, Now: now, Log: log}))

	all := map[string]metric{}
	parts := regexp.MustCompile(`fqName: "([^"]+)".*variableLabels: \{([^}]*)\}`)
	for _, c := range collectors {
		ch := make(chan *prometheus.Desc, 100)
		c.Describe(ch)
		close(ch)
		for d := range ch {
			m := parts.FindStringSubmatch(d.String())
			kind := "gauge"
			if strings.HasSuffix(m[1], "_total") {
				kind = "counter"
			}
			all[m[1]] = metric{kind, m[2]}
		}
	}
	registered := prometheus.NewPedanticRegistry() // which holds what is collected against what is described
	registered.MustRegister(collectors...)
	families, err := registered.Gather()
	if err != nil {
		t.Fatal(err)
	}
	if len(families) < len(all)/2 {
		t.Errorf("only %d of %d metrics have a value", len(families), len(all))
	}
	for _, f := range families {
		m := all[f.GetName()]
		m.kind = strings.ToLower(f.GetType().String())
		all[f.GetName()] = m
	}
	return all
}

// TestMetricsPage holds docs/metrics.md against what planckd serves.
func TestMetricsPage(t *testing.T) {
	page, err := os.ReadFile("../../docs/metrics.md")
	if err != nil {
		t.Fatal(err)
	}
	documented := map[string]metric{}
	for _, line := range strings.Split(string(page), "\n") {
		cells := strings.Split(strings.Trim(line, "|"), "|")
		name := strings.Trim(cells[0], " `")
		if metricName.FindString(name) != name || name == "" {
			continue
		}
		if len(cells) != 6 || documented[name] != (metric{}) {
			t.Fatalf("no six cells, or twice: %s", line)
		}
		documented[name] = metric{strings.TrimSpace(cells[1]), strings.NewReplacer("`", "", " ", "").Replace(cells[2])}
	}
	served := described(t)
	for name := range maps.Keys(served) {
		if documented[name] != served[name] {
			t.Errorf("%s is served as %+v and documented as %+v", name, served[name], documented[name])
		}
	}
	for name := range maps.Keys(documented) {
		if _, ok := served[name]; !ok {
			t.Errorf("%s is documented and not served", name)
		}
	}
}

var metricName = regexp.MustCompile(`\bplanck_[a-z_]+`)

// names checks the metrics that an expression is about.
func names(t *testing.T, served map[string]metric, where, expression string) {
	t.Helper()
	found := metricName.FindAllString(expression, -1)
	if len(found) == 0 {
		t.Errorf("%s is about no metric of Planck's: %s", where, expression)
	}
	for _, name := range found {
		base := strings.TrimSuffix(name, "_bucket")
		if m, ok := served[base]; !ok || base != name && m.kind != "histogram" {
			t.Errorf("%s: there is no %s", where, name)
		}
	}
	if strings.Count(expression, "(") != strings.Count(expression, ")") {
		t.Errorf("%s: parentheses of %s", where, expression)
	}
}

func TestAlerts(t *testing.T) {
	text, err := os.ReadFile("../../docs/alerts.yml")
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Groups []struct {
			Name  string
			Rules []struct {
				Alert, Expr, For    string
				Labels, Annotations map[string]string
			}
		}
	}
	decoder := yaml.NewDecoder(strings.NewReader(string(text)))
	decoder.KnownFields(true)
	if err := decoder.Decode(&file); err != nil {
		t.Fatal(err)
	}
	served, seen := described(t), map[string]bool{}
	for _, g := range file.Groups {
		for _, r := range g.Rules {
			names(t, served, r.Alert, r.Expr)
			if seen[r.Alert] || !slices.Contains([]string{"critical", "warning", "info"}, r.Labels["severity"]) {
				t.Errorf("%s: twice, or of severity %q", r.Alert, r.Labels["severity"])
			}
			seen[r.Alert] = true
			for _, name := range []string{"summary", "description", "run"} {
				if r.Annotations[name] == "" {
					t.Errorf("%s has no %s", r.Alert, name)
				}
			}
		}
	}
	if len(seen) == 0 {
		t.Error("no rules")
	}
}

func TestDashboard(t *testing.T) {
	text, err := os.ReadFile("../../docs/grafana/planck.json")
	if err != nil {
		t.Fatal(err)
	}
	var d struct {
		SchemaVersion int
		Templating    struct {
			List []struct{ Name, Type, Query string }
		}
		Panels []struct {
			ID          int
			Type, Title string
			Datasource  struct{ Type, UID string }
			GridPos     struct{ X, Y, W, H int }
			Targets     []struct{ RefID, Expr string }
		}
	}
	if err := json.Unmarshal(text, &d); err != nil {
		t.Fatal(err)
	}
	if d.SchemaVersion < 39 || len(d.Templating.List) != 1 || fmt.Sprint(d.Templating.List[0]) != "{datasource datasource prometheus}" {
		t.Errorf("schema version %d, variables %+v", d.SchemaVersion, d.Templating.List)
	}
	served, ids, cells := described(t), map[int]bool{}, map[[2]int]string{}
	for _, p := range d.Panels {
		if ids[p.ID] {
			t.Errorf("panel %q has the id of another", p.Title)
		}
		ids[p.ID] = true
		for x := p.GridPos.X; x < p.GridPos.X+p.GridPos.W; x++ {
			for y := p.GridPos.Y; y < p.GridPos.Y+p.GridPos.H; y++ {
				if other := cells[[2]int{x, y}]; other != "" || x >= 24 {
					t.Fatalf("panel %q lies over %q, or outside", p.Title, other)
				}
				cells[[2]int{x, y}] = p.Title
			}
		}
		if p.Type == "row" {
			continue
		}
		if p.Datasource.UID != "${datasource}" || len(p.Targets) == 0 {
			t.Errorf("panel %q asks nobody", p.Title)
		}
		for _, target := range p.Targets {
			names(t, served, p.Title, target.Expr)
		}
	}
}
