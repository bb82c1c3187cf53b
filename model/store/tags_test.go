package store

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/planck-sdn/planck/model"
)

func TestTagFilters(t *testing.T) {
	onBoth(t, func(t *testing.T, s *Store) {
		named := map[string][]string{"none": nil, "red": {"red"}, "blue": {"blue"}, "both": {"red", "blue", "red"}, `odd "'\ ü`: {`"'\ ü`}}
		for name, tags := range named {
			n := newNetwork(t, s, func(n *model.Network) { n.Name, n.Tags = name, tags })
			newSubnet(t, s, n, "10.0.0.0/24", func(s *model.Subnet) { s.Name, s.Tags = name, tags })
			newPort(t, s, n, func(p *model.Port) { p.Name, p.Tags = name, tags })
		}
		odd := `odd "'\ ü`
		for _, c := range []struct {
			filter string
			values []string
			want   []string
		}{
			{"tags", []string{"red"}, []string{"both", "red"}},
			{"tags", []string{"red,blue"}, []string{"both"}},
			{"tags", []string{"red", "blue,red"}, []string{"both"}},
			{"tags", []string{`"'\ ü`}, []string{odd}},
			{"tags", []string{""}, []string{}},
			{"tags-any", []string{"red,blue"}, []string{"blue", "both", "red"}},
			{"tags-any", []string{"re"}, []string{}},
			{"not-tags", []string{"red,blue"}, []string{"blue", "none", odd, "red"}},
			{"not-tags", []string{"red"}, []string{"blue", "none", odd}},
			{"not-tags-any", []string{"red", "blue"}, []string{"none", odd}},
		} {
			q := Query{Filters: map[string][]string{c.filter: c.values, "name": {"none", "red", "blue", "both", odd}}, Sort: []SortKey{{"name", false}}}
			lists := map[string][]string{}
			for _, n := range must(s.ListNetworks(admin, q))(t) {
				lists["networks"] = append(lists["networks"], n.Name)
			}
			for _, n := range must(s.ListSubnets(admin, q))(t) {
				lists["subnets"] = append(lists["subnets"], n.Name)
			}
			for _, n := range must(s.ListPorts(admin, q))(t) {
				lists["ports"] = append(lists["ports"], n.Name)
			}
			for _, of := range []string{"networks", "subnets", "ports"} {
				if !slices.Equal(lists[of], c.want) {
					t.Errorf("%s with %s %q: %q, want %q", of, c.filter, c.values, lists[of], c.want)
				}
			}
		}
		_, err := s.ListPorts(admin, Query{Filters: map[string][]string{"tags": {"a\x00"}}})
		refused(t, err, 400, "InvalidInput")
		_, err = s.ListPorts(admin, Query{Sort: []SortKey{{Attribute: "tags"}}})
		refused(t, err, 400, "HTTPBadRequest")
	})
}

// Tags come back sorted, each once, and a change of them is one of the object.
func TestTagsAreKept(t *testing.T) {
	onBoth(t, func(t *testing.T, s *Store) {
		n := newNetwork(t, s, func(n *model.Network) { n.Tags = []string{"b", "a", "b"} })
		subnet := newSubnet(t, s, n, "10.0.0.0/24", func(s *model.Subnet) { s.Tags = []string{"b", "a", "b"} })
		p := newPort(t, s, n, func(p *model.Port) { p.Tags = []string{"b", "a", "b"} })
		want := []string{"a", "b"}
		if !slices.Equal(n.Tags, want) || !slices.Equal(subnet.Tags, want) || !slices.Equal(p.Tags, want) {
			t.Fatalf("created with %q, %q, %q", n.Tags, subnet.Tags, p.Tags)
		}
		change := []string{"d", "c", "d"}
		n = must(s.UpdateNetwork(admin, n.ID, func(n *model.Network) error { n.Tags = change; return nil }))(t)
		subnet = must(s.UpdateSubnet(admin, subnet.ID, func(n *model.Subnet) error { n.Tags = change; return nil }))(t)
		p = must(s.UpdatePort(admin, p.ID, func(n *model.Port) error { n.Tags = change; return nil }))(t)
		if !reflect.DeepEqual(n, must(s.Network(admin, n.ID))(t)) || !reflect.DeepEqual(subnet, must(s.Subnet(admin, subnet.ID))(t)) ||
			!reflect.DeepEqual(p, must(s.Port(admin, p.ID))(t)) {
			t.Error("what was answered is not what is stored")
		}
		want = []string{"c", "d"}
		if !slices.Equal(n.Tags, want) || !slices.Equal(subnet.Tags, want) || !slices.Equal(p.Tags, want) || n.RevisionNumber != 2 || p.RevisionNumber != 2 {
			t.Errorf("changed to %q, %q, %q", n.Tags, subnet.Tags, p.Tags)
		}
		again := must(s.UpdatePort(admin, p.ID, func(n *model.Port) error { n.Tags = []string{"d", "c"}; return nil }))(t)
		if again.RevisionNumber != p.RevisionNumber {
			t.Error("another order is no change")
		}
		p.Tags = nil
		_, err := s.UpdatePort(admin, p.ID, func(p *model.Port) error { p.Tags = []string{strings.Repeat("ü", 256)}; return nil })
		refused(t, err, 400, "HTTPBadRequest")
		must(s.UpdatePort(admin, p.ID, func(p *model.Port) error { p.Tags = []string{strings.Repeat("ü", 255)}; return nil }))(t)
		_, err = s.UpdateNetwork(admin, n.ID, func(n *model.Network) error { n.Tags = []string{"\x00"}; return nil })
		refused(t, err, 400, "HTTPBadRequest")
		_, err = s.UpdateSubnet(admin, subnet.ID, func(n *model.Subnet) error { n.Tags = []string{"\xff"}; return nil })
		refused(t, err, 400, "HTTPBadRequest")
	})
}

// The filters are set operations: what the database finds is what a loop finds.
func TestTagFiltersAreSetOperations(t *testing.T) {
	onBoth(t, func(t *testing.T, s *Store) {
		words := rapid.SliceOfN(rapid.SampledFrom([]string{"a", "b", "c", "%", "_", `"`, `\`, "'", " "}), 0, 4)
		have := map[string][]string{}
		rapid.Check(t, func(r *rapid.T) {
			if len(have) < 20 {
				n := newNetwork(t, s, func(n *model.Network) { n.Tags = words.Draw(r, "tags") })
				have[n.ID] = n.Tags
			}
			wanted := append(words.Draw(r, "wanted"), "a")
			any := func(tags []string) bool {
				return slices.ContainsFunc(wanted, func(w string) bool { return slices.Contains(tags, w) })
			}
			all := func(tags []string) bool {
				return !slices.ContainsFunc(wanted, func(w string) bool { return !slices.Contains(tags, w) })
			}
			not := func(f func([]string) bool) func([]string) bool { return func(tags []string) bool { return !f(tags) } }
			for filter, holds := range map[string]func([]string) bool{"tags": all, "tags-any": any, "not-tags": not(all), "not-tags-any": not(any)} {
				found := map[string]bool{}
				for _, n := range must(s.ListNetworks(admin, Query{Filters: map[string][]string{filter: {strings.Join(wanted, ",")}}}))(t) {
					found[n.ID] = true
				}
				for id, tags := range have {
					if found[id] != holds(tags) {
						r.Fatalf("%s of %q: network with %q is found: %v", filter, wanted, tags, found[id])
					}
				}
			}
		})
	})
}
