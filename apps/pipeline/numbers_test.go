package pipeline_test

import (
	"bytes"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/planck-sdn/planck/apps"
	"github.com/planck-sdn/planck/apps/pipeline"
)

var update = flag.Bool("update", false, "add new tables and rules to testdata/*.golden")

// TestNumbers holds the numbers of tables and rules against those that switches in the field may have. A number that is
// written in testdata stays what it is: -update only adds. The line of a table or rule that is given up stays, with the
// word "(retired)" written after it by hand.
func TestNumbers(t *testing.T) {
	if len(apps.All()) == 0 { // and their rules are registered
		t.Fatal("there are no apps")
	}
	tables, switchTables, rules := map[int]string{}, map[int]string{}, map[int]string{}
	for _, x := range pipeline.OVS {
		tables[int(x.ID)] = x.Name
	}
	for _, x := range pipeline.OpenFlow13 {
		switchTables[int(x.ID)] = x.Name
	}
	for _, r := range pipeline.Rules() {
		rules[int(r.Number)] = r.App + ": " + r.Name
	}
	pin(t, "tables.golden", tables)
	pin(t, "switch_tables.golden", switchTables)
	pin(t, "rules.golden", rules)
}

const retired = " (retired)"

func pin(t *testing.T, file string, now map[int]string) {
	t.Helper()
	path := filepath.Join("testdata", file)
	text, err := os.ReadFile(path)
	if err != nil && !(*update && os.IsNotExist(err)) {
		t.Fatal(err)
	}
	pinned, err := parse(string(text))
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	problems, added := compare(pinned, now)
	for _, p := range problems {
		t.Errorf("%s: %s", path, p)
	}
	if t.Failed() || len(added) == 0 {
		return
	}
	if !*update {
		t.Errorf("%s lacks %v: go test ./apps/pipeline -update adds them, for ever", path, added)
		return
	}
	maps.Copy(pinned, added)
	var b bytes.Buffer
	for _, n := range slices.Sorted(maps.Keys(pinned)) {
		fmt.Fprintf(&b, "%d %s\n", n, pinned[n])
	}
	if err := os.WriteFile(path, b.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
}

func parse(text string) (map[int]string, error) {
	pinned := map[int]string{}
	for line := range strings.Lines(text) {
		number, name, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		n, err := strconv.Atoi(number)
		if err != nil || name == "" || pinned[n] != "" {
			return nil, fmt.Errorf("line %q is no number with a name, or its number is there twice", line)
		}
		pinned[n] = name
	}
	return pinned, nil
}

// compare lists what contradicts the pinned numbers, and what is new.
func compare(pinned, now map[int]string) (problems []string, added map[int]string) {
	added = map[int]string{}
	numberOf := map[string]int{}
	for n, name := range pinned {
		numberOf[strings.TrimSuffix(name, retired)] = n
		current, used := now[n]
		switch {
		case strings.HasSuffix(name, retired):
			if used {
				problems = append(problems, fmt.Sprintf("%d was %s, and is never used again; now it is %s", n, name, current))
			}
		case !used:
			problems = append(problems, fmt.Sprintf("%d %s is gone from the code: if that is meant, write%s after it", n, name, retired))
		case current != name:
			problems = append(problems, fmt.Sprintf("%d is %s, and never anything else; now it is %s", n, name, current))
		}
	}
	for n, name := range now {
		if _, known := pinned[n]; known {
			continue
		}
		if other, known := numberOf[name]; known {
			problems = append(problems, fmt.Sprintf("%s is %d, and never another number; now it is %d", name, other, n))
			continue
		}
		added[n] = name
	}
	return problems, added
}

func TestCompare(t *testing.T) {
	pinned := map[int]string{1: "a", 2: "b", 3: "c (retired)"}
	for _, c := range []struct {
		name     string
		now      map[int]string
		problems int
		added    int
	}{
		{"the same", map[int]string{1: "a", 2: "b"}, 0, 0},
		{"one more", map[int]string{1: "a", 2: "b", 4: "d"}, 0, 1},
		{"renamed", map[int]string{1: "x", 2: "b"}, 1, 0},
		{"vanished", map[int]string{1: "a"}, 1, 0},
		{"renumbered", map[int]string{1: "a", 5: "b"}, 2, 0},
		{"swapped", map[int]string{1: "b", 2: "a"}, 2, 0},
		{"retired number used", map[int]string{1: "a", 2: "b", 3: "d"}, 1, 0},
		{"retired name under another number", map[int]string{1: "a", 2: "b", 6: "c"}, 1, 0},
	} {
		if problems, added := compare(pinned, c.now); len(problems) != c.problems || len(added) != c.added {
			t.Errorf("%s: problems %q, added %v", c.name, problems, added)
		}
	}
}
