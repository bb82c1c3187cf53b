package auth

import (
	"context"
	"crypto/sha256"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"
)

func TestKeystoneSaysWhoItIs(t *testing.T) {
	f := newFakeKeystone(t)
	k := f.keystone()
	f.issue("member", "Member", time.Hour)
	f.issue("admin", "admin", time.Hour)
	f.issue("nova", "service", time.Hour)
	f.issueFor("unscoped", `"methods": []`, "", time.Hour)
	f.issueFor("domain", `"domain": {"id": "d"}`, "admin", time.Hour)
	f.issueFor("system", `"system": {"all": true}`, "admin", time.Hour)

	if got, want := expect(t, k, 200, "member", ""), (&Context{UserID: "u", ProjectID: "p", Roles: []string{"member"}}); !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, not %+v", got, want)
	}
	if who := expect(t, k, 200, "admin", ""); !who.IsAdmin || who.IsAdvancedService() {
		t.Errorf("%+v", who)
	}
	if who := expect(t, k, 200, "nova", ""); who.IsAdmin || !who.IsAdvancedService() {
		t.Errorf("%+v", who)
	}
	if who := expect(t, k, 200, "unscoped", ""); who.ProjectID != "" || who.MayWrite() {
		t.Errorf("%+v", who)
	}
	if who := expect(t, k, 200, "member", "nova"); who.IsAdvancedService() || !reflect.DeepEqual(who.ServiceRoles, []string{"service"}) {
		t.Errorf("%+v", who)
	}
	expect(t, k, 403, "domain", "")
	expect(t, k, 403, "system", "")
}

func TestKeystoneChallengesWhoHasNoToken(t *testing.T) {
	f := newFakeKeystone(t)
	k := f.keystone()
	_, err := k.Authenticate(httptest.NewRequest(http.MethodGet, "/v2.0/networks", nil))
	var unauthorized *Unauthorized
	if want := `Keystone uri="` + f.server.URL + `/identity"`; !errors.As(err, &unauthorized) || unauthorized.Challenge != want {
		t.Errorf("%#v", err)
	}
	for _, token := range []string{"", " ", "two words", "null\x00", "ümlaut", strings.Repeat("x", maxToken+1)} {
		expect(t, k, 401, token, "")
	}
	if logins, asked := f.counts(); logins+asked != 0 {
		t.Errorf("Keystone was asked: %d logins, %d questions", logins, asked)
	}
	expect(t, k, 401, "unknown", "")
}

func TestKeystoneIsNotAskedTwice(t *testing.T) {
	f := newFakeKeystone(t)
	k := f.keystone(func(c *KeystoneConfig) { c.CacheTime, c.RefusalTime = 100*time.Second, 10*time.Second })
	asked := func(want int) {
		t.Helper()
		if _, got := f.counts(); got != want {
			t.Fatalf("asked %d times, not %d", got, want)
		}
	}
	f.issue("a", "member", time.Hour)
	expect(t, k, 200, "a", "")
	f.pass(99 * time.Second)
	f.revoke("a")
	expect(t, k, 200, "a", "")
	expect(t, k, 200, " a ", "") // as OpenStack's services do
	asked(1)
	f.pass(time.Second)
	expect(t, k, 401, "a", "")
	asked(2)

	// A refusal too holds for its time.
	f.issue("a", "member", time.Hour)
	f.pass(9 * time.Second)
	expect(t, k, 401, "a", "")
	asked(2)
	f.pass(time.Second)
	expect(t, k, 200, "a", "")
	asked(3)

	// No token is good for longer than it says itself.
	f.issue("short", "member", 50*time.Second)
	expect(t, k, 200, "short", "")
	f.pass(49 * time.Second)
	expect(t, k, 200, "short", "")
	asked(4)
	f.pass(time.Second)
	expect(t, k, 401, "short", "")
	asked(5)
}

func TestKeystoneRemembersBoundedlyMany(t *testing.T) {
	f := newFakeKeystone(t)
	k := f.keystone(func(c *KeystoneConfig) { c.CacheSize = 3 })
	for _, token := range strings.Fields("a b c d e") {
		f.issue(token, "member", time.Hour)
		expect(t, k, 200, token, "")
		expect(t, k, 401, token+"?", "")
	}
	if len(k.granted.entries) != 3 || len(k.refused.entries) != 3 {
		t.Errorf("%d grants, %d refusals", len(k.granted.entries), len(k.refused.entries))
	}
	_, before := f.counts()
	expect(t, k, 200, "e", "")
	expect(t, k, 401, "e?", "")
	if _, after := f.counts(); after != before {
		t.Error("the latest were forgotten")
	}
}

func TestKeystoneServiceTokens(t *testing.T) {
	f := newFakeKeystone(t)
	k := f.keystone()
	f.issue("user", "member", time.Minute)
	f.issue("nova", "service", time.Hour)
	f.issue("admin", "admin", time.Hour)
	f.issue("other", "member", time.Hour)
	f.pass(2 * time.Minute)
	expect(t, k, 401, "user", "")
	expect(t, k, 401, "user", "other")  // good, but of no service
	expect(t, k, 401, "user", "forged") // and a bad one makes every request bad
	f.issue("valid", "member", time.Hour)
	expect(t, k, 401, "valid", "forged")
	if who := expect(t, k, 200, "user", "nova"); who.ProjectID != "p" || !reflect.DeepEqual(who.Roles, []string{"member"}) {
		t.Errorf("%+v", who)
	}
	expect(t, k, 200, "user", "admin")
	expect(t, k, 401, "user", "") // what was found out for a service holds for no one else
	expect(t, k, 401, "", "nova")
	_, before := f.counts()
	expect(t, k, 200, "user", "nova")
	if _, after := f.counts(); after != before {
		t.Error("the expired token is not remembered")
	}
	f.revoke("user")
	f.pass(5 * time.Minute)
	expect(t, k, 401, "user", "nova")
	if want := []string{"user", "user"}; !reflect.DeepEqual(f.allowed, want) {
		t.Errorf("asked with allow_expired: %v", f.allowed)
	}
	f.pass(time.Hour)
	f.issue("valid", "member", time.Hour)
	expect(t, k, 401, "valid", "nova") // a service's own token must not have expired
}

func TestKeystoneIsAskedOnceByAll(t *testing.T) {
	f := newFakeKeystone(t)
	k := f.keystone()
	f.issue("a", "member", time.Hour)
	arrived, release := make(chan struct{}), make(chan struct{})
	var first sync.Once
	f.misbehave(func(http.ResponseWriter, *http.Request) bool {
		first.Do(func() { close(arrived) })
		<-release
		return false
	})
	// The one whose question it is leaves; the others get its answer.
	leaving, leave := context.WithCancel(t.Context())
	left := make(chan error)
	go func() {
		r := httptest.NewRequest(http.MethodGet, "/v2.0/networks", nil).WithContext(leaving)
		r.Header.Set("X-Auth-Token", "a")
		_, err := k.Authenticate(r)
		left <- err
	}()
	<-arrived
	leave()
	if err := <-left; err == nil {
		t.Error("who has left was answered")
	}
	var all sync.WaitGroup
	for range 50 {
		all.Go(func() {
			if _, status := try(k, "a", ""); status != http.StatusOK {
				t.Error(status)
			}
		})
	}
	close(release)
	all.Wait()
	// Who has looked into the cache too early, and comes when the flight has landed, is not a new one.
	if g, err := k.ask(t.Context(), "a", question{token: sha256.Sum256([]byte("a"))}); g == nil || err != nil {
		t.Error(g, err)
	}
	if logins, asked := f.counts(); logins != 1 || asked != 1 {
		t.Errorf("%d logins, %d questions", logins, asked)
	}
}

// A user and a service that ask about the same expired token at the same time get an answer each.
func TestKeystoneAnswersEachQuestion(t *testing.T) {
	f := newFakeKeystone(t)
	k := f.keystone()
	f.issue("nova", "service", time.Hour)
	f.issue("user", "member", time.Minute)
	f.pass(time.Hour / 2)
	expect(t, k, 401, "unknown", "nova") // who nova is, is known from now on
	arrived, release := make(chan struct{}), make(chan struct{})
	f.misbehave(func(_ http.ResponseWriter, r *http.Request) bool {
		if !r.URL.Query().Has("allow_expired") {
			close(arrived)
			<-release
		}
		return false
	})
	plain := make(chan int)
	go func() {
		_, status := try(k, "user", "")
		plain <- status
	}()
	<-arrived
	expect(t, k, 200, "user", "nova")
	close(release)
	if status := <-plain; status != http.StatusUnauthorized {
		t.Error(status)
	}
}

// Where the clocks differ, a token ends with the earlier.
func TestKeystoneWithAnotherClock(t *testing.T) {
	f := newFakeKeystone(t)
	k := f.keystone(func(c *KeystoneConfig) { c.Now = func() time.Time { return f.clock().Add(10 * time.Minute) } })
	f.issue("long", "member", 11*time.Minute)
	f.issue("short", "member", 9*time.Minute)
	expect(t, k, 200, "long", "")
	expect(t, k, 401, "short", "")
	_, before := f.counts()
	expect(t, k, 401, "short", "")
	if _, after := f.counts(); after != before {
		t.Error("the refusal is not remembered")
	}
}

// Many tokens at once need one of our own, also when the one we have is refused.
func TestKeystoneRenewsItsOwnToken(t *testing.T) {
	f := newFakeKeystone(t)
	k := f.keystone()
	fresh := 0
	ask := func(wantLogins int) {
		t.Helper()
		var all sync.WaitGroup
		for range 20 {
			fresh++
			token := "t" + strings.Repeat("x", fresh)
			f.issue(token, "member", time.Hour)
			all.Go(func() {
				if _, status := try(k, token, ""); status != http.StatusOK {
					t.Errorf("%s: %d", token, status)
				}
			})
		}
		all.Wait()
		if logins, _ := f.counts(); logins != wantLogins {
			t.Fatalf("%d logins, not %d", logins, wantLogins)
		}
	}
	ask(1)
	f.revoke("own-1")
	ask(2)
	f.pass(53 * time.Minute)
	ask(2)
	f.pass(time.Minute) // a tenth of the hour is left
	ask(3)

	f.live(-time.Minute) // what Keystone gives us it refuses at once
	f.revoke("own-3")
	f.issue("last", "member", time.Hour)
	expect(t, k, 503, "last", "")
	if logins, _ := f.counts(); logins != 4 { // and is not asked over and over
		t.Errorf("%d logins for one question", logins-3)
	}
	f.live(time.Hour)
	expect(t, k, 200, "last", "")
}

func TestKeystoneDown(t *testing.T) {
	f := newFakeKeystone(t)
	core, logs := observer.New(zap.InfoLevel)
	k := f.keystone(func(c *KeystoneConfig) { c.Log, c.Timeout = zap.New(core), 10*time.Second })
	f.issue("a", "member", time.Hour)
	f.issue("b", "member", time.Hour)
	expect(t, k, 200, "a", "")
	expect(t, k, 401, "unknown", "")

	f.misbehave(func(w http.ResponseWriter, _ *http.Request) bool {
		panic(http.ErrAbortHandler) // the connection breaks
	})
	for range 2 {
		expect(t, k, 503, "b", "")
	}
	expect(t, k, 503, "a", "b")
	expect(t, k, 200, "a", "")
	expect(t, k, 401, "unknown", "")
	f.pass(299 * time.Second)
	expect(t, k, 200, "a", "")
	f.pass(time.Second)
	expect(t, k, 503, "a", "")
	f.misbehave(nil)
	expect(t, k, 200, "a", "")
	expect(t, k, 200, "b", "")
	if got := logs.Len(); got != 2 {
		t.Errorf("%d lines in the log: %v", got, logs.All())
	}

	f.server.Close() // nothing listens
	f.issue("c", "member", time.Hour)
	expect(t, k, 503, "c", "")
	expect(t, k, 200, "a", "")
}

func TestKeystoneThatHangs(t *testing.T) {
	f := newFakeKeystone(t)
	k := f.keystone(func(c *KeystoneConfig) { c.Timeout = 50 * time.Millisecond })
	release := make(chan struct{})
	defer close(release)
	f.misbehave(func(http.ResponseWriter, *http.Request) bool { <-release; return true })
	expect(t, k, 503, "a", "")
	expect(t, k, 503, "b", "")
}

func TestKeystoneThatTalksNonsense(t *testing.T) {
	for name, trouble := range map[string]func(w http.ResponseWriter, r *http.Request){
		"an error":        func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) },
		"no right to ask": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusForbidden) },
		"our token never": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusUnauthorized) },
		"a page":          func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("<html>")) },
		"too much": func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodPost {
				w.Header().Set("X-Subject-Token", "own")
				w.WriteHeader(http.StatusCreated)
			}
			_, _ = fmt.Fprintf(w, `{"token": {"user": {"id": "u"}, "expires_at": "2027-01-01T00:00:00Z"}} %*s`, maxAnswer, "")
		},
		"elsewhere":           func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/elsewhere", http.StatusFound) },
		"less than announced": func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Content-Length", "1000") },
	} {
		for _, method := range []string{http.MethodGet, http.MethodPost} {
			t.Run(name+" to "+method, func(t *testing.T) {
				f := newFakeKeystone(t)
				k := f.keystone()
				f.issue("a", "member", time.Hour)
				f.misbehave(func(w http.ResponseWriter, r *http.Request) bool {
					if r.Method == method {
						trouble(w, r)
					}
					return r.Method == method
				})
				expect(t, k, 503, "a", "")
				f.misbehave(nil)
				expect(t, k, 200, "a", "")
			})
		}
	}
}

func TestKeystoneOverTLS(t *testing.T) {
	f := newFakeKeystone(t)
	f.server = httptest.NewUnstartedServer(http.HandlerFunc(f.serve))
	f.server.Config.ErrorLog = log.New(io.Discard, "", 0) // the refused handshake
	f.server.StartTLS()
	t.Cleanup(f.server.Close)
	ca := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: f.server.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	f.issue("a", "member", time.Hour)
	expect(t, f.keystone(func(c *KeystoneConfig) { c.CACert = ca }), 200, "a", "")
	expect(t, f.keystone(), 503, "a", "")
}

func TestKeystoneConfigIsChecked(t *testing.T) {
	empty := filepath.Join(t.TempDir(), "empty.pem")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, config := range []KeystoneConfig{
		{}, {AuthURL: "keystone:5000"}, {AuthURL: "ftp://keystone"}, {AuthURL: "http://"}, {AuthURL: "http://keystone:5000/v2.0"},
		{AuthURL: "http://admin:secret@keystone"}, {AuthURL: "http://keystone?x"}, {AuthURL: "http://keystone\x7f"},
		{AuthURL: "https://keystone", CACert: "/nowhere.pem"}, {AuthURL: "https://keystone", CACert: empty},
	} {
		if _, err := NewKeystone(config); err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("%+v: %v", config, err)
		}
	}
	for given, want := range map[string]string{
		"http://keystone:5000": "http://keystone:5000", "http://keystone:5000/v3": "http://keystone:5000",
		"https://cloud/identity/v3/": "https://cloud/identity", "https://cloud/identity": "https://cloud/identity",
	} {
		if got, err := keystoneEndpoint(given); err != nil || got != want {
			t.Errorf("%s: %s %v", given, got, err)
		}
	}
}
