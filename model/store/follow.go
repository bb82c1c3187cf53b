package store

import (
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
	// One statement tells whether anything has changed, and reads the nodes: a port that is plugged waits for it.
	var news news
	err := s.statement(ctx, s.reader, func(db *gorm.DB) (err error) {
		news, err = s.unseen(db, from)
		return err
	})
	if err == nil && len(news.others) > 0 {
		err = s.read(ctx, func(db *gorm.DB) (err error) {
			if news, err = s.unseen(db, from); err != nil {
				return err
			}
			others, err := s.changes(db, news.others)
			news.changes = append(news.changes, others...)
			return err
		})
	}
	if err != nil {
		return nil, Position{}, err
	}
	return news.changes, news.position, nil
}

// snapshotRow describes a snapshot. Pruned is the highest transaction whose lines are gone.
type snapshotRow struct {
	Horizon  uint64
	Snapshot string
	Epoch    string
	Pruned   uint64
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

// unseenRow is a snapshot with a journal line that it adds, if LineKind is not 0, and the node that the line names, if it is there.
type unseenRow struct {
	Seen       snapshotRow `gorm:"embedded"`
	LineKind   model.Kind
	LineNumber model.Number
	Node       nodeRow `gorm:"embedded"`
}

// news is what a snapshot adds to another.
type news struct {
	position Position
	changes  []model.Change // of nodes
	others   []model.Ref    // objects of other kinds that have changed
}

// unseen gives what the journal says of transactions that from has not seen.
func (s *Store) unseen(db *gorm.DB, from Position) (news, error) {
	var rows []unseenRow
	err := db.Raw("SELECT "+s.snapshotColumns()+", COALESCE(lines.kind, 0) AS line_kind, COALESCE(lines.number, 0) AS line_number, nodes.*, "+
		s.dialect.interfaces+" AS interfaces FROM journal_pruned "+
		"LEFT JOIN (SELECT DISTINCT kind, number FROM journal WHERE "+s.dialect.unseen+") AS lines ON 1 = 1 "+
		"LEFT JOIN nodes ON lines.kind = ? AND nodes.number = lines.number "+
		"ORDER BY line_kind, line_number", from.Horizon, from.snapshot, int64(model.KindNode)).Scan(&rows).Error
	if err != nil {
		return news{}, err
	}
	if len(rows) == 0 {
		return news{}, errors.New("table journal_pruned is empty")
	}
	n := news{position: rows[0].Seen.position()}
	if n.position.epoch != from.epoch || n.position.Horizon < from.Horizon || rows[0].Seen.Pruned >= from.Horizon {
		return news{}, ErrTooOld
	}
	for i := range rows {
		switch r := &rows[i]; {
		case r.LineKind == 0:
		case r.LineKind != model.KindNode:
			n.others = append(n.others, model.Ref{Kind: r.LineKind, Number: r.LineNumber})
		default:
			change := model.Change{Ref: model.Ref{Kind: r.LineKind, Number: r.LineNumber}}
			if r.Node.Number != 0 {
				if change.Object, err = r.Node.model(); err != nil {
					return news{}, err
				}
			}
			n.changes = append(n.changes, change)
		}
	}
	return n, nil
}

// maxNumbers keeps a statement well below PostgreSQL's 65,535 parameters.
const maxNumbers = 10_000

// changes reads the objects that refs name, and reports those that are not there as gone.
func (s *Store) changes(db *gorm.DB, refs []model.Ref) ([]model.Change, error) {
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
	if q := narrow(s.selectNodes(db), model.KindNode, "number"); q != nil {
		nodes, err := findNodes(q.Order("number"))
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
	if q := narrow(db.Model(&portRow{}), model.KindPort, "number"); q != nil {
		ports, err := findPorts(q.Order("number"))
		if err != nil {
			return nil, err
		}
		objects = appendObjects(objects, ports)
	}
	if q := narrow(db.Model(&routerRow{}), model.KindRouter, "number"); q != nil {
		routers, err := findRouters(q.Order("number"))
		if err != nil {
			return nil, err
		}
		objects = appendObjects(objects, routers)
	}
	if q := narrow(db.Model(&floatingIPRow{}), model.KindFloatingIP, "number"); q != nil {
		floating, err := findFloatingIPs(q.Order("number"))
		if err != nil {
			return nil, err
		}
		objects = appendObjects(objects, floating)
	}
	if q := narrow(db.Model(&neighbourRow{}), model.KindNeighbour, "number"); q != nil {
		neighbours, err := collect(q.Order("number"), neighbourFields, new(neighbourRow))
		if err != nil {
			return nil, err
		}
		objects = appendObjects(objects, neighbours)
	}
	if q := narrow(db.Model(&holderRow{}), model.KindHolder, "number"); q != nil {
		holders, err := collect(q.Order("number"), holderFields, new(holderRow))
		if err != nil {
			return nil, err
		}
		objects = appendObjects(objects, holders)
	}
	if q := narrow(db.Model(&securityGroupRow{}), model.KindSecurityGroup, "number"); q != nil {
		groups, err := findSecurityGroups(q.Order("number"))
		if err != nil {
			return nil, err
		}
		objects = appendObjects(objects, groups)
	}
	if q := narrow(db.Model(&linkRow{}), model.KindLink, "number"); q != nil {
		links, err := collect(q.Order("number"), linkFields, new(linkRow))
		if err != nil {
			return nil, err
		}
		objects = appendObjects(objects, links)
	}
	if q := narrow(db.Model(&serviceRow{}), model.KindService, "number"); q != nil {
		services, err := collect(q.Order("number"), serviceFields, new(serviceRow))
		if err != nil {
			return nil, err
		}
		objects = appendObjects(objects, services)
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
