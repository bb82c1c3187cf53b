package store

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/planck-sdn/planck/model"
)

// AddLink notes that two ports face each other: two of physical switches, or one of a switch and the patch port of a node's bridge. It gives
// the link, and whether it is new; one that is there already writes nothing. A *ConflictError says why these two can be no link: a node or a
// port is unknown, a port is down, bare metal is bound there, it is declared to be an uplink, or they are of different physical networks.
func (s *Store) AddLink(ctx context.Context, a, b model.LinkEnd) (link *model.Link, added bool, err error) {
	if cmp.Or(cmp.Compare(a.Node, b.Node), cmp.Compare(a.Port, b.Port)) > 0 {
		a, b = b, a
	}
	link, err = only(s.reader.WithContext(ctx).Model(&linkRow{}).Where("node_a = ? AND port_a = ? AND node_b = ? AND port_b = ?", a.Node, a.Port, b.Node, b.Port),
		linkFields, new(linkRow))
	if err != nil || link != nil {
		return link, false, s.readError(ctx, err)
	}
	err = s.write(ctx, func(t *tx) error {
		link, added, err = t.addLink(a, b)
		return err
	})
	if err != nil {
		return nil, false, err
	}
	return link, added, nil
}

func (t *tx) addLink(a, b model.LinkEnd) (*model.Link, bool, error) {
	if err := t.lockBareMetal(); err != nil {
		return nil, false, err
	}
	if err := t.mayLink(a, b); err != nil {
		return nil, false, err
	}
	row := linkRow{NodeA: a.Node, PortA: a.Port, NodeB: b.Node, PortB: b.Port}
	known, err := first(t.Where("node_a = ? AND port_a = ? AND node_b = ? AND port_b = ?", a.Node, a.Port, b.Node, b.Port), &row)
	if err == nil && !known {
		err = t.Create(&row).Error
		t.touch(model.Ref{Kind: model.KindLink, Number: row.Number})
	}
	if err != nil {
		return nil, false, err
	}
	link, err := row.model()
	return link, !known, err
}

func (t *tx) mayLink(a, b model.LinkEnd) error {
	nodes, err := t.nodesOf(a, b)
	if err != nil {
		return err
	}
	if reason := model.LinkRefusal(a, b, nodes[a.Node], nodes[b.Node]); reason != "" {
		return &ConflictError{reason}
	}
	for _, end := range []model.LinkEnd{a, b} {
		if nodes[end.Node].Switch == nil {
			continue
		}
		port, err := t.placedAt(end)
		if err != nil {
			return err
		}
		if port != "" {
			return &ConflictError{fmt.Sprintf("port %s is bound at port %d of switch %s", port, end.Port, nodes[end.Node].Hostname)}
		}
	}
	return nil
}

// nodesOf gives those nodes of links' ends that are there, by number.
func (t *tx) nodesOf(ends ...model.LinkEnd) (map[model.Number]*model.Node, error) {
	numbers := make([]model.Number, len(ends))
	for i, end := range ends {
		numbers[i] = end.Node
	}
	list, err := findNodes(t.Where("number IN ?", numbers))
	nodes := make(map[model.Number]*model.Node, len(list))
	for _, n := range list {
		nodes[n.Number] = n
	}
	return nodes, err
}

// placedAt gives the id of a port that is bound at a port of a switch, with whatever tag; "" if there is none.
func (t *tx) placedAt(end model.LinkEnd) (id string, err error) {
	err = t.Raw("SELECT ports.id FROM placements JOIN ports ON ports.number = placements.port_number WHERE node_number = ? AND switch_port = ? "+
		"ORDER BY ports.number LIMIT 1", end.Node, end.Port).Scan(&id).Error
	return id, err
}

// RemoveLinks deletes links that are not seen any more. Those that are not there are no error.
func (s *Store) RemoveLinks(ctx context.Context, numbers []model.Number) error {
	if len(numbers) == 0 {
		return nil
	}
	return s.write(ctx, func(t *tx) error {
		if err := t.lockBareMetal(); err != nil {
			return err
		}
		gone, err := t.deleteLinks(numbers)
		t.vacated = gone
		return err
	})
}

func (t *tx) deleteLinks(numbers []model.Number) (some bool, err error) {
	for chunk := range slices.Chunk(numbers, maxNumbers) {
		var gone []model.Number
		if err := t.Raw("DELETE FROM links WHERE number IN ? RETURNING number", chunk).Scan(&gone).Error; err != nil {
			return some, err
		}
		t.touchAll(model.KindLink, gone)
		some = some || len(gone) > 0
	}
	return some, nil
}

// dropLinks deletes the links of a node that cannot be with what is known of their ends now, and tells whether there were any.
func (t *tx) dropLinks(node model.Number) (bool, error) {
	links, err := collect(t.Model(&linkRow{}).Where("node_a = ? OR node_b = ?", node, node), linkFields, new(linkRow))
	if err != nil || len(links) == 0 {
		return false, err
	}
	var ends []model.LinkEnd
	for _, l := range links {
		ends = append(ends, l.A, l.B)
	}
	nodes, err := t.nodesOf(ends...)
	if err != nil {
		return false, err
	}
	var gone []model.Number
	for _, l := range links {
		if model.LinkRefusal(l.A, l.B, nodes[l.A.Node], nodes[l.B.Node]) != "" {
			gone = append(gone, l.Number)
		}
	}
	return t.deleteLinks(gone)
}
