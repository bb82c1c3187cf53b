package main

import (
	"regexp"
	"strings"
	"testing"
	"unicode"
)

// TestDOT reads the graph as the DOT language says (graphviz.org/doc/info/lang.html), as far as planckctl writes it: a string ends at the first
// quote that no backslash is before, and an edge joins what was declared.
func TestDOT(t *testing.T) {
	stdout, stderr, code := ctl(t, "--api", serve(t, &fake{}), "topology", "--dot")
	if code != 0 {
		t.Fatal(stderr)
	}
	const text = `"(?:[^"\\]|\\.)*"`
	attributes := `(?: \[\w+=(?:\w+|` + text + `)(?:, \w+=(?:\w+|` + text + `))*\])?`
	vertex := regexp.MustCompile(`^  (` + text + `)` + attributes + `;$`)
	edge := regexp.MustCompile(`^  (` + text + `) -- (` + text + `)` + attributes + `;$`)
	lines := strings.Split(strings.TrimSuffix(stdout, "\n"), "\n")
	if lines[0] != `graph "planck" {` || lines[len(lines)-1] != "}" {
		t.Errorf("begins with %q and ends with %q", lines[0], lines[len(lines)-1])
	}
	declared := map[string]bool{}
	edges := 0
	for _, line := range lines[2 : len(lines)-1] {
		if strings.ContainsFunc(line, func(r rune) bool { return !unicode.IsPrint(r) }) {
			t.Errorf("not printable: %q", line)
		}
		if m := edge.FindStringSubmatch(line); m != nil {
			edges++
			if !declared[m[1]] || !declared[m[2]] {
				t.Errorf("joins what is not declared yet: %s", line)
			}
		} else if m := vertex.FindStringSubmatch(line); m != nil {
			declared[m[1]] = true
		} else {
			t.Errorf("not DOT: %s", line)
		}
	}
	if len(declared) != 8 || edges != 6 {
		t.Errorf("%d vertices and %d edges, not 8 and 6:\n%s", len(declared), edges, stdout)
	}
}

func TestWrap(t *testing.T) {
	lines := wrap("  one two  three überlang four", 9)
	if got := strings.Join(lines, "|"); got != "one two|three|überlang|four" {
		t.Errorf("%q", got)
	}
}
