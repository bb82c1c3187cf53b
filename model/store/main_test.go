package store

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"testing"
	"time"

	"gorm.io/gorm"

	"github.com/planck-sdn/planck/model"
	"github.com/planck-sdn/planck/tests/postgres"
)

// server is the PostgreSQL that all tests of the package share, each with a database of its own.
var server *postgres.Server

func TestMain(m *testing.M) {
	if url := os.Getenv(statusWriterEnv); url != "" {
		fmt.Fprintln(os.Stderr, writeStatuses(url))
		os.Exit(1)
	}
	if url := os.Getenv(writersEnvironment); url != "" {
		writeUntilKilled(url)
	}
	os.Exit(func() int {
		var err error
		if server, err = postgres.Start("fsync=off", "max_connections=200"); err != nil {
			fmt.Fprintln(os.Stderr, "private PostgreSQL:", err)
			return 1
		}
		defer func() {
			if err := server.Stop(); err != nil {
				fmt.Fprintln(os.Stderr, "stopping the private PostgreSQL:", err)
			}
		}()
		return m.Run()
	}())
}

// onBoth runs a test on an empty database of each kind.
func onBoth(t *testing.T, test func(t *testing.T, s *Store)) {
	t.Helper()
	t.Run("sqlite", func(t *testing.T) { test(t, open(t, sqliteURL(t), Options{})) })
	t.Run("postgres", func(t *testing.T) { test(t, open(t, postgresURL(t), Options{})) })
}

func sqliteURL(t testing.TB) string { return "sqlite:" + filepath.Join(t.TempDir(), "planck test?.db") }

func postgresURL(t testing.TB) string {
	t.Helper()
	url, err := server.NewDatabase(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return url
}

func open(t testing.TB, url string, options Options) *Store {
	t.Helper()
	if options.Source.Now == nil {
		options.Source = model.SystemSource()
	}
	s, err := Open(context.Background(), url, options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return s
}

type listedKey struct{}

// listed marks what is done with a context for listStatements.
func listed(ctx context.Context) context.Context { return context.WithValue(ctx, listedKey{}, true) }

// listStatements lists from now on the statements of listed contexts, and none of the store's own housekeeping, whenever it comes.
func listStatements(t testing.TB, db *gorm.DB) *[]string {
	t.Helper()
	list := new([]string)
	for _, register := range []func(string, func(*gorm.DB)) error{
		db.Callback().Query().After("gorm:query").Register, db.Callback().Raw().After("gorm:raw").Register,
		db.Callback().Row().After("gorm:row").Register, db.Callback().Create().After("gorm:create").Register,
	} {
		check(t, register("list", func(db *gorm.DB) {
			if db.Statement.Context.Value(listedKey{}) != nil {
				*list = append(*list, db.Statement.SQL.String())
			}
		}))
	}
	return list
}

var admin = WithScope(context.Background(), Scope{Admin: true})

func tenant(project string) context.Context {
	return WithScope(context.Background(), Scope{ProjectID: project})
}

func must[T any](value T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return value
	}
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// refused checks Neutron's type and status.
func refused(t testing.TB, err error, status int, typ string) {
	t.Helper()
	var refusal *model.Error
	if !errors.As(err, &refusal) || refusal.Status != status || refusal.Type != typ {
		t.Fatalf("got %#v, want %d %s", err, status, typ)
	}
}

func newNetwork(t testing.TB, s *Store, change ...func(*model.Network)) *model.Network {
	t.Helper()
	n := &model.Network{ProjectID: "alpha", Name: "net", AdminStateUp: true, PortSecurityEnabled: true}
	for _, c := range change {
		c(n)
	}
	check(t, s.CreateNetworks(admin, []*model.Network{n}))
	return n
}

func subnetRequest(n *model.Network, cidr string) *model.Subnet {
	prefix := netip.MustParsePrefix(cidr)
	return &model.Subnet{
		NetworkID: n.ID, ProjectID: n.ProjectID, IPVersion: 4, CIDR: prefix, GatewayIP: model.DefaultGateway(prefix), EnableDHCP: true,
	}
}

func newSubnet(t testing.TB, s *Store, n *model.Network, cidr string, change ...func(*model.Subnet)) *model.Subnet {
	t.Helper()
	subnet := subnetRequest(n, cidr)
	for _, c := range change {
		c(subnet)
	}
	check(t, s.CreateSubnets(admin, []*model.Subnet{subnet}))
	return subnet
}

func withoutDHCP(s *model.Subnet) { s.EnableDHCP = false }

func portRequest(n *model.Network) *model.Port {
	return &model.Port{NetworkID: n.ID, ProjectID: n.ProjectID, AdminStateUp: true, PortSecurityEnabled: true}
}

func newPort(t testing.TB, s *Store, n *model.Network, change ...func(*model.Port)) *model.Port {
	t.Helper()
	p := portRequest(n)
	for _, c := range change {
		c(p)
	}
	check(t, createPort(admin, s, p))
	return p
}

func createPort(ctx context.Context, s *Store, p *model.Port) error {
	return s.CreatePorts(ctx, []PortRequest{{Port: p}})
}

func addr(s string) netip.Addr { return netip.MustParseAddr(s) }

// within waits for a condition.
func within(t testing.TB, limit time.Duration, what string, condition func() bool) {
	t.Helper()
	for deadline := time.Now().Add(limit); !condition(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not within %v: %s", limit, what)
		}
	}
}
