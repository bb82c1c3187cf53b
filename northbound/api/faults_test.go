package api

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// Backends of PostgreSQL end while clients write. What is answered 201 or 204 is done, once; what is answered 503 is done whole or
// not at all; there is no other answer.
func TestTerminatedBackends(t *testing.T) {
	database := postgresURL(t)
	s := newServerOn(t, database)
	network := s.create("network", "{}")["id"].(string)
	s.create("subnet", fmt.Sprintf(`{"network_id":%q,"ip_version":4,"cidr":"10.0.0.0/16"}`, network))
	killer, err := pgx.Connect(t.Context(), database)
	if err != nil {
		t.Fatal(err)
	}
	defer killer.Close(context.Background())

	const writers, operations, bulk = 6, 60, 3
	var answers, refused atomic.Int64
	type made struct {
		name   string
		status int
	}
	results := make([][]made, writers)
	var group sync.WaitGroup
	for w := range writers {
		group.Go(func() {
			for i := range operations {
				name := fmt.Sprintf("w%d-%d", w, i)
				one := fmt.Sprintf(`{"network_id":%q,"name":%q}`, network, name)
				a := s.do(http.MethodPost, "/v2.0/ports", fmt.Sprintf(`{"ports":[%s]}`, strings.Join([]string{one, one, one}, ",")))
				answers.Add(1)
				results[w] = append(results[w], made{name, a.status})
				if a.status == http.StatusServiceUnavailable {
					refused.Add(1)
				}
				if a.status != http.StatusCreated || i%3 != 0 {
					continue
				}
				id := a.list("ports")[0]["id"].(string)
				d := s.do(http.MethodDelete, "/v2.0/ports/"+id, "")
				answers.Add(1)
				there := s.retried(http.MethodGet, "/v2.0/ports/"+id)
				switch {
				case d.status == http.StatusNoContent && there.status != http.StatusNotFound,
					d.status != http.StatusNoContent && d.status != http.StatusServiceUnavailable,
					there.status != http.StatusOK && there.status != http.StatusNotFound:
					t.Errorf("DELETE: %d %s, then GET: %d %s", d.status, d.body, there.status, there.body)
				case there.status == http.StatusNotFound:
					results[w][i].name = "" // one less than there were
				}
			}
		})
	}
	defer group.Wait()
	finished := make(chan struct{})
	go func() { group.Wait(); close(finished) }()
	killed := 0
	for running := true; running; {
		for at := answers.Load(); running && answers.Load() < at+4; { // between two blows some get through
			select {
			case <-finished:
				running = false
			case <-time.After(time.Millisecond):
			}
		}
		tag, err := killer.Exec(t.Context(), `SELECT pg_terminate_backend(pid) FROM (SELECT pid FROM pg_stat_activity
			WHERE datname = current_database() AND pid <> pg_backend_pid() AND application_name = 'planckd' ORDER BY state <> 'active', random() LIMIT 3) AS victims`)
		if err != nil {
			t.Fatal(err)
		}
		killed += int(tag.RowsAffected())
	}
	created := 0
	for _, list := range results {
		for _, m := range list {
			if m.status == http.StatusCreated {
				created++
			} else if m.status != http.StatusServiceUnavailable {
				t.Errorf("POST: %d", m.status)
			}
			if m.name == "" {
				continue
			}
			a := s.retried(http.MethodGet, "/v2.0/ports?name="+m.name)
			if n := len(a.list("ports")); n != bulk && (n != 0 || m.status == http.StatusCreated) {
				t.Errorf("answered %d, there are %d ports %s", m.status, n, m.name)
			}
		}
	}
	t.Logf("%d backends ended; %d requests made their ports, %d were answered 503", killed, created, refused.Load())
	if killed < 20 || created == 0 {
		t.Errorf("%d backends ended, %d requests succeeded", killed, created)
	}
	s.isConsistent()
}

// A connection that is lost before a transaction's COMMIT was sent costs another attempt. One that is lost before its answer leaves
// open whether it was done: the answer is 503, and nothing is done twice.
func TestLostCommits(t *testing.T) {
	m := newMiddleman(t, postgresURL(t))
	s := newServerOn(t, m.url)
	for i := range 5 {
		for lose, want := range map[int]string{loseNone: "201 1", loseBeforeCommit: "503 0", loseAfterCommit: "503 1"} {
			name := fmt.Sprintf("%d-%d", lose, i)
			if lose != loseNone {
				m.lose.Store(&loss{lose, name})
			}
			a := s.do(http.MethodPost, "/v2.0/networks", wrap("network", fmt.Sprintf(`{"name":%q}`, name)))
			if m.lose.Load() != nil {
				t.Fatal("no COMMIT was seen")
			}
			got := ""
			within(t, 10*time.Second, "networks for "+want, func() bool { // PostgreSQL may still be at it
				got = fmt.Sprint(a.status, " ", len(s.retried(http.MethodGet, "/v2.0/networks?name="+name).list("networks")))
				return got == want || got != "503 0"
			})
			if got != want {
				t.Errorf("lost %d, round %d: answer and networks are %s, not %s", lose, i, got, want)
			}
		}
	}
	s.isConsistent()
}

// retried asks again as long as the database is away: PostgreSQL's death of one connection is seen by whoever uses it next.
func (s *server) retried(method, path string) answered {
	s.t.Helper()
	for range 50 {
		if a := s.do(method, path, ""); a.status != http.StatusServiceUnavailable {
			return a
		}
	}
	s.t.Errorf("%s %s: the database stays away", method, path)
	return answered{}
}

// isConsistent checks what no request may break.
func (s *server) isConsistent() {
	s.t.Helper()
	if problems, err := s.store.Check(s.t.Context()); err != nil || len(problems) > 0 {
		s.t.Errorf("the database is left with %v, %v", problems, err)
	}
}

// Of those who delete the same at the same time, one did it and the others find nothing.
func TestDeletesRace(t *testing.T) {
	onBoth(t, func(t *testing.T, s *server) {
		for range 8 {
			network := s.create("network", "{}")["id"].(string)
			subnet := s.create("subnet", fmt.Sprintf(`{"network_id":%q,"ip_version":4,"cidr":"10.0.0.0/24"}`, network))["id"].(string)
			port := s.create("port", fmt.Sprintf(`{"network_id":%q}`, network))["id"].(string)
			policy := s.expect("201", "POST", "/v2.0/rbac-policies", fmt.Sprintf(`{"rbac_policy":{"object_type":"network","object_id":%q,"action":"access_as_shared","target_tenant":"blue"}}`, network)).object("rbac_policy")["id"].(string)
			s.expect("201", "PUT", "/v2.0/ports/"+port+"/tags/a", "")
			s.expect("200", "PUT", "/v2.0/quotas/red", `{"quota":{"port":-1}}`)
			s.race(t, "/v2.0/ports/"+port+"/tags/a", "404 TagNotFound")
			s.race(t, "/v2.0/ports/"+port, "404 PortNotFound")
			s.race(t, "/v2.0/rbac-policies/"+policy, "404 RbacPolicyNotFound")
			s.race(t, "/v2.0/subnets/"+subnet, "404 SubnetNotFound")
			s.race(t, "/v2.0/networks/"+network, "404 NetworkNotFound")
			s.race(t, "/v2.0/quotas/red", "404 TenantQuotaNotFound")
		}
		s.isConsistent()
	})
}

func (s *server) race(t *testing.T, path, loser string) {
	t.Helper()
	const clients = 8
	outcomes := make(chan string, clients)
	start := make(chan struct{})
	for range clients {
		go func() {
			<-start
			outcomes <- s.do(http.MethodDelete, path, "").outcome()
		}()
	}
	close(start)
	got := map[string]int{}
	for range clients {
		got[<-outcomes]++
	}
	if got["204"] != 1 || got[loser] != clients-1 {
		t.Errorf("DELETE %s by %d: %v", path, clients, got)
	}
}

// Requests that are given up half-way leave all of what they wanted or nothing, no transaction, and nobody who works on.
func TestCancelledRequests(t *testing.T) {
	onBoth(t, func(t *testing.T, s *server) {
		network := s.create("network", "{}")["id"].(string)
		s.create("subnet", fmt.Sprintf(`{"network_id":%q,"ip_version":4,"cidr":"10.0.0.0/16"}`, network))
		const clients, requests, bulk = 4, 40, 20
		goroutines := runtime.NumGoroutine()
		var group sync.WaitGroup
		var cancelled atomic.Int64
		for c := range clients {
			group.Go(func() {
				for i := range requests {
					name := fmt.Sprintf("c%d-%d", c, i)
					port := fmt.Sprintf(`{"network_id":%q,"name":%q},`, network, name)
					body := `{"ports":[` + strings.TrimSuffix(strings.Repeat(port, bulk), ",") + `]}`
					ctx, cancel := context.WithTimeout(context.Background(), rand.N(8*time.Millisecond))
					r := httptest.NewRequestWithContext(ctx, http.MethodPost, "http://localhost/v2.0/ports", strings.NewReader(body))
					r.Header.Set("X-Project-Id", "red")
					w := httptest.NewRecorder()
					s.handler.ServeHTTP(w, r)
					cancel()
					there := len(s.do(http.MethodGet, "/v2.0/ports?fields=id&name="+name, "").list("ports"))
					switch {
					case w.Code == http.StatusCreated && there == bulk:
					case w.Code == http.StatusServiceUnavailable && (there == 0 || there == bulk):
						cancelled.Add(1)
					default:
						t.Errorf("answered %d, and there are %d of %d ports: %.200s", w.Code, there, bulk, w.Body)
					}
				}
			})
		}
		group.Wait()
		if cancelled.Load() == 0 {
			t.Error("no request was cancelled")
		}
		s.isConsistent()
		within(t, 10*time.Second, "goroutines end", func() bool { return runtime.NumGoroutine() <= goroutines+8 }) // connections have some
		if s.store.Dialect() != "postgres" {
			return
		}
		within(t, 10*time.Second, "no transaction is left open", func() bool {
			return s.openTransactions(t) == 0
		})
	})
}

// openTransactions counts those of the store in the database that it is on.
func (s *server) openTransactions(t *testing.T) (open int) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), s.database)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	err = conn.QueryRow(t.Context(), "SELECT COUNT(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() AND state LIKE '%transaction%'").Scan(&open)
	if err != nil {
		t.Fatal(err)
	}
	return open
}

// within waits for a condition.
func within(t testing.TB, limit time.Duration, what string, condition func() bool) {
	t.Helper()
	for deadline := time.Now().Add(limit); !condition(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not within %v: %s", limit, what)
		}
	}
}
