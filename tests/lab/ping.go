package lab

import (
	"errors"
	"fmt"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// PingOptions say how to ping. Zero values: 3 requests, one each 100 ms, a second for each answer, 56 bytes.
type PingOptions struct {
	Count    int
	Interval time.Duration
	Timeout  time.Duration // how long to wait for answers to the last request
	Size     int           // bytes after the ICMP header: 28 less than the IP packet
	DF       bool          // set "don't fragment", and do not send what does not fit
	Fragment bool          // do not set it, so that routers fragment what does not fit
	Source   string
}

func (o PingOptions) args(to string) []string {
	if o.Interval == 0 {
		o.Interval = 100 * time.Millisecond
	}
	if o.Timeout == 0 {
		o.Timeout = time.Second
	}
	args := []string{"ping", "-n", "-q", "-i", seconds(o.Interval), "-W", seconds(o.Timeout)}
	if o.Count > 0 {
		args = append(args, "-c", strconv.Itoa(o.Count))
	}
	if o.Size > 0 {
		args = append(args, "-s", strconv.Itoa(o.Size))
	}
	if o.DF {
		args = append(args, "-M", "do")
	}
	if o.Fragment {
		args = append(args, "-M", "dont")
	}
	if o.Source != "" {
		args = append(args, "-I", o.Source)
	}
	return append(args, to)
}

func seconds(d time.Duration) string { return strconv.FormatFloat(d.Seconds(), 'f', 3, 64) }

// PingResult is what ping counted.
type PingResult struct {
	Sent, Received, Duplicates int
	Min, Avg, Max              time.Duration // round trip; zero without an answer
}

// Lost is the number of requests without an answer.
func (r PingResult) Lost() int { return r.Sent - r.Received }

func (r PingResult) String() string {
	return fmt.Sprintf("%d sent, %d received, round trip %v/%v/%v", r.Sent, r.Received, r.Min, r.Avg, r.Max)
}

var (
	pingCounts = regexp.MustCompile(`(\d+) packets transmitted, (\d+) received(?:, \+(\d+) duplicates)?`)
	pingTimes  = regexp.MustCompile(`= ([\d.]+)/([\d.]+)/([\d.]+)/`)
)

func parsePing(out string) (PingResult, error) {
	var r PingResult
	m := pingCounts.FindStringSubmatch(out)
	if m == nil {
		return r, fmt.Errorf("ping: no counts in %q", strings.TrimSpace(out))
	}
	r.Sent, _ = strconv.Atoi(m[1]) // digits, by the expression
	r.Received, _ = strconv.Atoi(m[2])
	r.Duplicates, _ = strconv.Atoi(m[3])
	if m := pingTimes.FindStringSubmatch(out); m != nil {
		for i, d := range []*time.Duration{&r.Min, &r.Avg, &r.Max} {
			ms, err := strconv.ParseFloat(m[i+1], 64)
			if err != nil {
				return r, err
			}
			*d = time.Duration(ms * float64(time.Millisecond))
		}
	}
	return r, nil
}

// Ping pings from the VM. Missing answers are no error: they are in the result.
func (v *VM) Ping(to string, o PingOptions) (PingResult, error) {
	if o.Count == 0 {
		o.Count = 3
	}
	args := o.args(to)
	out, err := v.Exec(args...)
	// ping exits with 1 when answers are missing (ping(8)).
	if exit := (*exec.ExitError)(nil); err != nil && !(errors.As(err, &exit) && exit.ExitCode() == 1) {
		return PingResult{}, err
	}
	return parsePing(out)
}

// Reaches pings three times and returns an error unless each request was answered exactly once.
func (v *VM) Reaches(to string) error {
	r, err := v.Ping(to, PingOptions{})
	if err == nil && (r.Lost() > 0 || r.Duplicates > 0) {
		err = fmt.Errorf("%s pings %s: %v, %d duplicates", v.Name, to, r, r.Duplicates)
	}
	return err
}

// CannotReach pings three times and returns an error if there was any answer.
func (v *VM) CannotReach(to string) error {
	r, err := v.Ping(to, PingOptions{Timeout: 300 * time.Millisecond})
	if err == nil && r.Received > 0 {
		err = fmt.Errorf("%s reaches %s: %v", v.Name, to, r)
	}
	return err
}
