package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"runtime"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/planck-sdn/planck/model/store"
	"github.com/planck-sdn/planck/northbound/admin"
)

const (
	// partLimit is how long one part of a bundle may take.
	partLimit = 5 * time.Minute
	// maxLog is how many bytes of the end of a log are taken.
	maxLog = 16 << 20
	// aboutPart is the one that needs nobody else.
	aboutPart = "about.json"
)

// supportFlags say where a bundle's parts come from.
type supportFlags struct{ to, metrics, database, log string }

func newSupportBundle(t *tool) *cobra.Command {
	var flags supportFlags
	c := &cobra.Command{
		Use:   "support-bundle",
		Short: "Collect all that helps to understand a problem into one file, without secrets",
		Long: `Asks the controller for its status, nodes, topology and routers, for each node's flow entries with counters, for what is wrong with ports
that are not ACTIVE, for check and verify; reads its metrics, looks for damage in the database, and takes the end of a log. All of it
is in one file, for whoever helps. What cannot be had is named there, with the reason, and does not hold up the rest.

Passwords, tokens and keys are not in it: not those that planckctl itself was given, nor what looks like one in a log. Names of
projects, networks and ports, and addresses, are. Reading counters is work for the switches.
Exit code 0: there is a file; 2: nothing could be had.`,
		Example: `  planckctl support-bundle --log /var/log/planck/planckd.log
  planckctl --api https://controller:9696 support-bundle --metrics http://controller:9697/metrics --to ticket-4711.tar.gz`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			ctx, stop := interruptible(c.Context())
			defer stop()
			flags.database = databaseURL(flags.database)
			now, summary := time.Now(), c.OutOrStdout()
			if flags.to == "" {
				flags.to = "planck-support-" + fileTime(now) + ".tar.gz"
			}
			b := &bundle{
				tool: t, flags: flags, at: now, line: newProgress(c.ErrOrStderr()),
				scrub: newScrubber(os.Environ(), flags.database, flags.metrics, t.client.base),
			}
			write := func(out io.Writer) error {
				err := b.write(ctx, out)
				b.line.clear()
				if err != nil && ctx.Err() != nil {
					err = errInterrupted
				}
				return err
			}
			var err error
			if flags.to == stdio {
				err, summary = write(t.out), c.ErrOrStderr()
			} else {
				err = writeWhole(flags.to, write)
			}
			if err != nil {
				return fmt.Errorf("no bundle was written: %s", b.scrub.line([]byte(printable(err.Error()))))
			}
			return b.print(summary)
		},
	}
	c.Flags().StringVar(&flags.to, "to", "", "file to write; -: standard output (planck-support-TIME.tar.gz)")
	c.Flags().StringVar(&flags.metrics, "metrics", "http://127.0.0.1:9697/metrics", "URL of the controller's metrics")
	c.Flags().StringVar(&flags.log, "log", "", "file whose end is taken into the bundle")
	databaseFlag(c, &flags.database)
	return c
}

// collect gets all parts, in an order in which what is most useful comes first.
func (b *bundle) collect(ctx context.Context) error {
	var status admin.Status
	var nodes struct{ Nodes []admin.Node }
	parts := []part{
		{aboutPart, b.about},
		{"status.json", b.answer(request{path: adminPath("status")}, &status)},
		{"nodes.json", b.answer(request{path: adminPath("nodes")}, &nodes)},
		{"metrics.txt", b.readMetrics},
		{"database.json", b.checkDatabase},
	}
	if b.flags.log != "" {
		parts = append(parts, part{"log.txt", b.endOfLog})
	}
	parts = append(parts,
		part{"topology.json", b.answer(request{path: adminPath("topology")}, nil)},
		part{"routers.json", b.answer(request{path: adminPath("routers")}, nil)},
		part{"switches.json", b.answer(request{path: adminPath("switches")}, nil)},
		part{"fabrics.json", b.answer(request{path: adminPath("fabrics")}, nil)},
		part{"check.json", b.stream(request{path: adminPath("check"), patience: partLimit})},
		part{"verify.json", b.stream(request{path: adminPath("verify"), patience: partLimit})},
	)
	for _, p := range parts {
		if err := b.add(ctx, p); err != nil {
			return err
		}
	}
	if !b.any {
		return fmt.Errorf("nothing could be had: %s", b.files[1].Problem)
	}
	for _, p := range status.NotActive {
		if err := b.add(ctx, part{b.nameFor("ports/", p.ID) + ".why.json", b.answer(request{path: adminPath("ports", p.ID, "why")}, nil)}); err != nil {
			return err
		}
	}
	for i, n := range nodes.Nodes {
		b.line.show("%d of %d nodes", i, len(nodes.Nodes))
		name := n.Name
		if n.Number == 0 { // refused: another node may have the name, and it has no entries
			name = n.SystemID
		}
		file := b.nameFor("nodes/", name)
		if err := b.add(ctx, part{file + ".json", b.answer(request{path: adminPath("nodes", name)}, nil)}); err != nil {
			return err
		}
		if n.Number == 0 {
			continue
		}
		flows := request{path: adminPath("flows"), query: url.Values{"node": {name}, "counters": {"true"}}, patience: partLimit}
		if err := b.add(ctx, part{file + ".flows.json", b.stream(flows)}); err != nil {
			return err
		}
	}
	return nil
}

// about says what made the bundle, and where.
func (b *bundle) about(_ context.Context, w io.Writer) error {
	kernel := make([]string, 0, 3)
	for _, file := range []string{"ostype", "osrelease", "version"} {
		text, err := os.ReadFile("/proc/sys/kernel/" + file)
		if err != nil {
			return err
		}
		kernel = append(kernel, strings.TrimSpace(string(text)))
	}
	host, err := os.Hostname()
	if err != nil {
		return err
	}
	api, _ := url.Parse(b.tool.client.base) // it was parsed before, see connectionFlags
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	return encoder.Encode(struct {
		At          time.Time `json:"at"`
		Version     string    `json:"planckctl_version"`
		Go          string    `json:"go"`
		Host        string    `json:"host"`
		Kernel      string    `json:"kernel"`
		Machine     string    `json:"machine"`
		CPUs        int       `json:"cpus"`
		API         string    `json:"api"`
		Environment []string  `json:"environment"` // names only
	}{b.at.UTC(), version, runtime.Version(), host, strings.Join(kernel, " "), runtime.GOARCH, runtime.NumCPU(), api.Redacted(), namesOf(os.Environ())})
}

// answer gets one object of the API. It is decoded into v too, unless that is nil.
func (b *bundle) answer(r request, v any) func(context.Context, io.Writer) error {
	return func(ctx context.Context, w io.Writer) error {
		body, err := b.tool.client.do(ctx, r)
		if err != nil {
			return err
		}
		defer func() { _ = body.Close() }()
		if v == nil {
			_, err := io.Copy(w, body)
			return err
		}
		var text bytes.Buffer
		_, err = io.Copy(io.MultiWriter(w, &text), body)
		return errors.Join(err, decode(&text, v))
	}
}

// stream gets a list of the API that is written as it comes.
func (b *bundle) stream(r request) func(context.Context, io.Writer) error {
	return func(ctx context.Context, w io.Writer) error {
		body, err := b.tool.client.do(ctx, r)
		if err != nil {
			return err
		}
		defer func() { _ = body.Close() }()
		tail := &lastBytes{}
		if _, err := io.Copy(io.MultiWriter(w, tail), body); err != nil {
			return err
		}
		if !bytes.HasSuffix(bytes.TrimSpace(tail.bytes), []byte("]}")) {
			return errors.New("the controller's answer ends early")
		}
		return nil
	}
}

// lastBytes keeps the end of what is written to it.
type lastBytes struct{ bytes []byte }

func (l *lastBytes) Write(p []byte) (int, error) {
	const kept = 16
	l.bytes = append(l.bytes, p[max(0, len(p)-kept):]...)
	l.bytes = l.bytes[max(0, len(l.bytes)-kept):]
	return len(p), nil
}

func (b *bundle) readMetrics(ctx context.Context, w io.Writer) error {
	q, err := http.NewRequestWithContext(ctx, http.MethodGet, b.flags.metrics, nil)
	if err != nil {
		return err
	}
	answer, err := b.tool.client.http.Do(q)
	if err != nil {
		return err
	}
	defer func() { _ = answer.Body.Close() }()
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("HTTP status %s", answer.Status)
	}
	_, err = io.Copy(w, answer.Body)
	return err
}

func (b *bundle) checkDatabase(ctx context.Context, w io.Writer) error {
	s, err := store.OpenReadOnly(ctx, b.flags.database)
	if err != nil {
		return err
	}
	defer func() { _ = s.Close() }() // it was only read
	problems, err := s.Check(ctx)
	if err != nil {
		return err
	}
	if problems == nil {
		problems = []string{}
	}
	return json.NewEncoder(w).Encode(map[string]any{"cloud": s.CloudID(), "dialect": s.Dialect(), "problems": problems})
}

func (b *bundle) endOfLog(_ context.Context, w io.Writer) error {
	file, err := os.Open(b.flags.log)
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }() // it was only read
	info, err := file.Stat()
	if err != nil {
		return err
	}
	if _, err := file.Seek(max(0, info.Size()-maxLog), io.SeekStart); err != nil {
		return err
	}
	_, err = io.Copy(w, io.LimitReader(file, maxLog))
	return err
}
