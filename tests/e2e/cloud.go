// Package e2e tests Planck as its users meet it: the real planckd over its REST API, nodes with the real Open vSwitch,
// VMs with real DHCP clients, on SQLite and PostgreSQL.
//
// A test reads as a story:
//
//	c := e2e.Start(t, e2e.Options{})
//	one, two := c.AddNode("compute1"), c.AddNode("compute2")
//	red := c.Project("red")
//	net := red.CreateNetwork("net", nil)
//	red.CreateSubnet(net, "10.1.0.0/24", nil)
//	a := c.Boot(one, red.CreatePort(net, "a", nil))
//	b := c.Boot(two, red.CreatePort(net, "b", nil))
//	a.MustReach(b.IP)
//
// Whatever fails without returning an error fails the test, with what the nodes and planckd have to say.
package e2e

import (
	"context"
	"fmt"
	"net"
	"net/url"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/planck-sdn/planck/tests/lab"
	"github.com/planck-sdn/planck/tests/postgres"
)

// limit is how long the harness waits for anything that takes a fraction of a second when all is well.
const limit = 30 * time.Second

// Database is what planckd keeps its rows in.
type Database string

// The databases.
const (
	SQLite     Database = "sqlite"
	PostgreSQL Database = "postgres"
)

// Databases is for tests that have to pass on each of them.
var Databases = []Database{SQLite, PostgreSQL}

// Options say how a cloud differs from the usual one.
type Options struct {
	Database Database // empty: SQLite
	Flags    []string // for planckd, after those of the harness, which they override
	Binary   string   // path of planckd; empty: built from this tree
	TLS      bool     // on all of planckd's listeners, with client certificates
	// ClosedGroups leaves the default security groups as they are. Otherwise they let everything in, for tests of other things.
	ClosedGroups bool
}

// Cloud is a planckd and the nodes attached to it.
type Cloud struct {
	*Client // the administrator's

	Lab     *lab.Lab
	Planckd *Planckd // the replica that the cloud was started with
	// DatabaseURL is planckd's --database. With PostgreSQL it can be used from the test too, for a second replica
	// or to read and write rows.
	DatabaseURL string
	Postgres    *postgres.Server // nil with SQLite

	t         testing.TB
	authority *authority // nil without TLS

	closed  bool // Options.ClosedGroups
	opening sync.Mutex
	opened  map[string]bool // the projects whose default group lets everything in
}

// Start makes a lab without nodes, and starts planckd in it on an empty database.
func Start(t testing.TB, o Options) *Cloud {
	t.Helper()
	t = &current{t}
	c := &Cloud{t: t, closed: o.ClosedGroups, opened: map[string]bool{}}
	c.DatabaseURL = c.database(o.Database) // before the lab: it must outlive planckd
	c.Lab = lab.ForTest(t)
	if o.Database != PostgreSQL {
		c.DatabaseURL = "sqlite:" + filepath.Join(c.Lab.Dir, "planck.db")
	}
	if o.TLS {
		c.authority = newAuthority(t, c.Lab.Dir, "authority")
	}
	c.Planckd = c.newPlanckd("planckd", o.Binary, o.Flags)
	c.Client = c.Planckd.Client("", "admin")
	c.Planckd.Start()
	return c
}

// database makes an empty PostgreSQL database and returns a URL for it that works in any network namespace: over the
// server's Unix socket.
func (c *Cloud) database(kind Database) string {
	if kind != PostgreSQL {
		return ""
	}
	c.t.Helper()
	c.Postgres = postgres.StartForTest(c.t)
	tcp, err := c.Postgres.NewDatabase(c.t.Context())
	if err != nil {
		c.t.Fatalf("make a database: %v", err)
	}
	conn, err := pgx.Connect(c.t.Context(), tcp)
	if err != nil {
		c.t.Fatalf("connect to the database: %v", err)
	}
	defer conn.Close(context.Background())
	var directory string
	if err := conn.QueryRow(c.t.Context(), "SHOW unix_socket_directories").Scan(&directory); err != nil {
		c.t.Fatalf("ask PostgreSQL for its socket: %v", err)
	}
	u, err := url.Parse(tcp)
	if err != nil {
		c.t.Fatalf("URL of the database: %v", err)
	}
	u.RawQuery = url.Values{"host": {directory}, "port": {u.Port()}, "sslmode": {"disable"}}.Encode()
	u.Host = ""
	return u.String()
}

// ControllerTarget is what nodes are attached to.
func (c *Cloud) ControllerTarget() string {
	scheme := "tcp"
	if c.authority != nil {
		scheme = "ssl"
	}
	return scheme + ":" + net.JoinHostPort(c.Lab.ControllerIP().String(), fmt.Sprint(lab.OVSDBPort))
}

// Attach gives the command that attaches a node, after its certificate if there is TLS.
func (c *Cloud) Attach(n *lab.Node) {
	c.t.Helper()
	if c.authority != nil {
		i := c.authority.issue(n.Name)
		if err := n.SetTLS(i.key, i.certificate, c.authority.certificate); err != nil {
			c.t.Fatal(err)
		}
	}
	n.Attach(c.ControllerTarget())
}

// AddNode makes a node, attaches it, and waits until it is ready. The options may be left out.
func (c *Cloud) AddNode(name string, options ...lab.NodeOptions) *lab.Node {
	c.t.Helper()
	var o lab.NodeOptions
	if len(options) > 0 {
		o = options[0]
	}
	n := c.Lab.AddNode(name, o)
	c.Attach(n)
	c.WaitReady(n)
	c.Lab.WarmTunnels()
	return n
}

// AddNodes makes several usual nodes at once.
func (c *Cloud) AddNodes(names ...string) []*lab.Node {
	c.t.Helper()
	nodes := c.Lab.AddNodes(names...)
	for _, n := range nodes {
		c.Attach(n)
	}
	c.WaitReady(nodes...)
	c.Lab.WarmTunnels()
	return nodes
}

// WaitReady waits until planckd says that the nodes are ready: connected, and all that they should hold confirmed.
func (c *Cloud) WaitReady(nodes ...*lab.Node) {
	c.t.Helper()
	for _, n := range nodes {
		lab.Eventually(c.t, limit, "node "+n.Name+" is ready", func() error {
			s, err := c.NodeStatus(n.Name)
			if err == nil && s.State != "ready" {
				err = fmt.Errorf("it is %s: %s", s.State, s.Problem)
			}
			return err
		})
	}
}

// Replace ends planckd as an operator does, and starts another program, or the same with further flags, on the same database.
func (c *Cloud) Replace(binary string, flags ...string) {
	c.t.Helper()
	c.Planckd.Stop()
	c.Planckd.binary, c.Planckd.flags = binary, append(slices.Clone(c.Planckd.flags), flags...)
	c.Planckd.Start()
}

// SQL runs a statement in the database behind planckd's back. It needs PostgreSQL.
func (c *Cloud) SQL(statement string, args ...any) {
	c.t.Helper()
	c.withDatabase(func(conn *pgx.Conn) error {
		_, err := conn.Exec(c.t.Context(), statement, args...)
		return err
	})
}

// SQLNumber gives the one number that a query selects. It needs PostgreSQL.
func (c *Cloud) SQLNumber(query string, args ...any) (n int64) {
	c.t.Helper()
	c.withDatabase(func(conn *pgx.Conn) error { return conn.QueryRow(c.t.Context(), query, args...).Scan(&n) })
	return n
}

func (c *Cloud) withDatabase(do func(*pgx.Conn) error) {
	c.t.Helper()
	conn, err := pgx.Connect(c.t.Context(), c.DatabaseURL)
	if err != nil {
		c.t.Fatal(err)
	}
	defer conn.Close(context.Background())
	if err := do(conn); err != nil {
		c.t.Fatal(err)
	}
}

// FlowMods is how many flow-mods planckd has sent to all nodes in their present OpenFlow sessions.
func (c *Cloud) FlowMods() uint64 {
	c.t.Helper()
	var sum uint64
	for _, n := range c.Nodes() {
		sum += n.Counters.FlowMods
	}
	return sum
}

// WaitActive waits until the port is ACTIVE, and returns it.
func (c *Cloud) WaitActive(portID string) Port {
	c.t.Helper()
	return c.waitStatus(portID, "ACTIVE")
}

// WaitDown waits until the port is DOWN, and returns it.
func (c *Cloud) WaitDown(portID string) Port {
	c.t.Helper()
	return c.waitStatus(portID, "DOWN")
}

func (c *Cloud) waitStatus(portID, status string) Port {
	c.t.Helper()
	var p Port
	lab.Eventually(c.t, limit, "port "+portID+" is "+status, func() error {
		p = c.Port(portID)
		if p.Status == status {
			return nil
		}
		why, err := c.PortStatus(portID)
		if err == nil {
			err = fmt.Errorf("it is %s: %s", p.Status, why.StatusReason)
		}
		return err
	})
	return p
}

// Snapshot is what br-int of each node holds, without counters; equal snapshots are equal tables.
func (c *Cloud) Snapshot() map[string][]string {
	c.t.Helper()
	all := map[string][]string{}
	for _, n := range c.Lab.Nodes() {
		entries, err := n.Entries("br-int")
		if err != nil {
			c.t.Fatalf("entries of node %s: %v", n.Name, err)
		}
		all[n.Name] = entries
	}
	return all
}

// Quiet fails the test if planckd sends a flow-mod while f runs.
func (c *Cloud) Quiet(what string, f func()) {
	c.t.Helper()
	before := c.FlowMods()
	f()
	c.WaitConverged()
	if after := c.FlowMods(); after != before {
		c.t.Errorf("%s: %d flow-mods were sent, expected none", what, after-before)
	}
}

// WaitConverged waits until everything committed before the call is confirmed on every connected switch, and packets meet it.
func (c *Cloud) WaitConverged() {
	c.t.Helper()
	c.Client.WaitConverged()
	for _, n := range c.Lab.Nodes() {
		_ = n.WaitRevalidated() // one that is down remembers nothing
	}
}
