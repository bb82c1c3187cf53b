package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"time"
)

// logLine is what benchmarks read of planckd's log.
type logLine struct {
	TS   time.Time
	Port string
	Took float64 // seconds
}

func (l logLine) took() time.Duration { return time.Duration(l.Took * float64(time.Second)) }

// logged returns the lines of a message that the present planckd has logged.
func (b *testbed) logged(message string) ([]logLine, error) {
	raw, err := os.ReadFile(b.Process.Log)
	if err != nil {
		return nil, err
	}
	var found []logLine
	mark := []byte(`"msg":` + strconv.Quote(message))
	lines := bufio.NewScanner(bytes.NewReader(raw))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		if !bytes.Contains(lines.Bytes(), mark) {
			continue
		}
		var line logLine
		if err := json.Unmarshal(lines.Bytes(), &line); err != nil {
			return nil, fmt.Errorf("log of planckd: %w", err)
		}
		found = append(found, line)
	}
	return found, lines.Err()
}
