package main

import (
	"strings"
	"testing"
)

// TestCompletion asks as a shell does.
func TestCompletion(t *testing.T) {
	api := serve(t, &fake{})
	const nodes, ports, routers = "compute1\ncompute2\n", "web1\ntwins\nb\n", "edge\nr3\n"
	for line, want := range map[string]string{
		"node show": nodes, "node delete": nodes, "node reconcile": nodes, "node forget": nodes, "router move edge": nodes,
		"flow list --node": nodes, "flow explain 0x1 --node": nodes, "check --node": nodes, "verify --node": nodes, "freeze --node": nodes, "thaw --node": nodes,
		"port show": ports, "why": ports, "flow list --port": ports, "trace --from": ports, "trace --from web1 --to": ports,
		"router show": routers, "router move": routers, "flow list --router": routers, "flow list --network": "red\n",
		"switch show": "leaf1\nleaf2\n", "switch ports": "leaf1\nleaf2\n", "switch links": "leaf1\nleaf2\n", "switch delete": "leaf1\nleaf2\n",
		"switch declare --name x --physical-network dc": "00000000000000aa\n", "switch declare 9 --driver": "openvswitch\ngeneric\n", "switch declare 9 --name": "",
		"node show compute1": "", "topology --project": "", "flow explain": "",
	} {
		args := append([]string{"__complete", "--api", api}, strings.Fields(line)...)
		stdout, _, code := ctl(t, append(args, "")...)
		if got, _, _ := strings.Cut(stdout, ":"); got != want || code != 0 {
			t.Errorf("%s: %q, exit code %d", line, stdout, code)
		}
	}
	for _, shell := range []string{"bash", "zsh", "fish"} {
		if script, _, code := ctl(t, "completion", shell); code != 0 || !strings.Contains(script, "planckctl") {
			t.Errorf("completion %s: exit code %d", shell, code)
		}
	}
}
