package main

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/planck-sdn/planck/tests/keystone"
)

// benchKeystone measures the same requests as benchREST with tokens of a real Keystone.
func benchKeystone(ctx context.Context, e *environment) (err error) {
	k, err := keystone.Start()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, k.Stop()) }()
	token, err := k.Token(ctx, keystone.Red+"-member")
	if err != nil {
		return err
	}
	b, err := e.prepare()
	if err != nil {
		return err
	}
	defer b.closeInto(&err)
	// planckd is in a network namespace of its own, Keystone is not.
	listener, err := b.Lab.ListenController("127.0.0.1:5000")
	if err != nil {
		return err
	}
	defer listener.Close()
	go forward(listener, strings.TrimSuffix(strings.TrimPrefix(k.URL(), "http://"), "/v3"))
	settings := []string{"OS_AUTH_URL=http://127.0.0.1:5000/v3"}
	for _, variable := range k.Env(keystone.Planck) {
		if !strings.HasPrefix(variable, "OS_AUTH_URL=") {
			settings = append(settings, variable)
		}
	}
	if err := b.run(ctx, settings, "--auth", "keystone"); err != nil {
		return err
	}

	header := "X-Auth-Token: " + token + "\r\n"
	clients, closeAll, err := b.clients(ctx, 1)
	if err != nil {
		return err
	}
	defer closeAll()
	answer, err := clients[0].do(b.request(http.MethodPost, "/v2.0/networks", header, `{"network":{}}`))
	if err != nil {
		return err
	}
	network, err := idIn(answer)
	if err != nil {
		return err
	}
	subnet := `{"subnet":{"network_id":"` + network + `","ip_version":4,"cidr":"10.1.0.0/16"}}`
	if _, err := clients[0].do(b.request(http.MethodPost, "/v2.0/subnets", header, subnet)); err != nil {
		return err
	}
	t := table{Title: "The same with tokens of Keystone", Columns: []string{"request", "other ports", "clients", "a second", "p50", "p99", "processor time: planckd", "PostgreSQL"},
		Notes: []string{"One token, which planckd asks Keystone for every 300 s. Keystone itself is idle meanwhile."}}
	for _, clients := range []int{1, 8} {
		if err := b.restRound(ctx, &t, header, network, 0, clients); err != nil {
			return err
		}
	}
	e.report.add(t)
	return nil
}

// forward passes connections on until the listener is closed.
func forward(l net.Listener, to string) {
	for {
		from, err := l.Accept()
		if err != nil {
			return
		}
		go func() {
			defer from.Close()
			there, err := net.DialTimeout("tcp", to, 10*time.Second)
			if err != nil {
				return
			}
			defer there.Close()
			go func() {
				_, _ = io.Copy(there, from)
				_ = there.(*net.TCPConn).CloseWrite()
			}()
			_, _ = io.Copy(from, there)
		}()
	}
}
