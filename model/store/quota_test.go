package store

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/planck-sdn/planck/model"
)

func isOverQuota(err error) bool {
	var refusal *model.Error
	return errors.As(err, &refusal) && refusal.Type == "OverQuota"
}

// onBothWith is onBoth with options.
func onBothWith(t *testing.T, options Options, test func(t *testing.T, s *Store)) {
	t.Helper()
	t.Run("sqlite", func(t *testing.T) { test(t, open(t, sqliteURL(t), options)) })
	t.Run("postgres", func(t *testing.T) { test(t, open(t, postgresURL(t), options)) })
}

func TestQuotaSettings(t *testing.T) {
	onBothWith(t, Options{Quotas: map[string]int{"port": 7, "network": Unlimited}}, func(t *testing.T, s *Store) {
		standard := map[string]int{"network": Unlimited, "subnet": 100, "port": 7, "rbac_policy": 10, "router": 10, "floatingip": 50,
			"security_group": 10, "security_group_rule": 100}
		if got := s.DefaultQuota(); !maps.Equal(got, standard) {
			t.Fatalf("defaults: %v", got)
		}
		s.DefaultQuota()["port"] = 1 // a copy
		if !slices.Equal(QuotaResources, []string{"floatingip", "network", "port", "rbac_policy", "router", "security_group", "security_group_rule", "subnet"}) {
			t.Errorf("resources: %v", QuotaResources)
		}
		if got := must(s.Quota(tenant("alpha"), "alpha"))(t); !maps.Equal(got, standard) {
			t.Errorf("without limits of its own: %v", got)
		}
		refused(t, second(s.Quota(tenant("beta"), "alpha")), 403, "PolicyNotAuthorized")
		refused(t, second(s.QuotaDetails(tenant("beta"), "alpha")), 403, "PolicyNotAuthorized")
		refused(t, second(s.Quotas(tenant("beta"))), 403, "PolicyNotAuthorized")
		refused(t, second(s.SetQuota(tenant("alpha"), "alpha", map[string]int{"port": 8})), 403, "PolicyNotAuthorized")
		refused(t, s.ResetQuota(tenant("alpha"), "alpha"), 403, "PolicyNotAuthorized")
		refused(t, s.ResetQuota(admin, "alpha"), 404, "TenantQuotaNotFound")
		for _, bad := range []map[string]int{{"subnetpool": 1}, {"port": -2}, {"port": 1 << 31}} {
			refused(t, second(s.SetQuota(admin, "alpha", bad)), 400, "InvalidInput")
		}
		refused(t, second(s.SetQuota(admin, "", nil)), 400, "QuotaMissingProject")

		own := maps.Clone(standard)
		own["port"], own["subnet"] = 3, 0
		if got := must(s.SetQuota(admin, "alpha", map[string]int{"port": 3, "subnet": 0}))(t); !maps.Equal(got, own) {
			t.Errorf("set: %v", got)
		}
		own["port"] = Unlimited
		must(s.SetQuota(admin, "alpha", map[string]int{"port": Unlimited}))(t)
		must(s.SetQuota(admin, "beta", map[string]int{"rbac_policy": 1}))(t)
		if got := must(s.Quota(admin, "alpha"))(t); !maps.Equal(got, own) {
			t.Errorf("set again: %v", got)
		}
		other := maps.Clone(standard)
		other["rbac_policy"] = 1
		if got := must(s.Quotas(admin))(t); !reflect.DeepEqual(got, []ProjectQuota{{"alpha", own}, {"beta", other}}) {
			t.Errorf("all: %v", got)
		}
		check(t, s.ResetQuota(admin, "alpha"))
		if got := must(s.Quota(admin, "alpha"))(t); !maps.Equal(got, standard) {
			t.Errorf("reset: %v", got)
		}
	})
	for _, bad := range []map[string]int{{"subnetpool": 1}, {"port": -2}} {
		if _, err := Open(context.Background(), sqliteURL(t), Options{Source: model.SystemSource(), Quotas: bad}); err == nil {
			t.Errorf("quotas %v are accepted", bad)
		}
	}
}

func TestQuotasLimit(t *testing.T) {
	options := Options{Quotas: map[string]int{"network": 2, "subnet": 2, "port": 4, "rbac_policy": 1}}
	onBothWith(t, options, func(t *testing.T, s *Store) {
		n := newNetwork(t, s)
		networks := func(count int, project string) error {
			batch := make([]*model.Network, count)
			for i := range batch {
				batch[i] = &model.Network{ProjectID: project}
			}
			return s.CreateNetworks(admin, batch)
		}
		refused(t, networks(2, "alpha"), 409, "OverQuota")
		check(t, networks(1, "alpha"))
		refused(t, networks(1, "alpha"), 409, "OverQuota")
		check(t, networks(2, "beta"))

		newSubnet(t, s, n, "10.0.0.0/24") // its DHCP port counts
		newSubnet(t, s, n, "10.0.1.0/24")
		refused(t, s.CreateSubnets(admin, []*model.Subnet{subnetRequest(n, "10.0.2.0/24")}), 409, "OverQuota")

		for range 3 {
			newPort(t, s, n)
		}
		err := createPort(admin, s, portRequest(n))
		refused(t, err, 409, "OverQuota")
		if !strings.Contains(err.Error(), "['port']") {
			t.Errorf("the refusal says %q", err)
		}
		// One transaction for two projects: neither's is made.
		mixed := []PortRequest{{Port: portRequest(n)}, {Port: portRequest(n)}}
		mixed[0].Port.ProjectID = "beta"
		refused(t, s.CreatePorts(admin, mixed), 409, "OverQuota")

		newPolicy(t, s, n, model.AccessAsShared, "beta")
		refused(t, s.CreateRBACPolicies(admin, []*model.RBACPolicy{policy(n, model.AccessAsShared, "gamma")}), 409, "OverQuota")

		want := map[string]QuotaUsage{"network": {2, 2, 0}, "subnet": {2, 2, 0}, "port": {4, 4, 0}, "rbac_policy": {1, 1, 0},
			"router": {10, 0, 0}, "floatingip": {50, 0, 0}, "security_group": {10, 1, 0}, "security_group_rule": {100, 4, 0}}
		if got := must(s.QuotaDetails(tenant("alpha"), "alpha"))(t); !maps.Equal(got, want) {
			t.Errorf("details: %v", got)
		}
		if got := must(s.QuotaDetails(admin, "beta"))(t)["port"]; got != (QuotaUsage{4, 0, 0}) {
			t.Errorf("beta's ports: %v", got)
		}

		must(s.SetQuota(admin, "alpha", map[string]int{"port": 2}))(t)
		refused(t, createPort(admin, s, portRequest(n)), 409, "OverQuota")
		must(s.SetQuota(admin, "alpha", map[string]int{"port": Unlimited}))(t)
		newPort(t, s, n)

		// The network's own DHCP port comes also where there is no room for it.
		must(s.SetQuota(admin, "alpha", map[string]int{"port": 0, "network": Unlimited, "subnet": Unlimited}))(t)
		second := newNetwork(t, s)
		newSubnet(t, s, second, "10.0.0.0/24")
		if ports := must(s.ListPorts(admin, Query{Filters: map[string][]string{"network_id": {second.ID}}}))(t); len(ports) != 1 {
			t.Errorf("ports on the second network: %+v", ports)
		}
	})
}

// slowJournal makes transactions stay open for a while after everything was checked.
func slowJournal(t *testing.T, s *Store) {
	t.Helper()
	if s.Dialect() == postgresName {
		check(t, s.db.Exec(`CREATE FUNCTION wait() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(0.01); RETURN NULL; END $$;
			CREATE TRIGGER wait AFTER INSERT ON journal EXECUTE FUNCTION wait()`).Error)
	}
}

// Writers that compete make exactly what the limit allows, whether the limit is near from the start or comes near on the way (the
// server of the tests has 200 connections).
func TestQuotaUnderCompetition(t *testing.T) {
	for _, c := range []struct{ limit, bulk int }{{20, 1}, {260, 1}, {30, 7}} {
		t.Run(fmt.Sprintf("limit %d by %d", c.limit, c.bulk), func(t *testing.T) {
			onBothWith(t, Options{Quotas: map[string]int{"port": c.limit}}, func(t *testing.T, s *Store) {
				n := newNetwork(t, s)
				newSubnet(t, s, n, "10.0.0.0/16", withoutDHCP)
				slowJournal(t, s)
				var made, refusals atomic.Int64
				var writers sync.WaitGroup
				for range 16 {
					writers.Go(func() {
						for {
							batch := make([]PortRequest, c.bulk)
							for i := range batch {
								batch[i].Port = portRequest(n)
							}
							err := s.CreatePorts(admin, batch)
							if isOverQuota(err) {
								refusals.Add(1)
								return
							}
							if err != nil {
								t.Error(err)
								return
							}
							made.Add(int64(c.bulk))
						}
					})
				}
				writers.Wait()
				want := int64(c.limit / c.bulk * c.bulk)
				used := must(s.QuotaDetails(admin, "alpha"))(t)["port"].Used
				if made.Load() != want || int64(used) != want || refusals.Load() != 16 {
					t.Errorf("%d made, %d there, %d refusals; want %d and one refusal for each writer", made.Load(), used, refusals.Load(), want)
				}
			})
		})
	}
}

// Ports of many projects, of several at once in any order, and subnets on the same networks: nobody waits in a circle.
// PostgreSQL would end that with an error that is retried, so what is counted is that.
func TestQuotaLocksDoNotDeadlock(t *testing.T) {
	url := postgresURL(t)
	s := must(Open(context.Background(), url, Options{Source: model.SystemSource(), Quotas: map[string]int{"port": 1000, "subnet": 1000}}))(t)
	networks := []*model.Network{newNetwork(t, s), newNetwork(t, s)}
	for _, n := range networks {
		newSubnet(t, s, n, "10.0.0.0/16")
	}
	var writers sync.WaitGroup
	for w := range 12 {
		writers.Go(func() {
			for i := range 8 {
				n := networks[(w+i)%2]
				if w%4 == 0 {
					if err := s.CreateSubnets(admin, []*model.Subnet{subnetRequest(n, fmt.Sprintf("10.%d.%d.0/24", w+1, i))}); err != nil {
						t.Error(err)
					}
					continue
				}
				projects := []string{"alpha", "beta", "gamma"}
				if w%2 == 0 {
					slices.Reverse(projects)
				}
				var batch []PortRequest
				for _, project := range projects {
					for range 2 {
						p := portRequest(n)
						p.ProjectID = project
						batch = append(batch, PortRequest{Port: p})
					}
				}
				if err := s.CreatePorts(admin, batch); err != nil {
					t.Error(err)
				}
			}
		})
	}
	writers.Wait()
	check(t, s.Close()) // its connections say what they counted when they end
	var deadlocks int64
	check(t, open(t, url, Options{}).db.Raw("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()").Scan(&deadlocks).Error)
	if deadlocks != 0 {
		t.Errorf("%d deadlocks", deadlocks)
	}
}
