package e2e

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/planck-sdn/planck/apps/pipeline"
	"github.com/planck-sdn/planck/model/flow"
	"github.com/planck-sdn/planck/tests/lab"
	"github.com/planck-sdn/planck/tests/strict"
)

// ownTables is what a strict switch says to a request for tables, if its tables are as they are (OFPTFFC_EPERM, OpenFlow 1.3.5, 7.4.4.14).
const ownTables = "type 13, code 5"

// noMeters is what a switch without meters says to questions about them (OFPBRC_BAD_MULTIPART).
const noMeters = "type 1, code 2"

// exactly are tables of that size that can do what the pipeline needs with a driver, and nothing else.
func exactly(driver string, size uint32) []flow.TableFeatures {
	tables := pipeline.Wanted(pipeline.DriverByName(driver))
	for i := range tables {
		tables[i].MaxEntries = size
	}
	return tables
}

// strictKinds are switches on which everything has to work.
var strictKinds = []struct {
	name     string
	config   strict.Config
	driver   string
	expected []string
}{
	{name: "of many tables", expected: []string{ownTables}, config: strict.Config{
		Tables: strict.Tables(16, 4096), Groups: strict.GroupLimits{All: 1000, Indirect: 1000, Chaining: true}, Meters: 1000,
	}},
	{name: "of tables to be made", config: strict.Config{
		Tables: strict.Tables(9, 2048), Negotiable: true, Groups: strict.GroupLimits{All: 100}, Meters: 100,
	}},
	{name: "slow and particular", expected: []string{noMeters}, config: strict.Config{
		Tables: strict.Without(exactly("generic", 64), flow.CanMeter), Groups: strict.GroupLimits{All: 8},
		OrderedActions: true, Lag: 50 * time.Millisecond, Reorder: true,
	}},
	{name: "of few entries, without groups and meters", driver: "plain", expected: []string{noMeters}, config: strict.Config{
		Tables: exactly("plain", 32), Reorder: true,
	}},
}

// TestStrictRing: what TestBareMetal shows of Open vSwitch, with switches that refuse what they may.
func TestStrictRing(t *testing.T) {
	for _, kind := range strictKinds {
		t.Run(kind.name, func(t *testing.T) {
			t.Parallel()
			c := Start(t, Options{})
			node := c.AddNode("compute1", onFabric)
			ring := c.RingOf(c.StrictRing(kind.config, kind.driver, kind.expected...), node)
			members := ring.tellStory(node)
			one, far := members[0], members[2]

			c.Run("a switch restarts", func(t *testing.T) {
				c.WaitConverged()
				for _, s := range ring.Switches {
					before := s.Strict.Lines()
					if err := s.Restart(); err != nil {
						t.Fatal(err)
					}
					lab.Eventually(t, limit, "the switch has its entries again", func() error { return sameEntries(before, s.Strict.Lines()) })
				}
				for i, from := range members {
					from.MustReach(members[(i+1)%len(members)].IP)
				}
			})

			c.Run("without the controller", func(t *testing.T) {
				c.WaitConverged()
				before := ring.flowMods()
				p := one.StartPing(far.IP, pingInterval)
				for _, s := range ring.Switches {
					s.Strict.Cut()
				}
				c.Answered(p, 50, "pings without the controller")
				for _, s := range ring.Switches {
					s.Strict.Connect(s.Proxy.Addr())
				}
				for _, s := range ring.Switches {
					s.WaitReady()
				}
				c.WaitLinks(len(ring.Cables))
				c.WaitConverged()
				if r := p.Stop(); r.Lost() > 0 || r.Duplicates > 0 {
					t.Errorf("pings: %v, %d duplicates", r, r.Duplicates)
				}
				if after := ring.flowMods(); after != before {
					t.Errorf("%d flow-mods were sent, expected none", after-before)
				}
			})
		})
	}
}

func sameEntries(before, after []string) error {
	if !slices.Equal(before, after) {
		return fmt.Errorf("it had\n\t%s\nand has\n\t%s", strings.Join(before, "\n\t"), strings.Join(after, "\n\t"))
	}
	return nil
}

// flowMods is how many flow-mods the switches have taken.
func (r *Ring) flowMods() (n uint64) {
	for _, s := range r.Switches {
		n += s.Strict.FlowMods()
	}
	return n
}
