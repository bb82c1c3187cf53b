package lab

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// stateFile says, inside a lab's directory, what the lab has made. It is written before or right after each thing,
// so that a lab can be taken away after its owner was killed at any moment.
const stateFile = "lab.json"

type state struct {
	Boot       string     // the machine's boot id: after a reboot nothing of this is true any more
	Owner      identity   // the program that made the lab
	Namespaces []string   // written before they are made
	Processes  []identity // written right after they are started
}

// identity tells a process from a later one with the same number.
type identity struct {
	PID   int
	Start uint64 // clock ticks after boot (proc(5), /proc/pid/stat, field 22)
}

func identify(pid int) (identity, error) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return identity{}, err
	}
	// The second field is the program's name in parentheses and may hold anything, so count from its end.
	_, rest, _ := strings.Cut(string(stat[strings.LastIndexByte(string(stat), ')')+1:]), " ")
	fields := strings.Fields(rest)
	if len(fields) < 20 || fields[0] == "Z" {
		return identity{}, fmt.Errorf("process %d has ended", pid)
	}
	start, err := strconv.ParseUint(fields[19], 10, 64)
	return identity{pid, start}, err
}

func (id identity) running() bool {
	now, err := identify(id.PID)
	return err == nil && now == id
}

func bootID() string {
	id, _ := os.ReadFile("/proc/sys/kernel/random/boot_id") // absent on no Linux that has namespaces
	return strings.TrimSpace(string(id))
}

// save writes the state file; the caller holds l.mu.
func (l *Lab) save() error {
	owner, err := identify(os.Getpid())
	if err != nil {
		return err
	}
	s := state{Boot: bootID(), Owner: owner}
	for _, ns := range l.namespaces {
		s.Namespaces = append(s.Namespaces, string(ns))
	}
	for p := range l.processes {
		if id, err := identify(p.PID()); err == nil {
			s.Processes = append(s.Processes, id)
		}
	}
	text, err := json.MarshalIndent(s, "", "\t")
	if err != nil {
		return err
	}
	file := filepath.Join(l.Dir, stateFile)
	if err := os.WriteFile(file+".new", text, 0o600); err != nil {
		return err
	}
	return os.Rename(file+".new", file)
}

// Cleanup takes away the lab in dir, whoever made it. An owner that still runs is asked to end (SIGTERM, on which it
// closes its labs) and given ten seconds. A directory that is no lab is left alone, with an error; one that does not
// exist is a lab that is gone.
func Cleanup(dir string) error {
	text, err := os.ReadFile(filepath.Join(dir, stateFile))
	if errors.Is(err, os.ErrNotExist) {
		if _, err := os.Stat(dir); errors.Is(err, os.ErrNotExist) {
			return nil
		}
		return fmt.Errorf("%s is not the directory of a lab: it has no %s", dir, stateFile)
	}
	if err != nil {
		return err
	}
	if !ours(dir) {
		return fmt.Errorf("%s belongs to another user, and might name any process as its own", dir)
	}
	var s state
	if err := json.Unmarshal(text, &s); err != nil {
		return fmt.Errorf("%s: %w", filepath.Join(dir, stateFile), err)
	}
	if s.Boot != bootID() {
		return os.RemoveAll(dir)
	}
	if s.Owner.PID != os.Getpid() && s.Owner.running() {
		syscall.Kill(s.Owner.PID, syscall.SIGTERM)
		for limit := time.Now().Add(10 * time.Second); s.Owner.running() && time.Now().Before(limit); {
			time.Sleep(10 * time.Millisecond)
		}
		if s.Owner.running() {
			return fmt.Errorf("process %d, which owns the lab in %s, did not end within 10 s of SIGTERM", s.Owner.PID, dir)
		}
		if _, err := os.Stat(dir); errors.Is(err, os.ErrNotExist) {
			return nil
		}
	}
	return s.remove(dir)
}

// remove ends the processes, deletes the namespaces (and with them their links) and the directory.
func (s *state) remove(dir string) error {
	var errs []error
	for _, id := range s.Processes {
		if id.running() {
			syscall.Kill(id.PID, syscall.SIGKILL)
		}
	}
	for _, name := range s.Namespaces {
		ns := namespace(name)
		if _, err := os.Stat(ns.path()); err != nil {
			continue
		}
		if err := ns.empty(); err != nil {
			errs = append(errs, err)
		}
		if err := namespace("").ip("netns del " + name); err != nil {
			errs = append(errs, err)
		}
	}
	if len(errs) > 0 {
		return errors.Join(errs...) // and keep the state file, for another try
	}
	return os.RemoveAll(dir)
}

// empty ends what still runs inside: children of what we started, such as a daemon that a VM's command left behind.
func (ns namespace) empty() error {
	for limit := time.Now().Add(5 * time.Second); ; time.Sleep(time.Millisecond) {
		pids := ns.members()
		if len(pids) == 0 {
			return nil
		}
		if time.Now().After(limit) {
			return fmt.Errorf("namespace %s: processes %v still run 5 s after SIGKILL", ns, pids)
		}
		for _, pid := range pids {
			syscall.Kill(pid, syscall.SIGKILL)
		}
	}
}

// members lists the processes inside the namespace, never ourselves.
func (ns namespace) members() []int {
	want, err := os.Stat(ns.path())
	if err != nil {
		return nil
	}
	links, _ := filepath.Glob("/proc/[0-9]*/ns/net")
	var pids []int
	for _, link := range links {
		have, err := os.Stat(link)
		if err != nil || !os.SameFile(want, have) {
			continue
		}
		if pid, err := strconv.Atoi(strings.Split(link, "/")[2]); err == nil && pid != os.Getpid() {
			pids = append(pids, pid)
		}
	}
	slices.Sort(pids)
	return pids
}

// ours tells whether a directory was made by the user that we are: anybody may make one in os.TempDir.
func ours(dir string) bool {
	info, err := os.Lstat(dir)
	if err != nil {
		return false
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	return ok && int(stat.Uid) == os.Geteuid()
}

// sweep takes away the labs of owners that were killed.
func sweep() error {
	files, _ := filepath.Glob(filepath.Join(os.TempDir(), "pk*", stateFile))
	var errs []error
	for _, file := range files {
		if !ours(filepath.Dir(file)) {
			continue
		}
		text, err := os.ReadFile(file)
		if err != nil {
			continue // it was closed just now
		}
		var s state
		if json.Unmarshal(text, &s) != nil || s.Boot == bootID() && s.Owner.running() {
			continue
		}
		errs = append(errs, Cleanup(filepath.Dir(file)))
	}
	return errors.Join(errs...)
}
