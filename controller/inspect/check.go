package inspect

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/planck-sdn/planck/apps/pipeline"
	"github.com/planck-sdn/planck/controller/reconcile"
	"github.com/planck-sdn/planck/model"
	"github.com/planck-sdn/planck/model/flow"
	"github.com/planck-sdn/planck/model/topology"
	"github.com/planck-sdn/planck/northbound/admin"
)

// How long a node may take to tell what its switch holds, and to be mended, before the others go on without it.
const (
	answerTimeout = 10 * time.Second
	repairTimeout = time.Minute
)

// Check compares wanted with rendered anew, and with present.
func (i *Inspector) Check(ctx context.Context, node string, repair bool, each func(admin.NodeCheck) error) error {
	chosen, err := i.chosen(node)
	if err != nil {
		return err
	}
	work := func(ctx context.Context, n *model.Node) admin.NodeCheck { return i.checkNode(ctx, n, repair) }
	return perNode(ctx, chosen, work, each)
}

func (i *Inspector) checkNode(ctx context.Context, n *model.Node, repair bool) admin.NodeCheck {
	began := time.Now()
	c := admin.NodeCheck{Node: n.Hostname}
	found, err := i.found(ctx, n)
	if err != nil {
		c.Problem = words(err)
	} else {
		if repair && len(found.Stale)+len(found.Differences) > 0 {
			c.Repaired, c.Problem = i.repair(ctx, n, &found)
		}
		c.Revision, c.Entries = found.View.Revision, found.Entries
		c.Stale, c.Differences = differences(n, found.View, found.Stale), differences(n, found.View, found.Differences)
		i.checks.note(n.Number, &c)
	}
	c.Took = time.Since(began)
	return c
}

// found is what a check of a node finds.
func (i *Inspector) found(ctx context.Context, n *model.Node) (*reconcile.Checked, error) {
	s := i.Registry.Switch(n.Number)
	if s == nil {
		return nil, errNoSwitch
	}
	ctx, cancel := context.WithTimeout(ctx, answerTimeout)
	defer cancel()
	return s.Check(ctx)
}

// repair mends a node. found becomes what it has mended, which may be more by now, or less.
func (i *Inspector) repair(ctx context.Context, n *model.Node, found **reconcile.Checked) (done bool, problem string) {
	ctx, cancel := context.WithTimeout(ctx, repairTimeout)
	defer cancel()
	mended, err := i.Registry.Switch(n.Number).Repair(ctx)
	if err != nil {
		return false, "not mended: " + words(err)
	}
	*found = mended
	return true, ""
}

var errNoSwitch = errors.New("it has no switch yet")

// words says for people why a node could not be asked.
func words(err error) string {
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return "it does not answer in time"
	case errors.Is(err, reconcile.ErrFrozen):
		return "the node is frozen (planckctl thaw lets it be programmed)"
	}
	return err.Error()
}

// ReconcileDryRun tells what Reconcile would send.
func (i *Inspector) ReconcileDryRun(ctx context.Context, node string) ([]admin.Difference, error) {
	n, err := i.node(node)
	if err != nil {
		return nil, err
	}
	found, err := i.found(ctx, n)
	if err != nil {
		return nil, model.Errorf(http.StatusConflict, "NodeNotRead", "What the switch of node %s holds could not be read: %s.", node, words(err))
	}
	return differences(n, found.View, found.Differences), nil
}

func differences(n *model.Node, v *topology.View, list []reconcile.Difference) []admin.Difference {
	all := make([]admin.Difference, len(list))
	for i, d := range list {
		all[i] = difference(n, v, d)
	}
	return all
}

func difference(n *model.Node, v *topology.View, d reconcile.Difference) admin.Difference {
	shown := admin.Difference{Node: n.Hostname, What: "flow entry", State: "changed", Wanted: itemText(d.Wanted), Present: itemText(d.Present), Owners: []string{}}
	some := d.Wanted
	switch {
	case d.Wanted.IsZero():
		shown.State, some = "extra", d.Present
	case d.Present.IsZero():
		shown.State = "missing"
	}
	for _, ref := range refsOf(reconcile.Listed{Entry: some.Flow, Owners: d.Owners}) {
		shown.Owners = append(shown.Owners, owner(v, ref))
	}
	switch {
	case some.Group != nil:
		shown.What = "group"
		return shown
	case some.Meter != nil:
		shown.What = "meter"
		return shown
	}
	shown.Table = tableName(n, some.Flow.Table())
	cookie := some.Flow.Cookie()
	if !cookie.IsPlanck() {
		shown.State = "foreign"
		return shown
	}
	if rule := pipeline.RuleByNumber(cookie.Rule()); rule != nil {
		shown.Rule, shown.Source = rule.Name, rule.Source
	}
	return shown
}

func itemText(i reconcile.Item) string {
	switch {
	case i.Flow != "":
		return entryText(i.Flow)
	case i.Group != nil:
		return flow.FormatGroup(*i.Group, nil)
	case i.Meter != nil:
		return flow.FormatMeter(*i.Meter)
	}
	return ""
}

// entryText is an entry in the syntax of ovs-ofctl, as far as it can be said in that.
func entryText(f flow.Encoded) string {
	if e, err := f.Decode(); err == nil {
		return flow.Format(e, nil)
	}
	e, err := f.Key().Decode()
	if err != nil {
		return fmt.Sprintf("cookie=%#x, table=%d, priority=%d, and a match and actions that Planck cannot read", uint64(f.Cookie()), f.Table(), f.Priority())
	}
	e.Cookie = f.Cookie()
	text := flow.Format(e, nil)
	return text[:len(text)-len("drop")] + "?, which Planck cannot read"
}
