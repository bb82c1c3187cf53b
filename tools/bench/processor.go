package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// processorTime is how long planckd and PostgreSQL have run on a processor: what a request costs however busy the machine is.
type processorTime struct{ planckd, postgres time.Duration }

func (p processorTime) since(before processorTime, requests int) (planckd, postgres microseconds) {
	n := time.Duration(max(requests, 1))
	return microseconds((p.planckd - before.planckd) / n), microseconds((p.postgres - before.postgres) / n)
}

// microseconds is a duration as tables have it when it is short.
type microseconds time.Duration

func (m microseconds) String() string { return fmt.Sprintf("%d µs", time.Duration(m).Microseconds()) }

// processorTime reads /proc. The PostgreSQL server is our child, and its processes are its children.
func (b *testbed) processorTime() (processorTime, error) {
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return processorTime{}, err
	}
	parents, times := map[int]int{}, map[int]time.Duration{}
	for _, file := range stats {
		raw, err := os.ReadFile(file)
		if err != nil {
			continue // it has ended
		}
		pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(file)))
		name, rest, _ := strings.Cut(string(raw), ") ")
		fields := strings.Fields(rest) // from the third of proc(5) on
		if len(fields) < 13 || pid != b.Process.PID() && !strings.HasSuffix(name, "(postgres") {
			continue
		}
		parents[pid], _ = strconv.Atoi(fields[1])
		user, _ := strconv.Atoi(fields[11])
		system, _ := strconv.Atoi(fields[12])
		times[pid] = time.Duration(user+system) * tick
	}
	t := processorTime{planckd: times[b.Process.PID()]}
	for pid, parent := range parents {
		if parents[parent] == os.Getpid() {
			t.postgres += times[pid]
		}
	}
	return t, nil
}

const tick = 10 * time.Millisecond // Linux shows times in hundredths of a second (USER_HZ)
