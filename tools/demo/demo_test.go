package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

// limit is for the whole demo, which takes some seconds.
const limit = 60 * time.Second

// build makes the programs of the demo in a directory of the test.
func build(t *testing.T) (demo string) {
	t.Helper()
	bin := t.TempDir()
	out, err := exec.Command("go", "build", "-o", bin+"/", "../../controller/planckd", "../planckctl", ".").CombinedOutput()
	if err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	return filepath.Join(bin, "demo")
}

// labDirectory is where this test's demo is; nothing may be left of it.
func labDirectory(t *testing.T) string {
	dir := filepath.Join(os.TempDir(), fmt.Sprintf("pkdemo-test%d", os.Getpid()))
	t.Cleanup(func() {
		if left := traces(t, dir); len(left) > 0 {
			t.Errorf("the demo left %v", left)
		}
	})
	return dir
}

// traces lists what there is of a demo: files, namespaces, and processes that know its directory.
func traces(t *testing.T, dir string) []string {
	t.Helper()
	var found []string
	for _, pattern := range []string{dir, "/run/netns/" + filepath.Base(dir) + "-*"} {
		list, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		found = append(found, list...)
	}
	commands, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, file := range commands {
		if text, err := os.ReadFile(file); err == nil && bytes.Contains(text, []byte(dir)) {
			found = append(found, file+": "+string(bytes.ReplaceAll(text, []byte{0}, []byte{' '})))
		}
	}
	return found
}

func TestOnce(t *testing.T) {
	demo, dir := build(t), labDirectory(t)
	cmd := exec.Command(demo, "-once", "-dir", dir)
	timer := time.AfterFunc(limit, func() { _ = cmd.Process.Signal(syscall.SIGTERM) })
	defer timer.Stop()
	raw, err := cmd.CombinedOutput()
	out := string(raw)
	if err != nil {
		t.Fatalf("demo: %v\n%s", err, out)
	}
	for _, want := range []string{
		`\$ .*planckctl.* status\n`,
		`\$ ovs-vsctl .* external_ids:hostname=compute3 external_ids:planck-encap-ip=10.0.0.13 .*-- set-manager tcp:`,
		`\n  compute1 +ready +yes +yes +10.0.0.11 `,
		`\n  compute3 +ready +yes +yes +10.0.0.13 `,
		`\$ curl -sS http://127.0.0.1:\d+/v2.0/networks -H 'X-Project-Id: blue'`,
		`"cidr":"10.1.0.0/24"`,
		`red1 and blue1 have the address (10.1.0.\d+), red2 and blue2 10.1.0.\d+; blue3 has 10.1.0.\d+, which red has not.`,
		`\n  dhclient 10.1.0.\d+/24, gateway 10.1.0.1, DNS 192.0.2.53, MTU 1450, `,
		`\n  udhcpc   10.1.0.\d+/24, gateway 10.1.0.1, DNS 192.0.2.53, MTU 1450, `,
		`\n  3 packets transmitted, 3 received, 0% packet loss`,
		`captured at red2:  \d+ frames\ncaptured at blue2: 0 frames\n`,
		`no answer, as it should be`,
		`(?s)ping -n -c 3 -i 0.2 203.0.113.200\n.*3 packets transmitted, 3 received.*ping -n -c 3 -i 0.2 203.0.113.\d+\n.*3 packets transmitted, 3 received`,
		`planckctl.* router show edge\n`,
		`\n  Status +ACTIVE\n`,
		`to the port's interface .*priority=.*actions=output:\d+\n +What was addressed to the port on this node leaves`,
		`\n  \$ nsenter --net=/run/netns/` + filepath.Base(dir) + `-red1 bash\n`,
		`is gone.\n$`,
	} {
		if !regexp.MustCompile(want).MatchString(out) {
			t.Errorf("the demo did not print %q", want)
		}
	}
	if t.Failed() {
		t.Log(out)
	}
}

// TestKilledDemoIsTakenAway: the API of a running demo can be reached from the host, and "demo down" takes a demo away that
// was killed in the middle of its work.
func TestKilledDemoIsTakenAway(t *testing.T) {
	demo, dir := build(t), labDirectory(t)
	cmd := exec.Command(demo, "-dir", dir)
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = cmd.Process.Kill() // an error says that it has ended
		_ = cmd.Wait()         // killed, as it was to be
		if out, err := exec.Command(demo, "down", "-dir", dir).CombinedOutput(); err != nil {
			t.Errorf("demo down: %v\n%s", err, out)
		}
	}()
	timer := time.AfterFunc(limit, func() { _ = cmd.Process.Signal(syscall.SIGTERM) })
	defer timer.Stop()

	var url string
	var text strings.Builder
	lines := bufio.NewScanner(io.TeeReader(stdout, &text))
	for lines.Scan() && !strings.Contains(lines.Text(), "Two tenants") {
		if m := regexp.MustCompile(`API .* at (http:[^ :]*:\d+)`).FindStringSubmatch(lines.Text()); m != nil {
			url = m[1]
		}
	}
	if url == "" {
		t.Fatalf("the demo said:\n%s", &text)
	}
	answer, err := http.Get(url + "/v2.0/networks")
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil || !bytes.HasPrefix(body, []byte(`{"networks":[`)) {
		t.Errorf("GET networks: %s, %v", body, err)
	}
	if len(traces(t, dir)) == 0 {
		t.Error("the test does not see what it looks for")
	}
}
