package lab

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// Process is a long-running program of a lab. It ends with the lab at the latest.
type Process struct {
	Name string // what it is in this lab, such as "compute1.ovs-vswitchd"
	Log  string // the file that has its standard output and standard error

	cmd  *exec.Cmd
	done chan struct{}
	err  error
}

// start runs a program in a namespace until it ends or is ended. env is added to our own environment.
func (l *Lab) start(ns namespace, env []string, dir, name string, args ...string) (*Process, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return nil, errClosed
	}
	l.serial++
	p := &Process{
		Name: name,
		Log:  filepath.Join(l.Dir, "log", fmt.Sprintf("%s.%d.log", name, l.serial)),
		cmd:  exec.Command(args[0], args[1:]...),
		done: make(chan struct{}),
	}
	log, err := os.Create(p.Log)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	p.cmd.Env = append(os.Environ(), env...)
	p.cmd.Dir = dir
	p.cmd.Stdout, p.cmd.Stderr = log, log
	// A process group of its own: Ctrl-C is for us, and we end what we started in order.
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := ns.do(p.cmd.Start); err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	l.processes[p] = struct{}{}
	if err := l.save(); err != nil {
		return nil, err // Close ends the process
	}
	go func() {
		p.err = p.cmd.Wait()
		close(p.done)
		l.mu.Lock()
		defer l.mu.Unlock()
		delete(l.processes, p)
		if !l.closed {
			l.save() // a line too many is harmless: the start time tells pids apart
		}
	}()
	return p, nil
}

// PID is the process's number.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Done is closed when the process has ended.
func (p *Process) Done() <-chan struct{} { return p.done }

// Running says whether the process has not ended yet.
func (p *Process) Running() bool {
	select {
	case <-p.done:
		return false
	default:
		return true
	}
}

// Signal sends a signal; a process that has ended gets none.
func (p *Process) Signal(s os.Signal) error {
	if !p.Running() {
		return fmt.Errorf("%s has ended: %v", p.Name, p.err)
	}
	return p.cmd.Process.Signal(s)
}

// Kill ends the process with SIGKILL and waits for its end.
func (p *Process) Kill() {
	p.cmd.Process.Kill() // an error says that it has ended already
	<-p.done
}

// Stop asks the process to end with SIGTERM, and after limit ends it with SIGKILL, which is an error.
func (p *Process) Stop(limit time.Duration) error {
	p.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.done:
		return nil
	case <-time.After(limit):
		p.Kill()
		return fmt.Errorf("%s did not end within %v of SIGTERM", p.Name, limit)
	}
}

// Output is what the process has printed so far.
func (p *Process) Output() string {
	text, err := os.ReadFile(p.Log)
	if err != nil {
		return err.Error()
	}
	return string(text)
}

// Tail is the last n lines of Output.
func (p *Process) Tail(n int) string { return tail(p.Output(), n) }

func tail(text string, n int) string {
	lines := strings.Split(strings.TrimRight(text, "\n"), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}
