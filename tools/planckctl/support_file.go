package main

import (
	"archive/tar"
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// bundle is a support bundle that is being made.
type bundle struct {
	tool  *tool
	flags supportFlags
	at    time.Time
	line  *progress
	scrub *scrubber
	tar   *tar.Writer
	files []bundleFile
	any   bool            // something was had besides aboutPart
	names map[string]bool // that were given
}

// part is a file of a bundle, and what writes it.
type part struct {
	name string
	get  func(context.Context, io.Writer) error
}

// bundleFile tells what became of a part.
type bundleFile struct {
	Name    string `json:"name"`
	Bytes   int64  `json:"bytes"`
	Problem string `json:"problem,omitempty"` // the part is missing, or a part of it
}

func (b *bundle) write(ctx context.Context, out io.Writer) error {
	packed := gzip.NewWriter(out)
	b.tar = tar.NewWriter(packed)
	if err := b.collect(ctx); err != nil {
		return err
	}
	return errors.Join(b.tar.Close(), packed.Close())
}

// add gets a part and writes it. The error is one of the bundle itself; of a part that cannot be had it writes the reason.
func (b *bundle) add(ctx context.Context, p part) error {
	spool, err := b.spool()
	if err != nil {
		return err
	}
	defer func() { _ = spool.Close() }()
	limited, cancel := context.WithTimeoutCause(ctx, partLimit, fmt.Errorf("not done in %s", partLimit))
	defer cancel()
	lines := &scrubbedLines{scrub: b.scrub, out: bufio.NewWriter(spool)}
	err = errors.Join(p.get(limited, lines), lines.end())
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil && limited.Err() != nil {
		err = context.Cause(limited)
	}
	size, failed := spool.Seek(0, io.SeekEnd)
	if failed != nil {
		return failed
	}
	file := bundleFile{Name: p.name, Bytes: size}
	if size > 0 || err == nil {
		if _, err := spool.Seek(0, io.SeekStart); err != nil {
			return err
		}
		if err := b.addFile(p.name, size, spool); err != nil {
			return err
		}
		b.any = b.any || p.name != aboutPart
	}
	if err != nil {
		file.Problem = string(b.scrub.line([]byte(err.Error())))
		if err := b.addFile(p.name+".error", int64(len(file.Problem))+1, strings.NewReader(file.Problem+"\n")); err != nil {
			return err
		}
	}
	b.files = append(b.files, file)
	return nil
}

// spool is a file without a name: a bundle says how long a part is before the part, and a part may be larger than memory.
func (b *bundle) spool() (*os.File, error) {
	directory := "" // the system's
	if b.flags.to != stdio {
		directory = filepath.Dir(b.flags.to) // there has to be room in any case
	}
	file, err := os.CreateTemp(directory, ".planck-support.*.part")
	if err != nil {
		return nil, err
	}
	return file, os.Remove(file.Name())
}

func (b *bundle) addFile(name string, size int64, from io.Reader) error {
	directory := "planck-support-" + fileTime(b.at) + "/"
	if err := b.tar.WriteHeader(&tar.Header{Name: directory + name, Size: size, Mode: 0o600, ModTime: b.at.Truncate(time.Second)}); err != nil {
		return err
	}
	_, err := io.Copy(b.tar, from)
	return err
}

// print tells what is in the bundle, and what is not.
func (b *bundle) print(out io.Writer) error {
	if b.tool.format == formatJSON {
		return json.NewEncoder(out).Encode(struct {
			File  string       `json:"file"`
			Files []bundleFile `json:"files"`
		}{b.flags.to, b.files})
	}
	missing := &table{}
	missing.add("NOT THERE, OR NOT WHOLE", "REASON")
	for _, f := range b.files {
		if f.Problem != "" {
			missing.add(f.Name, f.Problem)
		}
	}
	if _, err := fmt.Fprintf(out, "%s: %d of %d parts, without secrets.\n", printable(b.flags.to), len(b.files)-len(missing.rows)+1, len(b.files)); err != nil {
		return err
	}
	if len(missing.rows) == 1 {
		return nil
	}
	return missing.write(out)
}

// scrubbedLines takes the secrets out of what is written to it, line by line.
type scrubbedLines struct {
	scrub *scrubber
	out   *bufio.Writer // keeps the first error
	rest  []byte        // of a line that has not ended
}

func (s *scrubbedLines) Write(p []byte) (int, error) {
	for rest := p; len(rest) > 0; {
		i := bytes.IndexByte(rest, '\n')
		if i < 0 {
			s.rest = append(s.rest, rest...)
			break
		}
		s.rest = append(s.rest, rest[:i+1]...)
		if _, err := s.out.Write(s.scrub.line(s.rest)); err != nil {
			return 0, err
		}
		s.rest, rest = s.rest[:0], rest[i+1:]
	}
	return len(p), nil
}

// end writes what is left. A private key ends with its file.
func (s *scrubbedLines) end() error {
	if len(s.rest) > 0 {
		_, _ = s.out.Write(s.scrub.line(s.rest))
	}
	s.scrub.inKey = false
	return s.out.Flush()
}

// nameFor gives what belongs to something that somebody else named a name in a directory of the bundle: one that leads nowhere else, and
// that nothing else has.
func (b *bundle) nameFor(directory, name string) string {
	unique := directory + fileName(name)
	for n := 2; b.names[unique]; n++ {
		unique = fmt.Sprintf("%s%s-%d", directory, fileName(name), n)
	}
	if b.names == nil {
		b.names = map[string]bool{}
	}
	b.names[unique] = true
	return unique
}

func fileName(name string) string {
	safe := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '_' || r == '.' {
			return r
		}
		return '_'
	}, name)
	if strings.Trim(safe, ".") == "" {
		return "_" + safe
	}
	return safe
}
