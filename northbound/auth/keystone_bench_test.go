package auth

import (
	"crypto/sha256"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"
)

// What a request with a known token pays, with a full cache.
func BenchmarkKeystoneKnownToken(b *testing.B) {
	k, err := NewKeystone(KeystoneConfig{AuthURL: "http://127.0.0.1:1"})
	if err != nil {
		b.Fatal(err)
	}
	now := time.Now()
	for i := range k.config.CacheSize {
		k.granted.put(tokenHash{byte(i), byte(i >> 8), 1}, &grant{}, now.Add(time.Hour))
	}
	r := httptest.NewRequest(http.MethodGet, "/v2.0/networks", nil)
	token := "gAAAAABrA2xvidPSAOat1PDSlIqDiU0eTRVmnveQA2_x8ee"
	r.Header.Set("X-Auth-Token", token)
	k.granted.put(sha256.Sum256([]byte(token)), &grant{userID: "u", scope: scopeProject, projectID: "p", roles: []string{RoleMember}, expires: now.Add(time.Hour)},
		now.Add(time.Hour))
	b.ReportAllocs()
	b.RunParallel(func(p *testing.PB) {
		for p.Next() {
			if _, err := k.Authenticate(r); err != nil {
				b.Fatal(err)
			}
		}
	})
}
