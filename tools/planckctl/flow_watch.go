package main

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/planck-sdn/planck/northbound/admin"
)

// watching asks for flow entries again and again, to see their counters move.
type watching struct {
	on       bool
	interval time.Duration
	count    int // 0: for ever
}

// minInterval keeps from asking switches all the time: what it costs them is in proportion to their entries.
const minInterval = 100 * time.Millisecond

func (w *watching) flags(f *pflag.FlagSet) {
	f.BoolVar(&w.on, "watch", false, "ask again and again, and show what the counters have grown by")
	f.DurationVar(&w.interval, "interval", time.Second, "how often --watch asks, at most every "+minInterval.String())
	f.IntVar(&w.count, "count", 0, "how often --watch asks in all; 0: until it is stopped")
}

// run redraws the table on a terminal, and otherwise writes one after the other.
func (w *watching) run(ctx context.Context, t *tool, r request) error {
	if w.interval < minInterval {
		return fmt.Errorf("--interval is at least %s", minInterval)
	}
	before := map[string]uint64(nil)
	onTerminal := newProgress(t.out) != nil
	for turn := 1; ; turn++ {
		if err := w.once(ctx, t, r, &before, onTerminal, turn); err != nil {
			return err
		}
		if turn == w.count {
			return nil
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(w.interval):
		}
	}
}

func (w *watching) once(ctx context.Context, t *tool, r request, before *map[string]uint64, redraw bool, turn int) error {
	if t.format == formatJSON {
		return t.pass(ctx, r)
	}
	flows, err := t.flows(ctx, r)
	if err != nil {
		return err
	}
	start := ""
	switch {
	case redraw:
		start = "\x1b[H\x1b[2J" // CUP and ED (ECMA-48, 8.3.21 and 8.3.39)
	case turn > 1:
		start = "\n"
	}
	table, now := watchTable(flows, *before)
	*before = now
	if _, err := io.WriteString(t.out, start); err != nil {
		return err
	}
	return table.write(t.out)
}

// watchTable shows how many packets each entry has met since before, and gives what has to be known for the next.
func watchTable(flows []admin.Flow, before map[string]uint64) (*table, map[string]uint64) {
	t, now := &table{}, make(map[string]uint64, len(flows))
	t.add("PACKETS", "SINCE LAST", "IDLE", "NODE", "TABLE", "OWNER", "STATE", "ENTRY")
	for i := range flows {
		f := &flows[i]
		if f.Problem != "" {
			continue
		}
		packets, grown, idle := "", "", ""
		if c := f.Counters; c != nil {
			key := f.Node + " " + f.Entry
			now[key], packets, idle = c.Packets, fmt.Sprint(c.Packets), seconds(c.Idle)
			if was, known := before[key]; known && c.Packets >= was {
				grown = fmt.Sprintf("+%d", c.Packets-was)
			}
		}
		t.add(packets, grown, idle, f.Node, f.Table, strings.Join(f.Owners, ", "), flowState(f), f.Entry)
	}
	addProblems(t, flows)
	return t, now
}

// seconds writes a time as people do; nil is not known.
func seconds(s *float64) string {
	if s == nil {
		return ""
	}
	return (time.Duration(*s * float64(time.Second))).Round(time.Second).String()
}
