package main

import (
	"context"
	"encoding/json"
	"net/url"
	"strconv"

	"github.com/spf13/cobra"
)

// completion is what cobra asks when a shell wants to know how a word may go on.
type completion = func(c *cobra.Command, args []string, toComplete string) ([]string, cobra.ShellCompDirective)

// maxOffered is how many names the shell is offered.
const maxOffered = 1000

// completeArgs offers the names of what each argument is: a "node", "switch", "undeclared" switch, "driver", "port", "router" or "network".
func (t *tool) completeArgs(kinds ...string) completion {
	return func(c *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
		if len(args) >= len(kinds) {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return t.offer(c, kinds[len(args)])
	}
}

// completeFlag offers the names of what a flag's value is.
func (t *tool) completeFlag(c *cobra.Command, flag, kind string) {
	_ = c.RegisterFlagCompletionFunc(flag, func(c *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
		return t.offer(c, kind)
	})
}

func (t *tool) offer(c *cobra.Command, kind string) ([]string, cobra.ShellCompDirective) {
	if c.Root().PersistentPreRunE(c, nil) != nil {
		return nil, cobra.ShellCompDirectiveError
	}
	names, err := t.names(c.Context(), kind)
	if err != nil {
		return nil, cobra.ShellCompDirectiveError
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}

// names lists what there is of a kind: names, and ids of what has none that a shell can be given.
func (t *tool) names(ctx context.Context, kind string) ([]string, error) {
	var list []string
	switch kind {
	case "node":
		nodes, err := t.nodes(ctx)
		for _, n := range nodes {
			list = append(list, n.Name)
		}
		return list, err
	case "switch", "undeclared":
		switches, err := t.switches(ctx)
		for _, s := range switches {
			switch {
			case kind == "switch" && s.Declared:
				list = append(list, s.Name)
			case kind == "undeclared" && !s.Declared:
				list = append(list, s.DatapathID)
			}
		}
		return list, err
	case "driver":
		drivers, err := t.drivers(ctx)
		for _, d := range drivers {
			list = append(list, d.Name)
		}
		return list, err
	}
	var answer map[string]json.RawMessage
	query := url.Values{"fields": {"id", "name"}, "limit": {strconv.Itoa(maxOffered)}}
	if err := t.client.get(ctx, request{path: "/v2.0/" + kind + "s", query: query}, &answer); err != nil {
		return nil, err
	}
	var found []struct{ ID, Name string }
	err := json.Unmarshal(answer[kind+"s"], &found)
	for _, f := range found {
		if f.Name == "" || printable(f.Name) != f.Name {
			f.Name = f.ID
		}
		list = append(list, f.Name)
	}
	return list, err
}
