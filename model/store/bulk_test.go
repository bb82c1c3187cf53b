package store

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"reflect"
	"slices"
	"sync"
	"testing"

	"pgregory.net/rapid"

	"github.com/planck-sdn/planck/model"
)

// sameAddresses checks that what ports repeat of ip_allocations is what stands there.
func sameAddresses(t interface{ Fatalf(string, ...any) }, s *Store) {
	var differing []string
	err := s.reader.Raw("SELECT id FROM ports WHERE CAST(fixed_ips AS " + map[string]string{postgresName: "jsonb", sqliteName: "text"}[s.dialect.name] +
		") <> CAST(" + s.dialect.fixedIPs + " AS " + map[string]string{postgresName: "jsonb", sqliteName: "text"}[s.dialect.name] + ")").Scan(&differing).Error
	if err != nil || len(differing) > 0 {
		t.Fatalf("ports %v repeat other addresses than they have; %v", differing, err)
	}
}

func requestsFor(ports ...*model.Port) []PortRequest {
	list := make([]PortRequest, len(ports))
	for i, p := range ports {
		list[i].Port = p
	}
	return list
}

func TestBulkPorts(t *testing.T) {
	onBoth(t, func(t *testing.T, s *Store) {
		a, b := newNetwork(t, s), newNetwork(t, s)
		subnet := newSubnet(t, s, a, "10.0.0.0/22", withoutDHCP)
		newSubnet(t, s, b, "10.0.0.0/30", withoutDHCP)
		var ports []*model.Port
		for i := range 2*maxRows + 30 {
			p := portRequest(a)
			switch {
			case i%50 == 7:
				p = portRequest(b)
				p.FixedIPs = []model.FixedIP{}
			case i == 3: // what the next ones would try
				p.FixedIPs = []model.FixedIP{{SubnetID: subnet.ID}, {IPAddress: addr("10.0.0.9")}, {IPAddress: addr("10.0.0.100")}}
				p.AllowedAddressPairs = []model.AddressPair{{IP: netip.MustParsePrefix("10.9.0.0/16")}}
			}
			p.Name = fmt.Sprint(i)
			ports = append(ports, p)
		}
		check(t, s.CreatePorts(admin, requestsFor(ports...)))
		listed := must(s.ListPorts(admin, Query{}))(t)
		seen := map[netip.Addr]bool{}
		for i, p := range ports {
			if p.Name != fmt.Sprint(i) || !reflect.DeepEqual(listed[i], p) {
				t.Fatalf("port %d is read back as\n%+v, was\n%+v", i, listed[i], p)
			}
			for _, ip := range p.FixedIPs {
				if seen[ip.IPAddress] {
					t.Fatalf("%v was given twice", ip)
				}
				seen[ip.IPAddress] = true
			}
		}
		if ports[3].AllowedAddressPairs[0].MAC != ports[3].MAC || len(ports[3].FixedIPs) != 3 || len(listed) != len(ports) {
			t.Fatalf("made %d ports, the fourth %+v", len(listed), ports[3])
		}
		sameAddresses(t, s)
		// One too many for the second network: none is made.
		refused(t, s.CreatePorts(admin, requestsFor(portRequest(a), portRequest(b), portRequest(b))), 409, "IpAddressGenerationFailure")
		same := portRequest(a)
		same.MAC = model.MAC{0xfa, 0x16, 0x3e, 9, 9, 9}
		again := clonePort(same)
		refused(t, s.CreatePorts(admin, requestsFor(same, portRequest(a), &again)), 409, "MacAddressInUse")
		unknown := portRequest(a)
		unknown.NetworkID = "nope"
		refused(t, s.CreatePorts(admin, requestsFor(portRequest(a), unknown)), 404, "NetworkNotFound")
		twice := func() *model.Port {
			p := portRequest(a)
			p.FixedIPs = []model.FixedIP{{IPAddress: addr("10.0.3.77")}}
			return p
		}
		refused(t, s.CreatePorts(admin, requestsFor(twice(), twice())), 409, "IpAddressAlreadyAllocated")
		if got := must(s.ListPorts(admin, Query{}))(t); len(got) != len(listed) {
			t.Fatalf("%d ports after refused requests, %d before", len(got), len(listed))
		}
	})
}

// MACs that are picked and in use are picked anew, without a trace in the rest of the request.
func TestBulkMACsAreRepicked(t *testing.T) {
	test := func(t *testing.T, url string) {
		source, next := model.SystemSource(), byte(0)
		source.MAC = func() model.MAC { next++; return model.MAC{0xfa, 0x16, 0x3e, 0, 0, next / 3} } // each three times
		s := open(t, url, Options{Source: source})
		n := newNetwork(t, s)
		newSubnet(t, s, n, "10.0.0.0/24", withoutDHCP)
		ports := make([]*model.Port, 9)
		for i := range ports {
			ports[i] = portRequest(n)
			ports[i].AllowedAddressPairs = []model.AddressPair{{IP: netip.MustParsePrefix("10.9.0.0/16")}}
		}
		check(t, s.CreatePorts(admin, requestsFor(ports...)))
		macs := map[model.MAC]bool{}
		for _, p := range ports {
			if macs[p.MAC] || p.AllowedAddressPairs[0].MAC != p.MAC {
				t.Fatalf("MAC %v, pairs %v", p.MAC, p.AllowedAddressPairs)
			}
			macs[p.MAC] = true
			if got := must(s.Port(admin, p.ID))(t); !reflect.DeepEqual(got, p) {
				t.Fatalf("read back\n%+v, want\n%+v", got, p)
			}
		}
		sameAddresses(t, s)
	}
	t.Run("sqlite", func(t *testing.T) { test(t, sqliteURL(t)) })
	t.Run("postgres", func(t *testing.T) { test(t, postgresURL(t)) })
}

// Replicas make many ports at a time on one subnet, until it is full: no address is given twice, and none is left over.
func TestBulksCompete(t *testing.T) {
	const writers, bulk, addresses = 6, 11, 1021
	compete := func(t *testing.T, stores ...*Store) {
		s := stores[0]
		n := newNetwork(t, s)
		newSubnet(t, s, n, "10.0.0.0/22", withoutDHCP)
		var group sync.WaitGroup
		for w := range writers {
			group.Go(func() {
				for size := bulk; ; {
					ports := make([]*model.Port, size)
					for i := range ports {
						ports[i] = portRequest(n)
					}
					err := stores[w%len(stores)].CreatePorts(admin, requestsFor(ports...))
					if err == nil {
						continue
					}
					if e, ok := err.(*model.Error); !ok || e.Type != "IpAddressGenerationFailure" {
						t.Errorf("got %v", err)
						return
					}
					if size == 1 {
						return
					}
					size = 1
				}
			})
		}
		group.Wait()
		seen := map[netip.Addr]bool{}
		for _, p := range must(s.ListPorts(admin, Query{}))(t) {
			if len(p.FixedIPs) != 1 || seen[p.FixedIPs[0].IPAddress] {
				t.Fatalf("port with %v", p.FixedIPs)
			}
			seen[p.FixedIPs[0].IPAddress] = true
		}
		if len(seen) != addresses {
			t.Fatalf("%d addresses given, want %d", len(seen), addresses)
		}
		sameAddresses(t, s)
	}
	unlimited := Options{Quotas: map[string]int{"port": Unlimited}}
	t.Run("sqlite", func(t *testing.T) { compete(t, open(t, sqliteURL(t), unlimited)) })
	t.Run("two replicas", func(t *testing.T) {
		url := postgresURL(t)
		compete(t, open(t, url, unlimited), open(t, url, unlimited))
	})
}

// Whatever is done to ports and subnets: ports repeat what ip_allocations says, and are read back as they were answered.
func TestAddressesAreRepeatedRight(t *testing.T) {
	onBoth(t, func(t *testing.T, s *Store) {
		rapid.Check(t, func(r *rapid.T) {
			n := newNetwork(t, s)
			defer func() {
				for _, p := range must(s.ListPorts(admin, Query{Filters: map[string][]string{"network_id": {n.ID}}}))(t) {
					if p.DeviceOwner != model.DeviceOwnerDHCP {
						check(t, s.DeletePort(admin, p.ID))
					}
				}
				check(t, s.DeleteNetwork(admin, n.ID))
			}()
			var subnets []*model.Subnet
			var ports []string
			wanted := rapid.Custom(func(r *rapid.T) []model.FixedIP {
				list := []model.FixedIP{}
				for range rapid.IntRange(0, 3).Draw(r, "addresses") {
					if len(subnets) == 0 {
						return nil
					}
					f := model.FixedIP{}
					i := rapid.IntRange(0, len(subnets)-1).Draw(r, "subnet")
					if rapid.Bool().Draw(r, "exact") {
						f.IPAddress = model.AddressAt(subnets[i].CIDR, rapid.Int64Range(0, 15).Draw(r, "offset"))
					} else {
						f.SubnetID = subnets[i].ID
					}
					list = append(list, f)
				}
				if rapid.Bool().Draw(r, "any") {
					return nil
				}
				return list
			})
			steps := map[string]func(*rapid.T){
				"": func(r *rapid.T) { sameAddresses(r, s) },
				"make ports": func(r *rapid.T) {
					list := make([]*model.Port, rapid.IntRange(1, 4).Draw(r, "ports"))
					for i := range list {
						list[i] = portRequest(n)
						list[i].FixedIPs = wanted.Draw(r, "wanted")
					}
					if s.CreatePorts(admin, requestsFor(list...)) != nil {
						return // refused, as is right for many of them
					}
					for _, p := range list {
						if got := must(s.Port(admin, p.ID))(t); !reflect.DeepEqual(got, p) {
							r.Fatalf("read back\n%+v, answered\n%+v", got, p)
						}
						ports = append(ports, p.ID)
					}
				},
				"update": func(r *rapid.T) {
					if len(ports) == 0 {
						return
					}
					id, ips := rapid.SampledFrom(ports).Draw(r, "port"), wanted.Draw(r, "wanted")
					updated, err := s.UpdatePort(admin, id, func(p *model.Port) error { p.FixedIPs = ips; return nil })
					if err != nil {
						return
					}
					if got := must(s.Port(admin, id))(t); !slices.Equal(got.FixedIPs, updated.FixedIPs) {
						r.Fatalf("read back %v, answered %v", got.FixedIPs, updated.FixedIPs)
					}
				},
				"delete": func(r *rapid.T) {
					if len(ports) > 0 {
						i := rapid.IntRange(0, len(ports)-1).Draw(r, "port")
						check(t, s.DeletePort(admin, ports[i]))
						ports = slices.Delete(ports, i, i+1)
					}
				},
				"make subnets": func(r *rapid.T) {
					made := make([]*model.Subnet, min(rapid.IntRange(1, 2).Draw(r, "subnets"), 6-len(subnets)))
					for i := range made {
						made[i] = subnetRequest(n, fmt.Sprintf("10.%d.0.0/28", len(ports)%100+rapid.IntRange(0, 99).Draw(r, "cidr")))
						made[i].EnableDHCP = rapid.Bool().Draw(r, "dhcp")
					}
					if s.CreateSubnets(admin, made) == nil {
						subnets = append(subnets, made...)
					}
				},
				"delete subnet": func(r *rapid.T) {
					if len(subnets) == 0 {
						return
					}
					i := rapid.IntRange(0, len(subnets)-1).Draw(r, "subnet")
					if s.DeleteSubnet(admin, subnets[i].ID) == nil {
						subnets = slices.Delete(subnets, i, i+1)
					}
				},
			}
			r.Repeat(steps)
		})
	})
}

func TestBulkNetworksAndSubnets(t *testing.T) {
	onBoth(t, func(t *testing.T, s *Store) {
		first := newNetwork(t, s, func(n *model.Network) { n.SegmentationID = 3 }) // what one of the others would try
		networks := make([]*model.Network, 12)
		for i := range networks {
			networks[i] = &model.Network{ProjectID: "alpha", Name: fmt.Sprint(i), Shared: i == 5}
		}
		networks[8].NetworkType, networks[8].PhysicalNetwork = model.NetworkFlat, "office"
		check(t, s.CreateNetworks(admin, networks))
		listed := must(s.ListNetworks(admin, Query{}))(t)[1:]
		keys := map[model.NetworkKey]bool{first.Key: true}
		for i, n := range networks {
			if n.Name != fmt.Sprint(i) || !reflect.DeepEqual(listed[i], n) {
				t.Fatalf("network %d is read back as\n%+v, was\n%+v", i, listed[i], n)
			}
			if n.Key == 0 || keys[n.Key] {
				t.Fatalf("key %d of network %d", n.Key, i)
			}
			keys[n.Key] = true
		}
		vni := func() *model.Network { return &model.Network{ProjectID: "alpha", SegmentationID: 500} }
		refused(t, s.CreateNetworks(admin, []*model.Network{{ProjectID: "alpha"}, vni(), vni()}), 409, "TunnelIdInUse")

		subnets := make([]*model.Subnet, 0, 2*len(networks))
		for i, n := range networks {
			subnets = append(subnets, subnetRequest(n, "10.0.0.0/24"), subnetRequest(n, "10.0.1.0/24"))
			subnets[2*i+1].EnableDHCP = i%2 == 0
		}
		subnets[22].EnableDHCP, subnets[23].EnableDHCP = false, false
		check(t, s.CreateSubnets(admin, subnets))
		read := must(s.ListSubnets(admin, Query{}))(t)
		for i, subnet := range subnets {
			if !reflect.DeepEqual(read[i], subnet) {
				t.Fatalf("subnet %d is read back as\n%+v, was\n%+v", i, read[i], subnet)
			}
		}
		ports := must(s.ListPorts(admin, Query{}))(t)
		if len(ports) != 11 {
			t.Fatalf("%d DHCP ports", len(ports))
		}
		for i, p := range ports {
			want := []model.FixedIP{{SubnetID: subnets[2*i].ID, IPAddress: addr("10.0.0.2")}, {SubnetID: subnets[2*i+1].ID, IPAddress: addr("10.0.1.2")}}[:1+(i+1)%2]
			if p.NetworkID != networks[i].ID || p.DeviceOwner != model.DeviceOwnerDHCP || !slices.Equal(p.FixedIPs, want) {
				t.Fatalf("DHCP port %d: %+v", i, p)
			}
		}
		sameAddresses(t, s)
		refused(t, s.CreateSubnets(admin, []*model.Subnet{subnetRequest(first, "10.0.0.0/24"), subnetRequest(first, "10.0.0.128/25")}), 400, "InvalidInput")
		strange := subnetRequest(first, "10.0.0.0/24")
		strange.NetworkID = "nope"
		refused(t, s.CreateSubnets(admin, []*model.Subnet{subnetRequest(first, "10.0.0.0/24"), strange}), 404, "NetworkNotFound")
		if got := must(s.ListSubnets(admin, Query{}))(t); len(got) != len(subnets) {
			t.Fatalf("%d subnets after refused requests, %d before", len(got), len(subnets))
		}
	})
}

// Every text that fixed_ips may be is read as encoding/json reads it.
func TestFixedIPsAreReadAsJSON(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		list := rapid.SliceOf(rapid.Custom(func(r *rapid.T) model.FixedIP {
			a := rapid.SampledFrom([]string{"10.0.0.1", "fd00::1", "255.255.255.255"}).Draw(r, "address")
			return model.FixedIP{SubnetID: rapid.StringMatching(`[0-9a-f-]*`).Draw(r, "subnet"), IPAddress: netip.MustParseAddr(a)}
		})).Draw(r, "list")
		text := fixedIPsText(list)
		standard, err := json.Marshal(notNil(list))
		if err != nil || text != string(standard) {
			r.Fatalf("written as %s, by encoding/json as %s", text, standard)
		}
		damaged := []byte(text)
		if rapid.Bool().Draw(r, "damaged") {
			i := rapid.IntRange(0, len(damaged)-1).Draw(r, "where")
			damaged = slices.Insert(damaged, i, rapid.SampledFrom([]byte(` ,"\]{}:x`)).Draw(r, "what"))
		}
		var want []model.FixedIP
		wantErr := json.Unmarshal(damaged, &want)
		var got fixedIPList
		if gotErr := got.Scan(string(damaged)); (gotErr != nil) != (wantErr != nil) || wantErr == nil && !slices.Equal(got, want) {
			r.Fatalf("%s is read as %v, %v; by encoding/json as %v, %v", damaged, got, gotErr, want, wantErr)
		}
	})
}
