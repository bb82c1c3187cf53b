package main

import (
	"context"
	"fmt"
	"os/exec"
	"strings"
)

// benchMemory runs the benchmark of controller/reconcile, which sees into it.
func benchMemory(ctx context.Context, e *environment) error {
	cmd := exec.CommandContext(ctx, "go", "test", "-run", "^$", "-bench", "^BenchmarkEntries$", "-benchtime", "1x", "./controller/reconcile")
	out, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s: %w\n%s", strings.Join(cmd.Args, " "), err, out)
	}
	t := table{Title: "What an entry costs in planckd, wanted and confirmed", Columns: []string{"entries", "bytes an entry", "of which its encoding", "allocations an entry", "objects kept an entry"},
		Notes: []string{"Heap in use after a collection, with the topology taken off; budget 256 bytes."}}
	for line := range strings.Lines(string(out)) {
		if !strings.HasPrefix(line, "BenchmarkEntries/") {
			continue
		}
		metrics := map[string]float64{}
		words := strings.Fields(line)
		for i := 2; i+1 < len(words); i += 2 {
			var v float64
			if _, err := fmt.Sscan(words[i], &v); err != nil {
				return fmt.Errorf("not understood: %q", line)
			}
			metrics[words[i+1]] = v
		}
		t.Rows = append(t.Rows, []any{int(metrics["entries"]), metrics["B/entry"], metrics["encoded-B/entry"], metrics["allocs/entry"], metrics["objects/entry"]})
	}
	if len(t.Rows) == 0 {
		return fmt.Errorf("no result in %s", out)
	}
	e.report.add(t)
	return nil
}
