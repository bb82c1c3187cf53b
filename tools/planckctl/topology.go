package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/url"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/planck-sdn/planck/northbound/admin"
)

func newTopology(t *tool) *cobra.Command {
	var project string
	var dot bool
	c := &cobra.Command{
		Use:   "topology",
		Short: "Show networks, routers, ports and nodes, and what hangs on what",
		Long: `Shows the networks with their ports, the routers with the networks that they join, and the nodes with what is plugged there. Of a
project: what it owns, and of others' networks what it has there. With --dot as a graph that Graphviz draws.`,
		Example: `  planckctl topology
  planckctl topology --project 0a1b2c3d000040008000000000000001
  planckctl topology --dot | dot -Tsvg > topology.svg`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			r := request{path: adminPath("topology"), query: url.Values{}}
			if project != "" {
				r.query.Set("project", project)
			}
			switch {
			case dot && t.format == formatJSON:
				return errors.New("--dot and --output json exclude each other")
			case t.format == formatJSON:
				return t.pass(c.Context(), r)
			}
			var answer admin.Topology
			if err := t.client.get(c.Context(), r, &answer); err != nil {
				return err
			}
			if dot {
				return writeDOT(t.out, &answer)
			}
			return writeTopology(t.out, &answer)
		},
	}
	c.Flags().StringVar(&project, "project", "", "of one project (id)")
	c.Flags().BoolVar(&dot, "dot", false, "as a graph for Graphviz")
	c.Flags().StringVar(&project, "tenant", "", "the same as --project")
	c.MarkFlagsMutuallyExclusive("project", "tenant")
	_ = c.RegisterFlagCompletionFunc("project", cobra.NoFileCompletions)
	_ = c.RegisterFlagCompletionFunc("tenant", cobra.NoFileCompletions)
	return c
}

// deviceOwnerDHCP is of the ports that are no interface anywhere: every node answers for them.
const deviceOwnerDHCP = "network:dhcp"

// named are the names that ids stand for.
type named struct{ networks, ports map[string]string }

func namesIn(t *admin.Topology) named {
	n := named{map[string]string{}, map[string]string{}}
	for _, network := range t.Networks {
		n.networks[network.ID] = nameOr(network.Name, network.ID)
		for _, p := range network.Ports {
			n.ports[p.ID] = nameOr(p.Name, p.ID)
		}
	}
	return n
}

// nameOr is a name, or the id of what has none.
func nameOr(name, id string) string {
	if name == "" {
		return id
	}
	return name
}

// of is the name of what has an id; another project's may have none here.
func of(names map[string]string, id string) string { return nameOr(names[id], id) }

// writeTopology writes an indented tree.
func writeTopology(w io.Writer, t *admin.Topology) error {
	b := bufio.NewWriter(w) // keeps the first error
	names := namesIn(t)
	add := func(depth int, words ...string) {
		words = slices.DeleteFunc(words, func(s string) bool { return s == "" })
		_, _ = fmt.Fprintf(b, "%s%s\n", strings.Repeat("  ", depth), printable(strings.Join(words, ", ")))
	}
	for i := range t.Networks {
		n := &t.Networks[i]
		add(0, "network "+nameOr(n.Name, n.ID), segment(n), projectOf(n.ProjectID), word(n.External, "external"), word(n.Shared, "shared"))
		for _, s := range n.Subnets {
			add(1, "subnet "+s)
		}
		for _, p := range n.Ports {
			add(1, "port "+nameOr(p.Name, p.ID), p.DeviceOwner, p.MAC, strings.Join(p.Addresses, " "), word(p.DeviceOwner != deviceOwnerDHCP, on(p.Node)))
		}
	}
	for i := range t.Routers {
		r := &t.Routers[i]
		add(0, "router "+nameOr(r.Name, r.ID), projectOf(r.ProjectID))
		for _, to := range r.Interfaces {
			add(1, "network "+of(names.networks, to.NetworkID), strings.Join(to.Addresses, " "))
		}
		if g := r.Gateway; g != nil {
			add(1, "gateway on network "+of(names.networks, g.NetworkID), strings.Join(g.Addresses, " "), on(r.GatewayNode))
		}
		for _, f := range r.FloatingIPs {
			add(1, "floating IP "+f.Address, "for "+f.FixedIP+" of port "+of(names.ports, f.PortID), on(f.Node))
		}
	}
	for i := range t.Nodes {
		n := &t.Nodes[i]
		add(0, "node "+n.Name, word(n.EncapIP != "", "tunnels at "+n.EncapIP))
		for _, physnet := range slices.Sorted(maps.Keys(n.Mappings)) {
			add(1, "bridge "+n.Mappings[physnet]+" of physical network "+physnet)
		}
		for _, id := range n.Ports {
			add(1, "port "+of(names.ports, id))
		}
	}
	return b.Flush()
}

// segment says what a network is on the wire.
func segment(n *admin.TopologyNetwork) string {
	words := []string{n.Type}
	if n.SegmentationID != 0 {
		words = append(words, fmt.Sprint(n.SegmentationID))
	}
	if n.PhysicalNetwork != "" {
		words = append(words, "on "+n.PhysicalNetwork)
	}
	return strings.Join(words, " ")
}

func projectOf(project string) string { return word(project != "", "of project "+project) }

func on(node string) string {
	if node == "" {
		return "nowhere"
	}
	return "on " + node
}

// word is a word that is said if it is true.
func word(said bool, s string) string {
	if said {
		return s
	}
	return ""
}
