package main

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"
)

// connectionFlags say where the API is and how to speak to it.
type connectionFlags struct{ api, ca, certificate, key string }

const dialTimeout = 5 * time.Second

func (f connectionFlags) client() (client, error) {
	u, err := url.Parse(f.api)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return client{}, fmt.Errorf("--api %q is no URL such as http://127.0.0.1:9696", f.api)
	}
	config, err := f.tls()
	if err != nil {
		return client{}, err
	}
	transport := &http.Transport{
		Proxy:           http.ProxyFromEnvironment,
		DialContext:     (&net.Dialer{Timeout: dialTimeout}).DialContext,
		TLSClientConfig: config,
	}
	return client{base: strings.TrimRight(f.api, "/"), http: &http.Client{Transport: transport}, token: f.token}, nil
}

func (f connectionFlags) tls() (*tls.Config, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if f.ca != "" {
		pem, err := os.ReadFile(f.ca)
		if err != nil {
			return nil, fmt.Errorf("--tls-ca: %w", err)
		}
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("--tls-ca: there is no certificate in %s", f.ca)
		}
	}
	if f.certificate == "" && f.key == "" {
		return config, nil
	}
	pair, err := tls.LoadX509KeyPair(f.certificate, f.key)
	if err != nil {
		return nil, fmt.Errorf("--tls-cert and --tls-key: %w", err)
	}
	config.Certificates = []tls.Certificate{pair}
	return config, nil
}
