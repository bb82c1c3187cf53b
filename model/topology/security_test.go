package topology_test

import (
	"net/netip"
	"slices"
	"testing"

	"github.com/planck-sdn/planck/model"
	"github.com/planck-sdn/planck/model/topology"
)

// TestMemberPartOf pins parts: two versions of Planck that disagree on them would move entries about.
func TestMemberPartOf(t *testing.T) {
	for prefix, want := range map[string]uint8{"10.0.0.1/32": 24, "10.0.0.2/32": 63, "10.0.0.0/24": 56, "0.0.0.0/0": 64, "192.168.255.254/32": 48, "2001:db8::1/128": 3} {
		if got := topology.MemberPartOf(netip.MustParsePrefix(prefix)); got != want {
			t.Errorf("%s: part %d, want %d", prefix, got, want)
		}
	}
}

// TestMemberPartsAreEven: addresses as clouds give them fill all parts alike.
func TestMemberPartsAreEven(t *testing.T) {
	for _, stride := range []uint32{1, 2, 4, 8, 10, 100, 256, 65536} {
		var count [256]int
		for i := range uint32(256) {
			n := 10<<24 + 5 + i*stride
			ip := netip.AddrFrom4([4]byte{byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)})
			count[topology.MemberPartOf(netip.PrefixFrom(ip, 32))]++
		}
		parts := count[1:65]
		if least, most := slices.Min(parts), slices.Max(parts); most > 12 {
			t.Errorf("every %d: of 256 addresses, %d in one part and %d in another", stride, least, most)
		}
		if count[0] != 0 || slices.Max(count[65:]) != 0 {
			t.Errorf("parts outside 1 to 64: %d", count)
		}
	}
}

// TestSecurityGroupsOf: in order of number, those that are known; none without port security, and none of a router's ports.
func TestSecurityGroupsOf(t *testing.T) {
	c := &cloud{}
	c.network(1)
	c.group(10)
	c.group(9)
	vm, open, router := c.member(11, "g10", "g7", "g9"), c.member(12, "g9"), c.member(1, "g9")
	open.PortSecurityEnabled, router.DeviceOwner = false, model.DeviceOwnerRouterInterface
	c.node(1, false, open, router)
	v := c.view()
	for _, test := range []struct {
		port *model.Port
		want []model.Number
	}{{vm, numbers(9, 10)}, {open, nil}, {router, nil}} {
		var got []model.Number
		for _, g := range v.SecurityGroupsOf(test.port) {
			got = append(got, g.Number)
		}
		if !slices.Equal(got, test.want) {
			t.Errorf("port %d: groups %d, want %d", test.port.Number, got, test.want)
		}
	}
	if v.UsesGroup("g9", 1) || v.UsesGroup("g10", 1) {
		t.Error("a node uses a group that no port with port security has there")
	}
}

// TestMembersOf: what several ports have is there once and until the last of them goes.
func TestMembersOf(t *testing.T) {
	c := &cloud{}
	c.network(1)
	first, second := c.member(11, "g1"), c.member(12, "g1")
	second.AllowedAddressPairs = []model.AddressPair{{IP: single(11)}, {IP: netip.MustParsePrefix("10.1.0.0/24")}}
	v := c.view()
	check := func(want ...string) {
		t.Helper()
		var got []string
		for part := uint8(1); part <= 64; part++ {
			v.MembersOf("g1", part, func(prefix netip.Prefix) {
				got = append(got, prefix.String())
				if topology.MemberPartOf(prefix) != part {
					t.Errorf("%s is in part %d", prefix, part)
				}
			})
		}
		slices.Sort(got)
		if !slices.Equal(got, want) {
			t.Errorf("members %s, want %s", got, want)
		}
	}
	check("10.1.0.0/24", "10.1.0.11/32", "10.1.0.12/32")
	v, _ = v.Apply([]model.Change{{Ref: first.Ref()}})
	check("10.1.0.0/24", "10.1.0.11/32", "10.1.0.12/32")
	v, _ = v.Apply([]model.Change{{Ref: second.Ref()}})
	check()
}

// TestGroupUnits: rules are listed where a group is used, members only of groups that are known and that rules for IPv4 name.
func TestGroupUnits(t *testing.T) {
	for _, test := range []struct {
		name  string
		named string
		want  []uint8
	}{{"known", "g2", []uint8{topology.PartRules, part(12)}}, {"unknown", "g9", []uint8{topology.PartRules}}} {
		c := &cloud{}
		c.network(1)
		c.group(1, from(test.named, "tcp"), from(test.named, ""))
		c.group(2)
		user := c.member(11, "g1")
		c.member(12, "g2", "g9")
		c.node(1, false, user)
		var got []uint8
		for _, u := range c.view().Units(1) {
			if u.Kind == model.KindSecurityGroup {
				got = append(got, u.Part)
			}
		}
		if !slices.Equal(got, test.want) {
			t.Errorf("%s: parts %d, want %d", test.name, got, test.want)
		}
	}
}
