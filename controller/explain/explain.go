// Package explain says in plain English what a flow entry does, and for whom. It computes from the topology and a node's tables, and asks
// nobody.
package explain

import (
	"fmt"
	"strings"
	"time"

	"github.com/planck-sdn/planck/apps/pipeline"
	"github.com/planck-sdn/planck/model"
	"github.com/planck-sdn/planck/model/flow"
	"github.com/planck-sdn/planck/model/topology"
)

// Explainer knows the names of what stands in entries as numbers. Explanations of many entries share one.
type Explainer struct {
	view  *topology.View
	index index
}

// New returns an explainer of entries that belong to a version of the topology.
func New(v *topology.View) *Explainer { return &Explainer{view: v, index: indexOf(v)} }

// State is what is known of an entry besides what it says.
type State struct {
	Owners  []model.Ref // empty: the cookie's
	Wanted  bool        // the topology asks for it
	Present bool        // the switch has it
	Asked   bool        // the switch has been asked: Age and Packets are its answer if Present
	Age     time.Duration
	Packets uint64
}

// Text is one paragraph on an entry of a node. groups and meters are those of the node; a nil node is one that nobody knows.
func (x *Explainer) Text(node *model.Node, e flow.Encoded, groups []flow.Group, meters []flow.Meter, s State) string {
	sentences := x.does(node, e, groups, meters)
	if e.Cookie().IsPlanck() {
		owners := s.Owners
		if len(owners) == 0 {
			owners = []model.Ref{refOf(e.Cookie())}
		}
		sentences = append(sentences, "It is there for "+x.objects(owners))
	} else {
		sentences = append(sentences, "Its cookie does not have Planck's mark: somebody else has put it there, and it serves no object of any tenant")
	}
	sentences = append(sentences, standing(e, s)...)
	if e.Cookie().IsPlanck() {
		sentences = append(sentences, why(e.Cookie()))
	}
	return strings.Join(sentences, ". ") + "."
}

// does says what an entry matches, and what becomes of that.
func (x *Explainer) does(node *model.Node, e flow.Encoded, groups []flow.Group, meters []flow.Meter) []string {
	where := "In " + tableName(node, e.Table())
	if node != nil {
		where = "On " + node.Hostname + ", in " + tableName(node, e.Table())
	}
	entry, err := e.Decode()
	if err != nil {
		return []string{fmt.Sprintf("%s, at priority %d, there is an entry that matches or does what no entry of Planck's does, so Planck cannot read it",
			where, e.Priority())}
	}
	w := &words{Explainer: x, node: node, entry: &entry, groups: groups, meters: meters}
	w.network, w.router = w.context()
	if entry.Table == pipeline.Marker.ID && entry.Cookie.IsPlanck() {
		return []string{fmt.Sprintf("%s, where no packet comes, this entry says that the switch has version %d of the pipeline", where, entry.WriteMetadata)}
	}
	return []string{fmt.Sprintf("%s, this entry takes %s, at priority %d", where, w.match(), entry.Priority), w.instructions()}
}

// words are the words for one entry.
type words struct {
	*Explainer
	node   *model.Node
	entry  *flow.Entry
	groups []flow.Group
	meters []flow.Meter

	network *model.Network // that packets are in when they meet the entry; nil: not said
	router  *model.Router  // likewise
}

// context finds the network and the router that the match names.
func (w *words) context() (*model.Network, *model.Router) {
	network := w.tagged()
	var router *model.Router
	for _, m := range w.entry.Match {
		switch {
		case m.Field == flow.Metadata:
			if key, _, _ := pipeline.MetadataParts(m.Mask); key == allKeys {
				key, _, _ := pipeline.MetadataParts(m.Value)
				network = w.index.networks[key]
			}
		case m.Field == flow.TunnelID && m.Mask == m.Field.AllOnes():
			network, router = w.index.networks[model.NetworkKey(m.Value)], w.index.routers[model.NetworkKey(m.Value)]
		case m.Field == pipeline.Router && m.Mask == m.Field.AllOnes():
			router = w.index.routers[model.NetworkKey(m.Value)]
		}
	}
	return network, router
}

// standing says whether the entry should be there and is, and since when.
func standing(e flow.Encoded, s State) []string {
	var list []string
	if t := e.HardTimeout(); t != 0 {
		list = append(list, "It goes by itself "+counted(uint64(t), "second", "seconds")+" after it came")
	}
	since := "the switch has it"
	if s.Asked {
		since = fmt.Sprintf("the switch has had it for %s, and %s", duration(s.Age), counted(s.Packets, "packet has", "packets have")+" met it")
	}
	switch passing := e.HardTimeout() != 0 && e.Cookie().IsPlanck(); {
	case s.Present && (s.Wanted || passing):
		return append(list, upperFirst(since))
	case s.Present && e.Cookie().IsPlanck():
		return append(list, "The topology does not ask for it, and "+since+": it is about to be removed, or somebody has added it by hand")
	case s.Present:
		return append(list, upperFirst(since)+": the next reconcile removes it, unless the node has planck-keep-foreign")
	case s.Wanted && s.Asked:
		return append(list, "The topology asks for it, and the switch does not have it: it has not been sent yet, or somebody has removed it by hand")
	case s.Wanted:
		return append(list, "The topology asks for it, and the switch has not confirmed it")
	default:
		return append(list, "The topology does not ask for it, and no switch is known to have it")
	}
}

// why says which line of the code made an entry.
func why(c flow.Cookie) string {
	rule := pipeline.RuleByNumber(c.Rule())
	if rule == nil {
		return fmt.Sprintf("Which rule made it is not known here: rule %d is another version's", c.Rule())
	}
	return fmt.Sprintf("Why: %s That is rule %d, %q, of app %s (%s)", rule.Doc, rule.Number, rule.Name, rule.App, rule.Source)
}

// Nothing is what there is to say about a cookie that no entry has, wanted or present.
func (x *Explainer) Nothing(c flow.Cookie) string {
	text := fmt.Sprintf("No switch that could be asked has an entry with cookie %#x, and the topology asks for none. ", uint64(c))
	if !c.IsPlanck() {
		return text + "It does not have Planck's mark, 0x662 in its upper 12 bits: it is none of Planck's."
	}
	return text + "It would be there for " + x.objects([]model.Ref{refOf(c)}) + ". " + why(c) + "."
}

func refOf(c flow.Cookie) model.Ref {
	return model.Ref{Kind: model.Kind(c.Kind()), Number: model.Number(c.Number())}
}

func tableName(n *model.Node, id uint8) string {
	if name := pipeline.NamesOf(n)[id]; name != "" {
		return "table " + name
	}
	return fmt.Sprintf("table %d, which is none of Planck's", id)
}
