package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

var update = flag.Bool("update", false, "write testdata/*.golden anew")

// TestOutput holds what each verb prints, and its exit code, against testdata.
func TestOutput(t *testing.T) {
	files := map[string][]string{
		"status": {"well: status", "status", "well: status -o json", "status -o json"},
		"node": {"node list", "node list -o json", "node show compute1", "node show 77aa", "node show compute9",
			"node reconcile compute1", "node reconcile compute1 --force", "node reconcile compute9", "node forget compute1",
			"node delete compute1", "node delete compute1 -o json", "node delete a/b", "node show"},
		"port": {"port show " + web1, "port show web1", "port show web1 -o json", "port show twins", "port show nobody",
			"port show 6f1c2d3e-0000-4000-8000-00000000ffff"},
		"router": {"router list", "router list -o json", "router show " + edge, "router show edge", "router show edge -o json", "router show lost", "router show nobody",
			"router show 9e1d2d3e-0000-4000-8000-00000000ffff", "router move edge compute1", "router move edge compute1 -o json", "router move edge compute9", "router move lost compute1", "router move edge"},
		"flow": {"flow list", "flow list --explain", "flow list --node compute1 --port web1", "flow list --port nobody",
			"flow list -o json"},
		"wait":  {"well: wait", "wait --timeout 1ms", "wait --timeout 1ms -o json", "wait --timeout 1h"},
		"usage": {"node list -o yaml", "nod list", "node lst", "status now", "status --api localhost:9696", "status --tls-ca /nonexistent"},
	}
	well, ill := serve(t, &fake{well: true}), serve(t, &fake{})
	for name, lines := range files {
		t.Run(name, func(t *testing.T) {
			var b strings.Builder
			for _, line := range lines {
				rest, isWell := strings.CutPrefix(line, "well: ")
				url := ill
				if isWell {
					url = well
				}
				stdout, stderr, code := ctl(t, append([]string{"--api", url}, strings.Fields(rest)...)...)
				fmt.Fprintf(&b, "$ planckctl %s\n%s%s", rest, stdout, strings.ReplaceAll(stderr, url, "http://controller"))
				fmt.Fprintf(&b, "exit code %d\n\n", code)
				if strings.HasSuffix(rest, "json") && stdout != "" && !json.Valid([]byte(stdout)) {
					t.Errorf("%s: not JSON: %s", rest, stdout)
				}
			}
			golden(t, name+".golden", b.String())
		})
	}
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("differs from %s (go test -update writes it anew):\n%s", path, got)
	}
}

// TestUnreachable shows what an operator reads when nobody listens, when somebody else does, and when nobody answers.
func TestUnreachable(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	silent := listener.Addr().String()
	defer func() { _ = listener.Close() }()
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	nobody := closed.Addr().String()
	_ = closed.Close()

	c, err := connectionFlags{api: "http://" + silent}.client()
	if err != nil {
		t.Fatal(err)
	}
	_, err = c.do(t.Context(), request{path: "/", patience: 1})
	if want := "cannot reach the controller at http://" + silent + ": no answer in 1ns"; err == nil || err.Error() != want {
		t.Errorf("silence: %v", err)
	}

	for _, f := range []struct{ api, want string }{
		{"http://" + nobody, "planckctl: cannot reach the controller at http://" + nobody + ": dial tcp " + nobody + ": connect: connection refused\n"},
		{serve(t, &fake{}) + "/proxy", "HTTP status 502 Bad Gateway\n"},
	} {
		t.Setenv("OS_NETWORK_ENDPOINT", f.api)
		stdout, stderr, code := ctl(t, "status")
		if !strings.HasSuffix(stderr, f.want) || stdout != "" || code != exitFailed {
			t.Errorf("%s: %q, %q, exit code %d", f.api, stdout, stderr, code)
		}
	}
}

// TestEveryVerbHasExamples visits all commands of planckctl's own.
func TestEveryVerbHasExamples(t *testing.T) {
	var visit func(*cobra.Command)
	visit = func(c *cobra.Command) {
		if c.Short == "" || !strings.Contains(c.Example, c.CommandPath()) {
			t.Errorf("%s: it lacks a sentence or an example of its use", c.CommandPath())
		}
		for _, sub := range c.Commands() {
			visit(sub)
		}
	}
	visit(newRoot(&strings.Builder{}))
}

// TestCompletion asks as a shell does.
func TestCompletion(t *testing.T) {
	api := serve(t, &fake{})
	for _, line := range []string{"node show ", "flow list --node ", "router move edge "} {
		args := append([]string{"__complete", "--api", api}, strings.Fields(line)...)
		stdout, _, code := ctl(t, append(args, "")...)
		if !strings.HasPrefix(stdout, "compute1\ncompute2\n") || code != 0 {
			t.Errorf("%s: %q, exit code %d", line, stdout, code)
		}
	}
	if script, _, code := ctl(t, "completion", "bash"); code != 0 || !strings.Contains(script, "planckctl") {
		t.Errorf("completion bash: exit code %d", code)
	}
}
