package store

import (
	"context"
	"errors"
	"slices"

	"gorm.io/gorm/clause"

	"github.com/planck-sdn/planck/model"
)

// ErrTooManyNeighbours is LearnNeighbour's answer when the router has model.MaxNeighbours others.
var ErrTooManyNeighbours = errors.New("the router has as many neighbours as it may have")

// LearnNeighbour notes the MAC of a host outside that a router has found, and tells whether that is news. Without news it writes nothing,
// nor if the router or its gateway on this network is gone. Number and UpdatedAt are the store's. ErrTooManyNeighbours refuses one more.
func (s *Store) LearnNeighbour(ctx context.Context, n model.Neighbour) (changed bool, err error) {
	known, err := only(s.reader.WithContext(ctx).Model(&neighbourRow{}).
		Where("router_id = ? AND network_id = ? AND ip_address = ?", n.RouterID, n.NetworkID, addrText(n.Address)), neighbourFields, new(neighbourRow))
	if err != nil || known != nil && known.MAC == n.MAC {
		return false, s.readError(ctx, err)
	}
	err = s.write(ctx, func(t *tx) error {
		changed, err = t.learnNeighbour(n)
		return err
	})
	return changed && err == nil, err
}

func (t *tx) learnNeighbour(n model.Neighbour) (bool, error) {
	var router []string
	err := t.Model(&routerRow{}).Select("id").Clauses(clause.Locking{Strength: lockToUpdate}).
		Where("id = ? AND gateway_network_id = ?", n.RouterID, n.NetworkID).Scan(&router).Error
	if err != nil || len(router) == 0 {
		return false, err
	}
	var present []neighbourRow
	if err := t.Where("router_id = ?", n.RouterID).Find(&present).Error; err != nil {
		return false, err
	}
	row := &neighbourRow{RouterID: n.RouterID, NetworkID: n.NetworkID, IPAddress: addrText(n.Address), MAC: n.MAC.String(), UpdatedAt: t.now}
	i := slices.IndexFunc(present, func(r neighbourRow) bool { return r.NetworkID == row.NetworkID && r.IPAddress == row.IPAddress })
	switch {
	case i >= 0 && present[i].MAC == row.MAC:
		return false, nil
	case i >= 0:
		row.Number = present[i].Number
		err = t.Model(row).Select("mac", "updated_at").Updates(row).Error
	case len(present) >= model.MaxNeighbours:
		return false, ErrTooManyNeighbours
	default:
		err = t.Create(row).Error
	}
	t.touch(model.Ref{Kind: model.KindNeighbour, Number: row.Number})
	return true, err
}

// ForgetNeighbours deletes neighbours that are gone. Those that are not there are no error.
func (s *Store) ForgetNeighbours(ctx context.Context, numbers []model.Number) error {
	if len(numbers) == 0 {
		return nil
	}
	return s.write(ctx, func(t *tx) error {
		for chunk := range slices.Chunk(numbers, maxNumbers) {
			var gone []model.Number
			if err := t.Raw("DELETE FROM neighbours WHERE number IN ? RETURNING number", chunk).Scan(&gone).Error; err != nil {
				return err
			}
			t.touchAll(model.KindNeighbour, gone)
		}
		return nil
	})
}

// SetHolder notes which port has announced an address that several may use, and tells whether that is news. Without news it writes
// nothing, nor if the port is gone, is on another network or may not use the address. Number and UpdatedAt are the store's.
func (s *Store) SetHolder(ctx context.Context, h model.Holder) (changed bool, err error) {
	known, err := only(s.reader.WithContext(ctx).Model(&holderRow{}).
		Where("network_id = ? AND ip_address = ?", h.NetworkID, addrText(h.Address)), holderFields, new(holderRow))
	if err != nil || known != nil && known.PortID == h.PortID {
		return false, s.readError(ctx, err)
	}
	err = s.write(ctx, func(t *tx) error {
		changed, err = t.setHolder(h)
		return err
	})
	return changed && err == nil, err
}

func (t *tx) setHolder(h model.Holder) (bool, error) {
	port, err := only(t.Model(&portRow{}).Clauses(clause.Locking{Strength: lockShared}).Where("id = ? AND network_id = ?", h.PortID, h.NetworkID), portFields, new(portRow))
	if err != nil || port == nil || !port.MayUse(h.Address) {
		return false, err
	}
	var numbers []model.Number
	err = t.Raw("INSERT INTO holders (network_id, ip_address, port_id, updated_at) VALUES (?, ?, ?, ?) "+
		"ON CONFLICT (network_id, ip_address) DO UPDATE SET port_id = excluded.port_id, updated_at = excluded.updated_at "+
		"WHERE holders.port_id <> excluded.port_id RETURNING number", h.NetworkID, addrText(h.Address), h.PortID, t.now).Scan(&numbers).Error
	t.touchAll(model.KindHolder, numbers)
	return len(numbers) > 0, err
}

// releaseHeld takes back what a port holds and may not use any more. The port is locked.
func (t *tx) releaseHeld(old, p *model.Port) error {
	if slices.Equal(old.FixedIPs, p.FixedIPs) && slices.Equal(old.AllowedAddressPairs, p.AllowedAddressPairs) {
		return nil
	}
	held, err := collect(t.Model(&holderRow{}).Where("port_id = ?", p.ID), holderFields, new(holderRow))
	if err != nil {
		return err
	}
	for _, h := range held {
		if p.MayUse(h.Address) {
			continue
		}
		if err := t.Exec("DELETE FROM holders WHERE number = ?", h.Number).Error; err != nil {
			return err
		}
		t.touch(h.Ref())
	}
	return nil
}
