package lab

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"
)

// The addresses of a lab. All of them exist in its namespaces only, so every lab has the same ones. 198.18.0.0/15 is
// set aside for testing networks (RFC 2544).
var (
	controllerIP = netip.MustParseAddr("198.18.0.1")
	mgmtBits     = 16
	encapFirst   = netip.MustParseAddr("10.0.0.11")
	encapBits    = 16
	switchFirst  = netip.MustParseAddr("198.18.1.1") // of physical switches' own addresses, beside the nodes'
)

// wireMTU lets every underlay MTU through that a node may ask for.
const wireMTU = 9216

// The nodes' underlay: the bridge in the wire namespace, and the bridge of each node that is on it.
const (
	underlayWire   = "underlay"
	underlayBridge = "br-phy"
)

var errClosed = errors.New("the lab is closed")

// Options say how to make a lab.
type Options struct {
	// Dir holds all files of the lab and is removed with it; its last element names the namespaces. It must not
	// exist. Empty: a new directory pk... under os.TempDir().
	Dir string
	// Log takes a line of what the lab does, for people. Nil: nothing is said.
	Log func(format string, args ...any)
	// Fatal takes what went wrong in a method that returns no error, and must not return. Nil: panic.
	Fatal func(format string, args ...any)
	// OwnSignals: the program closes the lab by itself on SIGINT, SIGTERM and SIGHUP.
	OwnSignals bool
}

// Lab is a set of nodes and VMs on this machine. Its methods may be used from several goroutines.
type Lab struct {
	Dir string

	prefix   string
	log      func(format string, args ...any)
	fatal    func(format string, args ...any)
	ctl      namespace
	wire     namespace
	closeErr error
	once     sync.Once

	mu         sync.Mutex
	closed     bool
	serial     int // names logs and interfaces
	namespaces []namespace
	processes  map[*Process]struct{}
	replugs    []replug
	nodes      []*Node
	switches   []*Switch
	physnets   map[string]string // physical network -> bridge in the wire namespace
	atClose    []func()
}

// New makes a lab without nodes, after taking away labs whose owners were killed. Close it at the end; SIGINT,
// SIGTERM and SIGHUP close it too, and then end the program as they would have, unless the program sees to them.
func New(o Options) (*Lab, error) {
	if os.Geteuid() != 0 {
		return nil, errors.New("the lab needs root: it makes network namespaces, bridges and interfaces")
	}
	if err := sweep(); err != nil {
		return nil, fmt.Errorf("take away an earlier lab: %w", err)
	}
	dir := o.Dir
	var err error
	if dir == "" {
		dir, err = os.MkdirTemp("", "pk")
	} else if err = os.Mkdir(dir, 0o755); errors.Is(err, os.ErrExist) {
		err = fmt.Errorf("%w: a lab that still runs, or Cleanup it first", err)
	}
	if err != nil {
		return nil, err
	}
	l := &Lab{
		Dir:       dir,
		prefix:    filepath.Base(dir),
		log:       o.Log,
		fatal:     o.Fatal,
		processes: map[*Process]struct{}{},
		physnets:  map[string]string{},
	}
	if !strings.HasPrefix(l.prefix, "pk") {
		l.prefix = "pk-" + l.prefix
	}
	if l.log == nil {
		l.log = func(string, ...any) {}
	}
	if l.fatal == nil {
		l.fatal = func(format string, args ...any) { panic(fmt.Sprintf("lab: "+format, args...)) }
	}
	if !o.OwnSignals {
		closeOnSignal(l)
	}
	if err := l.build(); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return l, nil
}

// build makes what every lab has: the wire, and the controller's namespace.
func (l *Lab) build() error {
	// A Unix socket's path has room for 107 characters (unix(7)); Open vSwitch puts them two levels below.
	if len(l.Dir) > 60 {
		return fmt.Errorf("directory %s: more than 60 characters leave no room for Open vSwitch's sockets", l.Dir)
	}
	if err := os.Mkdir(filepath.Join(l.Dir, "log"), 0o755); err != nil {
		return err
	}
	var err error
	if l.ctl, err = l.addNamespace("ctl"); err != nil {
		return err
	}
	if l.wire, err = l.addNamespace("wire"); err != nil {
		return err
	}
	if err := l.ctl.ip(
		// Without an address of its own a bridge takes its lowest port's: with another machine it may change, and those that know the old one
		// reach nobody for as long as they remember it.
		"link add mgmt address 02:00:00:00:00:01 type bridge forward_delay 0 mcast_snooping 0",
		fmt.Sprintf("addr add %s/%d dev mgmt", controllerIP, mgmtBits),
		"link set mgmt up",
	); err != nil {
		return err
	}
	return l.addWire(underlayWire)
}

func (l *Lab) addWire(bridge string) error {
	return l.wire.ip(
		"link add "+bridge+" type bridge forward_delay 0 mcast_snooping 0",
		fmt.Sprintf("link set %s mtu %d up", bridge, wireMTU),
	)
}

// addNamespace makes a namespace with a loopback interface.
func (l *Lab) addNamespace(name string) (namespace, error) {
	if name == "" || strings.ContainsFunc(name, func(r rune) bool {
		return !(r == '-' || r == '_' || r == '.' || '0' <= r && r <= '9' || 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z')
	}) {
		return "", fmt.Errorf("name %q: use letters, digits, '-', '_' and '.'", name)
	}
	ns := namespace(l.prefix + "-" + name)
	if err := l.claim(ns); err != nil {
		return "", err
	}
	if err := namespace("").ip("netns add " + string(ns)); err != nil {
		return "", err
	}
	if err := ns.noIPv6(); err != nil {
		return "", err
	}
	return ns, ns.ip("link set lo up")
}

// claim writes the namespace's name down before it is made.
func (l *Lab) claim(ns namespace) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return errClosed
	}
	if slices.Contains(l.namespaces, ns) {
		return fmt.Errorf("namespace %s: the name is in use in this lab", ns)
	}
	if _, err := os.Stat(ns.path()); err == nil {
		return fmt.Errorf("namespace %s exists, and this lab did not make it", ns)
	}
	l.namespaces = append(l.namespaces, ns)
	return l.save()
}

// removeNamespace ends what runs in a namespace and deletes it, with its links.
func (l *Lab) removeNamespace(ns namespace) error {
	if err := ns.empty(); err != nil {
		return err
	}
	if err := namespace("").ip("netns del " + string(ns)); err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.namespaces = slices.DeleteFunc(l.namespaces, func(o namespace) bool { return o == ns })
	return l.save()
}

// next gives numbers for names of interfaces, unique in the lab.
func (l *Lab) next() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.serial++
	return l.serial
}

// ControllerIP is the address on which nodes reach programs started with StartInController.
func (l *Lab) ControllerIP() netip.Addr { return controllerIP }

// ControllerNamespace is the name (for ip netns) of the namespace in which the controller runs.
func (l *Lab) ControllerNamespace() string { return string(l.ctl) }

// StartInController starts a program in the controller's namespace. name is for its log and messages.
func (l *Lab) StartInController(name string, env []string, args ...string) (*Process, error) {
	return l.start(l.ctl, env, l.Dir, name, args...)
}

// DialController connects, from wherever the caller is, to an address inside the controller's namespace, its
// loopback included. Its signature is that of http.Transport's DialContext.
func (l *Lab) DialController(ctx context.Context, network, address string) (net.Conn, error) {
	return l.ctl.dial(ctx, nil, network, address)
}

// ListenController listens inside the controller's namespace, for streams.
func (l *Lab) ListenController(address string) (listener net.Listener, err error) {
	err = l.ctl.do(func() error {
		listener, err = net.Listen("tcp", address)
		return err
	})
	return listener, err
}

// OnClose has f run at the start of Close, the last one first.
func (l *Lab) OnClose(f func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.atClose = append(l.atClose, f)
}

// Close ends every process of the lab and removes every namespace, link and file. It may be called again.
func (l *Lab) Close() error {
	l.once.Do(func() { l.closeErr = l.close() })
	return l.closeErr
}

func (l *Lab) close() error {
	l.mu.Lock()
	last := l.atClose
	l.atClose = nil
	l.mu.Unlock()
	for _, f := range slices.Backward(last) {
		f()
	}
	l.mu.Lock()
	l.closed = true
	s := state{}
	for _, ns := range l.namespaces {
		s.Namespaces = append(s.Namespaces, string(ns))
	}
	ended := make([]*Process, 0, len(l.processes))
	for p := range l.processes {
		p.cmd.Process.Kill()
		ended = append(ended, p)
	}
	l.mu.Unlock()
	for _, p := range ended {
		<-p.done
	}
	err := s.remove(l.Dir)
	forget(l)
	return err
}

var open struct {
	sync.Mutex
	labs    []*Lab
	signals chan os.Signal
}

// closeOnSignal has the lab closed when the program is told to end.
func closeOnSignal(l *Lab) {
	open.Lock()
	defer open.Unlock()
	open.labs = append(open.labs, l)
	if open.signals != nil {
		return
	}
	open.signals = make(chan os.Signal, 1)
	signal.Notify(open.signals, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	go func() {
		got := <-open.signals
		open.Lock()
		labs := slices.Clone(open.labs)
		open.Unlock()
		for _, l := range slices.Backward(labs) {
			if err := l.Close(); err != nil {
				fmt.Fprintln(os.Stderr, "close the lab:", err)
			}
		}
		signal.Reset(got)
		syscall.Kill(os.Getpid(), got.(syscall.Signal))
	}()
}

func forget(l *Lab) {
	open.Lock()
	defer open.Unlock()
	open.labs = slices.DeleteFunc(open.labs, func(o *Lab) bool { return o == l })
}

// dial connects from inside the namespace, from a local address or nil. The address must be numeric: looking up a name
// leaves the thread. Connections say nothing by themselves: no keepalives.
func (ns namespace) dial(ctx context.Context, local net.Addr, network, address string) (conn net.Conn, err error) {
	d := net.Dialer{Timeout: 10 * time.Second, LocalAddr: local, KeepAlive: -1}
	err = ns.do(func() error {
		conn, err = d.DialContext(ctx, network, address)
		return err
	})
	return conn, err
}
