package reconcile

import (
	"slices"

	"github.com/planck-sdn/planck/apps/pipeline"
	"github.com/planck-sdn/planck/model/flow"
)

// tenure is that a conntrack zone is an object's: its entries put packets into it, or say that its port is.
type tenure struct {
	zone  uint16
	owner flow.Cookie // without the rule
}

// tracks are the tables whose entries may say whose a conntrack zone is.
var tracks = func() (list [256]bool) {
	for _, t := range pipeline.OVS {
		list[t.ID] = slices.Contains(t.Actions, pipeline.ActConntrack)
	}
	list[pipeline.Groups.ID] = true
	return list
}()

// tenures lists the zones of which an entry says whose they are. One of somebody else's says nothing.
func tenures(f flow.Encoded) []tenure {
	if !tracks[f.Table()] || !f.Cookie().IsPlanck() || f.IsForeign() {
		return nil
	}
	e, err := f.Decode()
	if err != nil {
		return nil
	}
	owner := flow.NewCookie(0, e.Cookie.Kind(), e.Cookie.Number())
	var list []tenure
	if zone, ok := pipeline.ZoneOwned(&e); ok {
		list = append(list, tenure{zone, owner})
	}
	for _, a := range e.Apply {
		if ct, ok := a.(flow.Conntrack); ok && ct.ZoneFrom == 0 {
			list = append(list, tenure{ct.Zone, owner})
		}
	}
	return list
}

func (t *tables) countZones(f flow.Encoded, n int) {
	for _, z := range tenures(f) {
		if t.zones[z] += n; t.zones[z] == 0 {
			delete(t.zones, z)
		}
	}
}

// flushes lists the zones that entries to be added give to objects that the switch has not got in them yet: whatever connections
// these zones hold are of somebody before.
func flushes(t *tables, added []planned) []planned {
	var list []planned
	seen := map[tenure]bool{}
	for _, a := range added {
		for _, z := range tenures(a.Flow) {
			if t.zones[z] == 0 && !seen[z] {
				seen[z] = true
				list = append(list, planned{flow.Change{Op: flow.OpDelete, Zone: z.zone}, a.unit})
			}
		}
	}
	return list
}
