package api

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// Every list takes as many statements for a thousand objects as for one.
func TestListsTakeAConstantNumberOfStatements(t *testing.T) {
	counter := newMiddleman(t, postgresURL(t))
	s := newServerOn(t, counter.url)
	paths := []string{
		"networks", "subnets", "ports", "rbac-policies", "agents", "availability_zones", "network-ip-availabilities", "quotas",
		"networks?limit=700&sort_key=name&sort_dir=asc", "ports?fixed_ips=ip_address_substr%3D10.&limit=800", "networks?shared=False", "ports?tags=a",
		"routers", "routers?limit=700&sort_key=name&sort_dir=asc", "floatingips", "floatingips?status=DOWN&limit=100", "subnets?fields=id", "network-ip-availabilities?ip_version=4",
	}
	count := func(have int) map[string]int64 {
		statements := map[string]int64{}
		for _, who := range [][]string{nil, as("red", "member")} {
			for _, path := range paths {
				before := counter.statements.Load()
				a := s.do("GET", "/v2.0/"+path, "", who...)
				if a.status != 200 && !(path == "quotas" && a.status == 403) {
					t.Fatalf("%s: %s", path, a.body)
				}
				statements[path+" "+strings.Join(who, " ")] = counter.statements.Load() - before
			}
			if got := len(s.names("networks", "name=inside", "id", who...)); got != have {
				t.Fatalf("%d networks of %d", got, have)
			}
		}
		return statements
	}
	external, _ := s.external()
	s.subnet(external, "198.18.0.0/16")
	number := 0
	grow := func(n int) {
		var networks, subnets, ports, routers, floating, policies []string
		for range n {
			networks = append(networks, `{"name":"inside"}`)
		}
		for _, made := range s.expect("201", "POST", "/v2.0/networks", fmt.Sprintf(`{"networks":[%s]}`, strings.Join(networks, ","))).list("networks") {
			subnets = append(subnets, fmt.Sprintf(`{"network_id":%q,"ip_version":4,"cidr":"10.0.0.0/24"}`, made["id"]))
			ports = append(ports, fmt.Sprintf(`{"network_id":%q}`, made["id"]))
			routers = append(routers, fmt.Sprintf(`{"external_gateway_info":{"network_id":%q}}`, external))
			floating = append(floating, fmt.Sprintf(`{"floating_network_id":%q}`, external))
			policies = append(policies, fmt.Sprintf(`{"object_type":"network","object_id":%q,"action":"access_as_shared","target_tenant":"blue"}`, made["id"]))
		}
		for collection, bodies := range map[string][]string{"subnets": subnets, "rbac-policies": policies} {
			s.expect("201", "POST", "/v2.0/"+collection, fmt.Sprintf(`{%q:[%s]}`, strings.ReplaceAll(collection, "-", "_"), strings.Join(bodies, ",")))
		}
		for collection, bodies := range map[string][]string{"ports": ports, "routers": routers, "floatingips": floating} {
			s.expect("201", "POST", "/v2.0/"+collection, fmt.Sprintf(`{%q:[%s]}`, collection, strings.Join(bodies, ",")))
		}
		for range min(n, 20) {
			number++
			s.node(fmt.Sprintf("compute%d", number))
			s.expect("200", "PUT", fmt.Sprintf("/v2.0/quotas/project%d", number), `{"quota":{"port":7}}`)
		}
	}
	grow(1)
	few := count(1)
	grow(999)
	for path, many := range count(1000) {
		if many != few[path] || many > 5 {
			t.Errorf("GET %s takes %d statements for 1 object and %d for 1,000", path, few[path], many)
		}
	}
	// As many values as a filter may have.
	before := counter.statements.Load()
	s.expect("200", "GET", "/v2.0/ports?"+strings.Repeat("id=x&", maxFilterValues), "")
	if n := counter.statements.Load() - before; n > 2 {
		t.Errorf("%d values of a filter take %d statements", maxFilterValues, n)
	}
}

func TestManyFilterValues(t *testing.T) {
	onBoth(t, func(t *testing.T, s *server) {
		for query, want := range map[string]string{
			strings.Repeat("name=x&", maxFilterValues):                                                  "200",
			strings.Repeat("name=x&", maxFilterValues+1):                                                badValue,
			strings.Repeat("name=x&", maxFilterValues/2) + strings.Repeat("id=x&", maxFilterValues/2+1): badValue,
			strings.Repeat("fixed_ips=ip_address%3Dx&", maxFilterValues):                                "200",
			strings.Repeat("fixed_ips=ip_address_substr%3Dx&", maxSubstrings):                           "200",
			strings.Repeat("fixed_ips=ip_address_substr%3Dx&", maxSubstrings+1):                         badValue,
			"tags=" + distinct(maxFilterValues):                                                         "200",
			"tags=" + distinct(maxFilterValues+1):                                                       badValue,
			"not-tags-any=" + distinct(maxFilterValues):                                                 "200",
			strings.Repeat("sort_key=name&sort_dir=asc&", 300) + "limit=1&marker=" + someUUID:           "404 PortNotFound",
			strings.Repeat("fields=id&", maxFilterValues):                                               "200",
			"revision_number=99999999999999999999":                                                      badInput,
			"revision_number=9223372036854775807":                                                       "200",
			"limit=9223372036854775807":                                                                 "200",
			"limit=9223372036854775808":                                                                 "400 BadRequest",
		} {
			s.expect(want, "GET", "/v2.0/ports?"+query, "")
		}
		for _, query := range []string{"mtu=99999999999", "mtu=-99999999999", "provider:segmentation_id=99999999999999", "admin_state_up=1", "shared=on"} {
			s.expect("200", "GET", "/v2.0/networks?"+query, "")
		}
		s.expect("200", "GET", "/v2.0/subnets?ip_version=99999999999&ip_version=6", "")
	})
}

func distinct(n int) string {
	words := make([]string, n)
	for i := range words {
		words[i] = fmt.Sprint("t", i)
	}
	return strings.Join(words, ",")
}

// A cloud can have more networks than a statement parameters.
func TestSubnetsOfManyNetworks(t *testing.T) {
	onBoth(t, func(t *testing.T, s *server) {
		network := s.create("network", "{}")["id"].(string)
		subnet := s.create("subnet", fmt.Sprintf(`{"network_id":%q,"ip_version":4,"cidr":"10.0.0.0/24"}`, network))["id"].(string)
		ids := strings.Split(distinct(70_000), ",")
		found, err := s.store.SubnetIDs(t.Context(), append(ids, network))
		if err != nil || len(found) != 1 || !slices.Equal(found[network], []string{subnet}) {
			t.Errorf("found %v, %v", found, err)
		}
	})
}

// While others make and delete networks, whoever reads the list in pages sees each one that is there throughout, once.
func TestPagesWhileOthersWrite(t *testing.T) {
	onBoth(t, func(t *testing.T, s *server) {
		stable := map[string]bool{}
		var names []string
		for i := range 40 {
			name := fmt.Sprintf("%02d", i*7%20) // each twice
			names = append(names, name)
			stable[s.create("network", fmt.Sprintf(`{"name":%q,"mtu":%d,"admin_state_up":%t}`, name, 1300+i%3, i%2 == 0))["id"].(string)] = true
		}
		var changes atomic.Int64
		done := make(chan struct{})
		var writers sync.WaitGroup
		for w := range 2 {
			writers.Go(func() {
				var mine []string
				for i := 0; ; i++ {
					select {
					case <-done:
						return
					default:
					}
					if len(mine) > 5 { // the newest or the oldest
						at := (i % 2) * (len(mine) - 1)
						if a := s.do(http.MethodDelete, "/v2.0/networks/"+mine[at], ""); a.status != http.StatusNoContent {
							t.Errorf("DELETE: %s", a.body)
						}
						mine = slices.Delete(mine, at, at+1)
					} else {
						a := s.do(http.MethodPost, "/v2.0/networks", wrap("network", fmt.Sprintf(`{"name":%q,"mtu":%d}`, names[(i*3+w)%len(names)], 1300+i%3)))
						if a.status != http.StatusCreated {
							t.Errorf("POST: %s", a.body)
							return
						}
						mine = append(mine, a.object("network")["id"].(string))
					}
					changes.Add(1)
				}
			})
		}
		for i, sort := range []string{"", "sort_key=name&sort_dir=asc", "sort_key=name&sort_dir=desc&sort_key=id&sort_dir=asc", "sort_key=mtu&sort_dir=desc&sort_key=name&sort_dir=asc", "sort_key=admin_state_up&sort_dir=asc", "sort_key=id&sort_dir=desc"} {
			for _, rel := range []string{"next", "previous"} {
				before := changes.Load()
				for round := 0; round < 3 || changes.Load() < before+10 && round < 500; round++ {
					seen := s.readPages(fmt.Sprintf("networks?fields=id&limit=%d&%s", 1+(i+round)%4, sort), rel, stable)
					for id := range stable {
						if seen[id] != 1 {
							t.Errorf("%s by %q: one that is always there is seen %d times", rel, sort, seen[id])
						}
					}
				}
				if changes.Load() == before {
					t.Error("nothing has changed meanwhile")
				}
			}
		}
		close(done)
		writers.Wait()
	})
}

// readPages reads a list in pages, from its beginning or its end, and counts how often each is seen. When the object at the edge of a
// page is deleted, it goes on from the last one that stays.
func (s *server) readPages(path, rel string, stable map[string]bool) map[string]int {
	s.t.Helper()
	start := path
	if rel == "previous" {
		start += "&page_reverse=True"
	}
	seen, next, last := map[string]int{}, start, ""
	for next != "" {
		a := s.do(http.MethodGet, "/v2.0/"+next, "")
		switch {
		case a.outcome() == "404 NetworkNotFound" && last == "":
			next = start
			continue
		case a.outcome() == "404 NetworkNotFound":
			next = start + "&marker=" + last
			continue
		case a.status != http.StatusOK:
			s.t.Fatalf("%s: %s", next, a.body)
		}
		ids := idsOf(a.list("networks"))
		if rel == "previous" {
			slices.Reverse(ids)
		}
		for _, id := range ids {
			seen[id]++
			if stable[id] {
				last = id
			}
		}
		next = nextLink(a, "networks", rel)
	}
	return seen
}
