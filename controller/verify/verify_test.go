package verify_test

import (
	"testing"

	"pgregory.net/rapid"

	"github.com/planck-sdn/planck/apps"
	"github.com/planck-sdn/planck/apps/example"
	"github.com/planck-sdn/planck/apps/pipeline"
	"github.com/planck-sdn/planck/controller/verify"
	"github.com/planck-sdn/planck/model"
	"github.com/planck-sdn/planck/model/flow"
	"github.com/planck-sdn/planck/model/topology"
	"github.com/planck-sdn/planck/model/topology/history"
)

// tables renders what a node should have.
func tables(t testing.TB, v *topology.View, node model.Number) flow.Tables {
	t.Helper()
	held, err := example.Tables(apps.All(), v, node)
	if err != nil {
		t.Fatal(err)
	}
	return held
}

// clean wants all nodes of a topology to keep all contracts.
func clean(t testing.TB, v *topology.View) (pairs int) {
	t.Helper()
	i := verify.Of(v)
	v.Nodes(func(n *model.Node) {
		held := tables(t, v, n.Number)
		r := i.Switch(n.Number, &held)
		pairs += r.Pairs
		for _, found := range r.Violations {
			t.Errorf("%s: %s", n.Hostname, told(found))
		}
	})
	return pairs
}

func told(v verify.Violation) string {
	text := string(v.Contract) + ": " + v.Text + "\n  " + v.Packet
	for _, p := range v.Way {
		if p.Entry == "" {
			text += "\n    table " + pipeline.TableName(p.Table) + ": nothing matches"
		} else {
			text += "\n    " + example.Text(p.Entry)
		}
	}
	return text
}

func TestExamplesKeepContracts(t *testing.T) {
	for _, c := range example.Cases() {
		t.Run(c.Name, func(t *testing.T) {
			if clean(t, c.Cloud.View()) == 0 {
				t.Error("nothing had to be reached")
			}
		})
	}
}

func TestLargerCloudKeepsContracts(t *testing.T) {
	if pairs := clean(t, cloudOf(t, 30)); pairs < 30*600 {
		t.Errorf("only %d pairs were seen to reach each other", pairs)
	}
}

// Whatever happens to a cloud, the entries that follow from it keep all contracts.
func TestRandomCloudsKeepContracts(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h, v := history.New(), topology.New()
		for range rapid.IntRange(1, 120).Draw(t, "steps") {
			v, _ = v.Apply(h.Step(t))
		}
		i := verify.Of(v)
		v.Nodes(func(n *model.Node) {
			held, err := example.Tables(apps.All(), v, n.Number)
			if err != nil {
				t.Fatal(err)
			}
			for _, found := range i.Switch(n.Number, &held).Violations {
				t.Errorf("%s: %s", n.Hostname, told(found))
			}
		})
	})
}
