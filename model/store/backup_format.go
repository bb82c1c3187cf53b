package store

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"math"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"
)

// A backup is lines of JSON. The first is a backupHeader. Then comes for each table a backupTable, and after it a list of values for each of
// its rows. The last line is a backupTrailer, by which a file is known to be whole. Nothing in it depends on the dialect that it came from.

const (
	backupFormat = 1
	// maxBackupLine is more bytes than any row has.
	maxBackupLine = 64 << 20
)

// BackupHeader says what a backup is of.
type BackupHeader struct {
	Format  int       `json:"planck_backup"`
	Schema  int       `json:"schema"`  // version
	Cloud   string    `json:"cloud"`   // UUID
	Dialect string    `json:"dialect"` // of the database that it was made from
	At      time.Time `json:"at"`
	// Transaction is above every transaction that the backup has something of.
	Transaction uint64 `json:"transaction"`
}

// backupTable begins a table.
type backupTable struct {
	Table   string   `json:"table"`
	Columns []string `json:"columns"`
	// Last is the highest number that the table's identity has given, also to rows that are gone.
	Last int64 `json:"last,omitempty"`
}

type backupTrailer struct {
	End    bool   `json:"end"`
	Tables int    `json:"tables"`
	Rows   int64  `json:"rows"`
	SHA256 string `json:"sha256"` // of all lines before, in hexadecimal
}

// fileError is of the file that a backup is written to or read from. It hides what is in it: of the database the same would mean that it is away.
type fileError struct{ error }

// backupWriter writes a backup.
type backupWriter struct {
	out     io.Writer
	hash    hash.Hash
	line    bytes.Buffer
	encoder *json.Encoder
	tables  int
	rows    int64
}

func newBackupWriter(out io.Writer, header BackupHeader) (*backupWriter, error) {
	w := &backupWriter{out: out, hash: sha256.New()}
	w.encoder = json.NewEncoder(&w.line)
	w.encoder.SetEscapeHTML(false)
	return w, w.write(header)
}

func (w *backupWriter) write(line any) error {
	w.line.Reset()
	if err := w.encoder.Encode(line); err != nil {
		return err
	}
	if w.line.Len() > maxBackupLine {
		return fmt.Errorf("a row has %d bytes, and the format carries no more than %d", w.line.Len(), maxBackupLine)
	}
	_, _ = w.hash.Write(w.line.Bytes()) // it never fails, see hash.Hash
	if _, err := w.out.Write(w.line.Bytes()); err != nil {
		return fileError{err}
	}
	return nil
}

func (w *backupWriter) table(t backupTable) error {
	w.tables++
	return w.write(t)
}

func (w *backupWriter) row(values []any) error {
	w.rows++
	return w.write(values)
}

func (w *backupWriter) end() error {
	return w.write(backupTrailer{true, w.tables, w.rows, hex.EncodeToString(w.hash.Sum(nil))})
}

// backupReader reads a backup, and finds out whether it is whole and unchanged.
type backupReader struct {
	in     *failingReader
	lines  *bufio.Scanner
	number int // of the line that was read last
	hash   hash.Hash
	header BackupHeader
	tables int
	rows   int64
	ended  bool
}

var errCutOff = errors.New("the backup ends early: a part of it is missing, and it cannot be restored")

func newBackupReader(in io.Reader) (*backupReader, error) {
	r := &backupReader{in: &failingReader{Reader: in}, hash: sha256.New()}
	r.lines = bufio.NewScanner(r.in)
	r.lines.Buffer(make([]byte, 0, 64<<10), maxBackupLine+1)
	line, err := r.line()
	if err == io.EOF {
		err = errors.New("the file is empty")
	}
	if err != nil {
		return nil, err
	}
	if json.Unmarshal(line, &r.header) != nil || r.header.Format == 0 {
		return nil, errors.New("this is no backup made by planckctl db backup")
	}
	switch h := &r.header; {
	case h.Format != backupFormat:
		return nil, fmt.Errorf("the backup has format %d, this program reads format %d: use a newer one", h.Format, backupFormat)
	case h.Schema < 1 || uuid.Validate(h.Cloud) != nil:
		return nil, r.damaged(errors.New("it names no schema or no cloud"))
	}
	return r, nil
}

// line gives the next line without its end, and io.EOF after the last one.
func (r *backupReader) line() ([]byte, error) {
	if !r.lines.Scan() {
		err := r.lines.Err()
		switch err {
		case nil:
			err = io.EOF
		case bufio.ErrTooLong:
			r.number++
			err = r.damaged(errors.New("it is too long"))
		default:
			err = fileError{err}
		}
		return nil, err
	}
	r.number++
	line := r.lines.Bytes()
	if !bytes.HasPrefix(line, []byte(`{"end":`)) {
		_, _ = r.hash.Write(line) // it never fails, see hash.Hash
		_, _ = r.hash.Write([]byte{'\n'})
	}
	return line, nil
}

// damaged blames the line, or what kept its end from being read.
func (r *backupReader) damaged(err error) error {
	if r.in.err != nil {
		return fileError{r.in.err}
	}
	return fileError{fmt.Errorf("line %d of the backup is damaged: %w", r.number, err)}
}

// failingReader keeps the error by which reading ended.
type failingReader struct {
	io.Reader
	err error
}

func (r *failingReader) Read(p []byte) (int, error) {
	n, err := r.Reader.Read(p)
	if err != nil && err != io.EOF {
		r.err = err
	}
	return n, err
}

// next gives the beginning of a table, or a row of the table that began last; io.EOF after a trailer that proves that all was there.
// Values of rows are nil, bool, string and json.Number.
func (r *backupReader) next() (*backupTable, []any, error) {
	if r.ended {
		return nil, nil, io.EOF
	}
	line, err := r.line()
	if err == io.EOF {
		err = errCutOff
	}
	if err != nil {
		return nil, nil, err
	}
	switch {
	case !utf8.Valid(line):
		return nil, nil, r.damaged(errors.New("it is not UTF-8"))
	case bytes.HasPrefix(line, []byte(`{"end":`)):
		return nil, nil, r.checkEnd(line)
	case bytes.HasPrefix(line, []byte("{")):
		r.tables++
		table := &backupTable{}
		if err := decodeLine(line, table); err != nil {
			return nil, nil, r.damaged(err)
		}
		if table.Table == "" || len(table.Columns) == 0 {
			return nil, nil, r.damaged(errors.New("it names no table or no columns"))
		}
		return table, nil, nil
	}
	r.rows++
	row := []any{}
	if err := decodeLine(line, &row); err != nil {
		return nil, nil, r.damaged(err)
	}
	for _, value := range row {
		switch value.(type) {
		case nil, bool, string, json.Number:
		default:
			return nil, nil, r.damaged(errors.New("a value is a list or an object"))
		}
	}
	if row == nil || r.tables == 0 {
		return nil, nil, r.damaged(errors.New("it is no row of a table"))
	}
	return nil, row, nil
}

// checkEnd gives io.EOF if the trailer says what was read.
func (r *backupReader) checkEnd(line []byte) error {
	var end backupTrailer
	if err := decodeLine(line, &end); err != nil {
		return r.damaged(err)
	}
	if want := (backupTrailer{true, r.tables, r.rows, hex.EncodeToString(r.hash.Sum(nil))}); end != want {
		return fmt.Errorf("the backup is damaged: it says that it has %d tables with %d rows and checksum %q, and it has %d with %d and %s",
			end.Tables, end.Rows, end.SHA256, want.Tables, want.Rows, want.SHA256)
	}
	if _, err := r.line(); err != io.EOF {
		return errors.Join(errors.New("something follows the backup's last line"), err)
	}
	r.ended = true
	return io.EOF
}

func decodeLine(line []byte, into any) error {
	decoder := json.NewDecoder(bytes.NewReader(line))
	decoder.UseNumber()
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(into); err != nil {
		return err
	}
	if decoder.InputOffset() != int64(len(line)) {
		return errors.New("something follows the value")
	}
	return nil
}

// toBackup translates a value as the driver of either database gives it.
func (c storedColumn) toBackup(value any) (any, error) {
	if bytes, ok := value.([]byte); ok {
		value = string(bytes)
	}
	switch v := value.(type) {
	case nil:
		return nil, nil
	case bool:
		if c.kind == storedBoolean {
			return v, nil
		}
	case int64:
		switch {
		case c.kind == storedInteger:
			return v, nil
		case c.kind == storedReal:
			return float64(v), nil
		case c.kind == storedBoolean && v>>1 == 0: // SQLite
			return v == 1, nil
		}
	case float64:
		if c.kind == storedReal && !math.IsNaN(v) && !math.IsInf(v, 0) {
			return v, nil
		}
	case string:
		if c.kind == storedText && utf8.ValidString(v) {
			return v, nil
		}
	case time.Time:
		if c.kind == storedTime {
			return v.UTC().Format(time.RFC3339Nano), nil
		}
	}
	return nil, fmt.Errorf("column %s holds a %T that is no %s: %.80q", c.name, value, c.kind, fmt.Sprint(value))
}

// fromBackup translates a value of a backup into one that the driver of either database takes.
func (c storedColumn) fromBackup(value any) (any, error) {
	var err error
	switch v := value.(type) {
	case nil:
		return nil, nil
	case bool:
		if c.kind == storedBoolean {
			return v, nil
		}
	case json.Number:
		switch c.kind {
		case storedInteger:
			var n int64
			if n, err = strconv.ParseInt(v.String(), 10, 64); err == nil {
				return n, nil
			}
		case storedReal:
			var f float64
			if f, err = v.Float64(); err == nil {
				return f, nil
			}
		}
	case string:
		switch c.kind {
		case storedText:
			return v, nil
		case storedTime:
			var at time.Time
			if at, err = time.Parse(time.RFC3339Nano, v); err == nil {
				return at.UTC(), nil
			}
		}
	}
	if err == nil {
		err = fmt.Errorf("%.80q", fmt.Sprint(value))
	}
	return nil, fmt.Errorf("column %s takes a value of kind %s: %w", c.name, c.kind, err)
}
