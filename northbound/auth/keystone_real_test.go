package auth

import (
	"reflect"
	"sync/atomic"
	"testing"
	"time"

	"github.com/planck-sdn/planck/tests/keystone"
)

// TestRealKeystone is one test, since a Keystone takes its time to start.
func TestRealKeystone(t *testing.T) {
	server := keystone.StartForTest(t)
	token := func(token string, err error) string {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return token
	}
	log := func(name string) string { t.Helper(); return token(server.Token(t.Context(), name)) }
	restart := func(settings ...string) {
		t.Helper()
		if err := server.Kill(); err != nil {
			t.Fatal(err)
		}
		if err := server.Restart(settings...); err != nil {
			t.Fatal(err)
		}
	}
	planck := server.User(keystone.Planck)
	start := func(now func() time.Time) *Keystone {
		t.Helper()
		k, err := NewKeystone(KeystoneConfig{AuthURL: server.URL(), Username: planck.Name, Password: planck.Password, ProjectName: planck.Project,
			UserDomainName: "Default", ProjectDomainName: "Default", Timeout: time.Minute, Now: now})
		if err != nil {
			t.Fatal(err)
		}
		return k
	}

	t.Run("roles", func(t *testing.T) {
		k := start(nil)
		for name, want := range map[string]struct{ admin, write, service bool }{
			"red-admin": {admin: true, write: true}, "red-member": {write: true}, "red-reader": {}, "blue-member": {write: true},
			keystone.Nova: {write: true, service: true}, keystone.Admin: {admin: true, write: true},
		} {
			u := server.User(name)
			who := expect(t, k, 200, log(name), "")
			if who.UserID != u.ID || u.Project != keystone.Admin && who.ProjectID != server.ProjectID(u.Project) || who.ProjectID == "" ||
				who.IsAdmin != want.admin || who.MayWrite() != want.write || who.IsAdvancedService() != want.service {
				t.Errorf("%s: %+v", name, who)
			}
		}
		if who := expect(t, k, 200, log("red-reader"), ""); !reflect.DeepEqual(who.Roles, []string{"reader"}) {
			t.Errorf("%+v", who)
		}
	})

	t.Run("strangers", func(t *testing.T) {
		k := start(nil)
		stranger := token(server.TokenFor(t.Context(), keystone.Stranger, keystone.Unscoped))
		if who := expect(t, k, 200, stranger, ""); who.ProjectID != "" || who.MayWrite() || len(who.Roles) != 0 {
			t.Errorf("%+v", who)
		}
		member := log("red-member")
		expect(t, k, 401, member[:len(member)-1], "")
		expect(t, k, 401, "made-up", "")
		expect(t, k, 200, member, "")
	})

	t.Run("scopes", func(t *testing.T) {
		k := start(nil)
		expect(t, k, 403, token(server.TokenFor(t.Context(), keystone.Admin, keystone.System)), "")
		expect(t, k, 403, token(server.TokenFor(t.Context(), keystone.Admin, keystone.Domain)), "")
	})

	t.Run("catalog", func(t *testing.T) {
		url, err := start(nil).Endpoint(t.Context(), "identity", "public", keystone.Region)
		if err != nil || url != server.URL() {
			t.Errorf("%s, %v", url, err)
		}
	})

	t.Run("access rules", func(t *testing.T) {
		expect(t, start(nil), 401, token(server.RestrictedToken(t.Context(), "red-member", "compute", "GET", "/v2.1/servers")), "")
	})

	t.Run("revoked", func(t *testing.T) {
		var later atomic.Int64
		k := start(func() time.Time { return time.Now().Add(time.Duration(later.Load())) })
		member := log("red-member")
		expect(t, k, 200, member, "")
		if err := server.Revoke(t.Context(), member); err != nil {
			t.Fatal(err)
		}
		expect(t, k, 200, member, "")
		later.Store(int64(301 * time.Second))
		expect(t, k, 401, member, "")
	})

	t.Run("expired", func(t *testing.T) {
		restart("token.expiration=2")
		stopped := time.Now()
		frozen := start(func() time.Time { return stopped }) // holds on to its own token when that has long expired
		try(frozen, "made-up", "")                           // for which it needs one
		short := log("red-member")
		restart()
		for limit := time.Now().Add(4 * time.Minute); ; time.Sleep(50 * time.Millisecond) {
			if _, status := try(start(nil), short, ""); status == 401 {
				break
			} else if time.Now().After(limit) {
				t.Fatalf("%d of a token that was to live for 2 s", status)
			}
		}
		expect(t, frozen, 200, log("red-admin"), "")

		k := start(nil)
		nova := log(keystone.Nova)
		expect(t, k, 401, short, "")
		expect(t, k, 401, short, log("blue-member"))
		if who := expect(t, k, 200, short, nova); who.ProjectID != server.ProjectID(keystone.Red) || who.IsAdvancedService() ||
			!reflect.DeepEqual(who.ServiceRoles, []string{"service"}) {
			t.Errorf("%+v", who)
		}
		expect(t, k, 401, short, "")
	})

	t.Run("stopped and started", func(t *testing.T) {
		k := start(nil)
		known, unknown := log("red-member"), log("blue-member")
		expect(t, k, 200, known, "")
		if err := server.Kill(); err != nil {
			t.Fatal(err)
		}
		cold := start(nil) // planckd too may start without Keystone
		expect(t, k, 200, known, "")
		expect(t, k, 503, unknown, "")
		expect(t, cold, 503, known, "")
		if err := server.Restart(); err != nil {
			t.Fatal(err)
		}
		expect(t, k, 200, unknown, "")
		expect(t, cold, 200, known, "")
	})
}
