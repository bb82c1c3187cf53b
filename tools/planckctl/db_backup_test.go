package main

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/planck-sdn/planck/model"
	"github.com/planck-sdn/planck/model/store"
)

// newDatabase makes an SQLite database with a network, and gives its URL and the network.
func newDatabase(t *testing.T) (url string, n *model.Network) {
	t.Helper()
	url = "sqlite:" + filepath.Join(t.TempDir(), "planck.db")
	ctx := store.WithScope(context.Background(), store.Scope{Admin: true})
	s, err := store.Open(ctx, url, store.Options{Source: model.SystemSource()})
	if err != nil {
		t.Fatal(err)
	}
	n = &model.Network{ProjectID: "alpha", Name: "red\x1b"}
	if err := errors.Join(s.CreateNetworks(ctx, []*model.Network{n}), s.Close()); err != nil {
		t.Fatal(err)
	}
	return url, n
}

// files lists a directory.
func files(t *testing.T, directory string) []string {
	t.Helper()
	entries, err := os.ReadDir(directory)
	if err != nil {
		t.Fatal(err)
	}
	names := []string{}
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

func TestDBBackupAndRestore(t *testing.T) {
	url, n := newDatabase(t)
	directory := t.TempDir()
	t.Chdir(directory)
	t.Setenv("PLANCK_DATABASE", url)
	expect := func(code int, says string, args ...string) string {
		t.Helper()
		stdout, stderr, got := ctl(t, append([]string{"db"}, args...)...)
		if got != code || !regexp.MustCompile(says).MatchString(stdout+stderr) {
			t.Errorf("%v: exit code %d, want %d, and %q in %q", args, got, code, says, stdout+stderr)
		}
		return stdout
	}
	expect(0, `Backup    planck\.backup\nCloud     [0-9a-f-]{36}\nMade      \S+Z, from sqlite, schema version \d+\nContents  8 rows in \d+ tables\n`,
		"backup", "--to", "planck.backup")
	if info, err := os.Stat("planck.backup"); err != nil || info.Mode() != 0o600 {
		t.Errorf("the file is %v, %v", info, err)
	}
	var summary struct {
		File string
		Rows int
	}
	if err := json.Unmarshal([]byte(expect(0, "", "backup", "-o", "json")), &summary); err != nil || summary.Rows != 8 ||
		!regexp.MustCompile(`^planck-\d{8}T\d{6}Z\.backup$`).MatchString(summary.File) {
		t.Errorf("%+v, %v", summary, err)
	}
	if got := files(t, directory); len(got) != 2 {
		t.Errorf("there are %q", got)
	}
	stdout, stderr, _ := ctl(t, "db", "backup", "--to", "-")
	if !strings.HasPrefix(stdout, `{"planck_backup":1,`) || !strings.HasPrefix(stderr, "Backup    standard output\n") {
		t.Errorf("to standard output: %q, %q", stdout, stderr)
	}
	expect(exitFailed, "no backup was written: . is there and is no file", "backup", "--to", ".")
	expect(exitFailed, "no backup was written: .*no such file", "backup", "--to", "nowhere/planck.backup")
	expect(exitFailed, "no backup was written: .*no such file", "backup", "--database", "sqlite:/nonexistent/planck.db", "--to", "x.backup")

	t.Setenv("PLANCK_DATABASE", "sqlite:"+filepath.Join(directory, "new.db"))
	expect(exitFailed, "no such file", "restore", "nothing.backup")
	expect(exitFailed, "nothing was restored: this is no backup", "restore", os.Args[0])
	if err := os.WriteFile("half.backup", []byte(stdout[:len(stdout)-90]), 0o600); err != nil {
		t.Fatal(err)
	}
	expect(exitFailed, "nothing was restored: ", "restore", "half.backup")
	if got := files(t, directory); slices.Contains(got, "new.db") {
		t.Errorf("a restore that failed left %q", got)
	}
	expect(0, "Contents  8 rows", "restore", "planck.backup")
	expect(0, "No problems", "check")
	expect(exitFailed, "nothing was restored: the database is not empty: it has 1 networks", "restore", "planck.backup")
	expect(0, n.ID, "backup", "--to", "-")

	t.Setenv("PLANCK_DATABASE", "sqlite:"+filepath.Join(directory, "newer.db"))
	damaged := strings.Replace(stdout, `\u001b`, strings.Repeat("x", 300), 1)
	if err := os.WriteFile("damaged.backup", []byte(damaged), 0o600); err != nil {
		t.Fatal(err)
	}
	expect(exitFailed, "nothing was restored: the backup is damaged", "restore", "damaged.backup")
}

// TestWriteWhole: a file is there whole or not at all, and what was there before stays.
func TestWriteWhole(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	full := errors.New("no space left on device")
	fail := func(w io.Writer) error { _, _ = io.WriteString(w, "half"); return full }
	if err := writeWhole(path, fail); err != full || len(files(t, filepath.Dir(path))) != 0 {
		t.Errorf("%v, and there are %q", err, files(t, filepath.Dir(path)))
	}
	good := func(w io.Writer) error { _, err := io.WriteString(w, "whole"); return err }
	for range 2 {
		if err := writeWhole(path, good); err != nil {
			t.Fatal(err)
		}
	}
	if err := writeWhole(path, fail); err != full {
		t.Error(err)
	}
	if text, err := os.ReadFile(path); string(text) != "whole" || err != nil || len(files(t, filepath.Dir(path))) != 1 {
		t.Errorf("%q, %v, and there are %q", text, err, files(t, filepath.Dir(path)))
	}
}

// TestInterrupt: whoever presses Ctrl-C finds nothing that looks whole.
func TestInterrupt(t *testing.T) {
	url, _ := newDatabase(t)
	directory := t.TempDir()
	t.Chdir(directory)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	for _, args := range [][]string{
		{"db", "backup", "--database", url, "--to", "b"},
		{"db", "restore", "--database", "sqlite:" + filepath.Join(directory, "new.db"), "-"},
		{"support-bundle", "--database", url, "--to", "b"},
	} {
		var stdout, stderr strings.Builder
		if code := run(ctx, args, &stdout, &stderr); code != exitFailed || stdout.Len() > 0 {
			t.Errorf("%v: %q, %q, exit code %d", args, &stdout, &stderr, code)
		}
		if got := files(t, directory); len(got) != 0 {
			t.Errorf("%v: it left %q", args, got)
		}
	}
}
