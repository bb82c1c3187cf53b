package e2e

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/planck-sdn/planck/model/flow"
	"github.com/planck-sdn/planck/tests/lab"
	"github.com/planck-sdn/planck/tests/strict"
)

// smallTable is how many entries a table has that is to be full soon.
const smallTable = 32

// small are tables of driver generic of which one is small.
func small(name string) []flow.TableFeatures {
	tables := exactly("generic", 1024)
	table(tables, name).MaxEntries = smallTable
	return tables
}

// table finds one by its name.
func table(tables []flow.TableFeatures, name string) *flow.TableFeatures {
	return &tables[slices.IndexFunc(tables, func(f flow.TableFeatures) bool { return f.Name == name })]
}

// lone racks one strict switch with these tables, and declares it.
func (c *Cloud) lone(tables []flow.TableFeatures, expected ...string) *Hardware {
	c.t.Helper()
	cfg := strict.Config{DatapathID: 0xa0, Tables: tables, Groups: strict.GroupLimits{All: 100}, Meters: 100}
	leaf := c.AddStrict(strict.NewFabric(c.t), "leaf1", cfg, expected...)
	leaf.Declare()
	return leaf
}

// TestStrictTableFull: ports are refused when they would not fit, and whatever was not refused works.
func TestStrictTableFull(t *testing.T) {
	for _, full := range []struct {
		table string
		more  int // entries for one more port
	}{
		{"guard", 4},   // ARP, RARP, IPv4 and a DHCP client's
		{"service", 2}, // to everybody and to the DHCP server
	} {
		t.Run(full.table, func(t *testing.T) {
			t.Parallel()
			c := Start(t, Options{})
			leaf := c.lone(small(full.table))
			leaf.WaitReady()
			red, _ := c.VLAN(100, "10.1.0.0/24")
			used := func() uint32 { return uint32(leaf.Strict.Entries(table(small(full.table), full.table).ID)) }
			refusal := func() string {
				return fmt.Sprintf("Switch leaf1 has room for %d entries in table %s, uses %d, and this would take %d more.", smallTable, full.table, used(), full.more)
			}
			var servers []*VM
			rack := func() (v *VM, port uint32, body Attrs) {
				port = hostPort + uint32(len(servers))
				v = leaf.Rack(fmt.Sprint("server", len(servers)), port, 0)
				return v, port, Attrs{"port": BareMetal(v.MAC, leaf.Profile(port, 0)).with(Attrs{"network_id": red.ID, "name": v.Name})}
			}
			for c.WaitConverged(); used()+uint32(full.more) <= smallTable; c.WaitConverged() {
				v, port, _ := rack()
				servers = append(servers, leaf.Join(v, red, port, 0))
			}
			late, latePort, body := rack()
			before, ports := leaf.Strict.Lines(), c.Ports("network_id="+red.ID)

			c.Run("refused", func(t *testing.T) {
				c.refusedFor(http.MethodPost, "/v2.0/ports", body, refusal())
				if full.table == "guard" {
					pairs := Attrs{"allowed_address_pairs": []Attrs{{"ip_address": "10.1.0.200"}, {"ip_address": "10.1.0.201"}, {"ip_address": "10.1.0.202"}, {"ip_address": "10.1.0.203"}}}
					c.refusedFor(http.MethodPut, "/v2.0/ports/"+servers[0].Port.ID, Attrs{"port": pairs}, refusal())
				}
				c.WaitConverged()
				if err := sameEntries(before, leaf.Strict.Lines()); err != nil {
					t.Error(err)
				}
				if now := c.Ports("network_id=" + red.ID); len(now) != len(ports) {
					t.Errorf("%d ports, expected %d", len(now), len(ports))
				}
			})
			c.Run("accepted", func(t *testing.T) {
				for i, v := range servers {
					v.MustReach(servers[(i+1)%len(servers)].IP)
				}
			})
			c.Run("room again", func(t *testing.T) {
				c.DeletePort(servers[0].Port.ID)
				c.WaitConverged()
				leaf.Join(late, red, latePort, 0).MustReach(servers[1].IP)
			})
		})
	}
}

// refusedFor makes a request that must fail with 409, and these words.
func (c *Client) refusedFor(method, path string, body any, words string) {
	c.t.Helper()
	a, err := c.Try(method, path, body)
	if err != nil || a.Status != http.StatusConflict || !strings.Contains(a.ErrorMessage, words) {
		c.t.Errorf("%s %s: status %d: %s, %v; expected 409 with %q", method, path, a.Status, a.Body, err, words)
	}
}

// TestStrictTooManyBefore: ports that were made before their switch was declared could not be refused. Those that fit work, and the others say
// why they do not; the switch is never sent what it has no room for.
func TestStrictTooManyBefore(t *testing.T) {
	t.Parallel()
	c := Start(t, Options{})
	red, _ := c.VLAN(100, "10.1.0.0/24")
	const many, fit = 10, (smallTable - 1) / 4
	var ids []string
	for i := range many {
		mac := fmt.Sprintf("02:00:00:00:a0:%02x", hostPort+i) // Rack's
		p := c.CreatePort(red, fmt.Sprint("server", i), BareMetal(mac, link("a0", fmt.Sprintf("eth%d", hostPort+i), 0)))
		ids = append(ids, p.ID)
	}
	leaf := c.lone(small("guard"))
	leaf.WaitReady()
	var servers []*VM
	for i := range many {
		servers = append(servers, leaf.Rack(fmt.Sprint("server", i), hostPort+uint32(i), 0))
	}
	var working []*VM
	lab.Eventually(t, limit, fmt.Sprintf("%d of the ports work", fit), func() error {
		working = nil
		for i, id := range ids {
			switch s, err := c.PortStatus(id); {
			case err != nil:
				return err
			case s.Status == "ACTIVE":
				working = append(working, servers[i])
			case !strings.Contains(s.StatusReason, "table guard"):
				return fmt.Errorf("server%d is %s: %s", i, s.Status, s.StatusReason)
			}
		}
		if len(working) != fit {
			return fmt.Errorf("%d do", len(working))
		}
		return nil
	})
	for _, v := range working {
		p := c.Port(ids[slices.Index(servers, v)])
		leaf.boot(v, p)
	}
	for i, v := range working {
		v.MustReach(working[(i+1)%len(working)].IP)
	}
	c.DeletePort(working[0].Port.ID)
	next := slices.IndexFunc(servers, func(v *VM) bool { return !slices.Contains(working, v) })
	leaf.boot(servers[next], c.WaitActive(ids[next])).MustReach(working[1].IP)
}

// TestStrictWithoutGuard: a switch that cannot match IPv4 sources has no port security, and says so.
func TestStrictWithoutGuard(t *testing.T) {
	t.Parallel()
	c := Start(t, Options{})
	tables := exactly("generic", 1024)
	guard := table(tables, "guard")
	guard.Match = slices.DeleteFunc(guard.Match, func(m flow.FieldFeature) bool { return m.Field == flow.IPv4Src })
	guard.Wildcards = slices.DeleteFunc(guard.Wildcards, func(f flow.Field) bool { return f == flow.IPv4Src })
	leaf := c.lone(tables)
	leaf.WaitReady()
	red, _ := c.VLAN(100, "10.1.0.0/24")
	const reason = "switch leaf1 cannot match IPv4 source addresses"
	var servers []*VM
	for i := range 2 {
		port := hostPort + uint32(i)
		v := leaf.Rack(fmt.Sprint("server", i), port, 0)
		attributes := BareMetal(v.MAC, leaf.Profile(port, 0)).with(Attrs{"network_id": red.ID})
		c.refusedFor(http.MethodPost, "/v2.0/ports", Attrs{"port": attributes}, reason)
		if ports := c.Ports("device_owner=&network_id=" + red.ID); len(ports) != i {
			t.Errorf("%d ports, expected %d: the refused one is none", len(ports), i)
		}
		p := c.CreatePort(red, v.Name, attributes.with(Attrs{"port_security_enabled": false}))
		servers = append(servers, leaf.boot(v, p))
		c.refusedFor(http.MethodPut, "/v2.0/ports/"+p.ID, Attrs{"port": Attrs{"port_security_enabled": true}}, reason)
	}
	servers[0].MustReach(servers[1].IP)
	servers[1].MustReach(servers[0].IP)
}

// TestStrictUnfit: a switch that cannot carry the pipeline is not used, and says why; nor are ports bound there.
func TestStrictUnfit(t *testing.T) {
	t.Parallel()
	lacks := func(name string, field flow.Field) []flow.TableFeatures {
		tables := exactly("generic", 1024)
		f := table(tables, name)
		f.Match = slices.DeleteFunc(f.Match, func(m flow.FieldFeature) bool { return m.Field == field })
		f.Wildcards = slices.DeleteFunc(f.Wildcards, func(x flow.Field) bool { return x == field })
		return tables
	}
	unmasked := exactly("generic", 1024)
	for i, m := range table(unmasked, "flood").Match {
		table(unmasked, "flood").Match[i].Masked = m.Masked && m.Field != flow.EthDst
	}
	always := exactly("generic", 1024)
	table(always, "port").Wildcards = nil
	unset := exactly("generic", 1024)
	table(unset, "forward").Entry.Set = nil
	backwards := exactly("generic", 1024)
	table(backwards, "forward").Entry.Next = nil
	for _, unfit := range []struct {
		name   string
		tables []flow.TableFeatures
		words  string
	}{
		{"three tables", strict.Tables(3, 1024), "the switch has no table 3"},
		{"no VLAN", lacks("port", flow.VLANVID), "table 0, which is to be port, cannot match vlan_vid"},
		{"no masks", unmasked, "table 5, which is to be flood, cannot match with a mask dl_dst"},
		{"no wildcards", always, "table 0, which is to be port, must always match in_port"},
		{"no groups", strict.Without(exactly("generic", 1024), flow.CanGroup), "table 5, which is to be flood, cannot do group"},
		{"no tag is changed", unset, "table 4, which is to be forward, cannot set vlan_vid"},
		{"no way on", backwards, "table 4, which is to be forward, cannot go to table 5"},
	} {
		t.Run(unfit.name, func(t *testing.T) {
			t.Parallel()
			c := Start(t, Options{})
			leaf := c.lone(unfit.tables, ownTables)
			red, _ := c.VLAN(100, "10.1.0.0/24")
			lab.Eventually(t, limit, "the switch is not used", func() error {
				s, err := leaf.Shown()
				if err == nil && (s.State == "ready" || !strings.Contains(s.Problem, unfit.words)) {
					err = fmt.Errorf("it is %s: %s", s.State, s.Problem)
				}
				return err
			})
			p := c.CreatePort(red, "server", BareMetal("02:00:00:00:00:01", leaf.Profile(hostPort, 0)))
			c.waitBinding(p.ID, "binding_failed", unfit.words)
			if n := leaf.Strict.FlowMods(); n != 0 {
				t.Errorf("%d flow-mods were sent, expected none", n)
			}
		})
	}
}
