package main

import (
	"bytes"
	"strings"
	"testing"
)

// canary is in every secret of the tests.
const canary = "c4n4ry"

func TestScrub(t *testing.T) {
	s := newScrubber([]string{"OS_PASSWORD=long-" + canary + `-"with" spaces`, "OS_TOKEN=tk-" + canary, "HOME=/root", "MY_SECRET=adm1n",
		"PLANCK_DATABASE=postgres://planck:db%2F" + canary + "@db/planck"}, "postgres://planck:100%-"+canary+"/@db/planck", "http://u@h/?password=pw"+canary)
	for _, line := range []string{
		"X-Auth-Token: gAAAAABm" + canary,
		`{"level":"debug","headers":{"X-Auth-Token":["` + canary + `","` + canary + `"],"Accept":"*/*"}}`,
		`{"msg":"request X-Auth-Token: ` + canary + `"}`,
		"map[X-Auth-Token:[" + canary + " " + canary + "] Accept:[*/*]]",
		"x-service-token=" + canary,
		"Authorization: Basic " + canary,
		`Authorization: Digest username="u", response="` + canary + `"`,
		`{"auth":{"password": {"user":{"name":"neutron","password":"a \"b` + canary + `"}}}}`,
		`{"msg":"sent {\"password\": \"two words ` + canary + `\"}"}`,
		"postgres://planck:" + canary + "@db/planck?sslmode=disable",
		"postgres://planck:a@b:" + canary + "@db/planck",
		"host=db user=planck password='two words " + canary + "' dbname=planck",
		"host=db password=" + canary + " dbname=planck",
		"--os-password=" + canary,
		"token gAAAAABm0123456789012345-_" + canary,
		"bearer eyJhbGciOiJ" + canary + ".eyJ." + canary,
		"-----BEGIN RSA PRIVATE KEY-----\\n" + canary + "\\n-----END RSA PRIVATE KEY-----",
		"-----BEGIN PRIVATE KEY-----\n" + canary + "\n" + canary + "\n-----END PRIVATE KEY----- after",
		"it is long-" + canary + `-"with" spaces`,
		`it is "long-` + canary + `-\"with\" spaces"`,
		"it is long-" + canary + "-%22with%22+spaces",
		"tk-" + canary + " and db/" + canary + " and db%2F" + canary + " and 100%-" + canary + "/ and pw" + canary,
		"client_secret = " + canary,
	} {
		var got []byte
		for l := range strings.Lines(line) {
			got = append(got, s.line([]byte(l))...)
		}
		if bytes.Contains(got, []byte(canary)) || !bytes.Contains(got, []byte(removed)) {
			t.Errorf("%s\nbecame\n%s", line, got)
		}
	}
	if got := string(s.line([]byte("after the key, adm1n and adm1nistrator\n"))); got != "after the key, "+removed+" and adm1nistrator\n" {
		t.Errorf("a short secret: %s", got)
	}
	for _, line := range []string{
		`{"node":"compute1","table":"classify","cookie":"0x6620780400000001","entry":"cookie=0x6620780400000001, table=0, priority=50,in_port=3 actions=goto_table:12"}`,
		"planck_keystone_token_checks_total 5",
		"http://127.0.0.1:9696/planck/v1/status",
		"security group passes",
		"",
	} {
		if got := string(s.line([]byte(line))); got != line {
			t.Errorf("%s\nbecame\n%s", line, got)
		}
	}
}

// FuzzScrub: a secret that planckctl was given goes, wherever it is.
func FuzzScrub(f *testing.F) {
	f.Add([]byte(`"password": "`), []byte(`\"`))
	f.Add([]byte("-----BEGIN PRIVATE KEY-----"), []byte("PRIVATE KEY-----"))
	f.Fuzz(func(t *testing.T, before, after []byte) {
		s := newScrubber([]string{"OS_TOKEN=a-" + canary + "-token"})
		line := bytes.Join([][]byte{before, []byte("a-" + canary + "-token"), after}, nil)
		if got := s.line(line); bytes.Contains(got, []byte(canary)) && !bytes.Contains(append(before, after...), []byte(canary)) {
			t.Fatalf("%q became %q", line, got)
		}
	})
}
