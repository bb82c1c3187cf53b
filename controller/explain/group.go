package explain

import (
	"fmt"

	"github.com/planck-sdn/planck/apps/l2"
	"github.com/planck-sdn/planck/apps/pipeline"
	"github.com/planck-sdn/planck/model"
	"github.com/planck-sdn/planck/model/flow"
)

// group says who gets a copy from a group, down to the pieces that it joins.
func (w *words) group(id uint32) string {
	key := model.NetworkKey(id) & allKeys
	var what string
	switch id >> 24 {
	case l2.Flood:
		what = "every member of " + w.networkKey(key)
	case l2.FloodHere:
		what = "every member of " + w.networkKey(key) + " on this node"
	case l2.Unknown:
		what = "those who take unknown destinations in " + w.networkKey(key)
	case l2.UnknownHere:
		what = "those on this node who take unknown destinations in " + w.networkKey(key)
	default:
		what = "a piece of the members of " + w.networkKey(key)
	}
	var r receivers
	if !w.collect(id, &r, map[uint32]bool{}) {
		return fmt.Sprintf("group %d, %s; but the node is not known to have that group", id, what)
	}
	var parts []string
	if len(r.here) > 0 {
		parts = append(parts, "here "+and(r.here))
	}
	if len(r.away) > 0 {
		parts = append(parts, "elsewhere "+and(r.away))
	}
	if len(parts) == 0 {
		parts = []string{"at present nobody"}
	}
	return fmt.Sprintf("group %d, %s: %s", id, what, and(parts))
}

// receivers are who gets a copy of a packet.
type receivers struct{ here, away []string }

// collect finds the receivers of a group; false: it, or one that it joins, is not there.
func (w *words) collect(id uint32, r *receivers, seen map[uint32]bool) bool {
	if seen[id] {
		return true
	}
	seen[id] = true
	for _, g := range w.groups {
		if g.ID != id {
			continue
		}
		whole := true
		for _, bucket := range g.Buckets {
			whole = w.bucket(bucket, r, seen) && whole
		}
		return whole
	}
	return false
}

func (w *words) bucket(bucket []flow.Action, r *receivers, seen map[uint32]bool) bool {
	whole := true
	var endpoint *uint64
	for _, action := range bucket {
		switch a := action.(type) {
		case flow.ToGroup:
			whole = w.collect(a.ID, r, seen) && whole
		case flow.SetField:
			switch a.Field {
			case flow.Metadata:
				_, port, _ := pipeline.MetadataParts(a.Value)
				r.here = append(r.here, w.portKey(port))
			case flow.TunnelDst:
				endpoint = &a.Value
			}
		case flow.Output:
			if endpoint != nil {
				r.away = append(r.away, "node "+w.endpoint(*endpoint))
			} else {
				r.away = append(r.away, w.ofport(w.node, a.Port))
			}
		}
	}
	return whole
}
