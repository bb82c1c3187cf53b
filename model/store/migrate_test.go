package store

import (
	"context"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/uuid"
	"go.uber.org/zap"

	"github.com/planck-sdn/planck/model"
)

// plus gives the dialect's migrations and one more.
func plus(t *testing.T, files fs.FS, sql string) fs.FS {
	t.Helper()
	all := fstest.MapFS{}
	known, err := readMigrations(files)
	check(t, err)
	for _, m := range known {
		all[m.name] = &fstest.MapFile{Data: []byte(m.sql)}
	}
	all[fmt.Sprintf("%04d_one_more.sql", len(known)+1)] = &fstest.MapFile{Data: []byte(sql)}
	return all
}

func TestMigrations(t *testing.T) {
	for name, url := range map[string]func(testing.TB) string{"sqlite": sqliteURL, "postgres": postgresURL} {
		t.Run(name, func(t *testing.T) {
			ctx := context.Background()
			address := url(t)
			s, err := Open(ctx, address, Options{Source: model.SystemSource()})
			check(t, err)
			cloud := s.CloudID()
			n := newNetwork(t, s)

			// A migration that fails leaves nothing of itself.
			broken := plus(t, s.dialect.migrations, "ALTER TABLE networks ADD COLUMN more text; SELECT nonsense;")
			if err := migrate(ctx, s.db, s.dialect, broken); err == nil || !strings.Contains(err.Error(), "one_more.sql") {
				t.Fatalf("broken migration: %v", err)
			}
			// From the version before, with rows in it.
			newer := plus(t, s.dialect.migrations, "ALTER TABLE networks ADD COLUMN more text NOT NULL DEFAULT 'x'; CREATE TABLE further (id integer);")
			check(t, migrate(ctx, s.db, s.dialect, newer))
			check(t, migrate(ctx, s.db, s.dialect, newer)) // and again: nothing to do
			var more string
			check(t, s.db.Raw("SELECT more FROM networks WHERE id = ?", n.ID).Scan(&more).Error)
			if more != "x" {
				t.Fatalf("column of the migration: %q", more)
			}
			check(t, s.Close())
			if _, err := Open(ctx, address, Options{Source: model.SystemSource()}); err == nil || !strings.Contains(err.Error(), "newer planckd") {
				t.Fatalf("a newer schema: %v", err)
			}
			// Back to what this program knows: everything is as it was.
			downgrade(t, address)
			back, err := Open(ctx, address, Options{Source: model.SystemSource()})
			check(t, err)
			defer back.Close()
			if back.CloudID() != cloud || len(cloud) != 36 {
				t.Fatalf("cloud %s, before %s", back.CloudID(), cloud)
			}
			must(back.Network(admin, n.ID))(t)
		})
	}
}

// What a database has before routers, held and freed, is there after them.
func TestMigrationOfSegments(t *testing.T) {
	for name, url := range map[string]func(testing.TB) string{"sqlite": sqliteURL, "postgres": postgresURL} {
		t.Run(name, func(t *testing.T) {
			ctx, address := context.Background(), url(t)
			old := olderStore(t, address, 4)
			n := &networkRow{ID: "n", ProjectID: "alpha", MTU: 1450, NetworkType: model.NetworkVXLAN, SegmentationID: 5, NetworkKey: 5,
				AvailabilityZoneHints: []string{}, Tags: []string{}, RevisionNumber: 1}
			check(t, old.db.Create(n).Error)
			check(t, old.db.Exec("INSERT INTO segments (space, physical_network, identifier, network_number) VALUES ('key', '', 5, ?)", n.Number).Error)
			check(t, old.db.Exec("INSERT INTO segments (space, physical_network, identifier, freed_txid) VALUES ('key', '', 6, 1)").Error)
			check(t, old.db.Exec("INSERT INTO journal (txid, kind, number) VALUES (1, 2, 1)").Error)
			check(t, old.closeDatabases())

			s := open(t, address, Options{VNIs: Range{5, 6}})
			healthy(t, s)
			refused(t, s.CreateNetworks(admin, []*model.Network{{ProjectID: "alpha"}}), 503, "NoNetworkAvailable")
			newNetwork(t, s, func(n *model.Network) { n.NetworkType, n.PhysicalNetwork = model.NetworkFlat, "public" })
			if n := must(s.Reclaim(ctx))(t); n != 1 {
				t.Errorf("%d were reclaimed", n)
			}
			if n := newNetwork(t, s); n.SegmentationID != 6 {
				t.Errorf("segmentation id %d", n.SegmentationID)
			}
			newRouter(t, s)
			healthy(t, s)
		})
	}
}

// olderStore opens a database as the program did that knew only so many migrations.
func olderStore(t *testing.T, address string, versions int) *Store {
	t.Helper()
	old := &Store{options: Options{Log: zap.NewNop(), Source: model.SystemSource()}, unlock: func() error { return nil }}
	check(t, old.connect(address, false))
	known := must(readMigrations(old.dialect.migrations))(t)
	before := fstest.MapFS{}
	for _, m := range known[:versions] {
		before[m.name] = &fstest.MapFile{Data: []byte(m.sql)}
	}
	check(t, migrate(context.Background(), old.db, old.dialect, before))
	return old
}

// Ports that were there before security groups get what Neutron would have given them.
func TestMigrationOfSecurityGroups(t *testing.T) {
	for name, url := range map[string]func(testing.TB) string{"sqlite": sqliteURL, "postgres": postgresURL} {
		t.Run(name, func(t *testing.T) {
			address := url(t)
			old := olderStore(t, address, 5)
			n := &networkRow{ID: "n", ProjectID: "alpha", MTU: 1450, NetworkType: model.NetworkVXLAN, SegmentationID: 5, NetworkKey: 5,
				AvailabilityZoneHints: []string{}, Tags: []string{}, RevisionNumber: 1}
			check(t, old.db.Create(n).Error)
			check(t, old.db.Exec("INSERT INTO segments (space, physical_network, identifier, network_number) VALUES ('key', '', 5, ?)", n.Number).Error)
			insert := func(id, project, owner string, security bool) {
				row := rowOfPort(&model.Port{ID: id, NetworkID: "n", ProjectID: project, DeviceOwner: owner, PortSecurityEnabled: security, MAC: model.MAC{2, 0, 0, 0, 0, id[0]},
					Status: model.StatusDown, VNICType: model.VNICTypeNormal, VIFType: model.VIFTypeUnbound, BindingGeneration: 1, RevisionNumber: 1})
				check(t, old.db.Omit("security_groups").Create(row).Error)
			}
			insert("a", "alpha", "compute:nova", true)
			insert("b", "alpha", "", true)
			insert("c", "beta", "", true)
			insert("d", "beta", "", false)
			insert("e", "gamma", "", false)
			insert("f", "delta", "network:other", true)
			check(t, old.closeDatabases())

			s := open(t, address, Options{})
			healthy(t, s)
			var projects []string
			check(t, s.reader.Raw("SELECT project_id FROM security_groups ORDER BY number").Scan(&projects).Error)
			if !slices.Equal(projects, []string{"alpha", "beta"}) {
				t.Fatalf("groups of %v", projects)
			}
			alpha, beta := defaultGroup(t, s, "alpha"), defaultGroup(t, s, "beta")
			for _, g := range []*model.SecurityGroup{alpha, beta} {
				fresh := newGroupLike(t, s, g)
				if !slices.Equal(said(g.Rules), said(fresh.Rules)) || !g.Stateful || g.Description != fresh.Description || g.RevisionNumber != 1 ||
					uuid.Validate(g.ID) != nil || g.CreatedAt.Location() != time.UTC || time.Since(g.CreatedAt).Abs() > time.Minute {
					t.Errorf("group %+v, and one made now\n%+v", g, fresh)
				}
			}
			for id, want := range map[string][]string{"a": {alpha.ID}, "b": {alpha.ID}, "c": {beta.ID}, "d": {}, "e": {}, "f": {}} {
				p := must(s.Port(admin, id))(t)
				if !slices.Equal(p.SecurityGroups, want) || p.PortSecurityEnabled != (len(want) > 0) {
					t.Errorf("port %s: port security %t, groups %v, want %v", id, p.PortSecurityEnabled, p.SecurityGroups, want)
				}
			}
			refused(t, s.DeleteSecurityGroup(admin, alpha.ID), 409, "SecurityGroupInUse")
		})
	}
}

// Bare metal that was bound to nodes, before there were physical switches, waits for one.
func TestMigrationOfBareMetal(t *testing.T) {
	for name, url := range map[string]func(testing.TB) string{"sqlite": sqliteURL, "postgres": postgresURL} {
		t.Run(name, func(t *testing.T) {
			address := url(t)
			old := olderStore(t, address, 7)
			n := &networkRow{ID: "n", ProjectID: "alpha", MTU: 1450, NetworkType: model.NetworkVLAN, PhysicalNetwork: "dc", SegmentationID: 5, NetworkKey: 9,
				AvailabilityZoneHints: []string{}, Tags: []string{}, RevisionNumber: 1}
			check(t, old.db.Create(n).Error)
			check(t, old.db.Exec("INSERT INTO segments (space, physical_network, identifier, network_number) VALUES ('vlan', 'dc', 5, ?), ('key', '', 9, ?)", n.Number, n.Number).Error)
			insert := func(id, vifType string, change func(*model.Port)) {
				p := &model.Port{ID: id, NetworkID: "n", ProjectID: "alpha", MAC: model.MAC{2, 0, 0, 0, 0, id[0]}, Status: model.StatusActive,
					VNICType: model.VNICTypeBareMetal, VIFType: vifType, BindingGeneration: 1, RevisionNumber: 1}
				change(p)
				check(t, old.db.Create(rowOfPort(p)).Error)
			}
			insert("a", model.VIFTypeOVS, func(p *model.Port) { p.HostID, p.DatapathType = "compute1", "system" })
			insert("b", model.VIFTypeUnbound, func(p *model.Port) { bareMetal("leaf1", "eth1", 0)(p); p.HostID = "" })
			insert("c", model.VIFTypeUnbound, func(p *model.Port) { p.Status = model.StatusDown })
			check(t, old.closeDatabases())

			s := open(t, address, Options{})
			healthy(t, s)
			isBound(t, s, "a", model.VIFTypeBindingFailed)
			newSwitch(t, s, 1)
			isBound(t, s, "b", model.VIFTypeOther)
			isBound(t, s, "c", model.VIFTypeUnbound)
			healthy(t, s)
		})
	}
}

// newGroupLike gives the default group of a new project, as if it were g.
func newGroupLike(t *testing.T, s *Store, g *model.SecurityGroup) *model.SecurityGroup {
	fresh := *defaultGroup(t, s, "like "+g.ProjectID)
	for i := range fresh.Rules {
		if fresh.Rules[i].RemoteGroupID == fresh.ID {
			fresh.Rules[i].RemoteGroupID = g.ID
		}
	}
	return &fresh
}

// downgrade takes the version away that TestMigrations has added.
func downgrade(t *testing.T, url string) {
	t.Helper()
	s := &Store{options: Options{Log: zap.NewNop()}, unlock: func() error { return nil }}
	check(t, s.connect(url, false))
	check(t, s.db.Exec("DELETE FROM schema_migrations WHERE version = (SELECT MAX(version) FROM schema_migrations)").Error)
	check(t, s.db.Exec("ALTER TABLE networks DROP COLUMN more").Error)
	check(t, s.closeDatabases())
}

// Replicas that start together migrate once.
func TestMigrationsOfSeveralReplicas(t *testing.T) {
	url := postgresURL(t)
	stores := make(chan *Store, 4)
	for range cap(stores) {
		go func() {
			s, err := Open(context.Background(), url, Options{Source: model.SystemSource()})
			if err != nil {
				t.Error(err)
			}
			stores <- s
		}()
	}
	clouds := map[string]bool{}
	for range cap(stores) {
		if s := <-stores; s != nil {
			clouds[s.CloudID()] = true
			check(t, s.Close())
		}
	}
	if len(clouds) != 1 {
		t.Fatalf("clouds %v", clouds)
	}
}

func TestSQLiteFileHasOneDaemon(t *testing.T) {
	url := sqliteURL(t)
	first := open(t, url, Options{})
	if _, err := Open(context.Background(), url, Options{Source: model.SystemSource()}); err == nil || !strings.Contains(err.Error(), "another planckd") {
		t.Fatalf("a second daemon: %v", err)
	}
	newNetwork(t, first)
	settings := map[string]string{}
	for _, pragma := range []string{"journal_mode", "foreign_keys", "synchronous", "busy_timeout"} {
		var value string
		check(t, first.db.Raw("PRAGMA "+pragma).Scan(&value).Error)
		settings[pragma] = value
	}
	if settings["journal_mode"] != "wal" || settings["foreign_keys"] != "1" || settings["synchronous"] != "2" || settings["busy_timeout"] != "5000" {
		t.Fatalf("settings %v", settings)
	}
}

func TestOpenRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		url     string
		options Options
	}{
		"other database": {"mysql://x", Options{}},
		"no directory":   {"sqlite:/nonexistent/planck.db", Options{}},
		"VNI 0":          {sqliteURL(t), Options{VNIs: Range{0, 9}}},
		"VNIs backwards": {sqliteURL(t), Options{VNIs: Range{9, 8}}},
		"VLAN 4095":      {sqliteURL(t), Options{VLANs: map[string]Range{"x": {1, 4095}}}},
		"underlay MTU":   {sqliteURL(t), Options{UnderlayMTU: 100}},
	} {
		c.options.Source = model.SystemSource()
		if s, err := Open(context.Background(), c.url, c.options); err == nil {
			t.Errorf("%s: opened", name)
			check(t, s.Close())
		}
	}
}
