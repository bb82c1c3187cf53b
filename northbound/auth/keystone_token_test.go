package auth

import (
	"reflect"
	"strings"
	"testing"
	"time"
)

func TestParseGrant(t *testing.T) {
	const expires = `"expires_at": "2026-01-02T03:04:05.000000Z"`
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	tests := []struct {
		name, body string
		want       *grant // nil: an error
	}{
		{"a project", `{"token": {"user": {"id": "u"}, "project": {"id": "p"}, "roles": [{"id": "1", "name": "Member"}, {"name": "reader"}], ` + expires + `}}`,
			&grant{userID: "u", scope: scopeProject, projectID: "p", roles: []string{"member", "reader"}, expires: at}},
		{"no scope", `{"token": {"user": {"id": "u"}, ` + expires + `}}`, &grant{userID: "u", scope: scopeNone, expires: at}},
		{"a domain", `{"token": {"user": {"id": "u"}, "domain": {"id": "d"}, "roles": [{"name": "admin"}], ` + expires + `}}`,
			&grant{userID: "u", scope: scopeDomain, roles: []string{"admin"}, expires: at}},
		{"the system", `{"token": {"user": {"id": "u"}, "system": {"all": true}, "roles": [{"name": "admin"}], ` + expires + `}}`,
			&grant{userID: "u", scope: scopeSystem, roles: []string{"admin"}, expires: at}},
		{"nothing", ``, nil},
		{"no token", `{}`, nil},
		{"null", `{"token": null}`, nil},
		{"no user", `{"token": {` + expires + `}}`, nil},
		{"a project without id", `{"token": {"user": {"id": "u"}, "project": {}, ` + expires + `}}`, nil},
		{"no expiry", `{"token": {"user": {"id": "u"}}}`, nil},
		{"an expiry that is no time", `{"token": {"user": {"id": "u"}, "expires_at": "soon"}}`, nil},
		{"a user id that no database takes", `{"token": {"user": {"id": "u\u0000"}, ` + expires + `}}`, nil},
		{"a long user id", `{"token": {"user": {"id": "` + strings.Repeat("u", maxID+1) + `"}, ` + expires + `}}`, nil},
		{"roles that are none", `{"token": {"user": {"id": "u"}, "roles": "admin", ` + expires + `}}`, nil},
		{"cut off", `{"token": {"user": {"id": "u"}`, nil},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := parseGrant([]byte(test.body))
			if (err != nil) != (test.want == nil) || !reflect.DeepEqual(got, test.want) {
				t.Errorf("%+v %v, not %+v", got, err, test.want)
			}
		})
	}
}

func FuzzParseGrant(f *testing.F) {
	f.Add([]byte(`{"token": {"user": {"id": "u"}, "project": {"id": "p"}, "system": {"all": true}, "roles": [{"name": "admin"}], "expires_at": "2026-01-02T03:04:05.000000Z"}}`))
	f.Add([]byte(`{"token": {"user": {"id": "u"}, "domain": {"id": "d"}, "expires_at": "2026-01-02T03:04:05Z"}}`))
	f.Add([]byte(`{"error": {"code": 404, "message": "Could not recognize Fernet token", "title": "Not Found"}}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		g, err := parseGrant(body)
		switch {
		case (g == nil) != (err != nil):
			t.Fatalf("%+v and %v", g, err)
		case g == nil:
		case !isID(g.userID), (g.scope == scopeProject) != (g.projectID != ""), g.projectID != "" && !isID(g.projectID), g.expires.IsZero():
			t.Fatalf("%+v", g)
		}
	})
}
