package clients

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// Without Keystone the commands need to be told where the API is, and nothing else. Here they are the programs themselves.
func TestCommandsWithoutKeystone(t *testing.T) {
	t.Parallel()
	clouds := filepath.Join(t.TempDir(), "clouds.yaml")
	if err := os.WriteFile(clouds, []byte("clouds: {planck: {auth_type: none, auth: {endpoint: '"+cloud.open+"'}}}"), 0o600); err != nil {
		t.Fatal(err)
	}
	run := func(name string, args ...string) string {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), name, args...)
		cmd.Env = append(basicEnv(), "OS_CLIENT_CONFIG_FILE="+clouds)
		var stderr strings.Builder
		cmd.Stderr = &stderr
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("%s: %v\n%s%s", cmd, err, out, &stderr)
		}
		return string(out)
	}
	expect(t, "what is created", run("openstack", "--os-auth-type", "none", "--os-endpoint", cloud.open, "network", "create", "no-private",
		"--extra-property", "name=project_id,value=red", "-f", "value", "-c", "name"), "no-private\n")
	expect(t, "what is listed", run("neutron", "--os-cloud", "planck", "net-list", "--name", "no-private", "-f", "value", "-c", "name"), "no-private\n")
	run("neutron", "--os-cloud", "planck", "net-delete", "no-private")
}
