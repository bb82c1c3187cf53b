package clients

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/planck-sdn/planck/model"
	"github.com/planck-sdn/planck/model/store"
	"github.com/planck-sdn/planck/tests/keystone"
	"github.com/planck-sdn/planck/tests/postgres"
)

const startTimeout = 3 * time.Minute // of seconds when the machine has nothing else to do

// cloud is what all tests speak to: planckd as one runs it in earnest, with PostgreSQL and Keystone.
var cloud struct {
	dir      string // of the whole test, goes with it
	planckd  string // the program
	keystone *keystone.Server
	postgres *postgres.Server
	url      string // of the API
	open     string // of the API of another, --auth none
	commands *commands
}

// nodes are the hosts that ports can be bound to, and the system-id of each.
var nodes = map[string]string{"compute1": "5d9f1b5e-6a1c-4b7e-9c3e-0d2f4a6b8c10", "compute2": "5d9f1b5e-6a1c-4b7e-9c3e-0d2f4a6b8c11"}

func TestMain(m *testing.M) {
	// The kernel ends a child with the thread that started it; the first thread lasts as long as we do.
	runtime.LockOSThread()
	code, err := func() (code int, err error) {
		code = 1
		stop, err := startCloud()
		defer func() { err = errors.Join(err, stop()) }()
		if err == nil {
			code = m.Run()
		}
		return code, err
	}()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

// startCloud gives what stops all that was started, also when not all was.
func startCloud() (stop func() error, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	var stops []func() error
	stop = func() error {
		var err error
		for i := len(stops) - 1; i >= 0; i-- {
			err = errors.Join(err, stops[i]())
		}
		return err
	}
	if cloud.dir, err = os.MkdirTemp("", "planck-clients-"); err != nil {
		return stop, err
	}
	stops = append(stops, func() error { return os.RemoveAll(cloud.dir) })
	cloud.planckd = filepath.Join(cloud.dir, "planckd")

	var g errgroup.Group
	g.Go(func() (err error) {
		cloud.keystone, err = keystone.Start()
		return err
	})
	g.Go(func() (err error) {
		cloud.postgres, err = postgres.Start("fsync=off")
		return err
	})
	g.Go(func() error {
		out, err := exec.CommandContext(ctx, "go", "build", "-o", cloud.planckd, "../../controller/planckd").CombinedOutput()
		if err != nil {
			return fmt.Errorf("go build planckd: %w\n%s", err, out)
		}
		return nil
	})
	err = g.Wait()
	if cloud.keystone != nil {
		stops = append(stops, cloud.keystone.Stop)
	}
	if cloud.postgres != nil {
		stops = append(stops, cloud.postgres.Stop)
	}
	if err != nil {
		return stop, err
	}
	cloud.commands = newCommands(2)
	stops = append(stops, cloud.commands.stop)

	for _, d := range []struct {
		url  *string
		auth string
		env  []string
	}{{&cloud.url, "keystone", cloud.keystone.Env(keystone.Planck)}, {&cloud.open, "none", nil}} {
		database, err := cloud.postgres.NewDatabase(ctx)
		if err != nil {
			return stop, err
		}
		url, stopPlanckd, err := startPlanckd(d.env, "--auth", d.auth, "--database", database)
		if err != nil {
			return stop, err
		}
		*d.url, stops = url, append(stops, stopPlanckd)
		if err := reportNodes(ctx, database); err != nil {
			return stop, err
		}
	}
	compute := httptest.NewServer(http.HandlerFunc(noQuotas))
	stops = append(stops, func() error { compute.Close(); return nil })
	return stop, errors.Join(cloud.keystone.Offer(ctx, "network", cloud.url), cloud.keystone.Offer(ctx, "compute", compute.URL+"/v2.1"))
}

// noQuotas is as much of Nova as "openstack quota" needs to show those of the network.
func noQuotas(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	if strings.Contains(r.URL.Path, "/os-quota-sets/") {
		fmt.Fprint(w, `{"quota_set": {}}`)
		return
	}
	fmt.Fprintf(w, `{"version": {"id": "v2.1", "status": "CURRENT", "version": "2.1", "min_version": "2.1", "links": [{"rel": "self", "href": "http://%s/v2.1/"}]}}`, r.Host)
}

// reportNodes writes what the Open vSwitch of each node would have told.
func reportNodes(ctx context.Context, database string) error {
	st, err := store.Open(ctx, database, store.Options{Source: model.SystemSource()})
	if err != nil {
		return err
	}
	for host, id := range nodes {
		_, _, report := st.ReportNode(ctx, model.Node{SystemID: id, Hostname: host, DatapathType: "system"})
		err = errors.Join(err, report)
	}
	return errors.Join(err, st.Close())
}

// startPlanckd starts planckd on ports of its choosing, and gives the URL of its API and what ends it.
func startPlanckd(env []string, flags ...string) (url string, stop func() error, err error) {
	var log bytes.Buffer
	flags = append(flags, "--listen-api", "127.0.0.1:0", "--listen-openflow", "127.0.0.1:0", "--listen-ovsdb", "127.0.0.1:0", "--metrics", "")
	cmd := exec.Command(cloud.planckd, flags...)
	cmd.Env = append(env, "PLANCK_CONFIG=/dev/null") // not what this machine may have in /etc
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	stderr, err := cmd.StderrPipe()
	if err != nil {
		return "", nil, err
	}
	if err := cmd.Start(); err != nil {
		return "", nil, err
	}
	address, drained := make(chan string, 1), make(chan struct{})
	go func() {
		defer close(drained)
		for lines := bufio.NewScanner(stderr); lines.Scan(); {
			fmt.Fprintln(&log, lines.Text())
			var line struct{ Msg, API string }
			if json.Unmarshal(lines.Bytes(), &line) == nil && line.Msg == "planckd runs" {
				address <- line.API
			}
		}
	}()
	stop = func() error {
		err := cmd.Process.Signal(syscall.SIGTERM)
		<-drained
		if err := errors.Join(err, cmd.Wait()); err != nil {
			return fmt.Errorf("planckd: %w\n%s", err, &log)
		}
		if strings.Contains(log.String(), `"level":"error"`) {
			return fmt.Errorf("planckd logged errors:\n%s", &log)
		}
		return nil
	}
	select {
	case a := <-address:
		return "http://" + a, stop, nil
	case <-drained:
		return "", nil, fmt.Errorf("planckd ended: %w\n%s", cmd.Wait(), &log)
	case <-time.After(startTimeout):
		return "", nil, errors.Join(errors.New("planckd does not start"), cmd.Process.Kill())
	}
}
