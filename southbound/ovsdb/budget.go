package ovsdb

import (
	"errors"
	"sync/atomic"
)

// errBudget closes a session that would take memory beyond what all sessions share.
var errBudget = errors.New("the memory shared by all nodes is used up")

// budget is the memory that all sessions share, in bytes.
type budget struct {
	limit int64
	used  atomic.Int64
}

// share is what one session holds of the budget.
type share struct {
	budget *budget
	held   int64
}

// resize makes the share n bytes, or leaves it as it is when the budget does not allow that.
func (s *share) resize(n int) error {
	delta := int64(n) - s.held
	if used := s.budget.used.Add(delta); delta > 0 && used > s.budget.limit {
		s.budget.used.Add(-delta)
		return errBudget
	}
	s.held += delta
	return nil
}
