package openflow

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/planck-sdn/planck/model/flow"
)

// ovs is an Open vSwitch of the test's own, with a bridge br0 over the dummy datapath.
type ovs struct {
	t   testing.TB
	dir string
}

const limit = 20 * time.Second

// startOVS starts ovsdb-server and ovs-vswitchd, and ends both with the test. configure are arguments of ovs-vsctl
// that run before br0 is made.
func startOVS(t testing.TB, configure ...string) *ovs {
	t.Helper()
	dir, err := os.MkdirTemp("", "pk-ovs") // t.TempDir is too long for the path of a unix socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	o := &ovs{t, dir}
	o.run("ovsdb-tool", "create", o.path("conf.db"), "/usr/share/openvswitch/vswitch.ovsschema")
	o.start("ovsdb-server", o.path("conf.db"), "--remote=punix:"+o.path("db.sock"))
	o.vsctl("--no-wait", "init")
	if len(configure) > 0 {
		o.vsctl(append([]string{"--no-wait"}, configure...)...)
	}
	o.start("ovs-vswitchd", "unix:"+o.path("db.sock"), "--enable-dummy=override", "--disable-system")
	o.vsctl("add-br", "br0", "--", "set", "bridge", "br0", "datapath_type=dummy", "fail_mode=secure", "protocols=OpenFlow13",
		"other-config:disable-in-band=true", "other-config:datapath-id=00000000000000a1",
		"--", "add-port", "br0", "p1", "--", "set", "interface", "p1", "type=dummy", "ofport_request=1",
		"--", "add-port", "br0", "p2", "--", "set", "interface", "p2", "type=dummy", "ofport_request=2")
	return o
}

func (o *ovs) path(name string) string { return filepath.Join(o.dir, name) }

func (o *ovs) start(name string, args ...string) {
	o.t.Helper()
	args = append(args, "--log-file="+o.path(name+".log"), "-vconsole:off", "-vfile:info",
		"--unixctl="+o.path(name+".ctl"), "--pidfile="+o.path(name+".pid"), "--no-chdir")
	c := exec.Command(name, args...)
	c.Env = o.env()
	if err := c.Start(); err != nil {
		o.t.Fatal(err)
	}
	o.t.Cleanup(func() {
		_ = c.Process.Kill()
		_ = c.Wait()
	})
	eventually(o.t, name+" runs", func() bool {
		_, err := os.Stat(o.path(name + ".ctl"))
		return err == nil
	})
}

func (o *ovs) env() []string {
	return append(os.Environ(), "OVS_RUNDIR="+o.dir, "OVS_LOGDIR="+o.dir, "OVS_DBDIR="+o.dir, "OVS_SYSCONFDIR="+o.dir)
}

func (o *ovs) run(name string, args ...string) string {
	o.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	c := exec.CommandContext(ctx, name, args...)
	c.Env = o.env()
	out, err := c.CombinedOutput()
	if err != nil {
		o.t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return string(out)
}

func (o *ovs) vsctl(args ...string) string {
	o.t.Helper()
	return o.run("ovs-vsctl", append([]string{"--db=unix:" + o.path("db.sock")}, args...)...)
}

// ofctl runs a command of ovs-ofctl on br0.
func (o *ovs) ofctl(command string, args ...string) string {
	o.t.Helper()
	return o.run("ovs-ofctl", append([]string{"-OOpenFlow13", command, "unix:" + o.path("br0.mgmt")}, args...)...)
}

// setController makes br0 connect to l.
func (o *ovs) setController(proto string, l net.Listener) {
	o.t.Helper()
	o.vsctl("set-controller", "br0", proto+":"+l.Addr().String(), "--", "set", "controller", "br0",
		"connection_mode=out-of-band", "max_backoff=1000")
}

func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(limit); !ok(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not within %v: %s", limit, what)
		}
	}
}

// recorder is a Handler that keeps what it is told.
type recorder struct {
	connected chan *Session
	ended     chan *Session

	mu      sync.Mutex
	packets []flow.PacketIn
	ports   []PortStatus
	removed []FlowRemoved
	errors  []Error
}

func newRecorder() *recorder {
	return &recorder{connected: make(chan *Session, 2048), ended: make(chan *Session, 2048)}
}

func (r *recorder) Connected(s *Session)                  { r.connected <- s }
func (r *recorder) Disconnected(s *Session, _ error)      { r.ended <- s }
func (r *recorder) PacketIn(_ *Session, p flow.PacketIn)  { record(r, &r.packets, p) }
func (r *recorder) PortStatus(_ *Session, p PortStatus)   { record(r, &r.ports, p) }
func (r *recorder) FlowRemoved(_ *Session, f FlowRemoved) { record(r, &r.removed, f) }
func (r *recorder) Error(_ *Session, e Error)             { record(r, &r.errors, e) }

func record[T any](r *recorder, list *[]T, v T) {
	r.mu.Lock()
	defer r.mu.Unlock()
	*list = append(*list, v)
}

// recorded is a copy of one of r's lists.
func recorded[T any](r *recorder, list *[]T) []T {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]T(nil), *list...)
}

// session waits for a switch.
func (r *recorder) session(t testing.TB) *Session {
	t.Helper()
	return receive(t, "a switch connects", r.connected)
}

// end waits for the end of s and returns its reason.
func (r *recorder) end(t testing.TB, s *Session) error {
	t.Helper()
	if got := receive(t, "the session ends", r.ended); got != s {
		t.Fatal("another session ended")
	}
	return s.Err()
}

func receive[T any](t testing.TB, what string, c <-chan T) T {
	t.Helper()
	select {
	case v := <-c:
		return v
	case <-time.After(limit):
		t.Fatalf("not within %v: %s", limit, what)
		panic("unreachable")
	}
}

// serve runs a server on a loopback port for as long as the test. wrap may put TLS around the listener.
func serve(t testing.TB, cfg Config, h Handler, wrap func(net.Listener) net.Listener) (net.Listener, *Server) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if wrap != nil {
		l = wrap(l)
	}
	ctx, cancel := context.WithCancel(context.Background())
	v := NewServer(cfg, h)
	done := make(chan error, 1)
	go func() { done <- v.Serve(ctx, l) }()
	t.Cleanup(func() {
		cancel()
		if err := receive(t, "Serve returns", done); !errors.Is(err, context.Canceled) {
			t.Errorf("Serve: %v", err)
		}
	})
	return l, v
}

// connectOVS starts a switch and returns its session.
func connectOVS(t testing.TB) (*ovs, *Session, *recorder) {
	t.Helper()
	o, r := startOVS(t), newRecorder()
	l, _ := serve(t, Config{}, r, nil)
	o.setController("tcp", l)
	return o, r.session(t), r
}

// timeLimit is a context that ends with the test or the limit.
func timeLimit(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	t.Cleanup(cancel)
	return ctx
}

// mustApply applies changes of which none may be refused.
func mustApply(t testing.TB, s *Session, atomic bool, changes ...flow.Change) {
	t.Helper()
	refusals, err := s.Apply(timeLimit(t), changes, atomic)
	if err != nil || len(refusals) > 0 {
		t.Fatalf("apply: %v %v", refusals, err)
	}
}

func mustRead(t testing.TB, s *Session) *flow.Tables {
	t.Helper()
	tables, err := s.Read(timeLimit(t))
	if err != nil {
		t.Fatal(err)
	}
	return tables
}

func addFlow(e flow.Entry) flow.Change { return flow.Change{Op: flow.OpAdd, Flow: flow.Encode(e)} }

func describe(f flow.Encoded) string {
	e, err := f.Decode()
	return fmt.Sprintf("%x %+v %v", string(f), e, err)
}
