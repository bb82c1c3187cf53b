package nodes

import (
	"context"
	"errors"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/netrack/openflow/ofp"

	"github.com/planck-sdn/planck/apps/pipeline"
	"github.com/planck-sdn/planck/model/flow"
	"github.com/planck-sdn/planck/southbound/openflow"
	"github.com/planck-sdn/planck/southbound/openflow/tablefeatures"
	"github.com/planck-sdn/planck/tests/strict"
)

// asked is a switch that is asked for tables.
type asked struct {
	has   []flow.TableFeatures
	err   error // of a question
	takes error // of a request; nil: it takes it
	sets  [][]flow.TableFeatures
}

func (a *asked) TableFeatures(_ context.Context, want []flow.TableFeatures, _ tablefeatures.Form) ([]flow.TableFeatures, error) {
	if want == nil {
		return a.has, a.err
	}
	a.sets = append(a.sets, want)
	if a.takes == nil {
		a.has = want
	}
	return a.has, a.takes
}

func TestSettleTables(t *testing.T) {
	negotiates := pipeline.DriverByName("generic")
	fixed := *negotiates
	fixed.NegotiateTables = false
	static := *negotiates
	static.StaticTables = true
	refusal := openflow.Error{Type: uint16(ofp.ErrTypeTableFeaturesFailed)}
	for _, c := range []struct {
		name    string
		asked   asked
		driver  *pipeline.Driver
		sets    int
		limits  int
		problem string
	}{
		{"made as wanted", asked{has: strict.Tables(9, 100)}, negotiates, 1, 6, ""},
		{"made before", asked{has: pipeline.Wanted(negotiates)}, negotiates, 0, 6, ""},
		{"too few, and made", asked{has: strict.Tables(2, 100)}, negotiates, 1, 6, ""},
		{"refused, and good enough", asked{has: strict.Tables(9, 100), takes: refusal}, negotiates, 1, 6, ""},
		{"refused, and not good enough", asked{has: strict.Tables(2, 100), takes: refusal}, negotiates, 1, 0, "no table 2"},
		{"not asked for", asked{has: strict.Tables(9, 100)}, &fixed, 0, 6, ""},
		{"not asked for, and not good enough", asked{has: strict.Tables(2, 100)}, &fixed, 0, 0, "no table 2"},
		{"ids are fixed", asked{has: strict.Tables(9, 100)}, &static, 1, 6, ""},
		{"unknown question", asked{err: openflow.ErrUnsupported}, negotiates, 0, 0, ""},
		{"a session that ends", asked{err: net.ErrClosed}, negotiates, 0, 0, net.ErrClosed.Error()},
	} {
		limits, err := settleTables(t.Context(), &c.asked, c.driver)
		if len(c.asked.sets) != c.sets || len(limits) != c.limits {
			t.Errorf("%s: asked for tables %d times, limits %v", c.name, len(c.asked.sets), limits)
		}
		if (err == nil) != (c.problem == "") || err != nil && !strings.Contains(err.Error(), c.problem) {
			t.Errorf("%s: %v", c.name, err)
		}
		if unfit := strings.Contains(c.problem, "table"); errors.Is(err, errUnfit) != unfit {
			t.Errorf("%s: unfit is %v", c.name, !unfit)
		}
		if c.driver == &static && !slices.ContainsFunc(c.asked.sets[0], func(f flow.TableFeatures) bool { return f.ID == 8 }) {
			t.Errorf("%s: table 8 would go", c.name)
		}
	}
}

// TestWaiting: what may be remembered of strangers has an end.
func TestWaiting(t *testing.T) {
	now := time.Unix(1e9, 0)
	r := &Registry{waiting: map[uint64]Waiting{}, cfg: Config{Now: func() time.Time { return now }}}
	for i := range uint64(2 * maxWaiting) {
		now = now.Add(time.Millisecond)
		r.waited(i+1, &net.TCPAddr{IP: net.IPv4(10, 0, 0, 1), Port: 1})
	}
	list := r.Waiting()
	if len(list) != maxWaiting || list[0].DatapathID != maxWaiting+1 {
		t.Fatalf("%d wait, from %+v", len(list), list[0])
	}
	r.admitted(list[0].DatapathID)
	if len(r.Waiting()) != maxWaiting-1 {
		t.Error("one that was admitted still waits")
	}
	now = now.Add(waitingKept)
	if len(r.Waiting()) != 0 {
		t.Error("they are remembered for ever")
	}
}
