package store

import (
	"context"
	"slices"
	"strings"

	"gorm.io/gorm"

	"github.com/planck-sdn/planck/model"
)

// maxInterfaces is how many interfaces one statement adds.
const maxInterfaces = 5000

// ReportInterfaces is ReportNode for a node that the caller knows, as ReportNode or Follow gave it. A port that is plugged waits for this:
// on PostgreSQL it is one statement, if only interfaces have come or gone and nobody has reported the node meanwhile.
func (s *Store) ReportInterfaces(ctx context.Context, known *model.Node, report model.Node) (node *model.Node, changed bool, err error) {
	sortMappings(&report)
	if s.dialect.name == postgresName && sameNode(known, &report) {
		d := compareInterfaces(known, &report)
		if len(d.gone)+len(d.added) > 0 && len(d.moved) == 0 && len(d.added) <= maxInterfaces && !d.replaces() {
			if node, err = s.exchangeInterfaces(ctx, known, d); node != nil || err != nil {
				return node, err == nil, err
			}
		}
	}
	return s.ReportNode(ctx, report)
}

// difference is what a report changes of a node's interfaces. Those that stay have their sequence.
type difference struct {
	kept, moved, added, gone []model.Interface // moved: kept, with another ofport
}

func compareInterfaces(before, report *model.Node) difference {
	var d difference
	known := map[string]model.Interface{}
	if before != nil {
		for _, i := range before.Interfaces {
			known[i.Name] = i
		}
	}
	for _, i := range report.Interfaces {
		old, ok := known[i.Name]
		if !ok || old.PortID != i.PortID {
			d.added = append(d.added, i)
			continue
		}
		delete(known, i.Name)
		i.Sequence = old.Sequence
		d.kept = append(d.kept, i)
		if old.Ofport != i.Ofport {
			d.moved = append(d.moved, i)
		}
	}
	for _, i := range known {
		d.gone = append(d.gone, i)
	}
	return d
}

// replaces tells whether an interface goes and another of the same name comes.
func (d difference) replaces() bool {
	names := make(map[string]bool, len(d.gone))
	for _, i := range d.gone {
		names[i.Name] = true
	}
	return slices.ContainsFunc(d.added, func(i model.Interface) bool { return names[i.Name] })
}

// exchangeInterfaces deletes and adds interfaces, and writes the journal line. It gives nil, and has done nothing, if the node is not
// as it was known.
func (s *Store) exchangeInterfaces(ctx context.Context, known *model.Node, d difference) (*model.Node, error) {
	parts := []string{"node AS (UPDATE nodes SET reports = reports + 1 WHERE number = ? AND reports = ? RETURNING number)",
		"line AS (INSERT INTO journal (txid, kind, number) SELECT " + s.dialect.txid + ", CAST(? AS smallint), number FROM node RETURNING txid)"}
	args := []any{known.Number, known.Reports, int64(model.KindNode)}
	if len(d.gone) > 0 {
		parts = append(parts, "gone AS (DELETE FROM node_interfaces USING node WHERE node_number = node.number AND sequence IN ?)")
		args = append(args, sequences(d.gone))
	}
	result := "SELECT txid, 0 AS sequence, '' AS name FROM line"
	if len(d.added) > 0 {
		const row = "(?, ?, CAST(? AS bigint))"
		parts = append(parts, "added AS (INSERT INTO node_interfaces (node_number, name, port_id, ofport) SELECT node.number, v.* FROM node, (VALUES "+
			row+strings.Repeat(", "+row, len(d.added)-1)+") AS v RETURNING sequence, name)")
		for _, i := range d.added {
			args = append(args, i.Name, i.PortID, i.Ofport)
		}
		result = "SELECT txid, sequence, name FROM line, added"
	}
	var rows []struct {
		Txid     int64
		Sequence int64
		Name     string
	}
	err := s.statement(ctx, s.db, func(db *gorm.DB) error {
		rows = nil
		return db.Raw("WITH "+strings.Join(parts, ", ")+" "+result, args...).Scan(&rows).Error
	})
	if err != nil || len(rows) == 0 {
		return nil, err
	}
	s.committed(ctx, rows[0].Txid)
	given := make(map[string]int64, len(rows))
	for _, r := range rows {
		given[r.Name] = r.Sequence
	}
	for i := range d.added {
		d.added[i].Sequence = given[d.added[i].Name]
	}
	node := *known
	node.Reports++
	node.Interfaces = notNil(d.all())
	return &node, nil
}

// all lists the interfaces after the change, by name.
func (d difference) all() []model.Interface {
	return slices.SortedFunc(slices.Values(slices.Concat(d.kept, d.added)), func(a, b model.Interface) int { return strings.Compare(a.Name, b.Name) })
}

func sequences(list []model.Interface) []int64 {
	numbers := make([]int64, len(list))
	for i := range list {
		numbers[i] = list[i].Sequence
	}
	return numbers
}

// storeInterfaces keeps the rows, and so the sequences, of interfaces that are still there.
func (t *tx) storeInterfaces(report, before *model.Node) error {
	d := compareInterfaces(before, report)
	for _, i := range d.moved {
		if err := t.Exec("UPDATE node_interfaces SET ofport = ? WHERE sequence = ?", i.Ofport, i.Sequence).Error; err != nil {
			return err
		}
	}
	if len(d.gone) > 0 {
		if err := t.Exec("DELETE FROM node_interfaces WHERE sequence IN ?", sequences(d.gone)).Error; err != nil {
			return err
		}
	}
	if len(d.added) > 0 {
		rows := make([]interfaceRow, len(d.added))
		for i, a := range d.added {
			rows[i] = interfaceRow{NodeNumber: report.Number, Name: a.Name, PortID: a.PortID, Ofport: a.Ofport}
		}
		if err := t.CreateInBatches(rows, 1000).Error; err != nil {
			return err
		}
		for i := range rows {
			d.added[i].Sequence = rows[i].Sequence
		}
	}
	report.Interfaces = d.all()
	return nil
}
