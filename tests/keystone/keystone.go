// Package keystone runs a private Keystone for tests and benchmarks: the Identity service of Debian's package on a
// loopback port, with an SQLite database and keys of its own in a temporary directory, gone when stopped or when the
// process that started it dies. It has two projects and a user for each role in both.
package keystone

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"
)

const startTimeout = 4 * time.Minute // of some 15 s when the machine has nothing else to do

// Server is a running Keystone.
type Server struct {
	dir      string
	port     string
	settings []string
	users    map[string]User
	projects map[string]string
	process  *os.Process
	exited   chan struct{}
}

// Start makes a Keystone and starts it, which takes some 15 s. Each setting is one of keystone.conf such as
// "token.expiration=10". Stop must be called in the end.
func Start(settings ...string) (*Server, error) {
	dir, err := os.MkdirTemp("", "planck-keystone-")
	if err != nil {
		return nil, err
	}
	s := &Server{dir: dir, users: map[string]User{}, projects: map[string]string{}}
	if err := s.initialise(); err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	if err := s.Restart(settings...); err != nil {
		return nil, errors.Join(err, s.Stop())
	}
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	if err := s.populate(ctx); err != nil {
		return nil, errors.Join(err, s.Stop())
	}
	return s, nil
}

// TB is what StartForTest needs of testing.TB.
type TB interface {
	Helper()
	Fatalf(format string, args ...any)
	Cleanup(func())
}

// StartForTest starts a Keystone and stops it with the test.
func StartForTest(t TB, settings ...string) *Server {
	t.Helper()
	s, err := Start(settings...)
	if err != nil {
		t.Fatalf("private Keystone: %v", err)
	}
	t.Cleanup(func() {
		if err := s.Stop(); err != nil {
			t.Fatalf("stopping the private Keystone: %v", err)
		}
	})
	return s
}

// URL is that of the Identity API v3, as in OS_AUTH_URL.
func (s *Server) URL() string { return "http://" + s.address() + "/v3" }

func (s *Server) address() string { return net.JoinHostPort("127.0.0.1", s.port) }

// Kill ends the server at once; what it stored stays.
func (s *Server) Kill() error {
	if err := s.process.Kill(); err != nil {
		return err
	}
	return s.waitExit()
}

// Restart starts the server after Kill, on the same port with the same data, and with these settings instead of those
// before.
func (s *Server) Restart(settings ...string) error {
	s.settings = settings
	if err := s.configure(); err != nil {
		return err
	}
	// Debian's programs need Debian's Python, whatever else is on the PATH.
	err := s.spawn(exec.Command("/usr/bin/python3", "/usr/bin/keystone-wsgi-public", "--host", "127.0.0.1", "--port", s.port,
		"--", "--config-file", s.file("keystone.conf")))
	if err != nil {
		return err
	}
	return s.waitReady()
}

// Stop ends the server and removes all of it.
func (s *Server) Stop() error {
	var err error
	if s.process != nil {
		select {
		case <-s.exited:
		default:
			err = s.Kill()
		}
	}
	return errors.Join(err, os.RemoveAll(s.dir))
}

func (s *Server) file(name string) string { return filepath.Join(s.dir, name) }

func (s *Server) database() string { return s.file("keystone.db") }

// initialise makes database and keys, and the administrator.
func (s *Server) initialise() error {
	var err error
	if s.port, err = freePort(); err != nil {
		return err
	}
	for _, keys := range []string{"fernet", "credential"} {
		if err := os.Mkdir(s.file(keys), 0o700); err != nil {
			return err
		}
	}
	if err := s.configure(); err != nil {
		return err
	}
	me, err := user.Current()
	if err != nil {
		return err
	}
	group, err := user.LookupGroupId(me.Gid)
	if err != nil {
		return err
	}
	owner := []string{"--keystone-user", me.Username, "--keystone-group", group.Name}
	results := make(chan error)
	for _, args := range [][]string{{"db_sync"}, append([]string{"fernet_setup"}, owner...), append([]string{"credential_setup"}, owner...)} {
		go func() { results <- s.manage(args...) }()
	}
	if err := errors.Join(<-results, <-results, <-results); err != nil {
		return err
	}
	// Keystone reads over one connection while it writes over another, which only this mode lets happen.
	if out, err := exec.Command("sqlite3", s.database(), "PRAGMA journal_mode=WAL").CombinedOutput(); err != nil {
		return fmt.Errorf("sqlite3: %w: %s", err, out)
	}
	s.users[Admin] = User{Name: Admin, Password: rand.Text(), Project: Admin}
	return s.manage("bootstrap", "--bootstrap-username", Admin, "--bootstrap-password", s.users[Admin].Password,
		"--bootstrap-project-name", Admin, "--bootstrap-role-name", "admin", "--bootstrap-service-name", "keystone",
		"--bootstrap-region-id", Region, "--bootstrap-public-url", s.URL())
}

// configure writes keystone.conf.
func (s *Server) configure() error {
	settings := append([]string{
		"database.connection=sqlite:///" + s.database(),
		"fernet_tokens.key_repository=" + s.file("fernet"),
		"fernet_receipts.key_repository=" + s.file("fernet"),
		"credential.key_repository=" + s.file("credential"),
		"identity.password_hash_rounds=4", // the fewest that bcrypt has: these passwords protect nothing
	}, s.settings...)
	var conf strings.Builder
	for _, setting := range settings {
		section, option, ok := strings.Cut(setting, ".")
		if !ok {
			return fmt.Errorf("the setting %q is not of the form section.option=value", setting)
		}
		fmt.Fprintf(&conf, "[%s]\n%s\n", section, option)
	}
	return os.WriteFile(s.file("keystone.conf"), []byte(conf.String()), 0o600)
}

func (s *Server) manage(args ...string) error {
	out, err := exec.Command("/usr/bin/keystone-manage", append([]string{"--config-file", s.file("keystone.conf")}, args...)...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("keystone-manage %s: %w: %s", args[0], err, out)
	}
	return nil
}

// spawn starts the server such that the kernel ends it when we die. That signal is bound to the thread that
// forked, so the thread is kept for as long as the server runs.
func (s *Server) spawn(cmd *exec.Cmd) error {
	log, err := os.OpenFile(s.file("log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	cmd.Dir, cmd.Stdout, cmd.Stderr = s.dir, log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	started, exited := make(chan error), make(chan struct{})
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			_ = cmd.Wait() // how it ended is in its log
			close(exited)
		}
	}()
	if err := <-started; err != nil {
		return err
	}
	s.process, s.exited = cmd.Process, exited
	return nil
}

func (s *Server) waitReady() error {
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	for {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, s.URL(), nil)
		if err != nil {
			return err
		}
		response, err := http.DefaultClient.Do(request)
		if err == nil {
			return response.Body.Close()
		}
		select {
		case <-s.exited:
			log, _ := os.ReadFile(s.file("log"))
			return fmt.Errorf("keystone exited: %s", log)
		case <-ctx.Done():
			return fmt.Errorf("keystone does not answer: %w", err)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func (s *Server) waitExit() error {
	select {
	case <-s.exited:
		return nil
	case <-time.After(startTimeout):
		return errors.New("keystone does not end")
	}
}

func freePort() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	_, port, err := net.SplitHostPort(l.Addr().String())
	return port, err
}
