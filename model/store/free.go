package store

import "sync"

// offsets is an inclusive range.
type offsets struct{ first, last int64 }

// freeSpace is where takeFree looks: numbers of ranges (ascending, disjoint) that are not in a column of those rows
// of a table that where selects.
type freeSpace struct {
	hint   string
	ranges []offsets
	table  string
	column string
	where  string
	args   []any
}

// hints remembers, per space, the number after the one given last. It spares the search for a free number, keeps
// this process's transactions from trying the same one, and makes numbers come back late. It decides nothing: a
// unique index does.
type hints struct {
	mutex sync.Mutex
	next  map[string]int64
}

// claim gives a number of the ranges to try, a different one to each caller.
func (h *hints) claim(space freeSpace) int64 {
	h.mutex.Lock()
	defer h.mutex.Unlock()
	candidate := space.atOrAfter(h.next[space.hint])
	h.set(space, candidate+1)
	return candidate
}

// moveTo makes the next claim give number, if it is in the ranges.
func (h *hints) moveTo(space freeSpace, number int64) {
	h.mutex.Lock()
	defer h.mutex.Unlock()
	h.set(space, number)
}

func (h *hints) set(space freeSpace, next int64) {
	if h.next == nil {
		h.next = map[string]int64{}
	}
	h.next[space.hint] = next
}

func (h *hints) forget(hint string) {
	h.mutex.Lock()
	defer h.mutex.Unlock()
	delete(h.next, hint)
}

// atOrAfter gives the first number of the ranges that is not below n, or the very first when there is none.
func (f freeSpace) atOrAfter(n int64) int64 {
	for _, r := range f.ranges {
		if n <= r.last {
			return max(n, r.first)
		}
	}
	return f.ranges[0].first
}

// takeFree calls take with numbers of the space until one is free, and gives that; false when none is. take must
// insert under a unique index and tell whether it did: it then waits for a competing transaction to end.
func (t *tx) takeFree(space freeSpace, take func(int64) (bool, error)) (int64, bool, error) {
	if len(space.ranges) == 0 {
		return 0, false, nil
	}
	candidate := t.store.hints.claim(space)
	for {
		taken, err := take(candidate)
		if err != nil || taken {
			return candidate, taken, err
		}
		var found bool
		if candidate, found, err = t.findFree(space, candidate); err != nil || !found {
			return 0, false, err
		}
		t.store.hints.moveTo(space, candidate+1)
	}
}

// findFree looks from start upwards, and then below it.
func (t *tx) findFree(space freeSpace, start int64) (int64, bool, error) {
	for _, upper := range []bool{true, false} {
		for _, r := range space.ranges {
			if upper {
				r.first = max(r.first, start)
			} else {
				r.last = min(r.last, start-1)
			}
			if r.first > r.last {
				continue
			}
			if n, found, err := t.findInRange(space, r); err != nil || found {
				return n, found, err
			}
		}
	}
	return 0, false, nil
}

// findInRange looks at more and more numbers at a time: what it costs depends on how far the next free one is, and
// not on whether PostgreSQL prefers to sort all that a statement mentions.
func (t *tx) findInRange(space freeSpace, r offsets) (int64, bool, error) {
	for span := int64(1 << 10); ; span *= 4 {
		window := r
		if r.last-r.first >= span {
			window.last = r.first + span - 1
		}
		if n, found, err := t.firstFree(space, window); err != nil || found {
			return n, found, err
		}
		if window.last == r.last {
			return 0, false, nil
		}
		r.first = window.last + 1
	}
}

// firstFree gives the first number of the range that is not taken.
func (t *tx) firstFree(space freeSpace, r offsets) (int64, bool, error) {
	rows := " FROM " + space.table + " WHERE " + space.where + " AND " + space.column
	query := "SELECT CASE WHEN NOT EXISTS (SELECT 1" + rows + " = ?) THEN CAST(? AS bigint) ELSE (" +
		"SELECT taken + 1 FROM (SELECT " + space.column + " AS taken, LEAD(" + space.column + ") OVER (ORDER BY " + space.column + ") AS following" +
		rows + " BETWEEN ? AND ?) AS run WHERE following IS NULL OR following > taken + 1 ORDER BY taken LIMIT 1) END"
	args := append(append([]any{}, space.args...), r.first, r.first)
	args = append(append(args, space.args...), r.first, r.last)
	var n int64
	err := t.Raw(query, args...).Scan(&n).Error
	return n, n <= r.last, err
}
