package main

import (
	"fmt"
	"io"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// progress is one line on a terminal that tells how far a long verb is. It may be nil, and writes nothing where there is no terminal.
type progress struct {
	out   io.Writer
	shown time.Time
}

const progressInterval = 100 * time.Millisecond

// newProgress writes to stderr, so that what is printed can be piped.
func newProgress(stderr io.Writer) *progress {
	file, ok := stderr.(*os.File)
	if !ok {
		return nil
	}
	if _, err := unix.IoctlGetTermios(int(file.Fd()), unix.TCGETS); err != nil {
		return nil
	}
	return &progress{out: file}
}

// show replaces the line, unless it was replaced a moment ago.
func (p *progress) show(format string, args ...any) {
	if p == nil || time.Since(p.shown) < progressInterval {
		return
	}
	p.shown = time.Now()
	_, _ = fmt.Fprintf(p.out, "\r\x1b[K"+format, args...)
}

// clear takes the line away.
func (p *progress) clear() {
	if p != nil && !p.shown.IsZero() {
		_, _ = io.WriteString(p.out, "\r\x1b[K")
	}
}
