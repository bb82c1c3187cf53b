package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// report collects tables, and prints each as soon as it is there.
type report struct {
	Machine string    `json:"machine"`
	Began   time.Time `json:"began"`
	Load    string    `json:"load_average_at_begin"`
	LoadEnd string    `json:"load_average_at_end"`
	Tables  []table   `json:"tables"`
}

// table is a result. Durations are printed in milliseconds.
type table struct {
	Title   string   `json:"title"`
	Columns []string `json:"columns"`
	Rows    [][]any  `json:"rows"`
	Notes   []string `json:"notes,omitempty"`
	Load    string   `json:"load_average"` // when it was done
}

// milliseconds is a duration as tables have it.
type milliseconds time.Duration

func (m milliseconds) value() float64 { return time.Duration(m).Seconds() * 1000 }

func (m milliseconds) String() string {
	switch v := m.value(); {
	case v < 10:
		return fmt.Sprintf("%.2f ms", v)
	case v < 100:
		return fmt.Sprintf("%.1f ms", v)
	default:
		return fmt.Sprintf("%.0f ms", v)
	}
}

func (m milliseconds) MarshalJSON() ([]byte, error) { return json.Marshal(m.value()) }

func (r *report) begin() {
	r.Began, r.Load, r.Machine = time.Now().UTC().Truncate(time.Second), loadAverage(), machine()
	fmt.Printf("%s; %s; load average at the beginning %s\n", r.Machine, r.Began.Format(time.DateOnly), r.Load)
}

func (r *report) end() { r.LoadEnd = loadAverage() }

func (r *report) add(t table) {
	t.Load = loadAverage()
	r.Tables = append(r.Tables, t)
	fmt.Print(t.markdown())
}

func (t table) markdown() string {
	rows := [][]string{t.Columns}
	for _, row := range t.Rows {
		var cells []string
		for _, cell := range row {
			cells = append(cells, text(cell))
		}
		rows = append(rows, cells)
	}
	width := make([]int, len(t.Columns))
	for _, row := range rows {
		for i, cell := range row {
			width[i] = max(width[i], utf8.RuneCountInString(cell))
		}
	}
	var b strings.Builder
	fmt.Fprintf(&b, "\n**%s**\n\n", t.Title)
	for i, row := range rows {
		for k, cell := range row {
			fmt.Fprintf(&b, "| %s%s ", cell, strings.Repeat(" ", width[k]-utf8.RuneCountInString(cell)))
		}
		b.WriteString("|\n")
		if i == 0 {
			for _, w := range width {
				b.WriteString("|" + strings.Repeat("-", w+1) + ":")
			}
			b.WriteString("|\n")
		}
	}
	for _, n := range t.Notes {
		fmt.Fprintf(&b, "\n%s\n", n)
	}
	fmt.Fprintf(&b, "\nLoad average: %s\n", t.Load)
	return b.String()
}

func text(cell any) string {
	switch v := cell.(type) {
	case int:
		return thousands(v)
	case float64:
		if v >= 1000 {
			return thousands(int(v + 0.5))
		}
		return fmt.Sprintf("%.2f", v)
	default:
		return fmt.Sprint(cell)
	}
}

func thousands(v int) string {
	if v < 1000 {
		return fmt.Sprint(v)
	}
	return thousands(v/1000) + fmt.Sprintf(",%03d", v%1000)
}

func (r *report) writeJSON(file string) error {
	raw, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(file, append(raw, '\n'), 0o644)
}

// machine describes what the numbers come from.
func machine() string {
	model := "unknown CPU"
	info, _ := os.ReadFile("/proc/cpuinfo") // absent on other systems
	for line := range strings.Lines(string(info)) {
		if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
			model = strings.TrimSpace(value)
			break
		}
	}
	parts := []string{fmt.Sprintf("%d × %s", runtime.NumCPU(), model), runtime.Version()}
	for _, command := range [][]string{{"ovs-vswitchd", "--version"}, {"/usr/lib/postgresql/15/bin/postgres", "--version"}, {"uname", "-sr"}} {
		out, err := exec.Command(command[0], command[1:]...).Output()
		if first, _, _ := strings.Cut(string(out), "\n"); err == nil {
			parts = append(parts, strings.TrimPrefix(first, "ovs-vswitchd (Open vSwitch) "))
		}
	}
	return strings.Join(parts, ", ")
}

func loadAverage() string {
	raw, _ := os.ReadFile("/proc/loadavg")
	first, _, _ := strings.Cut(string(raw), " ")
	return first
}

// median of a list that need not be sorted, and is not empty.
func median(list []float64) float64 {
	return slices.Sorted(slices.Values(list))[len(list)/2]
}

// percentile of a list that need not be sorted; p is from 0 to 1.
func percentile(list []time.Duration, p float64) milliseconds {
	if len(list) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(list))
	return milliseconds(sorted[min(len(sorted)-1, int(p*float64(len(sorted))))])
}
