package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"

	"golang.org/x/sys/unix"
)

// screen is where the demo tells its story.
type screen struct {
	out       io.Writer
	bold, dim string
	plain     string
	chapters  int
}

// newScreen marks headings and commands if a person is looking.
func newScreen(f *os.File) *screen {
	s := &screen{out: f}
	if _, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS); err == nil && os.Getenv("NO_COLOR") == "" {
		s.bold, s.dim, s.plain = "\x1b[1m", "\x1b[2m", "\x1b[0m"
	}
	return s
}

func (s *screen) chapter(title string) {
	s.chapters++
	title = fmt.Sprintf("%d. %s", s.chapters, title)
	fmt.Fprintf(s.out, "\n\n%s%s\n%s%s\n", s.bold, title, strings.Repeat("=", len(title)), s.plain)
}

// say prints a paragraph.
func (s *screen) say(format string, args ...any) { fmt.Fprintf(s.out, "\n"+format+"\n", args...) }

// result prints what came of something.
func (s *screen) result(format string, args ...any) {
	fmt.Fprintln(s.out, s.dim+indent(fmt.Sprintf(format, args...))+s.plain)
}

// indent sets a text off, but for its empty lines.
func indent(text string) string {
	var b strings.Builder
	for line := range strings.Lines(strings.TrimRight(text, "\n")) {
		if line != "\n" {
			b.WriteString("  ")
		}
		b.WriteString(line)
	}
	return b.String()
}

func (s *screen) command(line string) { fmt.Fprintf(s.out, "\n%s$ %s%s\n", s.bold, line, s.plain) }

// run prints a command, runs exactly that, and prints and returns its output.
func (s *screen) run(ctx context.Context, line string) (string, error) {
	s.command(line)
	var out, errs bytes.Buffer
	cmd := exec.CommandContext(ctx, "bash", "-o", "pipefail", "-c", line)
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	if text := out.String() + errs.String(); text != "" {
		s.result("%s", text)
	}
	if err != nil {
		err = fmt.Errorf("%s: %w", line, err)
	}
	return out.String(), err
}
