package keystone_test

import (
	"context"
	"testing"

	"github.com/planck-sdn/planck/tests/keystone"
)

// Everyone can log in, a revoked token is worth nothing, and the data outlive the process.
func TestLogInKillAndRestart(t *testing.T) {
	ctx := context.Background()
	server := keystone.StartForTest(t)
	for _, name := range []string{keystone.Admin, keystone.Planck, keystone.Nova, "red-admin", "red-member", "red-reader",
		"blue-admin", "blue-member", "blue-reader"} {
		if token, err := server.Token(ctx, name); err != nil || token == "" {
			t.Errorf("%s: %q %v", name, token, err)
		}
	}
	if _, err := server.TokenFor(ctx, "red-member", keystone.Project(keystone.Blue)); err == nil {
		t.Error("red-member has a role in the project blue")
	}
	token, err := server.TokenFor(ctx, keystone.Stranger, keystone.Unscoped)
	if err != nil {
		t.Fatal(err)
	}
	if err := server.Revoke(ctx, token); err != nil {
		t.Fatal(err)
	}
	if err := server.Revoke(ctx, token); err == nil {
		t.Error("a revoked token was still good for revoking itself")
	}
	if err := server.Offer(ctx, "network", "http://127.0.0.1:9696"); err != nil {
		t.Error(err)
	}

	if err := server.Kill(); err != nil {
		t.Fatal(err)
	}
	if _, err := server.Token(ctx, "red-member"); err == nil {
		t.Fatal("the server still answers after Kill")
	}
	if err := server.Restart(); err != nil {
		t.Fatal(err)
	}
	if _, err := server.Token(ctx, "red-member"); err != nil {
		t.Error(err)
	}
}
