package main

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/pprof"
	"os"
	"strconv"
	"strings"

	"go.uber.org/zap"

	"github.com/planck-sdn/planck/model"
	"github.com/planck-sdn/planck/model/store"
)

// listen opens a listener that closes with the group; a TLS one wants client certificates.
func (g *group) listen(address string, config *tls.Config) (net.Listener, error) {
	l, err := net.Listen("tcp", address)
	if err != nil {
		return nil, err
	}
	g.loop(func() {
		<-g.ctx.Done()
		_ = l.Close()
	})
	if config != nil {
		return tls.NewListener(l, config), nil
	}
	return l, nil
}

func (s *settings) tlsConfig() (*tls.Config, error) {
	if s.tlsCert == "" {
		return nil, nil
	}
	cert, err := tls.LoadX509KeyPair(s.tlsCert, s.tlsKey)
	if err != nil {
		return nil, fmt.Errorf("--tls-cert, --tls-key: %w", err)
	}
	pem, err := os.ReadFile(s.tlsCA)
	if err != nil {
		return nil, fmt.Errorf("--tls-ca: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("--tls-ca: %s holds no certificate", s.tlsCA)
	}
	return &tls.Config{Certificates: []tls.Certificate{cert}, ClientCAs: pool, ClientAuth: tls.RequireAndVerifyClientCert,
		MinVersion: tls.VersionTLS12}, nil
}

// target is what a node that reached us at local is told to dial for OpenFlow.
func (s *settings) target(local string) string {
	scheme := "tcp:"
	if s.tlsCert != "" {
		scheme = "ssl:"
	}
	host, port := local, "6653"
	if _, p, err := net.SplitHostPort(s.listenOpenFlow); err == nil {
		port = p
	}
	if h, p, err := net.SplitHostPort(s.advertise); err == nil {
		host, port = h, p
	} else if s.advertise != "" {
		host = s.advertise
	}
	return scheme + net.JoinHostPort(host, port)
}

func (s *settings) storeOptions(log *zap.Logger) (store.Options, error) {
	o := store.Options{Source: model.SystemSource(), Log: log, UnderlayMTU: s.underlayMTU, Events: s.novaEndpoint != ""}
	if s.vniRange != "" {
		r, err := parseRange(s.vniRange)
		if err != nil {
			return o, fmt.Errorf("--vni-range: %w", err)
		}
		o.VNIs = r
	}
	for _, v := range s.vlanRanges {
		physnet, ids, ok := strings.Cut(v, ":")
		if !ok || physnet == "" {
			return o, fmt.Errorf("--vlan-range: %q is not of the form physnet:first-last", v)
		}
		r, err := parseRange(ids)
		if err != nil {
			return o, fmt.Errorf("--vlan-range: %w", err)
		}
		if o.VLANs == nil {
			o.VLANs = map[string]store.Range{}
		}
		o.VLANs[physnet] = r
	}
	for _, v := range s.quotas {
		resource, number, _ := strings.Cut(v, "=")
		limit, err := strconv.Atoi(number)
		if err != nil {
			return o, fmt.Errorf("--quota: %q is not of the form resource=number", v)
		}
		if o.Quotas == nil {
			o.Quotas = map[string]int{}
		}
		o.Quotas[resource] = limit
	}
	return o, nil
}

func parseRange(s string) (store.Range, error) {
	first, last, ok := strings.Cut(s, "-")
	a, err1 := strconv.ParseUint(first, 10, 32)
	b, err2 := strconv.ParseUint(last, 10, 32)
	if !ok || err1 != nil || err2 != nil {
		return store.Range{}, fmt.Errorf("%q is not of the form first-last", s)
	}
	return store.Range{First: uint32(a), Last: uint32(b)}, nil
}

// servePprof serves profiles on a unix socket, where only root can reach them.
func (s *settings) servePprof(g *group) error {
	if s.pprof == "" {
		return nil
	}
	if err := os.Remove(s.pprof); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	l, err := net.Listen("unix", s.pprof)
	if err != nil {
		return err
	}
	if err := os.Chmod(s.pprof, 0o600); err != nil {
		return errors.Join(err, l.Close())
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/debug/pprof/", pprof.Index)
	mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("/debug/pprof/trace", pprof.Trace)
	g.http("pprof", &http.Server{Handler: mux, ReadHeaderTimeout: shutdownTimeout}, l)
	return nil
}
