package main

import (
	"fmt"
	"slices"

	"github.com/planck-sdn/planck/apps/example"
	"github.com/planck-sdn/planck/apps/pipeline"
	"github.com/planck-sdn/planck/model"
	"github.com/planck-sdn/planck/model/flow"
	"github.com/planck-sdn/planck/model/topology"
)

// shown is what the examples show of the apps.
type shown struct {
	first  flow.Tables // of the first node of the first example
	router flow.Tables // of the first node of the example with a router
	fabric flow.Tables // of the second physical switch of the example with some
	writes map[*pipeline.Table][]*pipeline.Rule
}

// show renders all examples. A rule that none of them needs would be missing from the page, and is an error.
func show(apps []*pipeline.App) (*shown, error) {
	s := &shown{writes: map[*pipeline.Table][]*pipeline.Rule{}}
	seen := map[uint16]bool{}
	for i, c := range append(example.Cases(), example.SwitchCases()...) {
		v := c.Cloud.View()
		for _, node := range nodes(v) {
			tables, err := example.Tables(apps, v, node)
			if err != nil {
				return nil, fmt.Errorf("example %s: %w", c.Name, err)
			}
			if i == 0 && s.first.Flows == nil {
				s.first = tables
			}
			if c.Name == "router" && s.router.Flows == nil {
				s.router = tables
			}
			if v.Node(node).Hostname == "tor2" {
				s.fabric = tables
			}
			for _, f := range tables.Flows {
				t, rule := pipeline.TableOf(v.Node(node), f.Table()), pipeline.RuleByNumber(f.Cookie().Rule())
				seen[rule.Number] = true
				if !slices.Contains(s.writes[t], rule) {
					s.writes[t] = append(s.writes[t], rule)
				}
			}
		}
	}
	for _, r := range pipeline.Rules() {
		if t := r.Passing; t != nil {
			seen[r.Number] = true
			s.writes[t] = append(s.writes[t], r)
		}
	}
	for _, list := range s.writes {
		slices.SortFunc(list, func(a, b *pipeline.Rule) int { return int(a.Number) - int(b.Number) })
	}
	for _, r := range pipeline.Rules() {
		if !seen[r.Number] {
			return nil, fmt.Errorf("no example has an entry of rule %d (%s, %s): add one to apps/example", r.Number, r.App, r.Name)
		}
	}
	return s, nil
}

func nodes(v *topology.View) (list []model.Number) {
	v.Nodes(func(n *model.Node) { list = append(list, n.Number) })
	return list
}
