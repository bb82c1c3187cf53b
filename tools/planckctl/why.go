package main

import (
	"github.com/spf13/cobra"

	"github.com/planck-sdn/planck/northbound/admin"
)

func newWhy(t *tool) *cobra.Command {
	return &cobra.Command{
		Use:   "why PORT",
		Short: "Why a port has no network",
		Long: `Goes through all that can keep a port (its id or name) from its network, in the order in which one thing needs another, each with
its evidence, and ends with the first thing that is wrong. It reads the tables of the port's switch, asks the other nodes of its
network through the tunnels, and watches for a moment and a half what the guard drops of it.
Exit code 0: nothing is wrong with it; 1: something is; 2: there is no answer.`,
		Example: `  planckctl why web1
  planckctl why 6f1c2d3e-0000-4000-8000-000000000001 -o json`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: t.completeArgs("port"),
		RunE: func(c *cobra.Command, args []string) error {
			id, err := t.idOf(c.Context(), "port", args[0])
			if err != nil {
				return err
			}
			var w admin.Why
			err = t.show(c.Context(), request{path: adminPath("ports", id, "why")}, &w, func() *table { return whyTable(&w) })
			if err == nil && w.Cause != "" {
				err = errBadNews
			}
			return err
		},
	}
}

func whyTable(w *admin.Why) *table {
	t := &table{}
	t.add("CHECK", "STATE", "EVIDENCE")
	for _, f := range w.Checks {
		t.add(f.Check, f.State, f.Evidence)
	}
	if w.Cause == "" {
		t.add("CAUSE", "none", "Nothing is wrong with it.")
	} else {
		t.add("CAUSE", "wrong", w.Cause)
	}
	return t
}
