package e2e

import (
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"

	"github.com/planck-sdn/planck/northbound/admin"
	"github.com/planck-sdn/planck/tests/lab"
)

// Metric is the sum of planckd's series that begin so, such as `planck_fabric_frames_total{result="forged"`.
func (p *Planckd) Metric(beginning string) (sum float64) {
	p.cloud.t.Helper()
	answer, err := p.http.Get("http://" + p.metrics + "/metrics")
	if err != nil {
		p.cloud.t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != http.StatusOK {
		p.cloud.t.Fatalf("metrics: status %d, %v", answer.StatusCode, err)
	}
	for line := range strings.Lines(string(text)) {
		if series, value, found := strings.Cut(strings.TrimSpace(line), " "); found && strings.HasPrefix(series, beginning) {
			n, err := strconv.ParseFloat(value, 64)
			if err != nil {
				p.cloud.t.Fatalf("metric %s: %v", line, err)
			}
			sum += n
		}
	}
	return sum
}

// waitRounds waits until each port of the fabric's switches that may have a link has sent so many LLDP frames, or about that.
func (c *Cloud) waitRounds(n int) {
	c.t.Helper()
	ports := 0
	for _, name := range c.Fabric().Switches {
		var s admin.Switch
		c.must(c.request(http.MethodGet, admin.Prefix+"/switches/"+name, nil, &s))
		for _, port := range s.Ports {
			if port.Up && (port.Role == "" || port.Role == "link") {
				ports++
			}
		}
	}
	sent := func() float64 { return c.Planckd.Metric("planck_fabric_frames_sent_total") }
	enough := sent() + float64(n*ports)
	lab.Eventually(c.t, limit, "LLDP frames are sent", func() error {
		if now := sent(); now < enough {
			return fmt.Errorf("%v, expected %v", now, enough)
		}
		return nil
	})
}
