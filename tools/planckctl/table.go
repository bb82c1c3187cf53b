package main

import (
	"bufio"
	"io"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// table is text in columns, with notes under rows where there are any.
type table struct{ rows []row }

type row struct {
	cells []string
	notes []string
}

const (
	gap    = "  "
	indent = "    "
)

// add appends a row. A cell without text is shown as a dash.
func (t *table) add(cells ...string) { t.rows = append(t.rows, row{cells: cells}) }

// note adds a line under the last row.
func (t *table) note(text string) {
	last := &t.rows[len(t.rows)-1]
	last.notes = append(last.notes, text)
}

// write pads all columns but the last.
func (t *table) write(w io.Writer) error {
	var widths []int
	for _, r := range t.rows {
		for i := range r.cells {
			r.cells[i] = cell(r.cells[i])
			if i == len(widths) {
				widths = append(widths, 0)
			}
			if i < len(r.cells)-1 {
				widths[i] = max(widths[i], utf8.RuneCountInString(r.cells[i]))
			}
		}
	}
	b := bufio.NewWriter(w) // keeps the first error
	for _, r := range t.rows {
		for i, c := range r.cells {
			_, _ = b.WriteString(c)
			if i < len(r.cells)-1 {
				_, _ = b.WriteString(strings.Repeat(" ", widths[i]-utf8.RuneCountInString(c)) + gap)
			}
		}
		_ = b.WriteByte('\n')
		for _, n := range r.notes {
			_, _ = b.WriteString(indent + printable(n) + "\n")
		}
	}
	return b.Flush()
}

func cell(s string) string {
	if s == "" {
		return "-"
	}
	return printable(s)
}

// printable shows control characters instead of sending them to the terminal: tenants choose names.
func printable(s string) string {
	if strings.IndexFunc(s, func(r rune) bool { return !unicode.IsPrint(r) }) < 0 {
		return s
	}
	var b strings.Builder
	for _, r := range s {
		if unicode.IsPrint(r) {
			b.WriteRune(r)
		} else {
			quoted := strconv.QuoteRune(r)
			b.WriteString(quoted[1 : len(quoted)-1])
		}
	}
	return b.String()
}

func yes(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

func count[T int | int64 | uint32](n T) string { return strconv.FormatInt(int64(n), 10) }
