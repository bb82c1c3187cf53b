package main

import (
	"context"
	"fmt"
	"net/http"
	"path/filepath"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"
)

// planckd starts while its Keystone is down, and says so to who asks with a token; who has none hears where to get one.
func TestKeystoneMayBeDownAtStart(t *testing.T) {
	var s settings
	err := s.read([]string{"--auth", "keystone", "--database", "sqlite:" + filepath.Join(t.TempDir(), "planck.db"), "--metrics", "",
		"--listen-api", "127.0.0.1:0", "--listen-openflow", "127.0.0.1:0", "--listen-ovsdb", "127.0.0.1:0"},
		env("OS_AUTH_URL", "http://127.0.0.1:1/v3", "OS_USERNAME", "planck", "OS_PASSWORD", "secret", "OS_PROJECT_NAME", "service",
			"OS_USER_DOMAIN_NAME", "Default", "OS_PROJECT_DOMAIN_NAME", "Default"))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.check(); err != nil {
		t.Fatal(err)
	}
	core, logs := observer.New(zap.InfoLevel)
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- run(ctx, &s, zap.New(core)) }()
	defer func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}()

	deadline := time.After(20 * time.Second)
	for logs.FilterMessage("planckd runs").Len() == 0 {
		select {
		case <-deadline:
			t.Fatal("planckd does not run")
		case <-time.After(10 * time.Millisecond):
		}
	}
	address := logs.FilterMessage("planckd runs").All()[0].ContextMap()["api"]
	get := func(token string) *http.Response {
		t.Helper()
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, fmt.Sprintf("http://%s/v2.0/networks", address), nil)
		if err != nil {
			t.Fatal(err)
		}
		if token != "" {
			r.Header.Set("X-Auth-Token", token)
		}
		response, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		return response
	}
	if r := get(""); r.StatusCode != http.StatusUnauthorized || r.Header.Get("WWW-Authenticate") != `Keystone uri="http://127.0.0.1:1"` {
		t.Error(r.Status, r.Header)
	}
	if r := get("token"); r.StatusCode != http.StatusServiceUnavailable || r.Header.Get("WWW-Authenticate") != "" {
		t.Error(r.Status, r.Header)
	}
}
