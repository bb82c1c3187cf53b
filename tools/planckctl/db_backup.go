package main

import (
	"encoding/json"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/planck-sdn/planck/model/store"
)

func newDBBackup(t *tool) *cobra.Command {
	var database, to string
	c := &cobra.Command{
		Use:   "backup",
		Short: "Write all that the database holds to one file",
		Long: `Writes all that the database holds, as it is at one moment, to one file of text. It asks the database itself and no controller,
changes nothing, and may run beside planckd. db restore reads the file into a database of either kind, so that a cloud can move from
SQLite to PostgreSQL and back. The file is readable by its owner only, and is there when it is whole.`,
		Example: `  planckctl db backup --database postgres://planck@db/planck --to planck.backup
  planckctl db backup --to - | gzip > planck.backup.gz`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			ctx, stop := interruptible(c.Context())
			defer stop()
			line := newProgress(c.ErrOrStderr())
			var summary store.BackupSummary
			write := func(out io.Writer) (err error) {
				summary, err = store.Backup(ctx, databaseURL(database), out, func(rows int64) { line.show("%d rows", rows) })
				line.clear()
				if err != nil && ctx.Err() != nil {
					err = errInterrupted
				}
				return err
			}
			if to == stdio {
				if err := write(t.out); err != nil {
					return err
				}
				return t.printBackup(c.ErrOrStderr(), "standard output", summary)
			}
			if to == "" {
				to = "planck-" + fileTime(time.Now()) + ".backup"
			}
			if err := writeWhole(to, write); err != nil {
				return fmt.Errorf("no backup was written: %w", err)
			}
			return t.printBackup(t.out, to, summary)
		},
	}
	databaseFlag(c, &database)
	c.Flags().StringVar(&to, "to", "", "file to write; -: standard output (planck-TIME.backup)")
	return c
}

// fileTime is a time as names of files carry it.
func fileTime(at time.Time) string { return at.UTC().Format("20060102T150405Z") }

// printBackup tells what a backup has.
func (t *tool) printBackup(out io.Writer, file string, s store.BackupSummary) error {
	if t.format == formatJSON {
		return json.NewEncoder(out).Encode(struct {
			File string `json:"file"`
			store.BackupSummary
		}{file, s})
	}
	b := &table{}
	b.add("Backup", file)
	b.add("Cloud", s.Cloud)
	b.add("Made", fmt.Sprintf("%s, from %s, schema version %d", s.At.Format(time.RFC3339), s.Dialect, s.Schema))
	b.add("Contents", fmt.Sprintf("%d rows in %d tables", s.Rows, s.Tables))
	return b.write(out)
}
