package inspect

import (
	"context"
	"fmt"
	"net/http"
	"net/netip"
	"sync"

	"github.com/planck-sdn/planck/apps"
	"github.com/planck-sdn/planck/apps/pipeline"
	"github.com/planck-sdn/planck/controller/reconcile"
	"github.com/planck-sdn/planck/controller/trace"
	"github.com/planck-sdn/planck/model"
	"github.com/planck-sdn/planck/model/flow"
	"github.com/planck-sdn/planck/model/topology"
	"github.com/planck-sdn/planck/northbound/admin"
)

// Trace follows a packet through the tables that the switches should hold, and through those that they say they hold.
func (i *Inspector) Trace(ctx context.Context, q admin.TraceQuery) (admin.Trace, error) {
	view := i.Follower.View()
	p, err := packetOf(view, q)
	if err != nil {
		return admin.Trace{}, err
	}
	if q.Live {
		if !i.Catcher.one.TryLock() {
			return admin.Trace{}, model.Errorf(http.StatusConflict, "TraceInProgress", "Another packet is being traced live: only one at a time is.")
		}
		defer i.Catcher.one.Unlock()
	}
	var wanted, present trace.Way
	var both sync.WaitGroup
	both.Go(func() { wanted = trace.Follow(i.traced(ctx, view, wantedBy), p) })
	both.Go(func() { present = trace.Follow(i.traced(ctx, view, (*reconcile.Switch).Present), p) })
	both.Wait()
	if ctx.Err() != nil {
		return admin.Trace{}, ctx.Err()
	}
	t := admin.Trace{Verdict: present.Verdict, Outcome: string(present.Outcome), Packet: trace.Text(present.Frame),
		Wanted: wayOf(view, wanted), Present: wayOf(view, present)}
	if present.Outcome == trace.Unknown && wanted.Outcome != trace.Unknown {
		t.Verdict += "; if it holds what it should: " + wanted.Verdict
		t.Packet = trace.Text(wanted.Frame)
	}
	if d := trace.Compare(wanted, present); d != nil {
		t.Difference = leaves(view, d) + "; as it should be: " + wanted.Verdict
		if wanted.Verdict == present.Verdict {
			t.Difference = leaves(view, d) + "; the packet fares the same"
		}
	}
	if q.Live {
		t.Live = i.live(ctx, view, p, wanted, present)
	}
	return t, nil
}

func wantedBy(s *reconcile.Switch, ctx context.Context) (*flow.Tables, error) {
	tables, _, err := s.Wanted(ctx)
	return tables, err
}

// traced is the cloud with the tables that read gives.
func (i *Inspector) traced(ctx context.Context, view *topology.View, read func(*reconcile.Switch, context.Context) (*flow.Tables, error)) trace.Cloud {
	return trace.Cloud{View: view, Apps: apps.All(), Now: i.Now(), Tables: func(n *model.Node) (*flow.Tables, error) {
		s := i.Registry.Switch(n.Number)
		if s == nil {
			return nil, errNoSwitch
		}
		ctx, cancel := context.WithTimeout(ctx, readTimeout)
		defer cancel()
		tables, err := read(s, ctx)
		if err != nil {
			return nil, fmt.Errorf("%s", words(err))
		}
		return tables, nil
	}}
}

// packetOf is the packet that is asked for.
func packetOf(view *topology.View, q admin.TraceQuery) (trace.Packet, error) {
	p := trace.Packet{From: view.PortByID(q.From), SourcePort: q.SourcePort, DestinationPort: q.Port, Source: q.Source, TTL: q.TTL, Size: q.Size, Number: 1}
	if p.From == nil {
		return p, model.Errorf(http.StatusNotFound, "PortNotFound", "Port %s could not be found.", q.From)
	}
	bad := func(format string, args ...any) error {
		return model.Errorf(http.StatusBadRequest, "HTTPBadRequest", format, args...)
	}
	switch q.Protocol {
	case "arp":
		p.Kind = trace.ARP
	case "dhcp":
		p.Kind = trace.DHCP
	case "":
		p.Protocol = model.ProtocolICMP
	default:
		number, ok := model.ProtocolNumber(q.Protocol)
		if !ok {
			return p, bad("protocol is icmp, tcp, udp, arp, dhcp or the number of an IP protocol, not %q.", q.Protocol)
		}
		p.Protocol = number
	}
	if q.SourceMAC != "" {
		var err error
		if p.SourceMAC, err = model.ParseMAC(q.SourceMAC); err != nil {
			return p, bad("source_mac is a MAC address, not %q.", q.SourceMAC)
		}
	}
	if a, err := netip.ParseAddr(q.To); err == nil {
		p.To = a
	} else if p.Kind != trace.DHCP {
		if p.Port = view.PortByID(q.To); p.Port == nil {
			return p, model.Errorf(http.StatusNotFound, "PortNotFound", "Port %s could not be found.", q.To)
		}
		if p.To = trace.AddressOf(p.Port); !p.To.IsValid() {
			return p, bad("Port %s has no IPv4 address that a packet could be sent to.", q.To)
		}
	}
	if q.Live && p.Kind != trace.IP {
		return p, bad("Only IP packets that no app answers are sent live.")
	}
	if err := p.Validate(); err != nil {
		return p, bad("There is no such packet: %s.", err)
	}
	return p, nil
}

// wayOf puts a way into the words of the API.
func wayOf(view *topology.View, w trace.Way) admin.Way {
	d := admin.Way{Verdict: w.Verdict, Outcome: string(w.Outcome), Stages: make([]admin.Stage, len(w.Stages)), Arrived: make([]admin.Place, len(w.Arrived))}
	for i, s := range w.Stages {
		d.Stages[i] = admin.Stage{Depth: s.Depth, Note: s.Note, Packet: s.Packet}
		switch {
		case s.Note == "":
			d.Stages[i].PassedBy = passedBy(view, s.Node, s.Table, s.Entry)
		case s.Node != nil:
			d.Stages[i].Node = s.Node.Hostname
		}
		if d.Stages[i].Owners == nil {
			d.Stages[i].Owners = []string{}
		}
	}
	for i, a := range w.Arrived {
		d.Arrived[i] = placeOf(a)
	}
	return d
}

func placeOf(a trace.Place) admin.Place {
	p := admin.Place{Node: a.Node.Hostname, Name: a.Mapping.PhysicalNetwork, Packet: trace.Text(a.Frame)}
	if a.Port != nil {
		p.Port, p.Name = a.Port.ID, a.Port.Name
	}
	return p
}

// passedBy describes a lookup. An empty entry is none.
func passedBy(view *topology.View, n *model.Node, table uint8, entry flow.Encoded) admin.PassedBy {
	d := admin.PassedBy{Node: n.Hostname, Table: tableName(n, table), Owners: []string{}}
	if entry == "" {
		if t := pipeline.TableOf(n, table); t != nil {
			d.Doc = t.Miss
		}
		return d
	}
	f := describe(view, n, reconcile.Listed{Entry: entry})
	d.Entry, d.Cookie, d.Rule, d.Doc, d.Source, d.Owners = f.Entry, f.Cookie, f.Rule, f.Explain, f.Source, f.Owners
	return d
}

// leaves says what makes a packet leave the way through the wanted tables.
func leaves(view *topology.View, d *trace.Difference) string {
	if d.Entry == "" {
		return fmt.Sprintf("On %s group %d is %s", d.Node.Hostname, d.Group, d.Kind)
	}
	f := describe(view, d.Node, reconcile.Listed{Entry: d.Entry})
	whose := "which is not Planck's"
	if len(f.Owners) > 0 {
		whose = "of " + f.Owners[0]
	}
	switch d.Kind {
	case trace.Extra:
		return fmt.Sprintf("On %s table %s has an entry that it should not have, %s: %s", d.Node.Hostname, f.Table, whose, f.Entry)
	case trace.Changed:
		return fmt.Sprintf("On %s an entry of table %s, %s, does something else; wanted is: %s", d.Node.Hostname, f.Table, whose, f.Entry)
	}
	return fmt.Sprintf("On %s table %s lacks an entry, %s: %s", d.Node.Hostname, f.Table, whose, f.Entry)
}
