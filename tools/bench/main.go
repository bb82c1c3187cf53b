// Command bench measures on this machine what docs/performance.md tells, and prints Markdown tables: of a running planckd
// with PostgreSQL and real Open vSwitch nodes, so it needs root. Ctrl-C ends it and leaves nothing behind.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

// benchmark is one measurement, which adds its tables to the report.
type benchmark struct {
	name string
	run  func(context.Context, *environment) error
}

var benchmarks = []benchmark{
	{"wiring", benchWiring},
	{"push", benchPush},
	{"restart", benchRestart},
	{"burst", benchBurst},
	{"rest", benchREST},
	{"keystone", benchKeystone},
	{"dhcp", benchDHCP},
	{"memory", benchMemory},
	{"entries", benchEntries},
	{"routing", benchRouting},
	{"security", benchSecurity},
	{"inspect", benchInspect},
	{"fabric", benchFabric},
}

// environment is what benchmarks share.
type environment struct {
	bin     string // directory with planckd
	quick   bool
	profile string // directory for CPU profiles of planckd; empty: none
	report  report
}

// size is how much of something to use: less when it only has to be seen that the benchmark works.
func size[T any](e *environment, full, quick T) T {
	if e.quick {
		return quick
	}
	return full
}

// progress says on standard error what is going on.
func (e *environment) progress(format string, args ...any) {
	fmt.Fprintf(os.Stderr, "%s  %s\n", time.Now().Format(time.TimeOnly), fmt.Sprintf(format, args...))
}

func main() {
	var names []string
	for _, b := range benchmarks {
		names = append(names, b.name)
	}
	only := flag.String("only", strings.Join(names, ","), "which benchmarks to run")
	quick := flag.Bool("quick", false, "small sizes, to see that it works")
	jsonFile := flag.String("json", "", "file for the results in JSON")
	profile := flag.String("profile", "", "directory for CPU profiles of planckd")
	flag.Parse()
	if os.Geteuid() != 0 {
		fatal(errors.New("this needs root, to make network namespaces"))
	}
	self, err := os.Executable()
	if err != nil {
		fatal(err)
	}
	e := &environment{bin: filepath.Dir(self), quick: *quick, profile: *profile}
	if _, err := os.Stat(filepath.Join(e.bin, "planckd")); err != nil {
		fatal(fmt.Errorf("%w (make bench builds it)", err))
	}
	chosen := strings.Split(*only, ",")
	for _, name := range chosen {
		if !slices.Contains(names, name) {
			fatal(fmt.Errorf("no benchmark %q; there are %s", name, strings.Join(names, ", ")))
		}
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	e.report.begin()
	failed := false
	for _, b := range benchmarks {
		if !slices.Contains(chosen, b.name) || ctx.Err() != nil {
			continue
		}
		e.progress("%s: begins", b.name)
		if err := guarded(ctx, e, b); err != nil {
			failed = true
			fmt.Fprintf(os.Stderr, "bench: %s: %v\n", b.name, err)
		}
	}
	e.report.end()
	if *jsonFile != "" {
		if err := e.report.writeJSON(*jsonFile); err != nil {
			fatal(err)
		}
	}
	if failed {
		os.Exit(1)
	}
}

// failure is what a method of the lab panics with.
type failure struct{ error }

func guarded(ctx context.Context, e *environment, b benchmark) (err error) {
	defer func() {
		if p := recover(); p != nil {
			f, ok := p.(failure)
			if !ok {
				panic(p)
			}
			err = f
		}
		if ctx.Err() != nil && err != nil {
			err = errors.New("interrupted")
		}
	}()
	return b.run(ctx, e)
}

func fatal(err error) {
	fmt.Fprintln(os.Stderr, "bench:", err)
	os.Exit(1)
}
