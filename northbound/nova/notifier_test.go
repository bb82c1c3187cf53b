package nova

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"github.com/planck-sdn/planck/model"
	"github.com/planck-sdn/planck/model/store"
	stub "github.com/planck-sdn/planck/tests/nova"
	"github.com/planck-sdn/planck/tests/postgres"
)

var admin = store.WithScope(context.Background(), store.Scope{Admin: true})

// cloud is a database with ports of one server.
type cloud struct {
	*store.Store
	t     testing.TB
	ports []store.PortRequest
}

func newCloud(t testing.TB, url string, ports int) *cloud {
	t.Helper()
	if url == "" {
		url = "sqlite:" + filepath.Join(t.TempDir(), "planck.db")
	}
	c := &cloud{t: t}
	var err error
	if c.Store, err = store.Open(t.Context(), url, store.Options{Source: model.SystemSource(), Events: true,
		Quotas: map[string]int{"port": store.Unlimited}}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	n := &model.Network{ProjectID: "p", AdminStateUp: true}
	c.must(c.CreateNetworks(admin, []*model.Network{n}))
	for range ports {
		c.ports = append(c.ports, store.PortRequest{Port: &model.Port{NetworkID: n.ID, ProjectID: "p", DeviceOwner: "compute:nova", DeviceID: server}})
	}
	c.must(c.CreatePorts(admin, c.ports))
	return c
}

func (c *cloud) must(err error) {
	c.t.Helper()
	if err != nil {
		c.t.Fatal(err)
	}
}

// set writes the status of some ports.
func (c *cloud) set(status string, ports ...store.PortRequest) {
	c.t.Helper()
	var list []store.PortStatus
	for _, p := range ports {
		list = append(list, store.PortStatus{Number: p.Port.Number, BindingGeneration: 1, Status: status})
	}
	c.must(c.SetPortStatus(context.Background(), list))
}

// notify runs a Notifier until the test ends or stop is called.
func (c *cloud) notify(url string, tokens TokenSource) (n *Notifier, stop func()) {
	n = New(Config{Store: c.Store, Replica: fmt.Sprintf("%p", c), Endpoint: func(context.Context) (string, error) { return url, nil }, Tokens: tokens,
		HTTP: &http.Client{}, Now: time.Now, Log: zap.NewNop()})
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { n.Run(ctx) })
	stop = func() { cancel(); running.Wait() }
	c.t.Cleanup(stop)
	return n, stop
}

// drained waits until no event is left.
func (c *cloud) drained() {
	c.t.Helper()
	c.within("events are left", func() bool {
		count, _, err := c.EventBacklog(context.Background())
		c.must(err)
		return count == 0
	})
}

func (c *cloud) within(what string, condition func() bool) {
	c.t.Helper()
	for deadline := time.Now().Add(40 * time.Second); !condition(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			c.t.Fatal(what)
		}
	}
}

// counters are a Notifier's metrics by name, those with a label by name and label.
func counters(t testing.TB, n *Notifier) map[string]float64 {
	t.Helper()
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(n)
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	values := map[string]float64{}
	for _, f := range families {
		for _, m := range f.Metric {
			name := strings.TrimPrefix(f.GetName(), "planck_nova_")
			for _, l := range m.Label {
				name += " " + l.GetValue()
			}
			values[name] = m.GetCounter().GetValue() + m.GetGauge().GetValue()
		}
	}
	return values
}

func serve(t testing.TB, nova http.Handler) string {
	s := httptest.NewServer(http.StripPrefix("/v2.1", nova))
	t.Cleanup(s.Close)
	return s.URL + "/v2.1/"
}

func TestTold(t *testing.T) {
	nova := &stub.Nova{}
	nova.Before = func(w http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path != stub.Path || r.Header.Get("X-OpenStack-Nova-API-Version") != "2.1" || r.Header["X-Auth-Token"] != nil {
			t.Errorf("%s %s %v", r.Method, r.URL, r.Header)
		}
		return false
	}
	c := newCloud(t, "", 1)
	n, _ := c.notify(serve(t, nova), nil)
	p := c.ports[0]
	want := []stub.Event{}
	for _, step := range []struct {
		event string
		do    func()
	}{
		{"network-vif-plugged", func() { c.set(model.StatusActive, p) }},
		{"network-vif-unplugged", func() { c.set(model.StatusDown, p) }},
		{"network-vif-plugged", func() { c.set(model.StatusActive, p) }},
		{"network-vif-deleted", func() { c.must(c.DeletePort(admin, p.Port.ID)) }},
	} {
		step.do()
		want = append(want, stub.Event{Name: step.event, ServerUUID: server, Tag: p.Port.ID, Status: "completed"})
		c.drained()
		if got := nova.Events(); !slices.Equal(got, want) {
			t.Fatalf("told %+v, want %+v", got, want)
		}
	}
	c.within("another replica is kept from sending", func() bool {
		_, ours, err := c.TakeEvents(context.Background(), "another", time.Second, 1)
		c.must(err)
		return ours
	})
	c.within("the metrics say that events wait", func() bool { return counters(t, n)["events_waiting"] == 0 })
	if got := counters(t, n); got["events_sent_total"] != 4 || got["failures_total"] != 0 || got["events_oldest_seconds"] != 0 {
		t.Errorf("metrics %v", got)
	}
}

// TestHangingNova: while Nova does not answer, statuses are written as fast as ever; what gathers meanwhile is told in full batches.
func TestHangingNova(t *testing.T) {
	answer := make(chan struct{})
	nova := &stub.Nova{Before: func(_ http.ResponseWriter, r *http.Request) bool {
		select {
		case <-answer:
		case <-r.Context().Done():
		}
		return false
	}}
	c := newCloud(t, "", 1201)
	n, _ := c.notify(serve(t, nova), nil)
	c.set(model.StatusActive, c.ports[0])
	c.within("the first event is not on its way", func() bool { return counters(t, n)["events_waiting"] == 1 })
	start := time.Now()
	c.set(model.StatusActive, c.ports[1:]...)
	for _, p := range c.ports[1:101] {
		c.set(model.StatusDown, p)
		c.set(model.StatusActive, p)
	}
	if took := time.Since(start); took > requestTimeout/2 {
		t.Errorf("201 writes took %v", took)
	}
	close(answer)
	c.drained()
	if got := len(nova.Events()); got != 1201+200 || nova.Requests() != 4 {
		t.Errorf("%d events in %d requests", got, nova.Requests())
	}
	if got := counters(t, n)["events_sent_total"]; got != 1401 {
		t.Errorf("the metrics say that %v were sent", got)
	}
}

// TestLateNotNever: Nova is away, planckd is away, Nova answers nonsense; the events arrive when they are back.
func TestLateNotNever(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	c := newCloud(t, "", 2)
	l.Close()
	c.set(model.StatusActive, c.ports...)
	first, stop := c.notify("http://"+address, nil)
	c.within("no failure", func() bool { return counters(t, first)["failures_total"] > 0 })
	if got := counters(t, first); got["events_waiting"] != 2 || got["events_oldest_seconds"] < 0 || got["events_oldest_seconds"] > 40 {
		t.Errorf("metrics %v", got)
	}
	stop()
	c.set(model.StatusDown, c.ports[0])

	troubles := []http.HandlerFunc{
		func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "", http.StatusInternalServerError) },
		func(w http.ResponseWriter, _ *http.Request) {
			http.Error(w, `{"error": "no such page"}`, http.StatusNotFound)
		}, // not Nova's
		func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "", http.StatusForbidden) },
	}
	requests := 0
	nova := &stub.Nova{Before: func(w http.ResponseWriter, r *http.Request) bool {
		requests++
		if requests <= len(troubles) {
			troubles[requests-1](w, r)
			return true
		}
		return false
	}}
	if l, err = net.Listen("tcp", address); err != nil {
		t.Fatal(err)
	}
	s := &http.Server{Handler: nova}
	go func() { _ = s.Serve(l) }()
	defer s.Close()
	again, _ := c.notify("http://"+address, nil)
	c.drained()
	var got []string
	for _, e := range nova.Events() {
		got = append(got, e.Name+" "+e.Tag)
	}
	a, b := c.ports[0].Port.ID, c.ports[1].Port.ID
	if want := []string{"network-vif-plugged " + a, "network-vif-plugged " + b, "network-vif-unplugged " + a}; !slices.Equal(got, want) {
		t.Errorf("told %v, want %v", got, want)
	}
	if got := counters(t, again)["failures_total"]; got != float64(len(troubles)) {
		t.Errorf("%v failures", got)
	}
}

// TestRefused: what Nova has no use for is not sent again, and takes nothing with it.
func TestRefused(t *testing.T) {
	c := newCloud(t, "", 8)
	bad := c.ports[2].Port.ID
	codes := map[string]int{c.ports[3].Port.ID: 404, c.ports[4].Port.ID: 422, c.ports[5].Port.ID: 400}
	nova := &stub.Nova{Code: func(e stub.Event) int { return max(codes[e.Tag], http.StatusOK) }}
	nova.Before = func(w http.ResponseWriter, r *http.Request) bool {
		body, _ := io.ReadAll(r.Body)
		r.Body = io.NopCloser(bytes.NewReader(body))
		if bytes.Contains(body, []byte(bad)) { // Nova's schemas are older than what somebody wrote
			http.Error(w, `{"badRequest": {}}`, http.StatusBadRequest)
			return true
		}
		return false
	}
	_, err := c.UpdatePort(admin, c.ports[6].Port.ID, func(p *model.Port) error { p.DeviceID = "no UUID"; return nil })
	c.must(err)
	c.set(model.StatusActive, c.ports...)
	n, _ := c.notify(serve(t, nova), nil)
	c.drained()
	var got []string
	for _, e := range nova.Events() {
		got = append(got, e.Tag)
	}
	if want := []string{c.ports[0].Port.ID, c.ports[1].Port.ID, c.ports[7].Port.ID}; !slices.Equal(got, want) {
		t.Errorf("told %v, want %v", got, want)
	}
	m := counters(t, n)
	if m["events_dropped_total refused"] != 3 || m["events_dropped_total unknown"] != 1 || m["events_dropped_total malformed"] != 1 ||
		m["events_sent_total"] != 3 || m["failures_total"] != 0 {
		t.Errorf("metrics %v", m)
	}
}

// TestAllServersUnknown: older Novas refuse a request as a whole when they know none of its servers.
func TestAllServersUnknown(t *testing.T) {
	c := newCloud(t, "", 2)
	requests := 0
	url := serve(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		requests++
		w.WriteHeader(http.StatusNotFound)
		fmt.Fprint(w, `{"itemNotFound": {"message": "No instances found for any event", "code": 404}}`)
	}))
	c.set(model.StatusActive, c.ports...)
	n, _ := c.notify(url, nil)
	c.drained()
	if m := counters(t, n); requests != 1 || m["events_dropped_total unknown"] != 2 || m["events_sent_total"] != 0 {
		t.Errorf("%d requests, metrics %v", requests, m)
	}
}

// numbered gives the tokens 1, 2, …: a new one for each that is refused.
type numbered struct{ last int }

func (s *numbered) Token(_ context.Context, refused string) (string, error) {
	if refused == fmt.Sprint(s.last) {
		s.last++
	}
	return fmt.Sprint(s.last), nil
}

func TestRefusedToken(t *testing.T) {
	good := "2"
	nova := &stub.Nova{}
	nova.Before = func(w http.ResponseWriter, r *http.Request) bool {
		if r.Header.Get("X-Auth-Token") == good {
			return false
		}
		w.WriteHeader(http.StatusUnauthorized)
		return true
	}
	c := newCloud(t, "", 1)
	n, _ := c.notify(serve(t, nova), &numbered{last: 1})
	c.set(model.StatusActive, c.ports[0])
	c.drained()
	if got := counters(t, n); got["failures_total"] != 0 || got["events_sent_total"] != 1 {
		t.Errorf("metrics %v", got)
	}
}

// TestReplicas: several replicas write and send; nothing is sent twice, and what is said last of a port is what happened last.
func TestReplicas(t *testing.T) {
	url, err := postgres.StartForTest(t).NewDatabase(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	nova := &stub.Nova{}
	endpoint := serve(t, nova)
	c := newCloud(t, url, 40)
	clouds := []*cloud{c}
	for range 2 {
		other := newCloud(t, url, 0)
		other.ports = c.ports
		clouds = append(clouds, other)
	}
	for _, c := range clouds {
		c.notify(endpoint, nil)
	}
	const rounds = 10
	var writers sync.WaitGroup
	for i, c := range clouds {
		writers.Go(func() {
			for range rounds {
				for j := i; j < len(c.ports); j += len(clouds) {
					c.set(model.StatusActive, c.ports[j])
					c.set(model.StatusDown, c.ports[j])
				}
			}
		})
	}
	writers.Wait()
	c.drained()
	of := map[string][]string{}
	for _, e := range nova.Events() {
		of[e.Tag] = append(of[e.Tag], e.Name)
	}
	for _, p := range c.ports {
		told := of[p.Port.ID]
		if len(told) == 0 || len(told) > 2*rounds || told[len(told)-1] != store.EventVIFUnplugged || !slices.Contains(told, store.EventVIFPlugged) {
			t.Errorf("port %d: %v", p.Port.Number, told)
		}
	}
}

// TestReplicaDies: what a replica had taken when it was killed, another sends when the lease has run out.
func TestReplicaDies(t *testing.T) {
	url, err := postgres.StartForTest(t).NewDatabase(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	nova := &stub.Nova{}
	c, dead := newCloud(t, url, 1), newCloud(t, url, 0)
	c.set(model.StatusActive, c.ports[0])
	if events, ours, err := dead.TakeEvents(t.Context(), "dead", 3*time.Second, 10); len(events) != 1 || !ours || err != nil {
		t.Fatal(events, ours, err)
	}
	c.notify(serve(t, nova), nil)
	c.drained()
	if got := nova.Events(); len(got) != 1 {
		t.Errorf("told %v", got)
	}
}
