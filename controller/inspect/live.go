package inspect

import (
	"context"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/planck-sdn/planck/apps/l2"
	"github.com/planck-sdn/planck/apps/pipeline"
	"github.com/planck-sdn/planck/controller/trace"
	"github.com/planck-sdn/planck/model"
	"github.com/planck-sdn/planck/model/flow"
	"github.com/planck-sdn/planck/model/topology"
	"github.com/planck-sdn/planck/northbound/admin"
)

// Catcher waits for packets that are traced live. The zero value is ready.
type Catcher struct {
	one     sync.Mutex // held by the one live trace that there is
	waiting atomic.Pointer[catching]
}

type catching struct {
	number uint16 // identification of the IP packet
	places chan caughtAt
}

type caughtAt struct {
	node model.Number
	at   time.Time
	pipeline.Caught
}

// Caught takes a marked packet that a node's switch has sent up. It does not wait.
func (c *Catcher) Caught(node model.Number, x *pipeline.Caught) {
	const identification = 14 + 4 // where it stands in the frame, which table output has without a tag
	w := c.waiting.Load()
	if w == nil || len(x.Frame) < identification+2 || binary.BigEndian.Uint16(x.Frame[identification:]) != w.number {
		return
	}
	select {
	case w.places <- caughtAt{node, time.Now(), *x}:
	default: // more copies than anybody wants to see
	}
}

const (
	livePatience = time.Second
	// liveSettle is how long a switch may take to look through what its datapath remembers of earlier packets, after it has confirmed an entry.
	liveSettle = 150 * time.Millisecond
	// liveCopies is for further copies of a packet that has come out.
	liveCopies = 100 * time.Millisecond
	maxCopies  = 100
)

// live sends the packet from its sender's switch, and tells where it would have left for a port. The ways are those of the tables: on their nodes
// it is caught. Physical switches match no DSCP, and catch nothing: what would come to one of their servers is not sent.
func (i *Inspector) live(ctx context.Context, view *topology.View, p trace.Packet, wanted, present trace.Way) *admin.Live {
	l := &admin.Live{Arrived: []admin.Place{}}
	at, ok := view.Location(p.From.Number)
	if !ok || present.Frame == nil {
		l.Verdict = "not sent: " + present.Verdict
		return l
	}
	for _, place := range slices.Concat(wanted.Arrived, present.Arrived) {
		if place.Node.Switch != nil {
			l.Verdict = fmt.Sprintf("not sent: %s would get it, since a physical switch cannot catch it", place)
			return l
		}
	}
	for _, n := range onTheWay(view, wanted, present) {
		s := i.Registry.Switch(n.Number)
		if s == nil {
			l.Verdict = fmt.Sprintf("not sent: %s has no switch here", n.Hostname)
			return l
		}
		ctx, cancel := context.WithTimeout(ctx, askTimeout)
		err := s.PassNow(ctx, l2.Catch(n))
		cancel()
		if err != nil {
			l.Verdict = fmt.Sprintf("not sent: %s cannot be made to catch it: %s", n.Hostname, words(err))
			return l
		}
	}
	p.Mark, p.Number = l2.TraceMark, uint16(rand.Uint32())
	w := &catching{p.Number, make(chan caughtAt, maxCopies)}
	i.Catcher.waiting.Store(w)
	defer i.Catcher.waiting.Store(nil)
	time.Sleep(liveSettle)
	sent := time.Now()
	out := flow.PacketOut{InPort: at.Ofport, Actions: []flow.Action{flow.Resubmit{Table: pipeline.Classify.ID}}, Data: pipeline.WithTag(p.Frame(model.MAC(present.Frame[:6])), at.Tag)}
	if view.Node(at.Node).Switch != nil {
		out.Actions = []flow.Action{flow.Output{Port: flow.PortTable}}
	}
	if err := i.Registry.Send(at.Node, out); err != nil {
		l.Verdict = "not sent: " + err.Error()
		return l
	}
	patience, cancel := context.WithTimeout(ctx, livePatience)
	defer cancel()
	for {
		select {
		case c := <-w.places:
			place := placeOfCaught(view, c)
			if l.Arrived = append(l.Arrived, placeOf(place)); len(l.Arrived) > 1 {
				l.Verdict += ", and at " + place.String()
				continue
			}
			l.Verdict = fmt.Sprintf("came out at %s after %.1f ms", place, c.at.Sub(sent).Seconds()*1000)
			time.AfterFunc(liveCopies, cancel)
		case <-patience.Done():
			if len(l.Arrived) == 0 {
				l.Verdict = notSeen(present)
			}
			return l
		}
	}
}

// onTheWay lists the nodes of both ways that are no physical switches, in order of number.
func onTheWay(view *topology.View, ways ...trace.Way) []*model.Node {
	var list []*model.Node
	view.Nodes(func(n *model.Node) {
		if n.Switch == nil && slices.ContainsFunc(ways, func(w trace.Way) bool { return w.Tables[n.Number] != nil }) {
			list = append(list, n)
		}
	})
	return list
}

func placeOfCaught(view *topology.View, c caughtAt) trace.Place {
	p := trace.Place{Node: view.Node(c.node), Ofport: c.Ofport, Frame: c.Frame}
	view.Networks(func(n *model.Network) {
		if n.Key == c.Network {
			p.Port = view.PortAt(n.Number, c.node, c.Ofport)
		}
	})
	return p
}

// notSeen says what it means that a packet has come out nowhere.
func notSeen(by trace.Way) string {
	switch by.Outcome {
	case trace.Delivered, trace.Unknown:
		return fmt.Sprintf("did not come out within %s, though the tables say: %s", livePatience, by.Verdict)
	case trace.Dropped:
		return "did not come out, as the tables say: " + by.Verdict
	}
	return "sent; what leaves by a wire, waits or is answered comes out at no port, where it could be seen. The tables say: " + by.Verdict
}
