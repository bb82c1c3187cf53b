package store

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/planck-sdn/planck/model"
)

func healthy(t testing.TB, s *Store) {
	t.Helper()
	if problems := must(s.Check(context.Background()))(t); len(problems) != 0 {
		t.Fatalf("problems of a healthy database:\n%s", strings.Join(problems, "\n"))
	}
}

// TestCheckFindsDamage does by SQL what no transaction of Planck's does.
func TestCheckFindsDamage(t *testing.T) {
	onBoth(t, func(t *testing.T, s *Store) {
		node, _, err := s.ReportNode(context.Background(), model.Node{SystemID: "s1", Hostname: "compute1", EncapIP: addr("10.9.0.1"), DatapathType: "system",
			Interfaces: []model.Interface{{Name: "tap1", PortID: "p", Ofport: 3}}})
		check(t, err)
		n := newNetwork(t, s, func(n *model.Network) { n.Tags = []string{"a", "b"} })
		vlan := newNetwork(t, s, func(n *model.Network) {
			n.NetworkType, n.PhysicalNetwork, n.SegmentationID = model.NetworkVLAN, "dc", 7
		})
		gone := newNetwork(t, s)
		check(t, s.DeleteNetwork(admin, gone.ID))
		a := newSubnet(t, s, n, "10.0.0.0/24")
		b := newSubnet(t, s, n, "10.0.1.0/24", withoutDHCP)
		other := newSubnet(t, s, vlan, "10.0.0.0/24", withoutDHCP)
		p := newPort(t, s, n, func(p *model.Port) {
			p.HostID, p.FixedIPs = "compute1", []model.FixedIP{{SubnetID: a.ID}, {SubnetID: b.ID}}
			p.MAC = model.MAC{0xfa, 0x16, 0x3e, 0xab, 0xcd, 0xef}
		})
		q := newPort(t, s, n)
		policy := newPolicy(t, s, n, model.AccessAsShared, "beta")
		must(s.SetQuota(admin, "alpha", map[string]int{"port": 50}))(t)
		external, _ := newExternal(t, s)
		inside := newNetwork(t, s)
		c := newSubnet(t, s, inside, "10.2.0.0/24", withoutDHCP)
		d := newSubnet(t, s, inside, "10.3.0.0/24", withoutDHCP)
		r := newRouter(t, s, through(external))
		face := must(s.Port(admin, join(t, s, r, c).PortID))(t)
		join(t, s, r, d)
		bare := newRouter(t, s)
		fixed := newPort(t, s, inside)
		floating := newFloatingIP(t, s, external, standingFor(fixed))
		must(s.LearnNeighbour(context.Background(), model.Neighbour{RouterID: r.ID, NetworkID: external.ID, Address: addr("203.0.113.1")}))(t)
		must(s.SetHolder(context.Background(), model.Holder{NetworkID: inside.ID, Address: fixed.FixedIPs[0].IPAddress, PortID: fixed.ID}))(t)
		group := newGroup(t, s, "alpha")
		grouped := newPort(t, s, n, func(p *model.Port) { p.SecurityGroups = []string{group.ID} })
		rule := newRule(t, s, group, func(r *model.SecurityGroupRule) { r.RemoteIPPrefix = netip.MustParsePrefix("10.0.0.0/8") })
		alike := newRule(t, s, group, func(r *model.SecurityGroupRule) { r.Protocol = "tcp" })
		leaf, spine := newSwitch(t, s, 1), newSwitch(t, s, 2)
		link := must2(s.AddLink(context.Background(), model.LinkEnd{Node: leaf.Number, Port: 8}, model.LinkEnd{Node: spine.Number, Port: 8}))(t)
		fabric := newNetwork(t, s, onFabric(77))
		metal, waiting := newPort(t, s, fabric, bareMetal("leaf1", "eth1", 0)), newPort(t, s, fabric, bareMetal("leaf1", "eth1", 0))
		must(s.SetService(context.Background(), face.Number, 0, node.Number))(t)
		loose := newGroup(t, s, "alpha", stateless)
		dflt := defaultGroup(t, s, "alpha")
		healthy(t, s)

		for _, damage := range []struct {
			sql  string
			says []string // what each of the problems must say
		}{
			{"UPDATE ports SET fixed_ips = '[]' WHERE id = '" + q.ID + "'", []string{q.ID, "fixed_ips says []", q.FixedIPs[0].IPAddress.String()}},
			{"UPDATE ports SET fixed_ips = '{' WHERE id = '" + q.ID + "'", []string{q.ID, "fixed_ips is not"}},
			{"DELETE FROM ip_allocations WHERE port_number = " + fmt.Sprint(q.Number), []string{q.ID, "fixed_ips"}},
			{"UPDATE ip_allocations SET position = 0 WHERE port_number = " + fmt.Sprint(p.Number), []string{p.ID, "position 0 instead of 1"}},
			{"UPDATE ip_allocations SET position = 2 - position WHERE port_number = " + fmt.Sprint(p.Number), []string{p.ID, "fixed_ips says"}},
			{"UPDATE ip_allocations SET offset_in_cidr = 200 WHERE port_number = " + fmt.Sprint(q.Number), []string{"offset", a.ID}},
			{"UPDATE ip_allocations SET offset_in_cidr = NULL WHERE port_number = " + fmt.Sprint(q.Number), []string{"offset", a.ID}},
			{"UPDATE ip_allocations SET ip_address = '10.0.7.7' WHERE port_number = " + fmt.Sprint(q.Number), []string{"10.0.7.7", "no port can have it", a.ID}},
			{"UPDATE ip_allocations SET ip_address = 'x' WHERE port_number = " + fmt.Sprint(q.Number), []string{"unable to parse"}},
			{"UPDATE ip_allocations SET subnet_id = '" + other.ID + "' WHERE port_number = " + fmt.Sprint(q.Number), []string{q.ID, other.ID, vlan.ID}},
			{"UPDATE ip_allocations SET subnet_id = 'none' WHERE port_number = " + fmt.Sprint(q.Number), []string{"there is no subnet none"}},
			{"DELETE FROM ports WHERE id = '" + q.ID + "'", []string{"there is no port number " + fmt.Sprint(q.Number)}},
			{"UPDATE ports SET network_id = 'none' WHERE id = '" + q.ID + "'", []string{q.ID, "there is no network none"}},
			{"UPDATE ports SET mac_address = 'FA:16:3E:AB:CD:EF' WHERE id = '" + q.ID + "'", []string{q.ID, p.ID, "fa:16:3e:ab:cd:ef"}},
			{"UPDATE ports SET mac_address = 'FA:16:3E:AB:CD:EF' WHERE id = '" + q.ID + "'", []string{q.ID, "not in Planck's form"}},
			{"UPDATE ports SET vif_type = 'binding_failed' WHERE id = '" + p.ID + "'", []string{p.ID, "compute1", "should be ovs"}},
			{"UPDATE ports SET vif_type = 'ovs' WHERE id = '" + q.ID + "'", []string{q.ID, "should be unbound"}},
			{"UPDATE ports SET datapath_type = 'netdev' WHERE id = '" + p.ID + "'", []string{p.ID, "netdev"}},
			{"UPDATE ports SET inactive_bindings = '[{\"host\":\"compute1\",\"vnic_type\":\"normal\",\"vif_type\":\"ovs\",\"datapath_type\":\"system\",\"profile\":{}}]' WHERE id = '" + p.ID + "'",
				[]string{p.ID, "second binding", "compute1"}},
			{"UPDATE ports SET binding_generation = 0 WHERE id = '" + p.ID + "'", []string{p.ID, "generation is 0"}},
			{"UPDATE ports SET status = 'BUILD' WHERE id = '" + p.ID + "'", []string{p.ID, "BUILD"}},
			{"UPDATE ports SET vnic_type = 'x' WHERE id = '" + p.ID + "'", []string{p.ID, "binding:vnic_type"}},
			{"UPDATE ports SET profile = '[]' WHERE id = '" + p.ID + "'", []string{p.ID, "profile"}},
			{"UPDATE ports SET tags = '[\"b\",\"a\"]' WHERE id = '" + p.ID + "'", []string{p.ID, "tags"}},
			{"UPDATE ports SET extra_dhcp_opts = '' WHERE id = '" + p.ID + "'", []string{p.ID, "extra_dhcp_opts"}},
			{"UPDATE ports SET allowed_address_pairs = 'null' || 'x' WHERE id = '" + p.ID + "'", []string{p.ID, "allowed_address_pairs"}},
			{"UPDATE ports SET revision_number = 0 WHERE id = '" + p.ID + "'", []string{p.ID, "revision_number is 0"}},
			{"UPDATE ports SET automatic = false WHERE automatic", []string{n.ID, "0 DHCP ports for 1"}},
			{"UPDATE ports SET automatic = true WHERE id = '" + newPort(t, s, vlan).ID + "'", []string{vlan.ID, "1 DHCP ports for 0"}},
			{"UPDATE ports SET device_owner = 'x' WHERE automatic", []string{"device_owner"}},
			{"UPDATE subnets SET enable_dhcp = true WHERE id = '" + b.ID + "'", []string{n.ID, a.ID, b.ID, "DHCP is on"}},

			{"UPDATE subnets SET network_id = 'none' WHERE id = '" + other.ID + "'", []string{other.ID, "there is no network none"}},
			{"UPDATE subnets SET cidr = '10.0.0.0/16', gateway_ip = '', allocation_pools = '[]' WHERE id = '" + b.ID + "'", []string{a.ID, b.ID, "overlap"}},
			{"UPDATE subnets SET cidr = 'x' WHERE id = '" + b.ID + "'", []string{b.ID, "x"}},
			{"UPDATE subnets SET cidr = '10.0.1.9/24' WHERE id = '" + b.ID + "'", []string{b.ID, "host bits"}},
			{"UPDATE subnets SET gateway_ip = '10.0.1.9' WHERE id = '" + b.ID + "'", []string{b.ID, "10.0.1.9"}},
			{"UPDATE subnets SET gateway_ip = 'x' WHERE id = '" + b.ID + "'", []string{b.ID, "gateway_ip"}},
			{"UPDATE subnets SET allocation_pools = '' WHERE id = '" + b.ID + "'", []string{b.ID, "allocation_pools"}},
			{"UPDATE subnets SET dns_nameservers = '[1]' WHERE id = '" + b.ID + "'", []string{b.ID, "dns_nameservers"}},
			{"UPDATE subnets SET host_routes = '[1]' WHERE id = '" + b.ID + "'", []string{b.ID, "host_routes"}},
			{"UPDATE subnets SET revision_number = 0 WHERE id = '" + b.ID + "'", []string{b.ID, "revision_number"}},

			{"UPDATE networks SET network_key = 99 WHERE id = '" + n.ID + "'", []string{n.ID, "key 99"}},
			{"UPDATE networks SET network_key = 99 WHERE id = '" + n.ID + "'", []string{n.ID, "its key is 99"}},
			{"UPDATE networks SET segmentation_id = 8 WHERE id = '" + vlan.ID + "'", []string{vlan.ID, "vlan dc 8"}},
			{"UPDATE segments SET network_number = " + fmt.Sprint(n.Number) + " WHERE space = 'vlan'", []string{"vlan dc 7", "number " + fmt.Sprint(n.Number), "does not use it"}},
			{"DELETE FROM segments WHERE space = 'vlan'", []string{vlan.ID, "vlan dc 7"}},
			{"UPDATE networks SET network_type = 'gre' WHERE id = '" + n.ID + "'", []string{n.ID, "gre"}},
			{"UPDATE networks SET mtu = 1 WHERE id = '" + n.ID + "'", []string{n.ID, "MTU"}},
			{"UPDATE networks SET tags = '[\"a\",\"a\"]' WHERE id = '" + n.ID + "'", []string{n.ID, "tags"}},
			{"UPDATE networks SET availability_zone_hints = '{}' WHERE id = '" + n.ID + "'", []string{n.ID, "availability_zone_hints"}},
			{"UPDATE networks SET revision_number = -1 WHERE id = '" + n.ID + "'", []string{n.ID, "revision_number"}},

			{"UPDATE nodes SET mappings = '{}' WHERE hostname = 'compute1'", []string{"compute1", "mappings"}},
			{"UPDATE nodes SET encap_ip = 'x' WHERE hostname = 'compute1'", []string{"compute1", "encap_ip"}},
			{"DELETE FROM node_confirmations", []string{"compute1", "confirmed"}},
			{"DELETE FROM nodes", []string{p.ID, "should be binding_failed"}},
			{"DELETE FROM nodes", []string{"tap1", fmt.Sprint("no node number ", node.Number)}},
			{"UPDATE node_interfaces SET ofport = 40000", []string{"tap1", "40000"}},

			{"UPDATE rbac_policies SET object_id = 'none'", []string{policy.ID, "there is no network none"}},
			{"UPDATE rbac_policies SET action = 'x'", []string{policy.ID, "'x'"}},
			{"UPDATE rbac_policies SET object_type = 'x'", []string{policy.ID, "'x'"}},
			{"UPDATE rbac_policies SET revision_number = 0", []string{policy.ID, "revision_number"}},
			{"UPDATE quotas SET resource = 'subnetpool'", []string{"alpha", "subnetpool"}},
			{"UPDATE quotas SET max_count = 3000000000", []string{"alpha", "3000000000"}},

			{"UPDATE routers SET network_key = 99 WHERE id = '" + r.ID + "'", []string{r.ID, "segment key 99"}},
			{"UPDATE routers SET gateway_zone = 65534 WHERE id = '" + r.ID + "'", []string{r.ID, "segment zone 65534"}},
			{"UPDATE routers SET gateway_zone = 7 WHERE id = '" + r.ID + "'", []string{r.ID, "conntrack zone is 7"}},
			{"UPDATE routers SET gateway_zone = 32768 WHERE id = '" + bare.ID + "'", []string{bare.ID, "has no gateway"}},
			{"UPDATE segments SET router_number = " + fmt.Sprint(bare.Number) + " WHERE space = 'zone'", []string{"zone", "number " + fmt.Sprint(bare.Number), "does not use it"}},
			{"UPDATE routers SET gateway_port_id = 'none' WHERE id = '" + r.ID + "'", []string{r.ID, "port none"}},
			{"UPDATE routers SET gateway_network_id = 'none' WHERE id = '" + r.ID + "'", []string{r.ID, "network none"}},
			{"UPDATE routers SET gateway_network_id = '' WHERE id = '" + r.ID + "'", []string{floating.ID, "no gateway on network"}},
			{"UPDATE routers SET gateway_network_id = '' WHERE id = '" + r.ID + "'", []string{"neighbour 203.0.113.1", "no gateway on network"}},
			{"UPDATE routers SET gateway_node = 999 WHERE id = '" + r.ID + "'", []string{r.ID, "node number 999"}},
			{"UPDATE routers SET routes = '{}' WHERE id = '" + r.ID + "'", []string{r.ID, "routes"}},
			{"UPDATE routers SET tags = '[\"b\",\"a\"]' WHERE id = '" + r.ID + "'", []string{r.ID, "tags"}},
			{"UPDATE routers SET availability_zone_hints = '' WHERE id = '" + r.ID + "'", []string{r.ID, "availability_zone_hints"}},
			{"UPDATE routers SET revision_number = 0 WHERE id = '" + r.ID + "'", []string{r.ID, "revision_number"}},
			{"UPDATE subnets SET cidr = '10.0.0.0/8', allocation_pools = '[]' WHERE id = '" + d.ID + "'", []string{r.ID, c.ID, d.ID, "overlap"}},
			{"UPDATE floating_ips SET floating_port_id = 'none'", []string{floating.ID, "port none"}},
			{"UPDATE floating_ips SET floating_ip_address = '203.0.113.99'", []string{floating.ID, "203.0.113.99"}},
			{"UPDATE floating_ips SET fixed_ip_address = '10.2.0.99'", []string{floating.ID, "does not have the address 10.2.0.99"}},
			{"UPDATE floating_ips SET router_id = '" + bare.ID + "'", []string{floating.ID, bare.ID, "no gateway"}},
			{"UPDATE floating_ips SET tags = ''", []string{floating.ID, "tags"}},
			{"UPDATE floating_ips SET dns_name = '-'", []string{floating.ID, "dns_name"}},
			{"UPDATE floating_ips SET revision_number = 0", []string{floating.ID, "revision_number"}},
			{"UPDATE neighbours SET mac = 'x'", []string{"neighbour 203.0.113.1", "MAC"}},
			{"UPDATE neighbours SET ip_address = 'x'", []string{"neighbour x", "ip_address"}},
			{"UPDATE neighbours SET router_id = '" + bare.ID + "'", []string{bare.ID, "no gateway"}},
			{"UPDATE holders SET port_id = '" + p.ID + "'", []string{"holder of", p.ID}},
			{"UPDATE holders SET ip_address = 'x'", []string{"holder of x", "ip_address"}},

			{"UPDATE ports SET security_groups = '[]' WHERE id = '" + grouped.ID + "'", []string{grouped.ID, "security_groups says []", group.ID}},
			{"UPDATE ports SET security_groups = '' WHERE id = '" + grouped.ID + "'", []string{grouped.ID, "security_groups is not"}},
			{"UPDATE ports SET port_security_enabled = false WHERE id = '" + grouped.ID + "'", []string{grouped.ID, "Port security must be enabled"}},
			{"DELETE FROM port_security_groups WHERE port_number = " + fmt.Sprint(grouped.Number), []string{grouped.ID, "and it has []"}},
			{"UPDATE port_security_groups SET security_group_id = 'none' WHERE port_number = " + fmt.Sprint(grouped.Number), []string{grouped.ID, "there is no security group none"}},
			{"UPDATE port_security_groups SET port_number = 999 WHERE port_number = " + fmt.Sprint(grouped.Number), []string{group.ID, "there is no port number 999"}},
			{"INSERT INTO port_security_groups VALUES (" + fmt.Sprint(grouped.Number) + ", '" + loose.ID + "')", []string{grouped.ID, "some are stateful"}},
			{"UPDATE security_groups SET name = 'DEFAULT' WHERE id = '" + group.ID + "'", []string{group.ID, "named \"DEFAULT\"", dflt.ID}},
			{"UPDATE security_groups SET tags = '[\"a\",\"a\"]' WHERE id = '" + group.ID + "'", []string{group.ID, "tags"}},
			{"UPDATE security_groups SET revision_number = 0 WHERE id = '" + group.ID + "'", []string{group.ID, "revision_number"}},
			{"UPDATE security_group_rules SET security_group_id = 'none' WHERE id = '" + rule.ID + "'", []string{rule.ID, "there is no security group none"}},
			{"UPDATE security_group_rules SET remote_group_id = 'none' WHERE id = '" + alike.ID + "'", []string{alike.ID, "there is no remote security group none"}},
			{"UPDATE security_group_rules SET remote_group_id = '" + group.ID + "' WHERE id = '" + rule.ID + "'", []string{rule.ID, "Only one of"}},
			{"UPDATE security_group_rules SET remote_ip_prefix = 'x' WHERE id = '" + rule.ID + "'", []string{rule.ID, "remote_ip_prefix"}},
			{"UPDATE security_group_rules SET protocol = 'TCP', remote_ip_prefix = '10.0.0.0/9' WHERE id = '" + alike.ID + "'", []string{alike.ID, "not supported"}},
			{"UPDATE security_group_rules SET protocol = '06' WHERE id = '" + alike.ID + "'", []string{alike.ID, "not written as"}},
			{"UPDATE security_group_rules SET remote_ip_prefix = '', protocol = '6' WHERE id = '" + rule.ID + "'", []string{alike.ID, rule.ID, "says the same"}},
			{"UPDATE security_group_rules SET revision_number = 0 WHERE id = '" + rule.ID + "'", []string{rule.ID, "revision_number"}},

			{"UPDATE nodes SET switch = '[' WHERE hostname = 'leaf2'", []string{"leaf2", "switch is not what"}},
			{"UPDATE nodes SET switch = '{}' WHERE hostname = 'leaf2'", []string{"leaf2", "belongs to a physical network"}},
			{"UPDATE nodes SET switch = NULL WHERE hostname = 'leaf1'", []string{metal.ID, "no physical switch is declared"}},
			{"UPDATE nodes SET switch = '{\"physical_network\":\"dc\",\"ports\":[{\"number\":8,\"mac\":\"02:00:00:00:00:01\"},{\"number\":1,\"mac\":\"02:00:00:00:00:01\"}]}' WHERE hostname = 'leaf2'",
				[]string{"leaf2", "port number 1 is out of place"}},
			{"UPDATE nodes SET system_id = 'x' WHERE hostname = 'leaf2'", []string{"leaf2", "not a physical switch's"}},
			{"UPDATE links SET port_a = 9", []string{fmt.Sprint("link number ", link.Number), "leaf1 has no port 9"}},
			{"UPDATE links SET port_a = 1", []string{metal.ID, "should be binding_failed", "is a link"}},
			{"DELETE FROM nodes WHERE hostname = 'leaf2'", []string{fmt.Sprint("link number ", link.Number), fmt.Sprint("no node number ", spine.Number)}},
			{"DELETE FROM placements", []string{metal.ID, "other at no switch"}},
			{"UPDATE placements SET tag = 9", []string{metal.ID, "with tag 9"}},
			{"UPDATE placements SET tag = 9", []string{waiting.ID, "should be other"}},
			{"UPDATE placements SET port_number = 999", []string{"placement of port number 999"}},
			{"UPDATE ports SET vif_type = 'other' WHERE id = '" + waiting.ID + "'", []string{waiting.ID, "is bound there"}},
			{"UPDATE ports SET vif_type = 'binding_failed' WHERE id = '" + metal.ID + "'", []string{metal.ID, "should be other at port 1"}},
			{"UPDATE ports SET profile = '{\"local_link_information\":1}' WHERE id = '" + metal.ID + "'", []string{metal.ID, "not a list"}},
			{"UPDATE ports SET profile = '{}' WHERE id = '" + metal.ID + "'", []string{metal.ID, "no local_link_information"}},
			{"UPDATE services SET node_number = 999", []string{"service number", "node number 999"}},
			{"UPDATE services SET generation = 0", []string{"service number", "generation is 0"}},
			{"UPDATE services SET port_number = " + fmt.Sprint(p.Number), []string{"service number", "no router's interface"}},
			{"UPDATE cloud SET lldp_key = 'abcd'", []string{"key for LLDP", "2 bytes"}},
			{"UPDATE cloud SET lldp_key = 'x'", []string{"key for LLDP"}},

			{"DELETE FROM cloud", []string{"cloud"}},
			{"UPDATE cloud SET uuid = 'x'", []string{"cloud", "x"}},
			{"DELETE FROM journal_pruned", []string{"journal_pruned has 0 rows"}},
			{"UPDATE journal SET txid = 1000000000 WHERE seq = 1", []string{"journal has a line", "1000000000"}},
			{"UPDATE journal_pruned SET txid = 1000000000", []string{"pruned", "1000000000"}},
			{"UPDATE segments SET freed_txid = 1000000000 WHERE freed_txid IS NOT NULL", []string{"freed", "1000000000"}},
			{"UPDATE node_confirmations SET horizon = 1000000000", []string{"confirmed", "1000000000"}},
			{"UPDATE journal SET kind = 15 WHERE seq = 1", []string{"line 1", "kind 15"}},
			{"UPDATE journal SET number = 0 WHERE seq = 1", []string{"line 1"}},
		} {
			problems := damaged(t, s, damage.sql)
			found := false
			for _, problem := range problems {
				all := true
				for _, say := range damage.says {
					all = all && strings.Contains(problem, say)
				}
				found = found || all
			}
			if !found {
				t.Errorf("%s\nshould say %q, says:\n%s", damage.sql, damage.says, strings.Join(problems, "\n"))
			}
		}
		healthy(t, s)
	})
}

// damaged gives what Check says after a statement that takes no notice of foreign keys, and undoes it.
func damaged(t *testing.T, s *Store, statement string) []string {
	t.Helper()
	off, on := "SELECT 1", "SELECT 1"
	if s.dialect.name == sqliteName {
		off, on = "PRAGMA foreign_keys = off", "PRAGMA foreign_keys = on" // which does nothing within a transaction
	}
	check(t, s.db.Exec(off).Error)
	defer func() { check(t, s.db.Exec(on).Error) }()
	tx := s.db.Begin()
	defer tx.Rollback()
	if s.dialect.name == postgresName {
		check(t, tx.Exec("SET LOCAL session_replication_role = replica").Error)
	}
	if result := tx.Exec(statement); result.Error != nil || result.RowsAffected == 0 {
		t.Fatalf("%s: %d rows, %v", statement, result.RowsAffected, result.Error)
	}
	return must(s.check(tx))(t)
}

// Whatever tenants, nodes and administrators do, also at once, there is nothing to find.
func TestCheckAfterRandomOperations(t *testing.T) {
	onBothWith(t, Options{Quotas: map[string]int{"port": 60, "network": 12, "subnet": 30}}, func(t *testing.T, s *Store) {
		var workers sync.WaitGroup
		for w := range 6 {
			workers.Go(func() {
				r := rand.New(rand.NewPCG(uint64(w), 7))
				for range 150 {
					if err := operate(s, r); err != nil {
						t.Error(err)
					}
				}
			})
		}
		workers.Wait()
		healthy(t, s)
		if ports := must(s.ListPorts(admin, Query{}))(t); len(ports) < 10 {
			t.Errorf("only %d ports were left: the operations are not worth the name", len(ports))
		}
	})
}

// operate does one random operation. Refusals are all right, and so are lost connections.
func operate(s *Store, r *rand.Rand) error {
	pick := func(table string) string {
		var ids []string
		if err := s.reader.Raw("SELECT id FROM " + table).Scan(&ids).Error; err != nil || len(ids) == 0 {
			return "none"
		}
		return ids[r.IntN(len(ids))]
	}
	host := fmt.Sprintf("compute%d", r.IntN(3))
	project := []string{"alpha", "beta"}[r.IntN(2)]
	tags := []string{"b", "a", "c"}[:r.IntN(4)]
	var err error
	switch r.IntN(34) {
	case 28, 29, 30, 31, 32, 33:
		err = operateFabric(s, r, pick)
	case 0:
		err = s.CreateNetworks(admin, []*model.Network{{ProjectID: project, Shared: r.IntN(3) == 0, External: r.IntN(3) == 0, Tags: tags}})
	case 1:
		err = s.CreateNetworks(admin, []*model.Network{{ProjectID: project, NetworkType: model.NetworkVLAN, PhysicalNetwork: "dc", SegmentationID: 1 + r.Uint32N(9)}})
	case 2, 3:
		cidr := netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 0, byte(r.IntN(8)), 0}), 22+r.IntN(8)).Masked()
		err = s.CreateSubnets(admin, []*model.Subnet{{NetworkID: pick("networks"), ProjectID: project, IPVersion: 4, CIDR: cidr,
			GatewayIP: model.DefaultGateway(cidr), EnableDHCP: r.IntN(3) > 0, Tags: tags}})
	case 4, 5, 6, 7:
		p := &model.Port{NetworkID: pick("networks"), ProjectID: project, HostID: host, Tags: tags, DeviceOwner: "compute:nova", PortSecurityEnabled: true}
		err = s.CreatePorts(admin, []PortRequest{{Port: p}, {Port: &model.Port{NetworkID: p.NetworkID, ProjectID: project}}})
	case 8:
		subnet := pick("subnets")
		_, err = s.UpdatePort(admin, pick("ports"), func(p *model.Port) error {
			p.HostID, p.Tags = host, tags
			if r.IntN(2) == 0 {
				p.FixedIPs = []model.FixedIP{{SubnetID: subnet}}
			}
			return nil
		})
	case 9:
		err = s.DeletePort(admin, pick("ports"))
	case 10:
		_, err = s.UpdateSubnet(admin, pick("subnets"), func(s *model.Subnet) error { s.EnableDHCP = !s.EnableDHCP; return nil })
	case 11:
		err = s.DeleteSubnet(admin, pick("subnets"))
	case 12:
		if r.IntN(4) == 0 {
			err = s.DeleteNetwork(admin, pick("networks"))
		}
	case 13:
		err = s.CreateRBACPolicies(admin, []*model.RBACPolicy{{ProjectID: project, ObjectType: model.RBACObjectNetwork, ObjectID: pick("networks"),
			Action: model.RBACActions[r.IntN(2)], TargetProject: []string{"alpha", "beta", "*"}[r.IntN(3)]}})
	case 14:
		err = s.DeleteRBACPolicy(admin, pick("rbac_policies"))
	case 15:
		report := model.Node{SystemID: host, Hostname: host, DatapathType: []string{"system", "netdev"}[r.IntN(2)]}
		if r.IntN(2) == 0 {
			report.Mappings = []model.Mapping{{PhysicalNetwork: "dc", Bridge: "br-dc"}}
		}
		_, _, err = s.ReportNode(context.Background(), report)
	case 16:
		external := &model.Network{ProjectID: project, NetworkType: model.NetworkVLAN, PhysicalNetwork: "public", SegmentationID: 1 + r.Uint32N(3), External: true}
		if err = s.CreateNetworks(admin, []*model.Network{external}); err == nil {
			cidr := netip.PrefixFrom(netip.AddrFrom4([4]byte{172, 16, byte(r.IntN(4)), 0}), 24)
			err = s.CreateSubnets(admin, []*model.Subnet{{NetworkID: external.ID, ProjectID: project, IPVersion: 4, CIDR: cidr}})
		}
	case 17:
		request := RouterRequest{Router: &model.Router{ProjectID: project, Tags: tags}}
		if r.IntN(2) == 0 {
			request.Gateway = &ExternalGateway{NetworkID: pick("networks")}
		}
		err = s.CreateRouters(admin, []RouterRequest{request})
	case 18:
		_, err = s.UpdateRouter(admin, pick("routers"), func(u *RouterUpdate) error {
			if u.GatewaySaid = true; r.IntN(3) > 0 {
				u.Gateway = &ExternalGateway{NetworkID: pick("networks")}
			}
			return nil
		})
	case 19:
		if r.IntN(2) == 0 {
			_, err = s.AddRouterInterface(admin, pick("routers"), pick("subnets"), "")
		} else {
			_, err = s.AddRouterInterface(admin, pick("routers"), "", pick("ports"))
		}
	case 20:
		if _, err = s.RemoveRouterInterface(admin, pick("routers"), pick("subnets"), ""); err != nil {
			err = s.DeleteRouter(admin, pick("routers"))
		}
	case 21:
		err = s.CreateFloatingIPs(admin, []FloatingIPRequest{{FloatingIP: &model.FloatingIP{ProjectID: project, FloatingNetworkID: pick("networks")}}})
	case 23:
		err = s.CreateSecurityGroups(admin, []*model.SecurityGroup{{ProjectID: project, Stateful: r.IntN(4) > 0, Tags: tags}})
	case 24:
		rule := &model.SecurityGroupRule{ProjectID: project, SecurityGroupID: pick("security_groups"), Direction: model.Egress, EtherType: model.EtherTypeIPv4,
			Protocol: strconv.Itoa(r.IntN(9))}
		if r.IntN(2) == 0 {
			rule.RemoteGroupID = pick("security_groups")
		}
		err = s.CreateSecurityGroupRules(admin, []*model.SecurityGroupRule{rule})
	case 25:
		_, err = s.UpdateSecurityGroup(admin, pick("security_groups"), func(g *model.SecurityGroup) error { g.Stateful, g.Tags = !g.Stateful, tags; return nil })
	case 26:
		if err = s.DeleteSecurityGroupRule(admin, pick("security_group_rules")); r.IntN(2) == 0 {
			err = s.DeleteSecurityGroup(admin, pick("security_groups"))
		}
	case 27:
		groups := []string{pick("security_groups"), pick("security_groups")}
		_, err = s.UpdatePort(admin, pick("ports"), func(p *model.Port) error {
			if p.PortSecurityEnabled = r.IntN(4) > 0; p.PortSecurityEnabled {
				p.SecurityGroups = groups[:r.IntN(3)]
			} else if r.IntN(3) > 0 {
				p.SecurityGroups = nil
			}
			return nil
		})
	case 22:
		if port := pick("ports"); r.IntN(4) > 0 {
			_, err = s.UpdateFloatingIP(admin, pick("floating_ips"), func(f *model.FloatingIP) error { f.PortID, f.FixedIP = port, netip.Addr{}; return nil })
		} else {
			err = s.DeleteFloatingIP(admin, pick("floating_ips"))
		}
	}
	refusal, conflict := (*model.Error)(nil), (*ConflictError)(nil)
	if errors.As(err, &refusal) || errors.As(err, &conflict) || errors.Is(err, ErrUnavailable) {
		return nil
	}
	return err
}

// operateFabric does something to physical switches, their links, bare metal, or services.
func operateFabric(s *Store, r *rand.Rand, pick func(table string) string) error {
	ctx := context.Background()
	number := func(table, where string) (number model.Number) {
		var numbers []model.Number
		if err := s.reader.Raw("SELECT number FROM " + table + " WHERE " + where).Scan(&numbers).Error; err != nil || len(numbers) == 0 {
			return 0
		}
		return numbers[r.IntN(len(numbers))]
	}
	var err error
	switch r.IntN(12) {
	case 0, 1:
		d := declaration(1 + r.Uint64N(3))
		if r.IntN(3) == 0 {
			d.Switch.Uplinks = []model.Uplink{{Port: strconv.Itoa(1 + r.IntN(4)), Hostname: []string{"", "compute1"}[r.IntN(2)]}}
		}
		if r.IntN(6) == 0 {
			d.Switch.PhysicalNetwork, d.Hostname = "public", "compute2"
		}
		_, _, err = s.DeclareSwitch(ctx, d)
	case 2, 3, 4:
		ports := ethernet(4)[r.IntN(2):]
		ports[r.IntN(2)].Up = r.IntN(3) > 0
		report := model.Switch{Ports: ports}
		if r.IntN(4) == 0 {
			report.Tables = []model.TableLimits{{ID: 1, Name: "guard", Lacks: []string{"nw_src"}}}
		}
		_, _, err = s.ReportSwitch(ctx, number("nodes", "switch IS NOT NULL"), report)
	case 5:
		_, _, err = s.AddLink(ctx, model.LinkEnd{Node: number("nodes", "switch IS NOT NULL"), Port: 1 + r.Uint32N(4)}, model.LinkEnd{Node: number("nodes", "1 = 1"), Port: 1 + r.Uint32N(4)})
	case 6:
		err = s.RemoveLinks(ctx, []model.Number{number("links", "1 = 1")})
	case 7:
		if n := number("nodes", "switch IS NOT NULL"); n != 0 && r.IntN(3) == 0 {
			err = s.DeleteNode(ctx, n)
		}
	case 8, 9:
		p := &model.Port{NetworkID: pick("networks WHERE network_type = 'vlan'"), ProjectID: "alpha", DeviceOwner: "compute:nova", PortSecurityEnabled: r.IntN(2) == 0}
		bareMetal(fmt.Sprint(1+r.IntN(3)), fmt.Sprint("eth", 1+r.IntN(4)), r.IntN(2))(p)
		err = s.CreatePorts(admin, []PortRequest{{Port: p}})
	case 10:
		change := bareMetal(fmt.Sprint(1+r.IntN(3)), fmt.Sprint("eth", 1+r.IntN(4)), r.IntN(2))
		if r.IntN(4) == 0 {
			change = func(p *model.Port) { p.VNICType = model.VNICTypeNormal }
		}
		_, err = s.UpdatePort(admin, pick("ports"), func(p *model.Port) error { p.SecurityGroups = nil; change(p); return nil })
	case 11:
		_, err = s.SetService(ctx, number("ports", "device_owner = 'network:router_interface'"), r.Int64N(2), number("nodes", "switch IS NULL"))
	}
	return err
}

// A reader works beside the store that serves the database, changes nothing, and refuses what it does not know.
func TestOpenReadOnly(t *testing.T) {
	for name, url := range map[string]string{"sqlite": sqliteURL(t), "postgres": postgresURL(t)} {
		t.Run(name, func(t *testing.T) {
			ctx := context.Background()
			if _, err := OpenReadOnly(ctx, url); err == nil {
				t.Error("an empty database is opened")
			}
			if path, isFile := strings.CutPrefix(url, "sqlite:"); isFile {
				if files, err := os.ReadDir(filepath.Dir(path)); err != nil || len(files) != 0 {
					t.Errorf("looking made %v, %v", files, err)
				}
			}
			s := open(t, url, Options{})
			n := newNetwork(t, s)
			reader := must(OpenReadOnly(ctx, url))(t)
			healthy(t, reader)
			newPort(t, s, n) // beside it
			if got := must(reader.Network(admin, n.ID))(t); got.Name != n.Name {
				t.Errorf("read: %+v", got)
			}
			if err := reader.DeleteNetwork(admin, n.ID); err == nil {
				t.Error("a reader deletes")
			}
			check(t, reader.Close())

			check(t, s.db.Exec("INSERT INTO schema_migrations (version, name) VALUES (1000, 'later')").Error)
			if _, err := OpenReadOnly(ctx, url); err == nil || !strings.Contains(err.Error(), "version 1000") {
				t.Errorf("another schema: %v", err)
			}
		})
	}
	if _, err := OpenReadOnly(context.Background(), "mysql://x"); err == nil {
		t.Error("another kind of database is opened")
	}
}
