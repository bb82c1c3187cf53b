// Package postgres runs a private PostgreSQL server for tests and benchmarks: a cluster of its own made by initdb
// in a temporary directory, listening on a unix socket there and on a loopback port, gone when stopped or when the
// process that started it dies.
package postgres

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"runtime"
	"strconv"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
)

// programs is where Debian's postgresql-15 has initdb and postgres; they are not on the PATH.
const programs = "/usr/lib/postgresql/15/bin"

const startTimeout = 30 * time.Second

// Server is a running cluster.
type Server struct {
	dir       string
	port      int
	password  string
	settings  []string
	owner     *syscall.Credential // whom the server runs as; nil: as ourselves
	process   *os.Process
	exited    chan struct{}
	databases atomic.Int64
}

// Start makes a cluster and starts it. Each setting is a line of postgresql.conf such as "fsync=off"; without any
// the server is as durable as PostgreSQL is by default. Stop must be called in the end.
func Start(settings ...string) (*Server, error) {
	dir, err := os.MkdirTemp("", "planck-postgres-")
	if err != nil {
		return nil, err
	}
	s := &Server{dir: dir, password: rand.Text(), settings: settings}
	if err := s.initialise(); err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	if err := s.Restart(); err != nil {
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

// StartForTest starts a server without fsync, which survives everything but a crash of the machine, and stops it
// with the test.
func StartForTest(t TB) *Server {
	t.Helper()
	s, err := Start("fsync=off")
	if err != nil {
		t.Fatalf("private PostgreSQL: %v", err)
	}
	t.Cleanup(func() {
		if err := s.Stop(); err != nil {
			t.Fatalf("stopping the private PostgreSQL: %v", err)
		}
	})
	return s
}

// NewDatabase makes an empty database and gives its URL.
func (s *Server) NewDatabase(ctx context.Context) (string, error) {
	conn, err := pgx.Connect(ctx, s.url("postgres"))
	if err != nil {
		return "", err
	}
	defer conn.Close(ctx)
	name := fmt.Sprintf("planck%d", s.databases.Add(1))
	if _, err := conn.Exec(ctx, "CREATE DATABASE "+name); err != nil {
		return "", err
	}
	return s.url(name), nil
}

// OverSocket turns a database's URL into one that works in any network namespace: over the server's unix socket.
func (s *Server) OverSocket(tcp string) (string, error) {
	u, err := url.Parse(tcp)
	if err != nil {
		return "", err
	}
	u.Host = ""
	u.RawQuery = url.Values{"host": {s.dir}, "port": {strconv.Itoa(s.port)}, "sslmode": {"disable"}}.Encode()
	return u.String(), nil
}

func (s *Server) url(database string) string {
	u := url.URL{
		Scheme: "postgres", User: url.UserPassword("postgres", s.password),
		Host: net.JoinHostPort("127.0.0.1", strconv.Itoa(s.port)), Path: database, RawQuery: "sslmode=disable",
	}
	return u.String()
}

// Kill ends the server as a crash of its processes would: no transaction is finished, nothing is flushed.
func (s *Server) Kill() error {
	if err := s.process.Signal(syscall.SIGQUIT); err != nil {
		return err
	}
	return s.waitExit()
}

// Restart starts the server after Kill, on the same port with the same data.
func (s *Server) Restart() error {
	args := []string{"-D", s.dataDir(), "-k", s.dir, "-p", strconv.Itoa(s.port), "-c", "listen_addresses=127.0.0.1"}
	for _, setting := range s.settings {
		args = append(args, "-c", setting)
	}
	if err := s.spawn(s.command("postgres", args...)); err != nil {
		return err
	}
	return s.waitReady()
}

// Stop ends the server and removes the cluster.
func (s *Server) Stop() error {
	var err error
	if s.process != nil {
		select {
		case <-s.exited:
		default:
			err = errors.Join(s.process.Signal(syscall.SIGINT), s.waitExit())
		}
	}
	return errors.Join(err, os.RemoveAll(s.dir))
}

func (s *Server) dataDir() string { return filepath.Join(s.dir, "data") }

func (s *Server) initialise() error {
	if err := s.chooseOwner(); err != nil {
		return err
	}
	passwordFile := filepath.Join(s.dir, "password")
	if err := os.WriteFile(passwordFile, []byte(s.password), 0o600); err != nil {
		return err
	}
	if s.owner != nil {
		for _, path := range []string{s.dir, passwordFile} {
			if err := os.Chown(path, int(s.owner.Uid), int(s.owner.Gid)); err != nil {
				return err
			}
		}
	}
	initdb := s.command("initdb", "-D", s.dataDir(), "-U", "postgres", "--pwfile", passwordFile, "--no-sync",
		"--auth-local=trust", "--auth-host=scram-sha-256", "--encoding=UTF8", "--locale=C.UTF-8")
	if out, err := initdb.CombinedOutput(); err != nil {
		return fmt.Errorf("initdb: %w: %s", err, out)
	}
	var err error
	s.port, err = freePort()
	return err
}

// chooseOwner picks the system user postgres when we are root, as whom PostgreSQL refuses to run.
func (s *Server) chooseOwner() error {
	if os.Geteuid() != 0 {
		return nil
	}
	u, err := user.Lookup("postgres")
	if err != nil {
		return err
	}
	uid, err := strconv.ParseUint(u.Uid, 10, 32)
	if err != nil {
		return err
	}
	gid, err := strconv.ParseUint(u.Gid, 10, 32)
	if err != nil {
		return err
	}
	s.owner = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
	return nil
}

func (s *Server) command(name string, args ...string) *exec.Cmd {
	cmd := exec.Command(filepath.Join(programs, name), args...)
	cmd.Dir = s.dir
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: s.owner, Setpgid: true}
	return cmd
}

// spawn starts the server such that the kernel ends it when we die. That signal is bound to the thread that
// forked, so the thread is kept for as long as the server runs.
func (s *Server) spawn(cmd *exec.Cmd) error {
	log, err := os.OpenFile(s.logFile(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr.Pdeathsig = syscall.SIGQUIT
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

func (s *Server) logFile() string { return filepath.Join(s.dir, "log") }

func (s *Server) waitReady() error {
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	for {
		conn, err := pgx.Connect(ctx, s.url("postgres"))
		if err == nil {
			return conn.Close(ctx)
		}
		select {
		case <-s.exited:
			log, _ := os.ReadFile(s.logFile())
			return fmt.Errorf("postgres exited: %s", log)
		case <-ctx.Done():
			return fmt.Errorf("postgres does not answer: %w", err)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func (s *Server) waitExit() error {
	select {
	case <-s.exited:
		return nil
	case <-time.After(startTimeout):
		return errors.Join(errors.New("postgres does not stop"), s.process.Kill())
	}
}

func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}
