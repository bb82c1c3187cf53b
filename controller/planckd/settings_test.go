package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func env(pairs ...string) func(string) (string, bool) {
	return func(key string) (string, bool) {
		for i := 0; i < len(pairs); i += 2 {
			if pairs[i] == key {
				return pairs[i+1], true
			}
		}
		return "", false
	}
}

func TestFlagBeatsEnvironmentBeatsFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "planckd.yaml")
	if err := os.WriteFile(file, []byte("database: from-file\nreplica: from-file\nlog-level: from-file\nvlan-range: [a:1-2, b:3-4]\ninsecure-api: true\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	var s settings
	err := s.read([]string{"--config", file, "--database", "from-flag"}, env("PLANCK_DATABASE", "from-env", "PLANCK_REPLICA", "from-env"))
	if err != nil {
		t.Fatal(err)
	}
	if s.database != "from-flag" || s.replica != "from-env" || s.logLevel != "from-file" || !s.insecureAPI || strings.Join(s.vlanRanges, " ") != "a:1-2 b:3-4" {
		t.Errorf("%+v", s)
	}
}

func TestBadSettingsAreRefused(t *testing.T) {
	file := filepath.Join(t.TempDir(), "planckd.yaml")
	for text, want := range map[string]string{
		"databse: x":          `unknown key "databse"`,
		"underlay-mtu: large": "underlay-mtu",
		"{":                   "planckd.yaml",
	} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		var s settings
		if err := s.read([]string{"--config", file}, env()); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", text, err)
		}
	}
	var s settings
	if err := s.read([]string{"--config", "/nowhere/planckd.yaml"}, env()); err == nil {
		t.Error("a file that was named and is not there was not missed")
	}
	if err := s.read(nil, env("PLANCK_UNDERLAY_MTU", "large")); err == nil {
		t.Error("a bad value in the environment was taken")
	}
	if err := s.read([]string{"stray"}, env()); err == nil {
		t.Error("a stray argument was taken")
	}
}

func TestOpenDoorsNeedToBeAskedFor(t *testing.T) {
	for _, c := range []struct{ flags, want string }{
		{"", ""},
		{"--listen-openflow 0.0.0.0:6653", "--insecure-southbound"},
		{"--listen-ovsdb 10.0.0.1:6640", "--insecure-southbound"},
		{"--listen-ovsdb 10.0.0.1:6640 --insecure-southbound", ""},
		{"--listen-api 0.0.0.0:9696", "--insecure-api"},
		{"--listen-api :9696", "--insecure-api"},
		{"--listen-api [::1]:9696", ""},
		{"--listen-openflow 0.0.0.0:6653 --tls-cert c --tls-key k --tls-ca a", ""},
		{"--tls-cert c", "together"},
		{"--auth keystone", "only none"},
	} {
		var s settings
		if err := s.read(strings.Fields(c.flags), env()); err != nil {
			t.Fatal(err)
		}
		err := s.check()
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: %v, want %q", c.flags, err, c.want)
		}
	}
}

func TestTarget(t *testing.T) {
	for _, c := range []struct{ flags, want string }{
		{"", "tcp:192.0.2.9:6653"},
		{"--listen-openflow 0.0.0.0:7000", "tcp:192.0.2.9:7000"},
		{"--advertise 198.51.100.7", "tcp:198.51.100.7:6653"},
		{"--advertise 198.51.100.7:6000", "tcp:198.51.100.7:6000"},
		{"--tls-cert c", "ssl:192.0.2.9:6653"},
	} {
		var s settings
		if err := s.read(strings.Fields(c.flags), env()); err != nil {
			t.Fatal(err)
		}
		if got := s.target("192.0.2.9"); got != c.want {
			t.Errorf("%q: %s, want %s", c.flags, got, c.want)
		}
	}
}
