package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/planck-sdn/planck/northbound/admin"
)

func newSwitchDrivers(t *tool) *cobra.Command {
	return &cobra.Command{
		Use:   "drivers",
		Short: "List the kinds of physical switches that are known, and in what each differs from the standard",
		Example: `  planckctl switch drivers
  planckctl switch drivers -o json`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			var answer struct{ Drivers []admin.Driver }
			return t.show(c.Context(), request{path: adminPath("drivers")}, &answer, func() *table { return driversTable(answer.Drivers) })
		},
	}
}

func driversTable(drivers []admin.Driver) *table {
	t := &table{}
	t.add("NAME", "MANUFACTURER", "HARDWARE", "SOFTWARE", "TRAITS")
	for _, d := range drivers {
		t.add(d.Name, d.Manufacturer, d.Hardware, d.Software, strings.Join(d.Traits, ", "))
		for _, table := range slices.Sorted(maps.Keys(d.Sizes)) {
			t.note(fmt.Sprintf("asks for %d entries in %s", d.Sizes[table], tableOr(table)))
		}
	}
	return t
}

func tableOr(name string) string {
	if name == "" {
		return "each table that is not named here"
	}
	return "table " + name
}
