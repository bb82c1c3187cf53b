//go:build planck_upgrade

package apps

import "github.com/planck-sdn/planck/apps/pipeline"

// With the tag planck_upgrade planckd is the next version of itself: its pipeline has one more table, between guard and
// what came after it, through which everything goes on. tests/e2e upgrades to it and back; no release is built with it.
func init() {
	extra := &pipeline.Table{ID: 16, Name: "extra", App: "extra", Purpose: "Stands for what a new version may bring.",
		Next: pipeline.Guard.Next, Miss: "never: an entry sends everything on"}
	pass := pipeline.NewRule(0xfff, "extra", "pass", "Everything goes on.")
	pipeline.Version++
	pipeline.Guard.Next = []*pipeline.Table{extra}
	pipeline.OVS = append(pipeline.OVS, extra)
	pipeline.Names[extra.ID] = extra.Name
	all = append(all, &pipeline.App{Name: extra.App, Node: func(c *pipeline.Context) {
		c.Flow(pass, extra, 0, nil, pipeline.Goto(extra.Next[0]))
	}})
}
