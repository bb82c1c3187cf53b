// Package clients runs the programs and libraries that people use, unmodified, against planckd.
//
// What cannot run here: Horizon calls the API through openstacksdk (lists, shows, creations and updates of the openstack command, quotas,
// network-ip-availability), and Terraform's provider openstack through gophercloud (openstack_networking_network_v2, _subnet_v2, _port_v2,
// _rbac_policy_v2, _quota_v2 with their tags by attributestags).
package clients

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// commands are the processes of testdata/commands.py that have nothing to do. It makes no more than it started with.
type commands struct {
	idle chan *runner
	size int
}

type runner struct {
	process *exec.Cmd // nil: not started
	in      io.WriteCloser
	out     *json.Decoder
}

func newCommands(size int) *commands {
	c := &commands{make(chan *runner, size), size}
	for range size {
		c.idle <- &runner{}
	}
	return c
}

func (c *commands) stop() error {
	var err error
	for range c.size {
		if r := <-c.idle; r.process != nil {
			err = errors.Join(err, r.in.Close(), r.process.Wait())
		}
	}
	return err
}

// run runs a program and gives its exit code, and what it printed.
func (c *commands) run(program string, args, env []string) (code int, out, errors string, err error) {
	r := <-c.idle
	defer func() { c.idle <- r }()
	if r.process == nil {
		if err := r.start(); err != nil {
			return 0, "", "", err
		}
	}
	variables := map[string]string{}
	for _, e := range env {
		name, value, _ := strings.Cut(e, "=")
		variables[name] = value
	}
	if err := json.NewEncoder(r.in).Encode([]any{program, args, variables}); err != nil {
		return 0, "", "", err
	}
	err = r.out.Decode(&[]any{&code, &out, &errors})
	return code, out, errors, err
}

func (r *runner) start() error {
	process := exec.Command("/usr/bin/python3", "testdata/commands.py") // Debian's, whatever else is on the PATH
	process.Env = append(basicEnv(), "PYTHONDONTWRITEBYTECODE=1")
	process.Stderr = os.Stderr
	process.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	in, err := process.StdinPipe()
	if err != nil {
		return err
	}
	out, err := process.StdoutPipe()
	if err != nil {
		return err
	}
	r.process, r.in, r.out = process, in, json.NewDecoder(out)
	return process.Start()
}

func basicEnv() []string {
	return []string{"PATH=/usr/bin:/bin", "HOME=" + cloud.dir, "LC_ALL=C.UTF-8", "PYTHONWARNINGS=ignore"}
}

// client is a command with what every call of it has.
type client struct {
	t       *testing.T
	program string
	args    []string
	env     []string
}

// as gives the command of a user of Keystone.
func as(t *testing.T, program, user string) client {
	return client{t: t, program: program, env: cloud.keystone.Env(user)}
}

func (c client) try(args ...string) (code int, out, errors string) {
	c.t.Helper()
	args = append(append([]string{}, c.args...), args...)
	code, out, errors, err := cloud.commands.run(c.program, args, append(basicEnv(), c.env...))
	if err != nil {
		c.t.Fatalf("%s %s: %v", c.program, strings.Join(args, " "), err)
	}
	return code, out, errors
}

// run gives what the command prints. It has to succeed.
func (c client) run(args ...string) string {
	c.t.Helper()
	code, out, errors := c.try(args...)
	if code != 0 {
		c.t.Fatalf("%s %s: exit code %d\n%s\n%s", c.program, strings.Join(args, " "), code, out, errors)
	}
	return out
}

// fails tells whether the command is refused with these words for the person who typed it.
func (c client) fails(words string, args ...string) {
	c.t.Helper()
	code, out, errors := c.try(args...)
	if code == 0 || !strings.Contains(errors, words) {
		c.t.Errorf("%s %s: exit code %d, without %q:\n%s\n%s", c.program, strings.Join(args, " "), code, words, out, errors)
	}
}

// object gives the fields that the command prints of one object.
func (c client) object(args ...string) object {
	c.t.Helper()
	fields := object{}
	c.decode(&fields, args)
	return fields
}

// list gives the rows that the command prints.
func (c client) list(args ...string) rows {
	c.t.Helper()
	var rows rows
	c.decode(&rows, args)
	return rows
}

func (c client) decode(into any, args []string) {
	c.t.Helper()
	text := c.run(append(args, "-f", "json")...)
	if start := strings.IndexAny(text, "[{"); start > 0 { // "Created a new network:"
		text = text[start:]
	}
	if err := json.Unmarshal([]byte(text), into); err != nil {
		c.t.Fatalf("%s %s: %v in %s", c.program, strings.Join(args, " "), err, text)
	}
}

// expect compares two values as JSON.
func expect(t *testing.T, what string, got, want any) {
	t.Helper()
	a, err := json.Marshal(got)
	if err != nil {
		t.Fatal(err)
	}
	b, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(a, b) {
		t.Errorf("%s: %s, not %s", what, a, b)
	}
}

type object map[string]any

// text is a field as text.
func (o object) text(field string) string { return fmt.Sprint(o[field]) }

type rows []object

// column gives one field of every row.
func (r rows) column(field string) []any {
	values := make([]any, len(r))
	for i, row := range r {
		values[i] = row[field]
	}
	return values
}

// in gives those of some values that are in a list, in its order.
func in(list []any, some ...string) []string {
	found := []string{}
	for _, value := range list {
		if text, ok := value.(string); ok && slices.Contains(some, text) {
			found = append(found, text)
		}
	}
	return found
}
