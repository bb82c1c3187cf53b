package main

import (
	"bufio"
	"fmt"
	"io"
	"strings"

	"github.com/planck-sdn/planck/northbound/admin"
)

// writeDOT writes the graph in Graphviz's DOT language: networks, routers, ports and nodes, ports dashed to where they are plugged.
func writeDOT(w io.Writer, t *admin.Topology) error {
	d := dot{bufio.NewWriter(w)} // keeps the first error
	d.line("graph %s {", quoteDOT("planck"))
	d.line("  rankdir=LR;")
	drawn := map[string]bool{}
	for i := range t.Networks {
		n := &t.Networks[i]
		drawn[n.ID] = true
		d.vertex("network "+n.ID, "box", append([]string{nameOr(n.Name, n.ID), segment(n)}, n.Subnets...)...)
		for _, p := range n.Ports {
			drawn[p.ID] = true
			d.vertex("port "+p.ID, "ellipse", append([]string{nameOr(p.Name, p.ID)}, p.Addresses...)...)
			d.edge("network "+n.ID, "port "+p.ID, "", "solid")
		}
	}
	for i := range t.Routers {
		r := &t.Routers[i]
		d.vertex("router "+r.ID, "diamond", nameOr(r.Name, r.ID))
		for _, to := range r.Interfaces {
			d.edge("router "+r.ID, "network "+to.NetworkID, strings.Join(to.Addresses, " "), "solid")
		}
		if g := r.Gateway; g != nil {
			d.edge("router "+r.ID, "network "+g.NetworkID, "gateway "+strings.Join(g.Addresses, " "), "bold")
		}
		for _, f := range r.FloatingIPs {
			if drawn[f.PortID] {
				d.edge("router "+r.ID, "port "+f.PortID, f.Address, "dotted")
			}
		}
	}
	for i := range t.Nodes {
		n := &t.Nodes[i]
		d.vertex("node "+n.Name, "box3d", n.Name, n.EncapIP)
		for _, id := range n.Ports {
			if drawn[id] {
				d.edge("port "+id, "node "+n.Name, "", "dashed")
			}
		}
	}
	d.line("}")
	return d.Flush()
}

type dot struct{ *bufio.Writer }

func (d dot) line(format string, a ...any) { _, _ = fmt.Fprintf(d, format+"\n", a...) }

func (d dot) vertex(id, shape string, label ...string) {
	d.line("  %s [shape=%s, label=%s];", quoteDOT(id), shape, quoteDOT(label...))
}

func (d dot) edge(from, to, label, style string) {
	d.line("  %s -- %s [style=%s, label=%s];", quoteDOT(from), quoteDOT(to), style, quoteDOT(label))
}

// quoteDOT makes a quoted string of lines, without the empty ones. Backslashes stay backslashes, in labels too.
func quoteDOT(lines ...string) string {
	var quoted []string
	for _, s := range lines {
		if s != "" {
			quoted = append(quoted, strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(printable(s)))
		}
	}
	return `"` + strings.Join(quoted, `\n`) + `"`
}
