package admin

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/planck-sdn/planck/model"
)

var update = flag.Bool("update", false, "write testdata/*.golden anew")

func TestMain(m *testing.M) {
	gin.SetMode(gin.TestMode)
	os.Exit(m.Run())
}

// fake is a controller with two nodes and a port.
type fake struct {
	calls []string
	flows int
	fail  error
	hold  bool // Wait does not get done
}

func (f *fake) say(format string, a ...any) { f.calls = append(f.calls, fmt.Sprintf(format, a...)) }

func (f *fake) Status(context.Context) (Status, error) {
	return Status{Replica: "r1", Version: "v0.1.0", StartedAt: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), Cloud: "c",
		Database: "sqlite ok", Revision: 7, NodesTotal: 2}, f.fail
}

func (f *fake) Nodes(context.Context) ([]Node, error) {
	return []Node{
		{Name: "compute1", SystemID: "s9", State: "refused", Problem: "compute1 is s1"},
		{Name: "compute1", SystemID: "s1", Number: 1, DatapathID: "0000000000000001", EncapIP: "10.0.0.11", State: "ready",
			Mappings: map[string]string{"public": "br-ex"}, Flows: 9,
			Quarantined: []Quarantined{{"port", "6f1c", "OFPET_BAD_ACTION <4>"}}},
	}, f.fail
}

func (f *fake) Port(_ context.Context, id string) (Port, error) {
	if id != "6f1c" {
		return Port{}, model.Errorf(http.StatusNotFound, "PortNotFound", "Port %s could not be found.", id)
	}
	return Port{ID: id, Name: "web1", Plugged: []Plugged{{Node: "compute1", Interface: "tap1", Ofport: 3, Active: true}}}, nil
}

func (f *fake) CountFlows(_ context.Context, node uint64) (byTable, byApp []Count) {
	return []Count{{"deliver", int(node)}}, []Count{{"l2", int(node)}}
}

func (f *fake) Routers(context.Context) ([]Router, error) {
	return []Router{{ID: "9e1d", Name: "edge", Key: 77, Gateway: &RouterGateway{Node: "compute1", Addresses: []string{"192.0.2.10/24"}}}, {ID: "9e1e"}}, f.fail
}

func (f *fake) Router(_ context.Context, id string) (Router, error) {
	if id != "9e1d" {
		return Router{}, model.Errorf(http.StatusNotFound, "RouterNotFound", "Router %s could not be found.", id)
	}
	return Router{ID: id, Name: "edge", Key: 77, Gateway: &RouterGateway{Node: "compute1", Zone: 0x8000, Generation: 2, Addresses: []string{"192.0.2.10/24"}},
		Interfaces:  []RouterInterface{{PortID: "1f", Addresses: []string{"10.0.0.1/24"}}},
		Routes:      []Route{{"10.7.0.0/16", "10.0.0.7"}},
		FloatingIPs: []FloatingIP{{ID: "f1", Address: "192.0.2.77", FixedIP: "10.0.0.5", Node: "compute2"}},
		Neighbours:  []Neighbour{{"192.0.2.1", "02:00:00:00:00:01", time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)}}}, nil
}

func (f *fake) MoveRouter(_ context.Context, id, node string) error {
	f.say("move %s %s", id, node)
	return f.fail
}

func (f *fake) Flows(_ context.Context, q FlowQuery, each func(Flow) error) error {
	f.say("flows %+v", q)
	for i := range f.flows {
		if err := each(Flow{Node: "compute1", Table: "output", TableID: 92, Priority: 50, Entry: "table=92 actions=load:1->NXM_NX_TUN_ID[]",
			Owners: []string{"port 6f1c (web1)"}, Present: i%2 == 0}); err != nil {
			return err
		}
	}
	return f.fail
}

func (f *fake) Explain(_ context.Context, node, cookie, entry string) ([]Explanation, error) {
	f.say("explain %q %q %q", node, cookie, entry)
	return []Explanation{{Text: "It drops what nobody wants."}}, f.fail
}

func (f *fake) Trace(_ context.Context, q TraceQuery) (Trace, error) {
	f.say("trace %+v", q)
	return Trace{Verdict: "dropped on compute1", Outcome: "dropped"}, f.fail
}

func (f *fake) Why(_ context.Context, port string) (Why, error) {
	f.say("why %s", port)
	return Why{PortID: port, Cause: "It is plugged nowhere.", Checks: []Finding{{"plugged", "wrong", "nowhere"}}}, f.fail
}

func (f *fake) Check(_ context.Context, node string, repair bool, each func(NodeCheck) error) error {
	f.say("check %q %t", node, repair)
	return errors.Join(each(NodeCheck{Node: "compute1", Entries: 9}), f.fail)
}

func (f *fake) Verify(_ context.Context, node string, each func(NodeProof) error) error {
	f.say("verify %q", node)
	return errors.Join(each(NodeProof{Node: "compute1", Entries: 9}), f.fail)
}

func (f *fake) Topology(_ context.Context, project string) (Topology, error) {
	f.say("topology %q", project)
	return Topology{Nodes: []TopologyNode{{Name: "compute1"}}}, f.fail
}

func (f *fake) Freeze(_ context.Context, node string, frozen bool) error {
	f.say("freeze %q %t", node, frozen)
	return f.fail
}

func (f *fake) ReconcileDryRun(_ context.Context, node string) ([]Difference, error) {
	f.say("dry run %s", node)
	return nil, f.fail
}

func (f *fake) Wait(ctx context.Context) (Wait, error) {
	if !f.hold {
		return Wait{Revision: 7, Done: true}, nil
	}
	<-ctx.Done()
	return Wait{Revision: 7, Left: []string{"compute2"}}, ctx.Err()
}

func (f *fake) Reconcile(_ context.Context, node string, force bool) error {
	f.say("reconcile %s %t", node, force)
	return f.fail
}
func (f *fake) ForgetNode(_ context.Context, node string) error {
	f.say("forget %s", node)
	return f.fail
}
func (f *fake) DeleteNode(_ context.Context, node string) error {
	f.say("delete %s", node)
	return f.fail
}

// ask sends a request. After the path there may be a body.
func ask(t *testing.T, f *fake, method, path string, guards ...gin.HandlerFunc) *httptest.ResponseRecorder {
	t.Helper()
	engine := gin.New()
	Routes(engine, f, guards...)
	w := httptest.NewRecorder()
	path, body, _ := strings.Cut(path, " ")
	engine.ServeHTTP(w, httptest.NewRequest(method, path, strings.NewReader(body)))
	return w
}

// TestAnswers holds every answer against testdata/answers.golden.
func TestAnswers(t *testing.T) {
	requests := []struct {
		ask  string // with the body, if there is one
		fake fake
	}{
		{ask: "GET /planck/v1/status"},
		{ask: "GET /planck/v1/nodes"},
		{ask: "GET /planck/v1/nodes/compute1"}, // the one that is not refused
		{ask: "GET /planck/v1/nodes/s9"},
		{ask: "GET /planck/v1/nodes/compute3"},
		{ask: "POST /planck/v1/nodes/compute1/reconcile"},
		{ask: "POST /planck/v1/nodes/compute1/reconcile?force=true"},
		{ask: "POST /planck/v1/nodes/compute1/reconcile?force=maybe"},
		{ask: "POST /planck/v1/nodes/compute1/reconcile?farce=true"},
		{ask: "POST /planck/v1/nodes/compute1/reconcile?force=true&force=false"},
		{ask: "POST /planck/v1/nodes/compute1/forget"},
		{ask: "DELETE /planck/v1/nodes/compute1"},
		{ask: "DELETE /planck/v1/nodes/compute1",
			fake: fake{fail: model.Errorf(http.StatusConflict, "NodeInUse", "Node compute1 is connected.")}},
		{ask: "GET /planck/v1/ports/6f1c"},
		{ask: "GET /planck/v1/ports/7777"},
		{ask: "GET /planck/v1/routers"},
		{ask: "GET /planck/v1/routers/9e1d"},
		{ask: "GET /planck/v1/routers/7777"},
		{ask: "POST /planck/v1/routers/9e1d/move?node=compute2"},
		{ask: "POST /planck/v1/routers/9e1d/move"},
		{ask: "POST /planck/v1/routers/9e1d/move?node=compute2",
			fake: fake{fail: model.Errorf(http.StatusConflict, "RouterWithoutGateway", "Router 9e1d has no gateway.")}},
		{ask: "GET /planck/v1/switches"},
		{ask: "GET /planck/v1/switches/leaf1"},
		{ask: "GET /planck/v1/switches/leaf2"},
		{ask: "GET /planck/v1/switches/leaf1/ports"},
		{ask: "GET /planck/v1/switches/leaf1/links"},
		{ask: "GET /planck/v1/switches/leaf2/links"},
		{ask: `PUT /planck/v1/switches/4e:5f:6a:7b:8c:9d {"name":"leaf1","physical_network":"dc","uplinks":[{"port":"eth49","hostname":"compute1"},{"port":"50","hostname":""}]}`},
		{ask: `PUT /planck/v1/switches/1 {"name":"leaf1","physical_network":"dc","driver":"generic"}`},
		{ask: "PUT /planck/v1/switches/1"},
		{ask: `PUT /planck/v1/switches/1 {"name":"leaf1","physicalnetwork":"dc"}`},
		{ask: `PUT /planck/v1/switches/1 {"name":7}`},
		{ask: `PUT /planck/v1/switches/1 {} {}`},
		{ask: `PUT /planck/v1/switches/1 {"name":"` + strings.Repeat("x", maxDeclaration) + `"}`},
		{ask: `PUT /planck/v1/switches/1 {"name":"compute1"}`,
			fake: fake{fail: model.Errorf(http.StatusConflict, "SwitchNameInUse", "The name compute1 is taken.")}},
		{ask: "DELETE /planck/v1/switches/leaf1"},
		{ask: "GET /planck/v1/fabrics"},
		{ask: "GET /planck/v1/drivers"},
		{ask: "GET /planck/v1/flows"},
		{ask: "GET /planck/v1/flows?node=compute1&port=6f1c", fake: fake{flows: 2}},
		{ask: "GET /planck/v1/flows?nod=compute1", fake: fake{flows: 2}},
		{ask: "GET /planck/v1/flows", fake: fake{fail: errors.New("database is locked")}},
		{ask: "GET /planck/v1/flows?network=n&router=r&project=p&app=l2&table=output&counters=true"},
		{ask: "GET /planck/v1/flows?counters=maybe"},
		{ask: "GET /planck/v1/flows/explain?cookie=0x66206e3000000001&node=compute1"},
		{ask: "GET /planck/v1/flows/explain"},
		{ask: "GET /planck/v1/ports/6f1c/why"},
		{ask: "GET /planck/v1/trace?from=6f1c&to=10.0.0.5&protocol=tcp&port=22&source=10.0.0.9&ttl=3&size=1500"},
		{ask: "GET /planck/v1/trace?from=6f1c&protocol=dhcp"},
		{ask: "POST /planck/v1/trace?from=6f1c&to=7f1c&live=true"},
		{ask: "GET /planck/v1/trace?from=6f1c&to=7f1c&live=true"},
		{ask: "GET /planck/v1/trace?from=6f1c"},
		{ask: "GET /planck/v1/trace?from=6f1c&to=7f1c&port=65536"},
		{ask: "GET /planck/v1/trace?from=6f1c&to=7f1c&source=me"},
		{ask: "GET /planck/v1/check?node=compute1"},
		{ask: "GET /planck/v1/check", fake: fake{fail: errors.New("database is locked")}}, // after the first: the answer has no end
		{ask: "GET /planck/v1/check?repair=true"},
		{ask: "POST /planck/v1/check?repair=true"},
		{ask: "GET /planck/v1/verify"},
		{ask: "GET /planck/v1/topology?project=p"},
		{ask: "POST /planck/v1/freeze"},
		{ask: "POST /planck/v1/thaw?node=compute1"},
		{ask: "GET /planck/v1/nodes/compute1/reconcile"},
		{ask: "GET /planck/v1/wait"},
		{ask: "POST /planck/v1/wait?timeout=1ms", fake: fake{hold: true}},
		{ask: "GET /planck/v1/wait?timeout=1h"},
		{ask: "GET /planck/v1/wait?timeout=30"},
	}
	var b strings.Builder
	for _, r := range requests {
		method, path, _ := strings.Cut(r.ask, " ")
		w := ask(t, &r.fake, method, path)
		if len(r.ask) > maxDeclaration {
			r.ask = r.ask[:60] + "..."
		}
		fmt.Fprintf(&b, "%s\n%d %s\n%s", r.ask, w.Code, w.Header().Get("Content-Type"), w.Body)
		if !strings.HasSuffix(w.Body.String(), "\n") {
			b.WriteString("\n")
		}
		for _, call := range r.fake.calls {
			fmt.Fprintf(&b, "called: %s\n", call)
		}
		b.WriteString("\n")
		if w.Body.Len() > 0 && !json.Valid(w.Body.Bytes()) && !(r.fake.fail != nil && w.Code == 200) {
			t.Errorf("%s: the answer is not JSON: %s", r.ask, w.Body)
		}
	}
	golden(t, "answers.golden", b.String())
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("differs from %s (go test -update writes it anew):\n%s", path, got)
	}
}

// TestGuard shows that a guard that aborts keeps every route from the controller.
func TestGuard(t *testing.T) {
	refuse := func(c *gin.Context) { c.AbortWithStatus(http.StatusForbidden) }
	for _, request := range []string{"GET /status", "GET /nodes", "GET /nodes/a", "DELETE /nodes/a", "POST /nodes/a/reconcile",
		"POST /nodes/a/forget", "GET /switches", "GET /switches/a", "PUT /switches/a", "DELETE /switches/a", "GET /switches/a/ports", "GET /switches/a/links", "GET /fabrics", "GET /drivers", "GET /ports/a", "GET /routers", "GET /routers/a", "POST /routers/a/move", "GET /flows", "GET /flows/explain", "GET /ports/a/why", "GET /trace", "POST /trace", "GET /check", "POST /check", "GET /verify", "GET /topology", "POST /freeze", "POST /thaw", "GET /nodes/a/reconcile", "GET /wait", "POST /wait"} {
		method, path, _ := strings.Cut(request, " ")
		f := &fake{}
		if w := ask(t, f, method, Prefix+path, refuse); w.Code != http.StatusForbidden || len(f.calls) > 0 || w.Body.Len() > 0 {
			t.Errorf("%s: %d %s, called %v", request, w.Code, w.Body, f.calls)
		}
	}
}

// TestWaitOutlastsServer shows that a wait may be longer than the server's read and write timeouts.
func TestWaitOutlastsServer(t *testing.T) {
	engine := gin.New()
	Routes(engine, &fake{hold: true})
	server := httptest.NewUnstartedServer(engine)
	server.Config.ReadTimeout, server.Config.WriteTimeout = 50*time.Millisecond, 50*time.Millisecond
	server.Start()
	defer server.Close()
	begin := time.Now()
	answer, err := http.Get(server.URL + Prefix + "/wait?timeout=200ms")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	body, err := io.ReadAll(answer.Body)
	if err != nil || !strings.Contains(string(body), "compute2") {
		t.Errorf("%s, %v", body, err)
	}
	if d := time.Since(begin); d < 200*time.Millisecond {
		t.Errorf("answered after %s", d)
	}
}

// TestFlowsAreStreamed shows that a large answer leaves in small pieces.
func TestFlowsAreStreamed(t *testing.T) {
	const entries = 10_000
	engine := gin.New()
	Routes(engine, &fake{flows: entries})
	w := &counter{header: http.Header{}}
	engine.ServeHTTP(w, httptest.NewRequest("GET", Prefix+"/flows", nil))
	if w.total < entries*100 {
		t.Errorf("%d entries in %d bytes", entries, w.total)
	}
	if w.largest > 64<<10 {
		t.Errorf("a piece of %d bytes was written at once", w.largest)
	}
}

// counter is a client that only counts.
type counter struct {
	header         http.Header
	total, largest int64
}

func (c *counter) Header() http.Header { return c.header }
func (c *counter) WriteHeader(int)     {}
func (c *counter) Write(b []byte) (int, error) {
	c.total += int64(len(b))
	c.largest = max(c.largest, int64(len(b)))
	return len(b), nil
}
