package ovsdb

import (
	"fmt"
	"maps"
	"slices"

	libovsdb "github.com/ovn-kubernetes/libovsdb/ovsdb"
)

// changes are new values of some columns of a row, by column number.
type changes map[int]datum

// txn collects the operations of one transaction. Whatever it overwrites, it first demands to be as the replica shows
// it, so that a transaction made from a stale replica fails as a whole.
type txn struct {
	guards []libovsdb.Operation // waits, which come before everything else
	ops    []libovsdb.Operation
	named  int
}

func encodeRow(table string, ch changes) libovsdb.Row {
	r := make(libovsdb.Row, len(ch))
	for i, d := range ch {
		c := schema[table][i]
		r[c.name] = c.encode(d)
	}
	return r
}

func rowIs(id string) []libovsdb.Condition {
	return []libovsdb.Condition{libovsdb.NewCondition("_uuid", libovsdb.ConditionEqual, libovsdb.UUID{GoUUID: id})}
}

// require fails the transaction unless the named columns of the row are as in old.
func (t *txn) require(table, id string, old row, columns ...int) {
	seen := make(changes, len(columns))
	names := make([]string, len(columns))
	for i, c := range columns {
		seen[c] = old[c]
		names[i] = schema[table][c].name
	}
	t.guards = append(t.guards, libovsdb.Operation{
		Op: libovsdb.OperationWait, Table: table, Where: rowIs(id), Timeout: new(int),
		Columns: names, Until: string(libovsdb.WaitConditionEqual), Rows: []libovsdb.Row{encodeRow(table, seen)},
	})
}

// change sets columns of a row whose present values are in old. It does nothing for what is so already.
func (t *txn) change(table, id string, old row, ch changes) {
	maps.DeleteFunc(ch, func(i int, d datum) bool { return d.equal(old[i]) })
	if len(ch) == 0 {
		return
	}
	t.require(table, id, old, slices.Sorted(maps.Keys(ch))...)
	t.ops = append(t.ops, libovsdb.Operation{
		Op: libovsdb.OperationUpdate, Table: table, Where: rowIs(id), Row: encodeRow(table, ch),
	})
}

// insert adds a row and returns the name by which the same transaction can refer to it.
func (t *txn) insert(table string, ch changes) string {
	t.named++
	name := fmt.Sprintf("new%d", t.named)
	t.ops = append(t.ops, libovsdb.Operation{
		Op: libovsdb.OperationInsert, Table: table, Row: encodeRow(table, ch), UUIDName: name,
	})
	return name
}

// add and remove put references into a set or take them out, whatever else is in it by then.
func (t *txn) add(table, id string, col int, refs ...string) {
	t.mutate(table, id, col, libovsdb.MutateOperationInsert, refs)
}

func (t *txn) remove(table, id string, col int, refs ...string) {
	t.mutate(table, id, col, libovsdb.MutateOperationDelete, refs)
}

func (t *txn) mutate(table, id string, col int, mutator libovsdb.Mutator, refs []string) {
	c := schema[table][col]
	t.ops = append(t.ops, libovsdb.Operation{
		Op: libovsdb.OperationMutate, Table: table, Where: rowIs(id),
		Mutations: []libovsdb.Mutation{*libovsdb.NewMutation(c.name, mutator, c.encode(several(refs...)))},
	})
}

// finish returns the operations, none if there is nothing to do. why goes to the node's database log.
func (t *txn) finish(why string) []libovsdb.Operation {
	if len(t.ops) == 0 {
		return nil
	}
	comment := libovsdb.Operation{Op: libovsdb.OperationComment, Comment: &why}
	return slices.Concat(t.guards, t.ops, []libovsdb.Operation{comment})
}
