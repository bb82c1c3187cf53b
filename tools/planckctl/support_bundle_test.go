package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"database/sql"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// unpack gives the files of a bundle, without its directory.
func unpack(t *testing.T, packed io.Reader) map[string]string {
	t.Helper()
	unzipped, err := gzip.NewReader(packed)
	if err != nil {
		t.Fatal(err)
	}
	contents := map[string]string{}
	for r := tar.NewReader(unzipped); ; {
		header, err := r.Next()
		if err == io.EOF {
			return contents
		}
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		directory, name, _ := strings.Cut(header.Name, "/")
		if !strings.HasPrefix(directory, "planck-support-20") || !filepath.IsLocal(header.Name) || header.Mode != 0o600 {
			t.Errorf("%s has mode %o", header.Name, header.Mode)
		}
		if _, twice := contents[name]; twice {
			t.Errorf("%s is there twice", name)
		}
		contents[name] = string(text)
	}
}

func unpackFile(t *testing.T, path string) map[string]string {
	t.Helper()
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	return unpack(t, file)
}

// TestSupportBundle: all parts are there, those that cannot be had with the reason, and no secret is anywhere.
func TestSupportBundle(t *testing.T) {
	var asked []http.Header
	metrics := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if asked = append(asked, r.Header); r.URL.Path == "/missing" {
			http.NotFound(w, r)
			return
		}
		_, _ = fmt.Fprintf(w, "planck_up 1\nplanck_dsn{url=\"postgres://planck:%s@db/planck\"} 1\n", canary)
	}))
	defer metrics.Close()
	t.Setenv("OS_TOKEN", "token-"+canary)
	t.Setenv("OS_USERNAME", "operator")
	t.Setenv("OS_PASSWORD", "password-"+canary)
	t.Setenv("PLANCK_DATABASE", "postgres://planck:database-"+canary+"@db/planck")
	database, _ := newDatabase(t)
	url := serve(t, &fake{})
	directory := t.TempDir()
	log := `{"level":"info","msg":"started","database":"postgres://planck:` + canary + `@db/planck"}
{"level":"debug","msg":"asking Keystone","headers":{"X-Auth-Token":["` + canary + `"],"X-Subject-Token":"` + canary + `"}}
X-Auth-Token: token-` + canary + `
-----BEGIN PRIVATE KEY-----
` + canary + `
-----END PRIVATE KEY-----
the end
`
	if err := os.WriteFile(filepath.Join(directory, "planckd.log"), []byte(log), 0o600); err != nil {
		t.Fatal(err)
	}
	lines := []string{
		"support-bundle --to b.tar.gz --metrics " + metrics.URL + " --database " + database + " --log planckd.log",
		"support-bundle --to b.tar.gz --metrics " + metrics.URL + "/missing --database postgres://planck:db-" + canary + "@127.0.0.1:1/planck --log nowhere.log",
		"--api http://me:api-" + canary + "@127.0.0.1:1 support-bundle --to b.tar.gz --metrics " + metrics.URL + " --database sqlite:/nonexistent/planck.db",
		"--api http://me:api-" + canary + "@127.0.0.1:1 support-bundle --to none.tar.gz --metrics http://127.0.0.1:1/metrics --database sqlite:/nonexistent/planck.db",
	}
	var b strings.Builder
	for i, line := range lines {
		line = strings.NewReplacer("--to ", "--to "+directory+"/", "--log ", "--log "+directory+"/").Replace(line)
		stdout, stderr, code := ctl(t, append([]string{"--api", url}, strings.Fields(line)...)...)
		fmt.Fprintf(&b, "$ planckctl %s\n%s%sexit code %d\n", line, stdout, stderr, code)
		if code == 0 {
			contents := unpackFile(t, filepath.Join(directory, "b.tar.gz"))
			for _, name := range slices.Sorted(maps.Keys(contents)) {
				fmt.Fprintln(&b, name)
				if strings.Contains(contents[name], canary) {
					t.Errorf("%s: %s has a secret: %s", line, name, contents[name])
				}
				if strings.HasSuffix(name, ".json") && !json.Valid([]byte(contents[name])) {
					t.Errorf("%s is not JSON: %s", name, contents[name])
				}
			}
			if i == 0 && (!strings.Contains(contents["log.txt"], "the end") || !strings.Contains(contents["metrics.txt"], "planck_up 1") ||
				!strings.Contains(contents["nodes/compute1.flows.json"], `"cookie":"0x6620780400000001"`) ||
				!strings.Contains(contents[aboutPart], `"OS_PASSWORD"`) || !strings.Contains(contents["nodes.json"], `"ovs_version":"3.1.0"`)) {
				t.Errorf("a part lacks what it should have: %q", contents)
			}
			if err := os.Remove(filepath.Join(directory, "b.tar.gz")); err != nil {
				t.Fatal(err)
			}
		}
		if strings.Contains(stdout+stderr, canary) {
			t.Errorf("%s prints a secret: %s%s", line, stdout, stderr)
		}
		b.WriteByte('\n')
	}
	golden(t, "support.golden", strings.NewReplacer(canary, "SECRET", metrics.URL, "http://metrics", database, "sqlite:planck.db", directory+"/", "").Replace(b.String()))
	for _, header := range asked {
		if header.Get("X-Auth-Token") != "" {
			t.Error("whoever serves the metrics gets the token")
		}
	}
	if got := files(t, directory); !slices.Equal(got, []string{"planckd.log"}) {
		t.Errorf("there are %q", got)
	}
	stdout, stderr, code := ctl(t, "--api", url, "support-bundle", "--to", "-", "--database", database, "--metrics", metrics.URL, "-o", "json")
	contents := unpack(t, strings.NewReader(stdout))
	var printed struct{ Files []bundleFile }
	if err := json.Unmarshal([]byte(stderr), &printed); err != nil || len(printed.Files) != len(contents) || code != 0 {
		t.Errorf("to standard output: %d files, and %q, exit code %d", len(contents), stderr, code)
	}
}

// TestSupportBundleNames: nodes choose their names.
func TestSupportBundleNames(t *testing.T) {
	b := &bundle{}
	for name, want := range map[string]string{"../../etc/passwd": "nodes/.._.._etc_passwd", "..": "nodes/_..", "": "nodes/_", "compute1": "nodes/compute1", "a b\x00": "nodes/a_b_"} {
		if got := b.nameFor("nodes/", name); got != want {
			t.Errorf("%q is in %s", name, got)
		}
	}
	if got := b.nameFor("nodes/", "compute1"); got != "nodes/compute1-2" {
		t.Errorf("a second one is in %s", got)
	}
}

// TestSupportBundleCutAnswer: an answer that ends early is kept, and said so.
func TestSupportBundleCutAnswer(t *testing.T) {
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case strings.HasSuffix(r.URL.Path, "/status"):
			_, _ = io.WriteString(w, `{"not_active":[{"id":"../p1"}]}`+"\n")
		case strings.HasSuffix(r.URL.Path, "/verify"):
			_, _ = io.WriteString(w, "{\"nodes\":[\n{\"node\":\"compute1\"}\n")
		case strings.HasSuffix(r.URL.Path, "/check"):
			_, _ = io.WriteString(w, "{\"nodes\":[\n{\"node\":\"compute1\"}\n")
			w.(http.Flusher).Flush()
			panic(http.ErrAbortHandler)
		default:
			_, _ = io.WriteString(w, "{}\n")
		}
	}))
	defer api.Close()
	stdout, stderr, code := ctl(t, "--api", api.URL, "support-bundle", "--to", "-", "--metrics", api.URL, "--database", "sqlite:/nonexistent/planck.db")
	contents := unpack(t, strings.NewReader(stdout))
	for _, name := range []string{"check.json", "verify.json"} {
		if !strings.Contains(contents[name], "compute1") || contents[name+".error"] == "" || !strings.Contains(stderr, name) {
			t.Errorf("%s: %q, %q, and printed is\n%s", name, contents[name], contents[name+".error"], stderr)
		}
	}
	if code != 0 || contents["topology.json"] != "{}\n" || contents["ports/.._p1.why.json"] != "{}\n" {
		t.Errorf("exit code %d, files %q", code, contents)
	}
}

// TestSupportBundleOfDamage: problems of the database are a part, and no failure.
func TestSupportBundleOfDamage(t *testing.T) {
	url, n := newDatabase(t)
	db, err := sql.Open("sqlite", strings.TrimPrefix(url, "sqlite:"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	if _, err := db.Exec("UPDATE networks SET revision_number = 0"); err != nil {
		t.Fatal(err)
	}
	b := &bundle{flags: supportFlags{database: url}}
	var got bytes.Buffer
	if err := b.checkDatabase(t.Context(), &got); err != nil || !strings.Contains(got.String(), "network "+n.ID+": revision_number is 0") {
		t.Errorf("%s, %v", &got, err)
	}
}
