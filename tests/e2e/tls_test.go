package e2e

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"os"
	"testing"
	"time"

	"github.com/planck-sdn/planck/tests/lab"
)

// TestTLS: nodes and clients with a certificate are served, all others get nowhere, at any of planckd's listeners.
func TestTLS(t *testing.T) {
	c := Start(t, Options{TLS: true})
	nodes := c.AddNodes("compute1", "compute2")
	for _, n := range nodes { // planckd told them where to dial for OpenFlow
		if target, err := n.Vsctl("get-controller", "br-int"); err != nil || target != "ssl:198.18.0.1:6653\n" {
			t.Errorf("node %s has the controller %s, %v", n.Name, target, err)
		}
	}
	a, _, ping := c.pair(nodes[0], nodes[1])
	if _, err := a.Renew(limit); err != nil {
		t.Error(err)
	}

	foreign := newAuthority(t, c.Lab.Dir, "foreign").issue("stranger")
	listeners := map[string]string{
		"API":      c.Planckd.Address(),
		"OpenFlow": net.JoinHostPort(c.Lab.ControllerIP().String(), fmt.Sprint(lab.OpenFlowPort)),
		"OVSDB":    net.JoinHostPort(c.Lab.ControllerIP().String(), fmt.Sprint(lab.OVSDBPort)),
	}
	for name, address := range listeners {
		for how, config := range map[string]*tls.Config{
			"no TLS":                nil,
			"no certificate":        c.authority.client(identity{}),
			"a stranger's":          c.authority.client(foreign),
			"an old version of TLS": oldVersion(c.authority.client(c.authority.issue("old"))),
		} {
			said, err := c.heard(address, config)
			if said != 0 || err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
				t.Errorf("%s, client with %s: got %d bytes, %v; expected to be cut off", name, how, said, err)
			}
		}
		said, err := c.heard(address, c.authority.client(c.authority.issue("known")))
		if said == 0 {
			t.Errorf("%s, client with a certificate: got nothing, %v", name, err)
		}
	}
	c.Answered(ping, 10, "pings")
	lostNothing(t, ping)
}

// tlsAlert is the content type of the record with which TLS refuses (RFC 8446, 5.1 and 6).
const tlsAlert = 21

func oldVersion(config *tls.Config) *tls.Config {
	config.MinVersion, config.MaxVersion = tls.VersionTLS10, tls.VersionTLS11
	return config
}

// heard connects, and returns how many bytes came, or why none did. The API is asked for a page; the others begin to speak by themselves, and might
// end the session before that for what is none of their protocol's. With a config these are bytes inside TLS.
func (c *Cloud) heard(address string, config *tls.Config) (int, error) {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	conn, err := c.Lab.DialController(ctx, "tcp", address)
	if err != nil {
		return 0, err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(limit)); err != nil {
		return 0, err
	}
	if config != nil {
		config = config.Clone()
		config.ServerName, _, _ = net.SplitHostPort(address)
		secure := tls.Client(conn, config)
		if err := secure.HandshakeContext(ctx); err != nil {
			return 0, err
		}
		conn = secure
	}
	request := ""
	switch {
	case config == nil:
		request = "\x04\x00\x00\x08\x00\x00\x00\x01" // OpenFlow's hello; of HTTP the API would say that it misses TLS
	case address == c.Planckd.Address():
		request = "GET / HTTP/1.0\r\n\r\n"
	}
	if _, err := conn.Write([]byte(request)); err != nil {
		return 0, err
	}
	answer := make([]byte, 1<<16)
	n, err := conn.Read(answer)
	if config == nil && n > 0 && answer[0] == tlsAlert {
		n, err = conn.Read(answer)
	}
	return n, err
}
