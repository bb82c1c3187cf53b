package auth

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"
)

// catalog makes f answer the question for the catalog.
func (f *fakeKeystone) catalog(body string) {
	f.misbehave(func(w http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path != "/identity/v3/auth/catalog" {
			return false
		}
		f.mu.Lock()
		defer f.mu.Unlock()
		if own := f.tokens[r.Header.Get("X-Auth-Token")]; own.role != "service" || !f.now.Before(own.expires) {
			w.WriteHeader(http.StatusUnauthorized)
			return true
		}
		fmt.Fprint(w, body)
		return true
	})
}

func TestEndpoint(t *testing.T) {
	f := newFakeKeystone(t)
	f.catalog(`{"catalog": [{"type": "network", "endpoints": [{"interface": "public", "region_id": "one", "url": "http://net"}]},
		{"type": "compute", "endpoints": [{"interface": "internal", "region_id": "one", "url": "http://inside"},
		{"interface": "public", "region_id": "one", "url": "http://one"}, {"interface": "public", "region_id": "two", "url": "http://two"}]}]}`)
	k := f.keystone()
	for _, c := range []struct{ service, kind, region, want string }{
		{"compute", "public", "", "http://one"},
		{"compute", "public", "two", "http://two"},
		{"compute", "internal", "one", "http://inside"},
		{"compute", "internal", "two", "no internal endpoint of service type compute in region two"},
		{"volume", "public", "", "no public endpoint of service type volume"},
	} {
		url, err := k.Endpoint(context.Background(), c.service, c.kind, c.region)
		if url != c.want && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%+v: %s, %v", c, url, err)
		}
	}
	f.revoke("own-1")
	if url, err := k.Endpoint(context.Background(), "compute", "public", ""); url != "http://one" || err != nil {
		t.Errorf("with a new token: %s, %v", url, err)
	}
	f.catalog("<html>")
	if _, err := k.Endpoint(context.Background(), "compute", "public", ""); err == nil {
		t.Error("no JSON, no error")
	}
}

func TestOwnToken(t *testing.T) {
	f := newFakeKeystone(t)
	k := f.keystone()
	get := func(refused string) string {
		t.Helper()
		token, err := k.Token(context.Background(), refused)
		if err != nil {
			t.Fatal(err)
		}
		return token
	}
	if first, again, other := get(""), get(""), get("own-1"); first != "own-1" || again != first || other != "own-2" {
		t.Errorf("%s %s %s", first, again, other)
	}
	if again := get("own-1"); again != "own-2" {
		t.Errorf("%s, though that is not the refused one", again)
	}
	f.pass(59 * time.Minute)
	if late := get(""); late != "own-3" {
		t.Errorf("%s when the last has a minute left", late)
	}
}
