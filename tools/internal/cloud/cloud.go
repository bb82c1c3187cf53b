// Package cloud starts planckd in a lab for programs that are no tests, and speaks to its API.
package cloud

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/planck-sdn/planck/northbound/admin"
	"github.com/planck-sdn/planck/tests/lab"
)

// Options say what to start.
type Options struct {
	Lab      *lab.Lab
	Binary   string // path of planckd
	Database string // planckd's --database
	API      string // planckd's --listen-api; empty: 127.0.0.1:9696
	Flags    []string
	// Environment are further variables for planckd, NAME=value.
	Environment []string
}

// Cloud is a planckd in a lab's controller namespace.
type Cloud struct {
	Lab     *lab.Lab
	API     string   // host:port inside the controller's namespace
	Command []string // with which it was started
	Process *lab.Process

	environment []string
	http        *http.Client
}

const (
	startLimit = 30 * time.Second
	readyLimit = 60 * time.Second
)

// Start starts planckd and returns when its API answers.
func Start(ctx context.Context, o Options) (*Cloud, error) {
	c := &Cloud{Lab: o.Lab, API: o.API, environment: o.Environment}
	if c.API == "" {
		c.API = "127.0.0.1:9696"
	}
	ip := o.Lab.ControllerIP().String()
	c.Command = append([]string{o.Binary,
		"--config", "/dev/null", // not what this machine may have in /etc
		"--database", o.Database,
		"--listen-api", c.API,
		"--listen-openflow", net.JoinHostPort(ip, fmt.Sprint(lab.OpenFlowPort)),
		"--listen-ovsdb", net.JoinHostPort(ip, fmt.Sprint(lab.OVSDBPort)),
		"--insecure-southbound",
	}, o.Flags...)
	c.http = &http.Client{Transport: &http.Transport{DialContext: o.Lab.DialController, MaxIdleConnsPerHost: 64}}
	if err := c.Restart(ctx); err != nil {
		return nil, err
	}
	return c, nil
}

// Restart starts planckd again, after its end.
func (c *Cloud) Restart(ctx context.Context) error {
	var err error
	if c.Process, err = c.Lab.StartInController("planckd", c.environment, c.Command...); err != nil {
		return err
	}
	return Await(ctx, startLimit, "planckd answers", func() error {
		if !c.Process.Running() {
			return fmt.Errorf("it ended: %s", c.Process.Tail(5))
		}
		return c.Do(ctx, http.MethodGet, "/", "", nil, nil)
	})
}

// Kill ends planckd with SIGKILL.
func (c *Cloud) Kill() {
	c.Process.Kill()
	c.http.CloseIdleConnections()
}

// Target is what nodes are attached to.
func (c *Cloud) Target() string {
	return "tcp:" + net.JoinHostPort(c.Lab.ControllerIP().String(), fmt.Sprint(lab.OVSDBPort))
}

// Do makes a request as an administrator in a project, which must succeed, and decodes the answer into answer unless that is
// nil. A nil body is not sent.
func (c *Cloud) Do(ctx context.Context, method, path, project string, body, answer any) error {
	var reader io.Reader
	if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			return err
		}
		reader = bytes.NewReader(text)
	}
	q, err := http.NewRequestWithContext(ctx, method, "http://"+c.API+path, reader)
	if err != nil {
		return err
	}
	q.Header.Set("Content-Type", "application/json")
	q.Header.Set("X-Project-Id", project)
	r, err := c.http.Do(q)
	if err != nil {
		return err
	}
	defer func() { _ = r.Body.Close() }()
	text, err := io.ReadAll(r.Body)
	if err != nil {
		return fmt.Errorf("%s %s: %w", method, path, err)
	}
	if r.StatusCode/100 != 2 {
		return fmt.Errorf("%s %s: status %d: %s", method, path, r.StatusCode, text)
	}
	if answer == nil {
		return nil
	}
	if err := json.Unmarshal(text, answer); err != nil {
		return fmt.Errorf("%s %s: %w", method, path, err)
	}
	return nil
}

// WaitReady waits until planckd says that the nodes are ready: connected, and all that they should hold confirmed.
func (c *Cloud) WaitReady(ctx context.Context, nodes ...*lab.Node) error {
	for _, n := range nodes {
		err := Await(ctx, readyLimit, "node "+n.Name+" is ready", func() error {
			var s admin.Node
			err := c.Do(ctx, http.MethodGet, admin.Prefix+"/nodes/"+url.PathEscape(n.Name), "", nil, &s)
			if err == nil && s.State != "ready" {
				err = fmt.Errorf("it is %s: %s", s.State, s.Problem)
			}
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// WaitConverged waits until everything committed before the call is confirmed on every connected switch.
func (c *Cloud) WaitConverged(ctx context.Context, limit time.Duration) error {
	var w admin.Wait
	if err := c.Do(ctx, http.MethodPost, admin.Prefix+"/wait?timeout="+limit.String(), "", nil, &w); err != nil {
		return err
	}
	if !w.Done {
		return fmt.Errorf("not confirmed within %v by %s", limit, strings.Join(w.Left, ", "))
	}
	return nil
}

// DefaultSecurityGroup gives the id of the security group that a project's ports have when they are given none.
func (c *Cloud) DefaultSecurityGroup(ctx context.Context, project string) (string, error) {
	var answer struct {
		Groups []struct{ ID string } `json:"security_groups"`
	}
	err := c.Do(ctx, http.MethodGet, "/v2.0/security-groups?name=default&project_id="+project, "", nil, &answer)
	if err == nil && len(answer.Groups) != 1 {
		err = fmt.Errorf("%s has %d default groups", project, len(answer.Groups))
	}
	if err != nil {
		return "", err
	}
	return answer.Groups[0].ID, nil
}

// Await calls condition until it returns nil, soon at first and then less often. After limit, or when ctx ends, it
// returns the last error.
func Await(ctx context.Context, limit time.Duration, what string, condition func() error) error {
	ctx, cancel := context.WithTimeoutCause(ctx, limit, fmt.Errorf("not within %v", limit))
	defer cancel()
	for pause := time.Millisecond; ; pause = min(2*pause, 50*time.Millisecond) {
		err := condition()
		if err == nil {
			return nil
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return fmt.Errorf("%s: %w", what, errors.Join(context.Cause(ctx), err))
		}
	}
}
