package reconcile

import (
	"fmt"

	"github.com/planck-sdn/planck/apps/pipeline"
)

// largeTable is from how many entries on a table is guarded against mass deletion.
const largeTable = 64

// version is the pipeline's version that the switch's marker entry names.
func (p *present) version() (uint64, bool) {
	for _, f := range p.flows {
		if f.Table() != pipeline.Marker.ID {
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
func (s *Switch) massDeletion(otherVersion bool) string {
	has, removes := map[uint8]int{}, map[uint8]int{}
	for key, f := range s.present.flows {
		if !f.Cookie().IsPlanck() {
			continue
		}
		table := key.Table()
		if otherVersion {
			table = 0
		}
		has[table]++
		if _, ok := s.wanted.flows[key]; !ok {
			removes[table]++
		}
	}
	if otherVersion {
		removes[0] = has[0] - len(s.wanted.flows)
	}
	for table, n := range has {
		if n >= largeTable && removes[table] > n/2 {
			return fmt.Sprintf("the database wants %d of the %d entries in table %s removed: is it the right one? "+
				"(planckctl node reconcile --force goes on)", removes[table], n, pipeline.TableName(table))
		}
	}
	return ""
}
