package main

import (
	"encoding/json"
	"fmt"
	"runtime"

	"github.com/spf13/cobra"
)

// version is set by the Makefile.
var version = "development"

func newVersion(t *tool) *cobra.Command {
	return &cobra.Command{
		Use:     "version",
		Short:   "Show the version of planckctl (that of the controller is in status)",
		Example: `  planckctl version`,
		Args:    cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			v := struct {
				Version string `json:"version"`
				Go      string `json:"go"`
			}{version, runtime.Version()}
			if t.format == formatJSON {
				return json.NewEncoder(t.out).Encode(v)
			}
			_, err := fmt.Fprintf(t.out, "planckctl %s (%s)\n", v.Version, v.Go)
			return err
		},
	}
}
