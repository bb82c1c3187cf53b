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
			"node reconcile compute1", "node reconcile compute1 --dry-run", "well: node reconcile compute1 --dry-run",
			"node reconcile compute1 --dry-run -o json", "node reconcile compute9 --dry-run", "node reconcile compute1 --dry-run --force", "node reconcile compute1 --force", "node reconcile compute9", "node forget compute1",
			"node delete compute1", "node delete compute1 -o json", "node delete a/b", "node show"},
		"port": {"port show " + web1, "port show web1", "port show web1 -o json", "port show twins", "port show nobody",
			"port show 6f1c2d3e-0000-4000-8000-00000000ffff"},
		"router": {"router list", "router list -o json", "router show " + edge, "router show edge", "router show edge -o json", "router show lost", "router show nobody",
			"router show 9e1d2d3e-0000-4000-8000-00000000ffff", "router move edge compute1", "router move edge compute1 -o json", "router move edge compute9", "router move lost compute1", "router move edge"},
		"switch": {"switch list", "switch list -o json", "switch show leaf1", "switch show leaf1 -o json", "switch show leaf2", "switch show 00000000000000aa", "switch show nobody",
			"switch ports leaf1", "switch ports leaf1 -o json", "switch ports leaf2", "switch links leaf1", "switch links leaf1 -o json", "switch trees", "switch trees -o json",
			"switch drivers", "switch drivers -o json", "switch declare 9 --name leaf9 --physical-network dc --driver generic --uplink eth49=compute1 --uplink 50",
			"switch declare 9 --name leaf9 --physical-network dc -o json", "switch declare 9 --name compute1 --physical-network dc", "switch declare 9 --name leaf9",
			"switch declare 9 --name leaf9 --physical-network dc --uplink eth49=", "switch delete leaf1", "switch delete nobody", "switch ports"},
		"flow": {"flow list", "flow list --counters", "flow list --watch --count 3 --interval 100ms", "flow list --router edge --project acme --app l2 --table deliver --network lost",
			"flow list --watch --interval 1ms", "flow list --tenant acme --project acme", "flow list --watch --count 1 -o json", "flow list --explain", "flow list --node compute1 --port web1", "flow list --port nobody",
			"flow list -o json"},
		"why": {"why web1", "well: why web1", "why web1 -o json", "why nobody", "why 6f1c2d3e-0000-4000-8000-00000000ffff"},
		"explain": {"flow explain 0x66207a4000000001", "flow explain --node compute1 table=76,priority=30 actions=drop", "flow explain web1", "flow explain 0x77", "flow explain 0x66207a4000000001 -o json",
			"flow explain", "flow explain 0x77 --node compute9"},
		"topology": {"topology", "topology --tenant acme", "topology --project acme -o json", "topology --dot", "topology --project nobody", "topology --dot -o json"},
		"check":    {"check", "well: check", "check --repair", "check --node compute1 --repair", "check --node compute9", "well: check -o json", "check -o json"},
		"verify":   {"verify", "well: verify", "verify --node compute1", "verify --node compute9", "well: verify --json", "verify -o json", "verify compute1"},
		"freeze": {"freeze", "freeze --node compute1", "freeze --node compute9", "thaw", "thaw --node compute1", "thaw --node compute1 -o json",
			"freeze compute1"},
		"trace": {"trace --from web1 --to 10.1.0.7", "trace --from web1 --to " + web1 + " --icmp -o json", "trace --from web1 --to web1 --tcp 22", "trace --from web1 --dhcp",
			"trace --from web1 --to web1 --live", "trace --from web1 --to web1 --live --ttl 1", "trace --from web1", "trace --to web1", "trace --from web1 --to web1 --tcp 22 --udp 53",
			"trace --from web1 --to web1 --ttl 256", "trace --from web1 --to web1 --source fe80::1%", "trace --from 7777 --to web1", "trace --from " + edge + " --to web1"},
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
