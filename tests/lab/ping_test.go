package lab

import (
	"testing"
	"time"
)

func TestParsePing(t *testing.T) {
	for _, c := range []struct {
		out  string
		want PingResult
	}{
		{"--- 10.0.0.1 ping statistics ---\n3 packets transmitted, 3 received, 0% packet loss, time 201ms\nrtt min/avg/max/mdev = 0.031/0.250/1.500/0.010 ms\n",
			PingResult{Sent: 3, Received: 3, Min: 31 * time.Microsecond, Avg: 250 * time.Microsecond, Max: 1500 * time.Microsecond}},
		{"3 packets transmitted, 2 received, +4 duplicates, 33% packet loss, time 201ms\nrtt min/avg/max/mdev = 1.000/1.000/1.000/0.000 ms\n",
			PingResult{Sent: 3, Received: 2, Duplicates: 4, Min: time.Millisecond, Avg: time.Millisecond, Max: time.Millisecond}},
		{"5 packets transmitted, 0 received, +5 errors, 100% packet loss, time 4100ms\n", PingResult{Sent: 5}},
	} {
		if got, err := parsePing(c.out); err != nil || got != c.want {
			t.Errorf("%q: %+v, %v; expected %+v", c.out, got, err, c.want)
		}
	}
	if got, err := parsePing("ping: unknown host"); err == nil {
		t.Errorf("no counts: %+v", got)
	}
}
