package e2e

import (
	"regexp"
	"strings"
	"time"

	"github.com/planck-sdn/planck/tests/lab"
)

var durationField = regexp.MustCompile(`duration=([0-9.]+)s, `)
var countersField = regexp.MustCompile(`(n_packets|n_bytes|idle_age|hard_age)=[0-9]+, `)

// EntryAges tells how long each flow entry of br-int has been on its node: an entry that is written again begins anew.
func (c *Cloud) EntryAges() map[string]time.Duration {
	c.t.Helper()
	ages := map[string]time.Duration{}
	for _, n := range c.Lab.Nodes() {
		out, err := n.Ofctl("dump-flows", "br-int")
		if err != nil {
			c.t.Fatalf("entries of node %s: %v", n.Name, err)
		}
		for line := range strings.Lines(out) {
			m := durationField.FindStringSubmatch(line)
			if m == nil {
				continue // the header
			}
			age, err := time.ParseDuration(m[1] + "s")
			if err != nil {
				c.t.Fatal(err)
			}
			entry := countersField.ReplaceAllString(durationField.ReplaceAllString(line, ""), "")
			ages[n.Name+": "+strings.TrimSpace(entry)] = age
		}
	}
	return ages
}

// Kept fails the test unless every entry of before is still there and has not been written again since, and none was added.
func (c *Cloud) Kept(before map[string]time.Duration) {
	c.t.Helper()
	now := c.EntryAges()
	for entry, age := range before {
		if now[entry] < age {
			c.t.Errorf("entry was lost or written again: %s (age %v, was %v)", entry, now[entry], age)
		}
	}
	for entry := range now {
		if _, was := before[entry]; !was {
			c.t.Errorf("entry is new: %s", entry)
		}
	}
}

// Answered waits until pings that were sent after the call are answered.
func (c *Cloud) Answered(p *lab.Pinger, n int, what string) {
	c.t.Helper()
	since := time.Now()
	lab.Eventually(c.t, limit, what, func() error { return p.AnsweredAfter(since, n) })
}
