package store

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"gorm.io/gorm"

	"github.com/planck-sdn/planck/model"
)

// Position is how far a follower has come: the set of transactions whose effects it has seen. The zero Position has
// seen nothing.
type Position struct {
	// Revision is such that every change up to it is included: compare it with what WithRevision gave. It never
	// falls. Changes beyond it may be included too, while a transaction with a lower number is still under way.
	Revision int64
	// Horizon is the first transaction that may be missing. Nodes confirm it, see Confirm.
	Horizon uint64

	snapshot string
	epoch    string
}

// Load gives every object of the topology, and the position that they stand for.
func (s *Store) Load(ctx context.Context) ([]model.Object, Position, error) {
	var objects []model.Object
	var position Position
	err := s.read(ctx, func(db *gorm.DB) (err error) {
		if position, err = s.position(db); err != nil {
			return err
		}
		objects, err = s.objects(db, func(q *gorm.DB, _ model.Kind, _ string) *gorm.DB { return q })
		return err
	})
	if err != nil {
		return nil, Position{}, err
	}
	return objects, position, nil
}

// Follow gives the objects that transactions have changed which from does not include, each once and as it is now, and the
// position after them. Objects and journal are read in one snapshot. Status and what its writing changes (reason,
// revision number, update time) are not journalled. ErrTooOld says that Load is needed: from is older than the
// journal, or the database was restarted or replaced since.
//
// "Greater than the last sequence number" would not do: numbers are given before commit, and a transaction with a
// lower one may become visible later. What is compared is visibility itself.
func (s *Store) Follow(ctx context.Context, from Position) ([]model.Change, Position, error) {
	if from == (Position{}) {
		return nil, Position{}, ErrTooOld
	}
	var changes []model.Change
	var position Position
	err := s.read(ctx, func(db *gorm.DB) error {
		var pruned uint64
		var refs []model.Ref
		var err error
		if position, pruned, refs, err = s.unseen(db, from); err != nil {
			return err
		}
		if position.epoch != from.epoch || position.Horizon < from.Horizon || pruned >= from.Horizon {
			return ErrTooOld
		}
		if len(refs) == 0 {
			return nil
		}
		changes, err = s.changes(db, refs)
		return err
	})
	if err != nil {
		return nil, Position{}, err
	}
	return changes, position, nil
}

// snapshotRow describes the transaction's snapshot. Pruned is the highest transaction whose lines are gone. Kind and Number are of
// a journal line, if they are asked for.
type snapshotRow struct {
	Horizon  uint64
	Snapshot string
	Epoch    string
	Pruned   uint64
	Kind     model.Kind
	Number   model.Number
}

func (s *Store) snapshotColumns() string {
	return s.dialect.horizon + " AS horizon, " + s.dialect.snapshot + " AS snapshot, " + s.dialect.epoch + " AS epoch, journal_pruned.txid AS pruned"
}

func (r snapshotRow) position() Position {
	return Position{int64(r.Horizon) - 1, r.Horizon, r.Snapshot, r.Epoch}
}

func (s *Store) position(db *gorm.DB) (Position, error) {
	var row snapshotRow
	err := db.Raw("SELECT " + s.snapshotColumns() + " FROM journal_pruned").Scan(&row).Error
	return row.position(), err
}

// unseen gives the position and what the journal says of transactions that from has not seen, in one statement: a port that is
// plugged waits for it.
func (s *Store) unseen(db *gorm.DB, from Position) (Position, uint64, []model.Ref, error) {
	var rows []snapshotRow
	err := db.Raw("SELECT "+s.snapshotColumns()+", COALESCE(lines.kind, 0) AS kind, COALESCE(lines.number, 0) AS number FROM journal_pruned "+
		"LEFT JOIN (SELECT DISTINCT kind, number FROM journal WHERE "+s.dialect.unseen+") AS lines ON 1 = 1", from.Horizon, from.snapshot).Scan(&rows).Error
	if err != nil {
		return Position{}, 0, nil, err
	}
	if len(rows) == 0 {
		return Position{}, 0, nil, errors.New("table journal_pruned is empty")
	}
	var refs []model.Ref
	for _, r := range rows {
		if r.Kind != 0 {
			refs = append(refs, model.Ref{Kind: r.Kind, Number: r.Number})
		}
	}
	return rows[0].position(), rows[0].Pruned, refs, nil
}

// maxNumbers keeps a statement well below PostgreSQL's 65,535 parameters.
const maxNumbers = 10_000

// changes reads the objects that refs name, and reports those that are not there as gone.
func (s *Store) changes(db *gorm.DB, refs []model.Ref) ([]model.Change, error) {
	slices.SortFunc(refs, func(a, b model.Ref) int { return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Number, b.Number)) })
	present := make(map[model.Ref]model.Object, len(refs))
	for chunk := range slices.Chunk(refs, maxNumbers) {
		numbers := map[model.Kind][]model.Number{}
		for _, ref := range chunk {
			numbers[ref.Kind] = append(numbers[ref.Kind], ref.Number)
		}
		objects, err := s.objects(db, func(q *gorm.DB, kind model.Kind, column string) *gorm.DB {
			if len(numbers[kind]) == 0 {
				return nil
			}
			return q.Where(column+" IN ?", numbers[kind])
		})
		if err != nil {
			return nil, err
		}
		for _, o := range objects {
			present[o.Ref()] = o
		}
	}
	changes := make([]model.Change, len(refs))
	for i, ref := range refs {
		changes[i] = model.Change{Ref: ref, Object: present[ref]}
	}
	return changes, nil
}

// objects reads rows of all kinds, by kind and number. narrow adds a condition on the column with the object's
// number to a query, or gives nil when nothing of the kind is wanted.
func (s *Store) objects(db *gorm.DB, narrow func(q *gorm.DB, kind model.Kind, column string) *gorm.DB) ([]model.Object, error) {
	var objects []model.Object
	if q := narrow(db, model.KindNode, "number"); q != nil {
		nodes, err := findNodes(q, narrow(db, model.KindNode, "node_number"))
		if err != nil {
			return nil, err
		}
		objects = appendObjects(objects, nodes)
	}
	if q := narrow(Scope{}.allNetworks(db), model.KindNetwork, "number"); q != nil {
		networks, err := findNetworks(q.Order("number"))
		if err != nil {
			return nil, err
		}
		objects = appendObjects(objects, networks)
	}
	if q := narrow(db, model.KindSubnet, "number"); q != nil {
		subnets, err := findSubnets(q.Order("number"))
		if err != nil {
			return nil, err
		}
		objects = appendObjects(objects, subnets)
	}
	if q := narrow(s.selectPorts(db), model.KindPort, "number"); q != nil {
		ports, err := findPorts(q.Order("number"))
		if err != nil {
			return nil, err
		}
		objects = appendObjects(objects, ports)
	}
	return objects, nil
}

func appendObjects[T model.Object](objects []model.Object, more []T) []model.Object {
	for _, o := range more {
		objects = append(objects, o)
	}
	return objects
}

// PruneJournal deletes the lines older than age by the database's clock, but none of a transaction that a follower
// that is up to date may have missed. Planck does so by itself once an hour for lines older than a day.
func (s *Store) PruneJournal(ctx context.Context, age time.Duration) error {
	return s.write(ctx, func(t *tx) error {
		var limit struct {
			Before  float64
			Horizon uint64
		}
		err := t.Raw("SELECT "+s.dialect.now+" - ? AS before, "+s.dialect.horizon+" AS horizon", age.Seconds()).Scan(&limit).Error
		if err != nil {
			return err
		}
		const old = " FROM journal WHERE at <= ? AND txid < ?"
		var pruned *uint64
		if err := t.Raw("SELECT MAX(txid)"+old, limit.Before, limit.Horizon).Scan(&pruned).Error; err != nil || pruned == nil {
			return err
		}
		if err := t.Exec("UPDATE journal_pruned SET txid = ? WHERE txid < ?", *pruned, *pruned).Error; err != nil {
			return err
		}
		return t.Exec("DELETE"+old, limit.Before, limit.Horizon).Error
	})
}
