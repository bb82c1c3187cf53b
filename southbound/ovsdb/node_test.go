package ovsdb

import (
	"bytes"
	"context"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.uber.org/zap/zaptest"
)

const patience = 15 * time.Second

// node is a real Open vSwitch in a directory of its own: ovsdb-server, and ovs-vswitchd with dummy datapaths.
type node struct {
	t                testing.TB
	dir              string
	server, vswitchd *exec.Cmd
}

func startNode(t testing.TB) *node {
	t.Helper()
	dir, err := os.MkdirTemp("", "pk-ovsdb-") // t.TempDir is too long for the path of a unix socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	n := &node{t: t, dir: dir}
	n.run("ovsdb-tool", "create", n.path("conf.db"), "/usr/share/openvswitch/vswitch.ovsschema")
	n.startServer()
	t.Cleanup(func() { n.stop(n.server) })
	n.vsctl("--no-wait", "init")
	n.vsctl("--no-wait", "set", "Open_vSwitch", ".", "external_ids:system-id=sys-1", "ovs_version=3.1.0")
	n.startSwitch()
	t.Cleanup(func() { n.stop(n.vswitchd) })
	return n
}

func (n *node) startSwitch() {
	n.vswitchd = n.start("ovs-vswitchd", "--enable-dummy=override", "--disable-system", "--no-chdir", "--pidfile="+n.path("vswitchd.pid"),
		"--unixctl="+n.path("vswitchd.ctl"), "--log-file="+n.path("vswitchd.log"), "-vconsole:off", n.db())
}

func (n *node) path(name string) string { return filepath.Join(n.dir, name) }
func (n *node) db() string              { return "unix:" + n.path("db.sock") }

func (n *node) startServer() {
	n.server = n.start("ovsdb-server", n.path("conf.db"), "--remote=punix:"+n.path("db.sock"),
		"--remote=db:Open_vSwitch,Open_vSwitch,manager_options", "--unixctl="+n.path("server.ctl"), "--no-chdir",
		"--pidfile="+n.path("server.pid"), "--log-file="+n.path("server.log"), "-vconsole:off",
		"--private-key=db:Open_vSwitch,SSL,private_key", "--certificate=db:Open_vSwitch,SSL,certificate",
		"--ca-cert=db:Open_vSwitch,SSL,ca_cert")
	await(n.t, "ovsdb-server's socket", func() bool {
		c, err := net.Dial("unix", n.path("db.sock"))
		if err == nil {
			c.Close()
		}
		return err == nil
	})
}

func (n *node) command(name string, args ...string) *exec.Cmd {
	cmd := exec.Command(name, args...)
	cmd.Env = append(os.Environ(), "OVS_RUNDIR="+n.dir, "OVS_LOGDIR="+n.dir, "OVS_DBDIR="+n.dir, "OVS_SYSCONFDIR="+n.dir)
	return cmd
}

func (n *node) start(name string, args ...string) *exec.Cmd {
	n.t.Helper()
	cmd := n.command(name, args...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		n.t.Fatal(err)
	}
	return cmd
}

func (n *node) stop(cmd *exec.Cmd) {
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
}

func (n *node) run(name string, args ...string) string {
	n.t.Helper()
	out, err := n.command(name, args...).CombinedOutput()
	if err != nil {
		n.t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return strings.TrimSpace(string(out))
}

func (n *node) vsctl(args ...string) string {
	n.t.Helper()
	return n.run("ovs-vsctl", append([]string{"--db=" + n.db(), "--timeout=10"}, args...)...)
}

// attach runs the command that operators are told to run.
func (n *node) attach(manager string) {
	n.t.Helper()
	n.vsctl("set", "Open_vSwitch", ".", "external_ids:hostname=compute1",
		"external_ids:planck-encap-ip=10.0.0.11", "external_ids:planck-bridge-mappings=public:br-ex",
		"--", "set-manager", manager)
}

// configuration is all that is configured in the node's database, and nothing of what Open vSwitch reports.
func (n *node) configuration() string {
	n.t.Helper()
	columns := map[string][]string{
		tableRoot:       {"bridges", "external_ids", "other_config", "manager_options"},
		tableBridge:     {"name", "ports", "controller", "fail_mode", "protocols", "datapath_type", "external_ids", "other_config"},
		tablePort:       {"name", "interfaces", "external_ids", "other_config", "tag"},
		tableInterface:  {"name", "type", "options", "external_ids", "ofport"},
		tableController: {"target"},
	}
	var all strings.Builder
	for _, table := range []string{tableRoot, tableBridge, tablePort, tableInterface, tableController} {
		all.WriteString(n.run("ovsdb-client", append([]string{"dump", n.db(), database, table}, columns[table]...)...))
		all.WriteByte('\n')
	}
	return all.String()
}

// recorder is a Handler that keeps what it is told.
type recorder struct {
	mu       sync.Mutex
	session  *Session
	state    State
	updates  int
	ended    int
	reason   error
	sessions map[*Session]bool
	wake     chan struct{}
}

func (r *recorder) Updated(s *Session, st State) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.session, r.state = s, st
	r.updates++
	if r.sessions == nil {
		r.sessions = map[*Session]bool{}
	}
	r.sessions[s] = true
	r.notify()
}

func (r *recorder) Disconnected(s *Session, _ State, reason error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ended++
	r.reason = reason
	delete(r.sessions, s)
	r.notify()
}

func (r *recorder) notify() {
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// until waits for a condition on what was told.
func (r *recorder) until(t testing.TB, what string, ok func() bool) (*Session, State) {
	t.Helper()
	limit := time.After(patience)
	for {
		r.mu.Lock()
		done, s, st := ok(), r.session, r.state
		r.mu.Unlock()
		if done {
			return s, st
		}
		select {
		case <-r.wake:
		case <-limit:
			t.Fatalf("never seen: %s; last state %+v", what, st)
		}
	}
}

func (r *recorder) sees(t testing.TB, what string, ok func(State) bool) State {
	t.Helper()
	_, st := r.until(t, what, func() bool { return r.updates > 0 && ok(r.state) })
	return st
}

// current is the session that was updated last.
func (r *recorder) current() *Session {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.session
}

func await(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for limit := time.Now().Add(patience); !ok(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(limit) {
			t.Fatalf("never seen: %s", what)
		}
	}
}

// tap counts the transactions that go out through a listener's connections.
type tap struct {
	net.Listener
	server   *Server
	mu       sync.Mutex
	transact int
}

type tapped struct {
	net.Conn
	tap *tap
}

func (l *tap) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return tapped{c, l}, nil
}

func (c tapped) Write(b []byte) (int, error) {
	c.tap.mu.Lock()
	c.tap.transact += bytes.Count(b, []byte(`"method":"transact"`))
	c.tap.mu.Unlock()
	return c.Conn.Write(b)
}

func (l *tap) transactions() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.transact
}

func (l *tap) target() string { return "tcp:" + l.Addr().String() }

// serve starts a server on a loopback port.
func serve(t testing.TB, config Config, h Handler) *tap {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := &tap{Listener: listener}
	l.server = serveOn(t, config, h, l)
	return l
}

func serveOn(t testing.TB, config Config, h Handler, l net.Listener) *Server {
	if tt, ok := t.(*testing.T); ok && config.Logger == nil {
		config.Logger = zaptest.NewLogger(tt)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	srv := NewServer(config, h)
	go func() { done <- srv.Serve(ctx, l) }()
	t.Cleanup(func() {
		cancel()
		select {
		case err := <-done:
			if err != nil && !errors.Is(err, net.ErrClosed) {
				t.Errorf("Serve: %v", err)
			}
		case <-time.After(patience):
			t.Error("Serve does not return")
		}
	})
	return srv
}

func newRecorder() *recorder { return &recorder{wake: make(chan struct{}, 1)} }

func within(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	return ctx
}
