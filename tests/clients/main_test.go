// Package clients runs the command lines that people use, unmodified, against the API.
package clients

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/planck-sdn/planck/model"
	"github.com/planck-sdn/planck/model/store"
	"github.com/planck-sdn/planck/northbound/api"
	"github.com/planck-sdn/planck/northbound/auth"
)

// serve gives the URL of the API over an empty database.
func serve(t *testing.T) string {
	t.Helper()
	st, err := store.Open(context.Background(), "sqlite:"+filepath.Join(t.TempDir(), "planck.db"), store.Options{Source: model.SystemSource()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := st.Close(); err != nil {
			t.Error(err)
		}
	})
	server := httptest.NewServer(api.New(st, auth.NewNone(), api.Options{}))
	t.Cleanup(server.Close)
	return server.URL
}

// client is a command with the arguments and the environment that every call has.
type client struct {
	t    *testing.T
	name string
	args []string
	env  []string
}

// run gives what the command prints. It fails if the command does not end as expected.
func (c client) run(succeeds bool, args ...string) string {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute) // they take seconds to start
	defer cancel()
	cmd := exec.CommandContext(ctx, c.name, append(append([]string{}, c.args...), args...)...)
	cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + c.t.TempDir(), "LC_ALL=C.UTF-8", "PYTHONWARNINGS=ignore"}, c.env...)
	var out, errors bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errors
	err := cmd.Run()
	if (err == nil) != succeeds {
		c.t.Fatalf("%s %s: %v\n%s\n%s", c.name, strings.Join(args, " "), err, &out, &errors)
	}
	if !succeeds {
		return errors.String()
	}
	return out.String()
}

// fails gives what the command says when it is refused.
func (c client) fails(args ...string) string {
	c.t.Helper()
	return c.run(false, args...)
}

// object gives the fields that the command prints of one object.
func (c client) object(args ...string) map[string]any {
	c.t.Helper()
	var fields map[string]any
	c.decode(&fields, args)
	return fields
}

// list gives the rows that the command prints.
func (c client) list(args ...string) []map[string]any {
	c.t.Helper()
	var rows []map[string]any
	c.decode(&rows, args)
	return rows
}

func (c client) decode(into any, args []string) {
	c.t.Helper()
	text := c.run(true, append(args, "-f", "json")...)
	if start := strings.IndexAny(text, "[{"); start > 0 { // "Created a new network:"
		text = text[start:]
	}
	if err := json.Unmarshal([]byte(text), into); err != nil {
		c.t.Fatalf("%s %s: %v in %s", c.name, strings.Join(args, " "), err, text)
	}
}

func (c client) expect(what string, got, want any) {
	c.t.Helper()
	a, _ := json.Marshal(got)
	b, _ := json.Marshal(want)
	if !bytes.Equal(a, b) {
		c.t.Errorf("%s: %s is %s, not %s", c.name, what, a, b)
	}
}
