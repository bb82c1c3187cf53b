package reconcile

import (
	"fmt"

	"github.com/planck-sdn/planck/apps/pipeline"
	"github.com/planck-sdn/planck/model/flow"
)

// largeTable is from how many entries on a table is guarded against mass deletion.
const largeTable = 64

// versionOf is the pipeline's version that one of a switch's entries names.
func versionOf(held *flow.Tables) (uint64, bool) {
	for _, f := range held.Flows {
		if f.Table() != pipeline.Marker.ID && (f.Table() != pipeline.SwitchPort.ID || f.Priority() != 0) {
			continue
		}
		if e, err := f.Decode(); err == nil {
			if v, ok := pipeline.VersionOf(&e); ok {
				return v, true
			}
		}
	}
	return 0, false
}

// massDeletion says why a reconcile must not go on by itself: it would remove more than half of a large table, which a
// wrong database would do. Between versions of the pipeline tables come and go, so there all of them count together.
func (s *Switch) massDeletion(held *flow.Tables, otherVersion bool) string {
	has, removes := map[uint8]int{}, map[uint8]int{}
	for _, f := range held.Flows {
		if !f.Cookie().IsPlanck() {
			continue
		}
		table := f.Table()
		if otherVersion {
			table = 0
		}
		has[table]++
		if _, ok := s.tables.flows.want(f.Key()); !ok {
			removes[table]++
		}
	}
	if otherVersion {
		removes[0] = has[0] - len(s.tables.flows.wanted)
	}
	for table, n := range has {
		if n >= largeTable && removes[table] > n/2 {
			return fmt.Sprintf("the database wants %d of the %d entries in table %s removed: is it the right one? "+
				"(planckctl node reconcile --force goes on)", removes[table], n, s.names()[table])
		}
	}
	return ""
}
