package main

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"go.uber.org/zap"
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

func TestQuotas(t *testing.T) {
	file := filepath.Join(t.TempDir(), "planckd.yaml")
	if err := os.WriteFile(file, []byte("quota: [port=7, network=-1]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args []string
		env  []string
		want map[string]int
	}{
		{nil, nil, map[string]int{"port": 7, "network": -1}},
		{nil, []string{"PLANCK_QUOTA", "port=8,subnet=0"}, map[string]int{"port": 8, "subnet": 0}},
		{[]string{"--quota", "port=9", "--quota", "rbac_policy=1,port=10"}, nil, map[string]int{"port": 10, "rbac_policy": 1}},
	} {
		var s settings
		if err := s.read(append([]string{"--config", file}, c.args...), env(c.env...)); err != nil {
			t.Fatal(err)
		}
		options, err := s.storeOptions(zap.NewNop())
		if err != nil || !maps.Equal(options.Quotas, c.want) {
			t.Errorf("%v %v: %v, %v", c.args, c.env, options.Quotas, err)
		}
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
	for _, bad := range []string{"port", "port=", "port=x"} {
		var s settings
		if err := s.read([]string{"--config", "/dev/null", "--quota", bad}, env()); err != nil {
			t.Fatal(err)
		}
		if _, err := s.storeOptions(zap.NewNop()); err == nil || !strings.Contains(err.Error(), "--quota") {
			t.Errorf("--quota %s: %v", bad, err)
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
		{"--auth kerberos", "none and keystone"},
		{"--nova-endpoint http://127.0.0.1:8774/v2.1", ""},
		{"--nova-endpoint nova.example.org", "not the URL of a Nova"},
		{"--nova-endpoint catalog", "only --auth keystone"},
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

func TestKeystoneSettings(t *testing.T) {
	all := []string{"OS_AUTH_URL", "http://k:5000", "OS_USERNAME", "planck", "OS_PASSWORD", "secret", "OS_PROJECT_NAME", "service",
		"OS_USER_DOMAIN_NAME", "Default", "OS_PROJECT_DOMAIN_NAME", "Default"}
	start := func(flags string, environment ...string) (settings, error) {
		var s settings
		if err := s.read(strings.Fields(flags), env(environment...)); err != nil {
			return s, err
		}
		if err := s.check(); err != nil {
			return s, err
		}
		_, err := s.authenticator(zap.NewNop())
		return s, err
	}
	if _, err := start("--auth keystone --listen-api 0.0.0.0:9696", all...); err != nil { // tokens guard this door
		t.Error(err)
	}
	if _, err := start("--auth none", "OS_AUTH_URL", "nonsense"); err != nil { // somebody's shell, with the variables of the clients
		t.Error(err)
	}
	for i := 0; i < len(all); i += 2 {
		without := slices.Clone(all)
		without[i+1] = ""
		if _, err := start("--auth keystone", without...); err == nil || !strings.Contains(err.Error(), all[i]+" missing") {
			t.Errorf("without %s: %v", all[i], err)
		}
	}
	if _, err := start("--auth keystone", append([]string{"OS_AUTH_URL", "k:5000"}, all[2:]...)...); err == nil || !strings.Contains(err.Error(), "URL of a Keystone") {
		t.Error(err)
	}
	if _, err := start("--auth keystone", append([]string{"OS_CACERT", "/nowhere/ca.pem"}, all...)...); err == nil || !strings.Contains(err.Error(), "/nowhere/ca.pem") {
		t.Error(err)
	}

	file := filepath.Join(t.TempDir(), "planckd.yaml")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("auth: keystone\nOS_USERNAME: from-file\nOS_PASSWORD: from-file\n")
	s, err := start("--config "+file, append([]string{"OS_PASSWORD", ""}, slices.Delete(slices.Clone(all), 4, 6)...)...)
	if err != nil || s.openStack["OS_USERNAME"] != "planck" || s.openStack["OS_PASSWORD"] != "from-file" {
		t.Errorf("%v %v", s.openStack, err)
	}
	write("OS_PASSWORD: 0123\n")
	if _, err := start("--config "+file, all...); err == nil || !strings.Contains(err.Error(), "OS_PASSWORD: a text in quotes") {
		t.Error(err)
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
