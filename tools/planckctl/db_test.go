package main

import (
	"context"
	"database/sql"
	"path/filepath"
	"strings"
	"testing"

	"github.com/planck-sdn/planck/model"
	"github.com/planck-sdn/planck/model/store"
)

func TestDBCheck(t *testing.T) {
	path := filepath.Join(t.TempDir(), "planck.db")
	expect := func(code int, says string, args ...string) {
		t.Helper()
		stdout, stderr, got := ctl(t, append([]string{"db", "check"}, args...)...)
		if got != code || !strings.Contains(stdout+stderr, says) {
			t.Errorf("exit code %d, want %d, and %q in %q", got, code, says, stdout+stderr)
		}
	}
	expect(exitFailed, "no such file", "--database", "sqlite:"+path)
	ctx := store.WithScope(context.Background(), store.Scope{Admin: true})
	s, err := store.Open(ctx, "sqlite:"+path, store.Options{Source: model.SystemSource()})
	if err != nil {
		t.Fatal(err)
	}
	n := &model.Network{ProjectID: "alpha"}
	if err := s.CreateNetworks(ctx, []*model.Network{n}); err != nil {
		t.Fatal(err)
	}
	expect(0, "No problems.", "--database", "sqlite:"+path) // beside the open store
	t.Setenv("PLANCK_DATABASE", "sqlite:"+path)
	expect(0, `{"problems":[]}`, "-o", "json")
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	if _, err := db.Exec("UPDATE networks SET revision_number = 0"); err != nil {
		t.Fatal(err)
	}
	expect(exitBad, "network "+n.ID+": revision_number is 0\n")
	expect(exitBad, `{"problems":["network `+n.ID, "-o", "json")
	if _, err := db.Exec("DELETE FROM schema_migrations WHERE version > 1"); err != nil {
		t.Fatal(err)
	}
	expect(exitFailed, "schema is version 1")
	if stdout, _, _ := ctl(t, "db", "check", "--help"); strings.Contains(stdout, path) {
		t.Error("help shows what is in the environment")
	}
}
