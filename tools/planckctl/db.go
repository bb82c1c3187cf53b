package main

import (
	"encoding/json"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/planck-sdn/planck/model/store"
)

func newDBCheck(t *tool) *cobra.Command {
	var database string
	c := &cobra.Command{
		Use:   "check",
		Short: "Look for damage in the database",
		Long: `Reads the whole database, in one snapshot, and tells what must not be in it: what two places say differently, what refers to
nothing, what makes no sense. It asks the database itself and no controller, changes nothing, and may run beside planckd.
Exit code 0: nothing was found; 1: there are problems; 2: the database cannot be read, or its schema is another version's.`,
		Example: `  planckctl db check --database postgres://planck@db/planck`,
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			s, err := store.OpenReadOnly(c.Context(), databaseURL(database))
			if err != nil {
				return err
			}
			defer func() { _ = s.Close() }() // it was only read
			problems, err := s.Check(c.Context())
			if err != nil {
				return err
			}
			return t.printProblems(problems)
		},
	}
	databaseFlag(c, &database)
	return c
}

// databaseFlag has no default: help would show the password in it.
func databaseFlag(c *cobra.Command, database *string) {
	c.Flags().StringVar(database, "database", "", "sqlite:/path/to/file or postgres://user@host/name (PLANCK_DATABASE; sqlite:/var/lib/planck/planck.db)")
}

// databaseURL is what --database says, or what planckd would take.
func databaseURL(flag string) string {
	if flag != "" {
		return flag
	}
	return environment("PLANCK_DATABASE", "sqlite:/var/lib/planck/planck.db")
}

func (t *tool) printProblems(problems []string) (err error) {
	switch {
	case t.format == formatJSON:
		if problems == nil {
			problems = []string{}
		}
		err = json.NewEncoder(t.out).Encode(map[string][]string{"problems": problems})
	case len(problems) == 0:
		_, err = fmt.Fprintln(t.out, "No problems.")
	default:
		for _, p := range problems {
			if _, err := fmt.Fprintln(t.out, printable(p)); err != nil {
				return err
			}
		}
	}
	if err == nil && len(problems) > 0 {
		err = errBadNews
	}
	return err
}
