package postgres_test

import (
	"context"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/planck-sdn/planck/tests/postgres"
)

// What was committed before a crash of the server is there after it.
func TestKillAndRestart(t *testing.T) {
	ctx := context.Background()
	server := postgres.StartForTest(t)
	url, err := server.NewDatabase(ctx)
	if err != nil {
		t.Fatal(err)
	}
	exec := func(sql string) {
		t.Helper()
		conn, err := pgx.Connect(ctx, url)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close(ctx)
		if _, err := conn.Exec(ctx, sql); err != nil {
			t.Fatal(err)
		}
	}
	exec("CREATE TABLE kept (n int)")
	if err := server.Kill(); err != nil {
		t.Fatal(err)
	}
	if conn, err := pgx.Connect(ctx, url); err == nil {
		conn.Close(ctx)
		t.Fatal("the server still answers after Kill")
	}
	if err := server.Restart(); err != nil {
		t.Fatal(err)
	}
	exec("INSERT INTO kept VALUES (1)")
}
