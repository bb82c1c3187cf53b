package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/planck-sdn/planck/apps/pipeline"
)

// picture draws tables one under the other, with a line at the left from each to all tables that it goes to. A line begins
// with a dot and ends with an apostrophe.
func picture(tables []*pipeline.Table) string {
	const free = -1
	var lanes []int // the source of the line in each column
	ends := make([]int, len(tables))
	var rows [][]byte
	for i, t := range tables {
		ends[i] = free
		for _, next := range t.Next {
			ends[i] = max(ends[i], slices.Index(tables, next))
		}
		lane := free
		if ends[i] != free {
			if lane = slices.Index(lanes, free); lane < 0 {
				lane, lanes = len(lanes), append(lanes, free)
			}
			lanes[lane] = i
		}
		row := make([]byte, 0, 2*len(lanes))
		touched := false
		for column, source := range lanes {
			mark := byte(' ')
			switch {
			case source == free:
			case column == lane:
				mark, touched = '.', true
			case ends[source] == i:
				mark, touched = '\'', true
				lanes[column] = free
			case slices.Contains(tables[source].Next, t):
				mark, touched = '+', true
			default:
				mark = '|'
			}
			if mark == ' ' && touched {
				mark = '-'
			}
			row = append(row, mark, map[bool]byte{true: '-', false: ' '}[touched])
		}
		rows = append(rows, row)
	}
	var b strings.Builder
	for i, t := range tables {
		reached := slices.ContainsFunc(tables, func(from *pipeline.Table) bool { return slices.Contains(from.Next, t) })
		fill, head := " ", " "
		if strings.HasSuffix(string(rows[i]), "-") {
			fill, head = "-", "-"
		}
		if reached {
			head = ">"
		}
		line := string(rows[i]) + strings.Repeat(fill, 2*len(lanes)-len(rows[i])) + head
		fmt.Fprintf(&b, "%s %3d %s\n", line, t.ID, t.Name)
	}
	return b.String()
}
