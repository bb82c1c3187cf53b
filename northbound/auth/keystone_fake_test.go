package auth

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/planck-sdn/planck/model"
)

// fakeKeystone is a Keystone that counts what it is asked, and that can misbehave.
type fakeKeystone struct {
	t      *testing.T
	server *httptest.Server

	mu       sync.Mutex
	now      time.Time
	tokens   map[string]fakeToken
	logins   int
	asked    int                                               // questions about tokens that had a good token of ours
	trouble  func(w http.ResponseWriter, r *http.Request) bool // tells whether it has answered
	allowed  []string                                          // tokens that were asked about with allow_expired
	lifetime time.Duration                                     // of our own tokens
}

type fakeToken struct {
	scope, role string
	expires     time.Time
}

var epoch = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

func newFakeKeystone(t *testing.T) *fakeKeystone {
	t.Helper()
	f := &fakeKeystone{t: t, now: epoch, tokens: map[string]fakeToken{}, lifetime: time.Hour}
	f.server = httptest.NewServer(http.HandlerFunc(f.serve))
	t.Cleanup(f.server.Close)
	return f
}

// keystone is an authenticator that asks f and has its clock.
func (f *fakeKeystone) keystone(change ...func(*KeystoneConfig)) *Keystone {
	f.t.Helper()
	config := KeystoneConfig{AuthURL: f.server.URL + "/identity/v3/", Username: "planck", Password: `s"cret`, ProjectName: "service",
		UserDomainName: "Default", ProjectDomainName: "Default", Now: f.clock}
	for _, c := range change {
		c(&config)
	}
	k, err := NewKeystone(config)
	if err != nil {
		f.t.Fatal(err)
	}
	return k
}

func (f *fakeKeystone) clock() time.Time {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.now
}

func (f *fakeKeystone) pass(d time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.now = f.now.Add(d)
}

// issue makes a token for the project p, good for some time from now on.
func (f *fakeKeystone) issue(token, role string, life time.Duration) {
	f.issueFor(token, `"project": {"id": "p"}`, role, life)
}

func (f *fakeKeystone) issueFor(token, scope, role string, life time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.tokens[token] = fakeToken{scope, role, f.now.Add(life)}
}

func (f *fakeKeystone) revoke(token string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.tokens, token)
}

// misbehave sees every request first. nil ends that.
func (f *fakeKeystone) misbehave(trouble func(w http.ResponseWriter, r *http.Request) bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.trouble = trouble
}

// live gives our own tokens another lifetime from now on.
func (f *fakeKeystone) live(d time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.lifetime = d
}

func (f *fakeKeystone) counts() (logins, asked int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.logins, f.asked
}

func (f *fakeKeystone) serve(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	trouble := f.trouble
	f.mu.Unlock()
	if trouble != nil && trouble(w, r) {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if r.URL.Path != "/identity/v3/auth/tokens" || !r.URL.Query().Has("nocatalog") {
		f.t.Errorf("%s %s", r.Method, r.URL)
	}
	if r.Method == http.MethodPost {
		f.logins++
		own := fmt.Sprintf("own-%d", f.logins)
		f.tokens[own] = fakeToken{`"project": {"id": "service"}`, "service", f.now.Add(f.lifetime)}
		w.Header().Set("X-Subject-Token", own)
		w.WriteHeader(http.StatusCreated)
		f.describe(w, f.tokens[own])
		return
	}
	if own := f.tokens[r.Header.Get("X-Auth-Token")]; own.role != "service" || !f.now.Before(own.expires) {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	f.asked++
	token := r.Header.Get("X-Subject-Token")
	allowExpired := r.URL.Query().Get("allow_expired") == "1"
	if allowExpired {
		f.allowed = append(f.allowed, token)
	}
	if subject, ok := f.tokens[token]; ok && (allowExpired || f.now.Before(subject.expires)) {
		f.describe(w, subject)
		return
	}
	w.WriteHeader(http.StatusNotFound)
}

func (f *fakeKeystone) describe(w http.ResponseWriter, t fakeToken) {
	fmt.Fprintf(w, `{"token": {"user": {"id": "u"}, %s, "roles": [{"name": %q}], "expires_at": %q}}`, t.scope, t.role, t.expires.Format(time.RFC3339))
}

// try authenticates a request with a user's token, and a service's unless empty. The status is 200 for one that passes.
func try(k *Keystone, token, serviceToken string) (*Context, int) {
	r := httptest.NewRequest(http.MethodGet, "http://planck.example.org:9696/v2.0/networks", nil)
	if token != "" {
		r.Header.Set("X-Auth-Token", token)
	}
	if serviceToken != "" {
		r.Header.Set("X-Service-Token", serviceToken)
	}
	who, err := k.Authenticate(r)
	if err == nil {
		return who, http.StatusOK
	}
	var refusal *model.Error
	if !errors.As(err, &refusal) {
		return nil, 0
	}
	return nil, refusal.Status
}

func expect(t *testing.T, k *Keystone, want int, token, serviceToken string) *Context {
	t.Helper()
	who, status := try(k, token, serviceToken)
	if status != want {
		t.Fatalf("%q (service %q): %d, not %d", token, serviceToken, status, want)
	}
	return who
}
