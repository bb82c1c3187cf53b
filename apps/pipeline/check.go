package pipeline

import (
	"fmt"
	"slices"

	"github.com/planck-sdn/planck/model/flow"
)

// check holds an entry against its table's declaration.
func check(t *Table, app string, rule *Rule, e *flow.Entry) error {
	bad := func(format string, args ...any) error {
		return fmt.Errorf("rule %s, table %s: %s", rule.Name, t.Name, fmt.Sprintf(format, args...))
	}
	if t.App != app || rule.App != app {
		return bad("app %s writes, but the table is of %s and the rule of %s", app, t.App, rule.App)
	}
	for _, m := range e.Match {
		i := slices.IndexFunc(t.Match, func(f MatchField) bool { return f.Field == m.Field })
		if i < 0 {
			return bad("matches %s, which is not declared", m.Field)
		}
		if m.Mask != m.Field.AllOnes() && !t.Match[i].Masked {
			return bad("matches %s with a mask, which is not declared", m.Field)
		}
	}
	if e.HasGoto && !slices.ContainsFunc(t.Next, func(n *Table) bool { return n.ID == e.Goto }) {
		return bad("goes to table %d, which is not declared", e.Goto)
	}
	if e.Meter != 0 && !slices.Contains(t.Actions, ActMeter) {
		return bad("uses a meter, which is not declared")
	}
	if e.MetadataMask != 0 && !slices.Contains(t.Actions, ActWriteMetadata) {
		return bad("writes metadata, which is not declared")
	}
	for _, a := range e.Apply {
		if ct, ok := a.(flow.Conntrack); ok && ct.Next != flow.NoTable && !slices.ContainsFunc(slices.Concat(t.Next, t.Resubmit), func(n *Table) bool { return n.ID == ct.Next }) {
			return bad("goes on in table %d after conntrack, which is not declared", ct.Next)
		}
		if r, ok := a.(flow.Resubmit); ok && !slices.ContainsFunc(t.Resubmit, func(n *Table) bool { return n.ID == r.Table }) {
			return bad("resubmits to table %d, which is not declared", r.Table)
		}
		if k := kindOf(a); !slices.Contains(t.Actions, k) {
			return bad("uses %s, which is not declared", k)
		}
	}
	return nil
}

func kindOf(a flow.Action) ActionKind {
	switch a := a.(type) {
	case flow.Output:
		if a.Port == flow.PortController {
			return ActController
		}
		return ActOutput
	case flow.Punt:
		return ActController
	case flow.ToGroup:
		return ActGroup
	case flow.SetField:
		return ActSetField
	case flow.Move:
		return ActMove
	case flow.PushVLAN:
		return ActPushVLAN
	case flow.PopVLAN:
		return ActPopVLAN
	case flow.Resubmit:
		return ActResubmit
	case flow.DecTTL:
		return ActDecTTL
	case flow.Conntrack:
		return ActConntrack
	case flow.CheckLarger:
		return ActCheckLarger
	case flow.Conjunction:
		return ActConjunction
	}
	return 0
}
