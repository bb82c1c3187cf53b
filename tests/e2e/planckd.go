package e2e

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/planck-sdn/planck/tests/lab"
)

// Planckd is one replica of the controller, in the lab's controller namespace. It can be ended and started again on
// the same database.
type Planckd struct {
	cloud   *Cloud
	name    string
	binary  string
	flags   []string
	api     string // host:port inside the namespace
	metrics string // the same
	http    *http.Client
	process *lab.Process
}

// build makes planckd once for all tests of the program.
var build = sync.OnceValues(func() (string, error) { return compile("planckd") })

// buildUpgrade makes the planckd that apps/upgrade.go describes: the next version, with one more table.
var buildUpgrade = sync.OnceValues(func() (string, error) { return compile("planckd-upgrade", "-tags", "planck_upgrade") })

func compile(name string, options ...string) (string, error) {
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}").Output()
	if err != nil {
		return "", fmt.Errorf("go list -m: %w", err)
	}
	root := strings.TrimSpace(string(out))
	binary := filepath.Join(root, "bin", name)
	args := append([]string{"build", "-o", binary}, options...)
	cmd := exec.Command("go", append(args, "./controller/planckd")...)
	cmd.Dir = root
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build %s: %w\n%s", name, err, out)
	}
	return binary, nil
}

// newPlanckd prepares the replica that listens on the ports of DESIGN.md.
func (c *Cloud) newPlanckd(name, binary string, flags []string) *Planckd {
	c.t.Helper()
	return c.replica(name, binary, 9696, lab.OpenFlowPort, lab.OVSDBPort, 9697, flags)
}

// AddReplica starts another planckd on the same database. Its ports are those of the first plus 10,000: the nodes are
// not attached to it. It needs PostgreSQL.
func (c *Cloud) AddReplica(name string, flags ...string) *Planckd {
	c.t.Helper()
	const offset = 10000
	p := c.replica(name, c.Planckd.binary, 9696+offset, lab.OpenFlowPort+offset, lab.OVSDBPort+offset, 9697+offset, flags)
	p.Start()
	return p
}

func (c *Cloud) replica(name, binary string, api, openFlow, ovsdb, metrics int, flags []string) *Planckd {
	c.t.Helper()
	if binary == "" {
		var err error
		if binary, err = build(); err != nil {
			c.t.Fatal(err)
		}
	}
	ip := c.Lab.ControllerIP().String()
	p := &Planckd{cloud: c, name: name, binary: binary, api: fmt.Sprintf("127.0.0.1:%d", api), metrics: fmt.Sprintf("127.0.0.1:%d", metrics)}
	p.flags = append([]string{
		"--replica", name,
		"--database", c.DatabaseURL,
		"--listen-api", p.api,
		"--listen-openflow", net.JoinHostPort(ip, fmt.Sprint(openFlow)),
		"--listen-ovsdb", net.JoinHostPort(ip, fmt.Sprint(ovsdb)),
		"--metrics", p.metrics,
		"--insecure-southbound",
	}, flags...)
	transport := &http.Transport{DialContext: c.Lab.DialController}
	p.http = &http.Client{Transport: transport}
	if c.authority != nil {
		i := c.authority.issue(name)
		p.flags = append(p.flags, "--tls-cert", i.certificate, "--tls-key", i.key, "--tls-ca", c.authority.certificate)
		transport.TLSClientConfig = c.authority.client(i)
	}
	return p
}

func (p *Planckd) url(path string) string {
	scheme := "http"
	if p.cloud.authority != nil {
		scheme = "https"
	}
	return scheme + "://" + p.api + path
}

// Start starts planckd and waits until its API answers.
func (p *Planckd) Start() {
	t := p.cloud.t
	t.Helper()
	env := []string{"PLANCK_CONFIG=/dev/null"} // not what this machine may have in /etc
	process, err := p.cloud.Lab.StartInController(p.name, env, append([]string{p.binary}, p.flags...)...)
	if err != nil {
		t.Fatal(err)
	}
	p.process = process
	p.cloud.t.Cleanup(func() {
		const collision = "two objects want different entries at one place"
		for line := range strings.Lines(process.Output()) {
			if strings.Contains(line, collision) {
				t.Errorf("%s: %s", p.name, line)
			}
		}
	})
	lab.Eventually(t, limit, p.name+" answers", func() error {
		if !process.Running() {
			t.Fatalf("%s ended:\n%s", p.name, process.Tail(20))
		}
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		q, err := http.NewRequestWithContext(ctx, http.MethodGet, p.url("/"), nil)
		if err != nil {
			return err
		}
		answer, err := p.http.Do(q)
		if err == nil {
			answer.Body.Close()
		}
		return err
	})
}

// Kill ends planckd with SIGKILL.
func (p *Planckd) Kill() {
	p.process.Kill()
	p.http.CloseIdleConnections()
}

// Stop ends planckd as an operator does, with SIGTERM.
func (p *Planckd) Stop() {
	p.cloud.t.Helper()
	if err := p.process.Stop(15 * time.Second); err != nil {
		p.cloud.t.Error(err)
	}
	p.http.CloseIdleConnections()
}

// Pause stops planckd (SIGSTOP) without ending it, as a machine that hangs; Resume lets it go on.
func (p *Planckd) Pause() { p.signal(syscall.SIGSTOP) }

// Resume ends Pause.
func (p *Planckd) Resume() { p.signal(syscall.SIGCONT) }

func (p *Planckd) signal(s syscall.Signal) {
	p.cloud.t.Helper()
	if err := p.process.Signal(s); err != nil {
		p.cloud.t.Fatal(err)
	}
}

// Process is the running planckd, for its log and pid.
func (p *Planckd) Process() *lab.Process { return p.process }

// Address is host:port of the API inside the controller's namespace.
func (p *Planckd) Address() string { return p.api }
