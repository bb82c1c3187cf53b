package store

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"math/rand/v2"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/planck-sdn/planck/model"
	"github.com/planck-sdn/planck/tests/postgres"
)

// urls are new databases of both kinds.
var urls = map[string]func(testing.TB) string{sqliteName: sqliteURL, postgresName: postgresURL}

// unlimited lets random operations make as much as they like.
func unlimited() map[string]int {
	quotas := map[string]int{}
	for _, resource := range QuotaResources {
		quotas[resource] = Unlimited
	}
	return quotas
}

// furnish puts something into every table, and makes some numbers and identifiers be given and gone again.
func furnish(t *testing.T, s *Store, seed uint64) {
	t.Helper()
	ctx := context.Background()
	r := rand.New(rand.NewPCG(seed, 1))
	for range 300 {
		check(t, operate(s, r))
	}
	_, _, err := s.ReportNode(ctx, model.Node{SystemID: "s9", Hostname: "compute9", EncapIP: addr("10.9.0.9"), DatapathType: "system", TunnelPort: 7,
		Mappings: []model.Mapping{{PhysicalNetwork: "dc", Bridge: "br-dc"}}, Interfaces: []model.Interface{{Name: "tap1", PortID: "p", Ofport: 3}}})
	check(t, err)
	leaf, spine := newSwitch(t, s, 11), newSwitch(t, s, 12)
	var nodes []model.Number
	for _, n := range must(s.Nodes(ctx))(t) {
		nodes = append(nodes, n.Number)
	}
	must(s.AcquireMasters(ctx, "controller1", nodes, time.Hour))(t)
	n := newNetwork(t, s, func(n *model.Network) {
		n.Name, n.Description, n.Tags = "a \"name\" <&> of \u2028 \x01 and \U0001f600", strings.Repeat("long ", 50), []string{"a", "b"}
	})
	a := newSubnet(t, s, n, "10.200.0.0/24")
	for range 2 {
		newPort(t, s, n, func(p *model.Port) { p.DeviceOwner, p.DeviceID, p.HostID = "compute:nova", "server", "compute9" })
	}
	check(t, s.DeletePort(admin, must(s.ListPorts(admin, Query{Filters: map[string][]string{"device_id": {"server"}}}))(t)[0].ID))
	newPolicy(t, s, n, model.AccessAsShared, "beta")
	must(s.SetQuota(admin, "alpha", map[string]int{"port": 5000}))(t)
	external, _ := newExternal(t, s)
	router := newRouter(t, s, through(external))
	face := must(s.Port(admin, join(t, s, router, a).PortID))(t)
	fixed := newPort(t, s, n)
	newFloatingIP(t, s, external, standingFor(fixed))
	must(s.LearnNeighbour(ctx, model.Neighbour{RouterID: router.ID, NetworkID: external.ID, Address: addr("203.0.113.1")}))(t)
	must(s.SetHolder(ctx, model.Holder{NetworkID: n.ID, Address: fixed.FixedIPs[0].IPAddress, PortID: fixed.ID}))(t)
	must2(s.AddLink(ctx, model.LinkEnd{Node: leaf.Number, Port: 8}, model.LinkEnd{Node: spine.Number, Port: 8}))(t)
	newPort(t, s, newNetwork(t, s, onFabric(4000)), bareMetal("0xb", "eth1", 5))
	must(s.SetService(ctx, face.Number, 0, nodes[0]))(t)
	check(t, s.DeleteNetwork(admin, newNetwork(t, s).ID))
	check(t, s.DeletePort(admin, newPort(t, s, n).ID))
	check(t, s.DeleteRouter(admin, newRouter(t, s).ID))
	healthy(t, s)
}

func backupOf(t testing.TB, url string) []byte {
	t.Helper()
	var b bytes.Buffer
	summary := must(Backup(context.Background(), url, &b, nil))(t)
	if lines := int64(bytes.Count(b.Bytes(), []byte{'\n'})); lines != summary.Rows+int64(summary.Tables)+2 {
		t.Fatalf("%d lines, and %+v", lines, summary)
	}
	return b.Bytes()
}

func restoreTo(t testing.TB, url string, backup []byte) {
	t.Helper()
	summary := must(Restore(context.Background(), url, bytes.NewReader(backup), nil))(t)
	if summary.Rows == 0 || summary.Tables == 0 {
		t.Fatalf("restored %+v", summary)
	}
}

// contents are the rows of a backup by table, with what a restore changes made equal.
func contents(t testing.TB, backup []byte) (rows map[string][]map[string]any, last map[string]int64) {
	t.Helper()
	r := must(newBackupReader(bytes.NewReader(backup)))(t)
	rows, last = map[string][]map[string]any{}, map[string]int64{}
	var table *backupTable
	for {
		next, values, err := r.next()
		switch {
		case err == io.EOF:
			return rows, last
		case err != nil:
			t.Fatal(err)
		case next != nil:
			table = next
			rows[table.Table], last[table.Table] = nil, table.Last
			continue
		}
		row := map[string]any{}
		for i, column := range table.Columns {
			row[column] = values[i]
		}
		for _, column := range map[string][]string{"segments": {"freed_txid"}, "node_confirmations": {"horizon"}, "masters": {"expires_at", "generation"}}[table.Table] {
			if row[column] != nil {
				row[column] = "settled"
			}
		}
		rows[table.Table] = append(rows[table.Table], row)
	}
}

func load(t testing.TB, s *Store) ([]model.Object, Position) {
	t.Helper()
	objects, position, err := s.Load(context.Background())
	check(t, err)
	return objects, position
}

// TestBackupRestore moves a cloud from each kind of database to each, and compares all there is.
func TestBackupRestore(t *testing.T) {
	for from, source := range urls {
		t.Run("from "+from, func(t *testing.T) {
			url := source(t)
			before := open(t, url, Options{Events: true, Quotas: unlimited()})
			if from == sqliteName { // its transactions have higher numbers than PostgreSQL's
				check(t, setLastNumber(before.db, before.dialect, &storedTable{name: "journal"}, 1_000_000))
			}
			furnish(t, before, 7)
			_, position := load(t, before)
			backup := backupOf(t, url) // beside the open store
			want, last := contents(t, backup)
			var names []string
			check(t, before.reader.Raw(map[string]string{
				sqliteName:   "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%'",
				postgresName: "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"}[from]).Scan(&names).Error)
			if len(names) != len(want)+len(ephemeral) {
				t.Errorf("there are tables %q, and the backup has %q", names, slices.Sorted(maps.Keys(want)))
			}
			for _, name := range names {
				if _, ok := want[name]; ok == isEphemeral(name) || ok && len(want[name]) == 0 {
					t.Errorf("table %s: the backup has it: %t, with %d rows", name, ok, len(want[name]))
				}
			}
			for to, target := range urls {
				t.Run("to "+to, func(t *testing.T) {
					url := target(t)
					restoreTo(t, url, backup)
					got, gotLast := contents(t, backupOf(t, url))
					for name := range want {
						if !reflect.DeepEqual(got[name], want[name]) {
							t.Errorf("table %s was\n%v\nand is\n%v", name, want[name], got[name])
						}
					}
					if !maps.Equal(last, gotLast) {
						t.Errorf("numbers given: %v, and before %v", gotLast, last)
					}
					after := open(t, url, Options{})
					healthy(t, after)
					_, restored := load(t, after)
					if to == sqliteName && restored.Revision < position.Revision { // PostgreSQL's transactions have numbers of their own
						t.Errorf("revision %d became %d", position.Revision, restored.Revision)
					}
					compareStores(t, before, after)
				})
			}
		})
	}
}

func compareStores(t *testing.T, before, after *Store) {
	t.Helper()
	ctx := context.Background()
	if before.CloudID() != after.CloudID() {
		t.Errorf("cloud %s became %s", before.CloudID(), after.CloudID())
	}
	want, _ := load(t, before)
	got, is := load(t, after)
	if !reflect.DeepEqual(got, want) {
		t.Errorf("the topology differs: %d objects, and before %d", len(got), len(want))
	}
	same(t, "networks", before.ListNetworks, after.ListNetworks)
	same(t, "subnets", before.ListSubnets, after.ListSubnets)
	same(t, "ports", before.ListPorts, after.ListPorts)
	same(t, "routers", before.ListRouters, after.ListRouters)
	same(t, "floating IPs", before.ListFloatingIPs, after.ListFloatingIPs)
	same(t, "security groups", before.ListSecurityGroups, after.ListSecurityGroups)
	same(t, "policies", before.ListRBACPolicies, after.ListRBACPolicies)

	// Numbers go on where they would have gone on.
	n := newNetwork(t, after)
	if highest := highestNetwork(t, before); n.Number != highest+1 {
		t.Errorf("a new network has number %d, and %d was given before", n.Number, highest)
	}
	if changes, _, err := after.Follow(ctx, is); err != nil || len(changes) == 0 || changes[0].Ref.Number != n.Number {
		t.Errorf("a follower sees %v, %v", changes, err)
	}

	// What was freed is free when every node has confirmed.
	if pending := must(after.PendingReclaims(ctx))(t); !pending {
		t.Error("nothing waits to be free")
	}
	if n := must(after.Reclaim(ctx))(t); n != 0 {
		t.Errorf("%d identifiers are free, and no node has confirmed anything", n)
	}
	horizons := map[model.Number]uint64{}
	for _, node := range must(after.Nodes(ctx))(t) {
		horizons[node.Number] = is.Horizon
	}
	check(t, after.Confirm(ctx, horizons))
	if n := must(after.Reclaim(ctx))(t); n == 0 {
		t.Error("nothing is free, although all nodes have confirmed")
	}

	// Another controller takes the switches at once, above what they have seen.
	nodes := slices.Collect(maps.Keys(horizons))
	seen := must(before.AcquireMasters(ctx, "controller1", nodes, time.Hour))(t)
	masters := must(after.AcquireMasters(ctx, "controller2", nodes, time.Hour))(t)
	for _, node := range nodes {
		if masters[node] <= seen[node] {
			t.Errorf("node %d: generation %d, and its switch has seen %d", node, masters[node], seen[node])
		}
	}
}

func highestNetwork(t testing.TB, s *Store) (highest model.Number) {
	t.Helper()
	highest = model.Number(must(lastNumber(s.reader, s.dialect, &storedTable{name: "networks", identity: "number"}))(t))
	return highest
}

func same[T any](t testing.TB, what string, before, after func(context.Context, Query) ([]T, error)) {
	t.Helper()
	want, got := must(before(admin, Query{}))(t), must(after(admin, Query{}))(t)
	if len(want) == 0 || !reflect.DeepEqual(want, got) {
		t.Errorf("%s: %d differ from %d before", what, len(got), len(want))
	}
}

// TestBackupBesideWriters: whatever goes on meanwhile, a backup is consistent.
func TestBackupBesideWriters(t *testing.T) {
	for name, source := range urls {
		t.Run(name, func(t *testing.T) {
			url := source(t)
			s := open(t, url, Options{})
			running, stop := context.WithCancel(context.Background())
			var writers sync.WaitGroup
			for w := range 4 {
				writers.Go(func() {
					for r := rand.New(rand.NewPCG(uint64(w), 5)); running.Err() == nil; {
						if err := operate(s, r); err != nil {
							t.Error(err)
							return
						}
					}
				})
			}
			defer writers.Wait()
			defer stop()
			lines := func() (n int64) {
				check(t, s.reader.Raw("SELECT COALESCE(MAX(seq), 0) FROM journal").Scan(&n).Error)
				return n
			}
			within(t, time.Minute, "the writers have written", func() bool { return lines() > 200 })
			for range 3 {
				before := lines()
				backup := backupOf(t, url)
				restoreTo(t, sqliteURL(t), backup) // it checks what it restores
				within(t, time.Minute, "the writers go on", func() bool { return lines() > before })
			}
		})
	}
}

// TestRestoreOlder restores a backup of each older schema.
func TestRestoreOlder(t *testing.T) {
	newest := len(must(readMigrations(must(fs.Sub(migrations, "migrations/sqlite"))(t)))(t))
	for from, source := range urls {
		for version := 1; version <= newest; version++ {
			t.Run(fmt.Sprint(from, " ", version), func(t *testing.T) {
				address := source(t)
				old := olderStore(t, address, version)
				check(t, old.db.Exec("INSERT INTO cloud (id, uuid) VALUES (1, ?)", old.options.Source.UUID()).Error)
				shared, value := "", ""
				if version == 1 {
					shared, value = ", shared", ", true"
				}
				check(t, old.db.Exec(`INSERT INTO networks (id, project_id, name, description, admin_state_up, mtu, port_security_enabled, network_type, physical_network,
					segmentation_id, network_key, revision_number, created_at, updated_at`+shared+`) VALUES (?, 'alpha', 'net', '', true, 1450, true, 'vxlan', '', 5, 5, 1, ?, ?`+value+`)`,
					old.options.Source.UUID(), time.Unix(1700000000, 0).UTC(), time.Unix(1700000000, 0).UTC()).Error)
				check(t, old.db.Exec("INSERT INTO segments (space, physical_network, identifier, network_number) VALUES ('key', '', 5, 1)").Error)
				check(t, old.closeDatabases())
				backup := backupOf(t, address)
				for to, target := range urls {
					if to == from { // TestBackupRestore does that
						continue
					}
					url := target(t)
					restoreTo(t, url, backup)
					s := open(t, url, Options{})
					healthy(t, s)
					if list := must(s.ListNetworks(admin, Query{}))(t); len(list) != 1 || list[0].Name != "net" || list[0].Shared != (version == 1) || list[0].CreatedAt.Unix() != 1700000000 {
						t.Errorf("to %s: %+v", to, list)
					}
					if n := newNetwork(t, s); n.Number != 2 {
						t.Errorf("to %s: the next number is %d", to, n.Number)
					}
				}
				if version < newest {
					url := source(t)
					check(t, must(Open(context.Background(), url, Options{Source: model.SystemSource()}))(t).Close())
					if _, err := Restore(context.Background(), url, bytes.NewReader(backup), nil); err == nil || !strings.Contains(err.Error(), "without any tables") {
						t.Errorf("into a newer schema: %v", err)
					}
				}
			})
		}
	}
}

// edited gives a backup with its lines changed, and a trailer that agrees.
func edited(t testing.TB, backup []byte, edit func(lines []string) []string) []byte {
	t.Helper()
	lines := edit(slices.DeleteFunc(strings.Split(strings.TrimSpace(string(backup)), "\n"), func(l string) bool { return strings.HasPrefix(l, `{"end"`) }))
	var b bytes.Buffer
	w := &backupWriter{out: &b, hash: sha256.New()}
	w.encoder = json.NewEncoder(&w.line)
	w.encoder.SetEscapeHTML(false)
	for i, l := range lines {
		switch {
		case i == 0:
		case strings.HasPrefix(l, "{"):
			w.tables++
		default:
			w.rows++
		}
		check(t, w.write(json.RawMessage(l)))
	}
	check(t, w.end())
	return b.Bytes()
}

// TestRestoreRefuses: whatever is wrong, nothing is restored, and the database can still take a good backup.
func TestRestoreRefuses(t *testing.T) {
	ctx := context.Background()
	source := sqliteURL(t)
	s := open(t, source, Options{Quotas: unlimited()})
	furnish(t, s, 3)
	backup := backupOf(t, source)
	replace := func(old, new string) []byte {
		t.Helper()
		return edited(t, backup, func(lines []string) []string {
			changed := strings.Replace(strings.Join(lines, "\n"), old, new, 1)
			if changed == strings.Join(lines, "\n") {
				t.Fatalf("there is no %s", old)
			}
			return strings.Split(changed, "\n")
		})
	}
	without := func(table string) []byte {
		return edited(t, backup, func(lines []string) []string {
			first := slices.IndexFunc(lines, func(l string) bool { return strings.HasPrefix(l, `{"table":"`+table+`"`) })
			next := slices.IndexFunc(lines[first+1:], func(l string) bool { return strings.HasPrefix(l, `{"table"`) })
			if next < 0 {
				next = len(lines) - first - 1
			}
			return slices.Delete(lines, first, first+1+next)
		})
	}
	flipped := bytes.Clone(backup)
	i := bytes.Index(flipped, []byte(`"alpha"`))
	flipped[i+1] = 'A'
	subnet := must(s.ListSubnets(admin, Query{}))(t)[0]
	refusals := map[string]struct {
		backup []byte
		says   string
	}{
		"nothing":         {nil, "the file is empty"},
		"foreign":         {[]byte("PGDMP\x01\x0e\x00"), "no backup made by planckctl"},
		"foreign JSON":    {[]byte("{}\n"), "no backup made by planckctl"},
		"half":            {backup[:len(backup)/2], "backup"},
		"without the end": {backup[:bytes.LastIndex(backup, []byte(`{"end"`))], "ends early"},
		"header alone":    {backup[:bytes.IndexByte(backup, '\n')], "ends early"},
		"a bit":           {flipped, "checksum"},
		"two":             {slices.Concat(backup, backup), "follows the backup's last line"},
		"later format":    {replace(`{"planck_backup":1`, `{"planck_backup":2`), "use a newer one"},
		"later schema":    {replace(`"schema":`, `"schema":9`), "use a newer one"},
		"no cloud":        {replace(`"cloud":"`, `"cloud":"x`), "names no schema or no cloud"},
		"table missing":   {without("quotas"), "lacks table quotas"},
		"table unknown":   {replace(`"table":"quotas"`, `"table":"quotients"`), `no table "quotients"`},
		"table twice":     {replace(`"table":"quotas"`, `"table":"networks"`), "twice"},
		"journal":         {replace(`"table":"quotas"`, `"table":"journal"`), `no table "journal"`},
		"column unknown":  {replace(`["project_id","resource","max_count"]`, `["project_id","resource","most"]`), `no column "most"`},
		"column twice":    {replace(`["project_id","resource","max_count"]`, `["project_id","resource","resource"]`), "twice"},
		"column missing":  {replace(`["project_id","resource","max_count"]`, `["project_id","resource"]`), "has columns"},
		"short row":       {replace(`["alpha","port",5000]`, `["alpha","port"]`), "2 values"},
		"wrong kind":      {replace(`["alpha","port",5000]`, `["alpha","port","5000"]`), "kind integer"},
		"too large":       {replace(`["alpha","port",5000]`, `["alpha","port",9223372036854775808]`), "out of range"},
		"fraction":        {replace(`["alpha","port",5000]`, `["alpha","port",1.5]`), "invalid syntax"},
		"nested":          {replace(`["alpha","port",5000]`, `["alpha","port",[5]]`), "a list or an object"},
		"constraint":      {replace(`["alpha","port",5000]`, `["alpha","port",-7]`), "table quotas"},
		"parent missing":  {replace(`"`+subnet.NetworkID+`"`, `"`+s.options.Source.UUID()+`"`), ""},
		"inconsistent":    {replace(`["alpha","port",5000]`, `["alpha","prt",5000]`), "is not consistent"},
	}
	for kind, target := range urls {
		t.Run(kind, func(t *testing.T) {
			url := target(t)
			for name, c := range refusals {
				_, err := Restore(ctx, url, bytes.NewReader(c.backup), nil)
				if err == nil || !strings.Contains(err.Error(), c.says) {
					t.Errorf("%s: %v, and it should say %q", name, err, c.says)
				}
				if _, err := OpenReadOnly(ctx, url); err == nil {
					t.Fatalf("%s: something was made", name)
				}
			}
			canceled, cancel := context.WithCancel(ctx)
			cancel()
			if _, err := Restore(canceled, url, bytes.NewReader(backup), nil); err == nil {
				t.Error("an interrupted restore is well")
			}
			restoreTo(t, url, backup)
			if _, err := Restore(ctx, url, bytes.NewReader(backup), nil); err == nil || !strings.Contains(err.Error(), "is not empty: it has") || !strings.Contains(err.Error(), "networks") {
				t.Errorf("a second restore: %v", err)
			}
			healthy(t, open(t, url, Options{}))
		})
	}
}

// TestRestoreInto shows which databases are empty.
func TestRestoreInto(t *testing.T) {
	ctx := context.Background()
	source := sqliteURL(t)
	before := open(t, source, Options{})
	newSubnet(t, before, newNetwork(t, before), "10.0.0.0/24")
	backup := backupOf(t, source)
	for kind, target := range urls {
		t.Run(kind, func(t *testing.T) {
			url := target(t)
			s := must(Open(ctx, url, Options{Source: model.SystemSource()}))(t)
			n := newNetwork(t, s)
			check(t, s.DeleteNetwork(admin, n.ID))
			s.db.Exec("DELETE FROM segments")
			s.db.Exec("DELETE FROM security_group_rules")
			s.db.Exec("DELETE FROM security_groups")
			_, err := Restore(ctx, url, bytes.NewReader(backup), nil)
			if want := map[string]string{sqliteName: "another planckd", postgresName: "a planckd has the database open"}[kind]; err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("with a planckd: %v", err)
			}
			check(t, s.Close())
			restoreTo(t, url, backup) // into what a planckd has left that had nothing
			after := open(t, url, Options{})
			healthy(t, after)
			if after.CloudID() != before.CloudID() {
				t.Error("the cloud is another one")
			}
			if got := newNetwork(t, after); got.Number <= n.Number {
				t.Errorf("number %d was given again", got.Number)
			}
		})
	}
	for kind, target := range urls {
		url := target(t)
		s := offline()
		check(t, s.connect(url, false))
		check(t, s.db.Exec("CREATE TABLE birds (name text)").Error)
		check(t, s.closeDatabases())
		if _, err := Restore(ctx, url, bytes.NewReader(backup), nil); err == nil || !strings.Contains(err.Error(), "not Planck's, such as birds") {
			t.Errorf("%s, another's database: %v", kind, err)
		}
	}
}

// TestBackupOfDamage: what cannot be written as it is, is an error and not left out.
func TestBackupOfDamage(t *testing.T) {
	url := sqliteURL(t)
	s := open(t, url, Options{})
	n := newNetwork(t, s)
	for _, value := range []string{"CAST(x'ff' AS text)", "5", "x'ff'"} {
		check(t, s.db.Exec("UPDATE networks SET name = "+value+" WHERE id = ?", n.ID).Error)
		_, err := Backup(context.Background(), url, io.Discard, nil)
		if value != "5" && (err == nil || !strings.Contains(err.Error(), "table networks: column name")) { // a text column makes a text of 5
			t.Errorf("%s: %v", value, err)
		}
	}
	check(t, s.db.Exec("UPDATE networks SET name = 'a' || char(0) || 'b'").Error)
	backup := backupOf(t, url)
	if _, err := Restore(context.Background(), postgresURL(t), bytes.NewReader(backup), nil); err == nil || !strings.Contains(err.Error(), "table networks") {
		t.Errorf("what PostgreSQL cannot store: %v", err)
	}
	if _, err := Backup(context.Background(), url, brokenFile{}, nil); err == nil || err.Error() != "no space left on device" {
		t.Errorf("a full disk: %v", err)
	}
	for _, part := range [][]byte{nil, backup[:len(backup)/2]} {
		in := io.MultiReader(bytes.NewReader(part), brokenFile{})
		if _, err := Restore(context.Background(), sqliteURL(t), in, nil); err == nil || err.Error() != "input/output error" {
			t.Errorf("a file that cannot be read after %d bytes: %v", len(part), err)
		}
	}
}

type brokenFile struct{}

func (brokenFile) Write([]byte) (int, error) { return 0, syscall.ENOSPC }
func (brokenFile) Read([]byte) (int, error)  { return 0, syscall.EIO }

func TestParentsFirst(t *testing.T) {
	list := []*storedTable{{name: "c", references: []string{"b", "a"}}, {name: "b", references: []string{"a"}}, {name: "a"}, {name: "d"}}
	sorted := must(parentsFirst(list))(t)
	var names []string
	for _, s := range sorted {
		names = append(names, s.name)
	}
	if !slices.Equal(names, []string{"a", "d", "b", "c"}) {
		t.Errorf("order %v", names)
	}
	if _, err := parentsFirst([]*storedTable{{name: "a", references: []string{"b"}}, {name: "b", references: []string{"a"}}}); err == nil {
		t.Error("a circle has an order")
	}
}

// FuzzBackupReader: nothing that is read makes it fail otherwise than by an error, and what it takes for whole it can write again.
func FuzzBackupReader(f *testing.F) {
	url := sqliteURL(f)
	s := must(Open(context.Background(), url, Options{Source: model.SystemSource()}))(f)
	newSubnet(f, s, newNetwork(f, s), netip.MustParsePrefix("10.0.0.0/24").String())
	check(f, s.Close())
	f.Add(backupOf(f, url))
	f.Add([]byte(`{"planck_backup":1,"schema":1,"cloud":"0a1b2c3d-0000-4000-8000-00000000000a","dialect":"sqlite","at":"2026-01-02T03:04:05Z","transaction":1}` + "\n" +
		`{"table":"a","columns":["b"],"last":5}` + "\n[1]\n[null]\n[true]\n[\"2026-01-02T03:04:05Z\"]\n[1e400]\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := newBackupReader(bytes.NewReader(data))
		if err != nil {
			return
		}
		var again bytes.Buffer
		w := must(newBackupWriter(&again, r.header))(t)
		for {
			table, row, err := r.next()
			switch {
			case err == io.EOF:
				check(t, w.end())
				read := must(newBackupReader(&again))(t)
				for err == nil {
					_, _, err = read.next()
				}
				if err != io.EOF {
					t.Fatalf("read, written and read: %v", err)
				}
				return
			case err != nil:
				return
			case table != nil:
				check(t, w.table(*table))
			default:
				for _, value := range row {
					for _, kind := range []storedKind{storedInteger, storedReal, storedBoolean, storedText, storedTime} {
						c := storedColumn{"c", kind}
						if stored, err := c.fromBackup(value); err == nil {
							if _, err := c.toBackup(stored); err != nil && kind != storedTime { // years beyond 9999 have no text
								t.Fatalf("%v of kind %s cannot be written again: %v", value, kind, err)
							}
						}
					}
				}
				check(t, w.row(row))
			}
		}
	})
}

// BenchmarkBackupRestore is a cloud of 20,000 ports, in files and on a PostgreSQL with its durable defaults.
func BenchmarkBackupRestore(b *testing.B) {
	server, err := postgres.Start()
	check(b, err)
	b.Cleanup(func() { check(b, server.Stop()) })
	durable := func(b *testing.B) string { return must(server.NewDatabase(context.Background()))(b) }
	for kind, newURL := range map[string]func(*testing.B) string{sqliteName: func(b *testing.B) string { return sqliteURL(b) }, postgresName: durable} {
		url := newURL(b)
		s := open(b, url, Options{Quotas: map[string]int{"port": Unlimited}})
		n := newNetwork(b, s)
		newSubnet(b, s, n, "10.0.0.0/8")
		for range 20 {
			requests := make([]PortRequest, 1000)
			for i := range requests {
				requests[i].Port = portRequest(n)
			}
			check(b, s.CreatePorts(admin, requests))
		}
		backup := backupOf(b, url)
		b.Run(kind+"/backup", func(b *testing.B) {
			b.SetBytes(int64(len(backup)))
			b.ReportAllocs()
			for b.Loop() {
				must(Backup(context.Background(), url, io.Discard, nil))(b)
			}
		})
		b.Run(kind+"/restore", func(b *testing.B) {
			b.SetBytes(int64(len(backup)))
			for b.Loop() {
				restoreTo(b, newURL(b), backup)
			}
		})
	}
}
