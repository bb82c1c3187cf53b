package store

import (
	"database/sql"
	"net/http"
	"slices"

	"github.com/planck-sdn/planck/model"
)

// Spaces of the segments table.
const (
	keySpace  = "key"
	vlanSpace = "vlan"
	flatSpace = "flat"
	zoneSpace = "zone" // of conntrack zones
)

// segmentOwner is the object whose segment it is: the column that says so, and the object's number.
type segmentOwner struct {
	column string
	number model.Number
}

func ofNetwork(n model.Number) segmentOwner { return segmentOwner{"network_number", n} }
func ofRouter(n model.Number) segmentOwner  { return segmentOwner{"router_number", n} }

// takeSegments gives the networks, which have their numbers, their identifiers, fills them in and writes them to their rows.
func (t *tx) takeSegments(networks []*model.Network) error {
	if err := t.takeFreeVNIs(networks); err != nil {
		return err
	}
	for _, n := range networks {
		if n.Key != 0 {
			continue
		}
		if err := t.takeSegmentsOf(n); err != nil {
			return err
		}
	}
	for chunk := range slices.Chunk(networks, maxRows) {
		args := make([]any, 0, 3*len(chunk))
		for _, n := range chunk {
			args = append(args, n.Number, n.SegmentationID, n.Key)
		}
		err := t.Exec("UPDATE networks SET segmentation_id = v.column2, network_key = v.column3 FROM (VALUES "+
			manyRows("(CAST(? AS bigint), CAST(? AS bigint), CAST(? AS bigint))", len(chunk))+") AS v WHERE networks.number = v.column1", args...).Error
		if err != nil {
			return err
		}
	}
	return nil
}

// takeFreeVNIs gives a VNI to each network that needs one and whose first try nobody has.
func (t *tx) takeFreeVNIs(networks []*model.Network) error {
	vnis := t.store.options.VNIs
	byNumber := map[model.Number]*model.Network{}
	var args []any
	for _, n := range networks {
		if n.NetworkType == model.NetworkVXLAN && n.SegmentationID == 0 {
			byNumber[n.Number] = n
			args = append(args, keySpace, "", t.store.hints.claim(freeSegments(keySpace, "", vnis)), n.Number)
		}
	}
	for chunk := range slices.Chunk(args, 4*maxRows) {
		err := eachRow(t.Raw("INSERT INTO segments (space, physical_network, identifier, network_number) VALUES "+manyRows("(?, ?, ?, ?)", len(chunk)/4)+
			" ON CONFLICT DO NOTHING RETURNING network_number, identifier", chunk...), func(rows *sql.Rows) error {
			var number model.Number
			var vni uint32
			if err := rows.Scan(&number, &vni); err != nil {
				return err
			}
			byNumber[number].SegmentationID, byNumber[number].Key = vni, model.NetworkKey(vni)
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func (t *tx) takeSegmentsOf(n *model.Network) error {
	switch n.NetworkType {
	case model.NetworkVXLAN:
		if err := t.takeVNI(n); err != nil {
			return err
		}
		n.Key = model.NetworkKey(n.SegmentationID)
		return nil
	case model.NetworkVLAN:
		if err := t.takeVLAN(n); err != nil {
			return err
		}
	case model.NetworkFlat:
		taken, err := t.takeSegment(flatSpace, n.PhysicalNetwork, 0, ofNetwork(n.Number))
		if err != nil {
			return err
		}
		if !taken {
			return conflict("FlatNetworkInUse",
				"Unable to create the flat network. Physical network %s is in use.", n.PhysicalNetwork)
		}
	}
	var err error
	n.Key, err = t.takeKey(ofNetwork(n.Number))
	return err
}

func (t *tx) takeVNI(n *model.Network) error {
	if n.SegmentationID == 0 {
		return t.takeAnySegment(ofNetwork(n.Number), keySpace, "", t.store.options.VNIs, &n.SegmentationID)
	}
	taken, err := t.takeSegment(keySpace, "", n.SegmentationID, ofNetwork(n.Number))
	if err == nil && !taken {
		err = conflict("TunnelIdInUse", "Unable to create the network. The tunnel ID %d is in use.", n.SegmentationID)
	}
	return err
}

func (t *tx) takeVLAN(n *model.Network) error {
	if n.SegmentationID == 0 {
		ids, ok := t.store.options.VLANs[n.PhysicalNetwork]
		if !ok {
			return noNetworkAvailable()
		}
		return t.takeAnySegment(ofNetwork(n.Number), vlanSpace, n.PhysicalNetwork, ids, &n.SegmentationID)
	}
	taken, err := t.takeSegment(vlanSpace, n.PhysicalNetwork, n.SegmentationID, ofNetwork(n.Number))
	if err == nil && !taken {
		err = conflict("VlanIdInUse", "Unable to create the network. The VLAN %d on physical network %s is in use.",
			n.SegmentationID, n.PhysicalNetwork)
	}
	return err
}

// takeKey gives a network without a VNI or a router a key, if possible one that nobody asks for as a VNI.
func (t *tx) takeKey(owner segmentOwner) (model.NetworkKey, error) {
	vnis, key := t.store.options.VNIs, uint32(0)
	if vnis.Last < model.MaxVNI {
		err := t.takeAnySegment(owner, keySpace, "", Range{vnis.Last + 1, model.MaxVNI}, &key)
		if err == nil || !isExhausted(err) {
			return model.NetworkKey(key), err
		}
	}
	err := t.takeAnySegment(owner, keySpace, "", vnis, &key)
	return model.NetworkKey(key), err
}

// takeZone gives a router's gateway a conntrack zone.
func (t *tx) takeZone(router model.Number) (uint16, error) {
	var zone uint32
	err := t.takeAnySegment(ofRouter(router), zoneSpace, "", Range{model.FirstRouterZone, model.LastRouterZone}, &zone)
	if err != nil && isExhausted(err) {
		err = conflict("RouterZonesExhausted", "Unable to set the gateway of a router: all conntrack zones are in use.")
	}
	return uint16(zone), err
}

func noNetworkAvailable() error {
	return model.Errorf(http.StatusServiceUnavailable, "NoNetworkAvailable",
		"Unable to create the network. No tenant network is available for allocation.")
}

func isExhausted(err error) bool {
	refusal, ok := err.(*model.Error)
	return ok && refusal.Type == "NoNetworkAvailable"
}

func (t *tx) takeAnySegment(owner segmentOwner, space, physnet string, ids Range, out *uint32) error {
	found, ok, err := t.takeFree(freeSegments(space, physnet, ids), func(id int64) (bool, error) { return t.takeSegment(space, physnet, uint32(id), owner) })
	if err != nil {
		return err
	}
	if !ok {
		return noNetworkAvailable()
	}
	*out = uint32(found)
	return nil
}

func freeSegments(space, physnet string, ids Range) freeSpace {
	return freeSpace{
		hint: space + "/" + physnet, ranges: []offsets{{int64(ids.First), int64(ids.Last)}},
		table: "segments", column: "identifier", where: "space = ? AND physical_network = ?", args: []any{space, physnet},
	}
}

func (t *tx) takeSegment(space, physnet string, id uint32, owner segmentOwner) (bool, error) {
	result := t.Exec("INSERT INTO segments (space, physical_network, identifier, "+owner.column+") VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
		space, physnet, id, owner.number)
	return result.RowsAffected == 1, result.Error
}

// freeSegments frees all that the owner has.
func (t *tx) freeSegments(owner segmentOwner) error {
	return t.freeSegmentsWhere(owner, "true")
}

func (t *tx) freeSegmentsWhere(owner segmentOwner, selected string, args ...any) error {
	return t.Exec("UPDATE segments SET "+owner.column+" = NULL, freed_txid = "+t.store.dialect.txid+" WHERE "+owner.column+" = ? AND "+selected,
		append([]any{owner.number}, args...)...).Error
}
