// Package base renders what a switch has before any network: the marker that names the pipeline's version.
package base

import "github.com/planck-sdn/planck/apps/pipeline"

var ruleMarker = pipeline.NewRule(1, "base", "marker",
	"Says which version of the pipeline this switch has; no packet comes here.")

// App renders the marker. (A physical switch tells its version otherwise, see pipeline.NewVersion.)
var App = &pipeline.App{Name: "base", Node: func(c *pipeline.Context) {
	c.Flow(ruleMarker, pipeline.Marker, 0, nil, pipeline.MarkVersion())
}}
