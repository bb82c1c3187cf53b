package pipeline

import (
	"fmt"
	"path"
	"runtime"
	"slices"
)

// Rule is one place in the code that builds entries. Its number stands in the cookie of every entry that it
// builds, so that from any entry an operator gets to the line that rendered it.
type Rule struct {
	Number uint16 // 1 to 0xfff, append only, never reused; pinned by a golden file
	App    string
	Name   string
	Doc    string // one sentence for operators: what an entry of this rule does and why
	Source string // file:line

	// Passing is the table of a rule whose entries come and go by a timeout, and are not rendered from the topology; otherwise nil.
	Passing *Table
}

var rules = map[uint16]*Rule{}

// NewRule registers a rule; it is called from package variables only, and panics on a number that is taken or does not fit a cookie.
func NewRule(number uint16, app, name, doc string) *Rule {
	if number == 0 || number > 0xfff || rules[number] != nil {
		panic(fmt.Sprintf("pipeline: rule %d (%s) is out of range or taken", number, name))
	}
	r := &Rule{Number: number, App: app, Name: name, Doc: doc}
	if _, file, line, ok := runtime.Caller(1); ok {
		r.Source = fmt.Sprintf("apps/%s/%s:%d", path.Base(path.Dir(file)), path.Base(file), line)
	}
	rules[number] = r
	return r
}

// In says that the rule's entries are in a table for a while, and are not rendered.
func (r *Rule) In(t *Table) *Rule {
	r.Passing = t
	return r
}

// RuleByNumber returns the rule of a cookie, or nil.
func RuleByNumber(n uint16) *Rule { return rules[n] }

// Rules lists all rules by number.
func Rules() []*Rule {
	list := make([]*Rule, 0, len(rules))
	for _, r := range rules {
		list = append(list, r)
	}
	slices.SortFunc(list, func(a, b *Rule) int { return int(a.Number) - int(b.Number) })
	return list
}
