package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/planck-sdn/planck/model/store"
)

// errInterrupted stands for whatever Ctrl-C made fail.
var errInterrupted = errors.New("interrupted")

func newDBRestore(t *tool) *cobra.Command {
	var database string
	c := &cobra.Command{
		Use:   "restore FILE",
		Short: "Read what db backup wrote into an empty database",
		Long: `Reads a file that db backup wrote (-: standard input) into a database of either kind. The database must be empty: an SQLite file
that does not exist, a PostgreSQL database without tables, or one on which planckd has run and nobody has made anything. All of the
backup is there in the end, checked as db check does, or nothing is. A backup of an older version of Planck is brought up to date.

Stop planckd first; run this as the user that planckd runs as, if it makes an SQLite file, and start planckd on the new database. It
is the same cloud, so its nodes are accepted. What was made after the backup is gone: a node on which that would remove more than
half of a large table is held until planckctl node reconcile NODE --force.`,
		Example: `  planckctl db restore --database postgres://planck@db/planck planck.backup
  zcat planck.backup.gz | planckctl db restore --database sqlite:/var/lib/planck/planck.db -`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			ctx, stop := interruptible(c.Context())
			defer stop()
			in := io.NopCloser(c.InOrStdin())
			if args[0] != stdio {
				file, err := os.Open(args[0])
				if err != nil {
					return err
				}
				in = file
			}
			defer func() { _ = in.Close() }() // it was only read
			line := newProgress(c.ErrOrStderr())
			summary, err := store.Restore(ctx, databaseURL(database), in, func(rows int64) { line.show("%d rows", rows) })
			line.clear()
			var damage *store.DamageError
			switch {
			case err != nil && ctx.Err() != nil:
				err = errInterrupted
			case errors.As(err, &damage):
				for i, p := range damage.Problems {
					damage.Problems[i] = printable(p)
				}
			case err != nil:
				err = errors.New(strings.TrimSpace(printable(err.Error())))
			}
			if err != nil {
				return fmt.Errorf("nothing was restored: %w", err)
			}
			return t.printBackup(t.out, args[0], summary)
		},
	}
	databaseFlag(c, &database)
	return c
}
