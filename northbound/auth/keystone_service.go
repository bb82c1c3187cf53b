package auth

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"strings"
)

// ServiceClient gives a client for the other services of an OpenStack. It follows no redirections: tokens go to no other host than the
// one configured. caCert is a file of certificates (PEM) that theirs are signed by; empty: the system's.
func ServiceClient(caCert string) (*http.Client, error) {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxConnsPerHost = 32
	transport.MaxIdleConnsPerHost = 8
	transport.MaxResponseHeaderBytes = 64 << 10
	if caCert != "" {
		pem, err := os.ReadFile(caCert)
		if err != nil {
			return nil, err
		}
		pool := x509.NewCertPool()
		if !pool.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("%s holds no certificate", caCert)
		}
		transport.TLSClientConfig = &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}
	}
	return &http.Client{Transport: transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}, nil
}

// Token gives a token of our own user, another than the refused one, which may be empty.
func (k *Keystone) Token(ctx context.Context, refused string) (string, error) {
	return k.client.ownToken(ctx, refused)
}

// Endpoint gives the URL of a service from the catalog, by its type, such as "compute", its interface, such as "public", and its region;
// without a region, of the first that has it.
func (k *Keystone) Endpoint(ctx context.Context, service, kind, region string) (string, error) {
	url := strings.TrimSuffix(k.client.url, "/tokens") + "/catalog"
	refused := ""
	for {
		own, err := k.client.ownToken(ctx, refused)
		if err != nil {
			return "", err
		}
		status, _, body, err := k.client.do(ctx, http.MethodGet, url, nil, http.Header{"X-Auth-Token": {own}})
		switch {
		case err != nil:
			return "", err
		case status == http.StatusOK:
			return findEndpoint(body, service, kind, region)
		case status == http.StatusUnauthorized && refused == "":
			refused = own
		default:
			return "", fmt.Errorf("answer %d of Keystone to the question for the catalog", status)
		}
	}
}

// findEndpoint reads a catalog (Identity API v3, "Get service catalog").
func findEndpoint(body []byte, service, kind, region string) (string, error) {
	var answer struct {
		Catalog []struct {
			Type      string `json:"type"`
			Endpoints []struct {
				Interface string `json:"interface"`
				Region    string `json:"region_id"`
				URL       string `json:"url"`
			} `json:"endpoints"`
		} `json:"catalog"`
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		return "", fmt.Errorf("the answer of Keystone is no JSON of a catalog: %w", err)
	}
	for _, s := range answer.Catalog {
		for _, e := range s.Endpoints {
			if s.Type == service && e.Interface == kind && (region == "" || e.Region == region) {
				return e.URL, nil
			}
		}
	}
	where := ""
	if region != "" {
		where = " in region " + region
	}
	return "", fmt.Errorf("the catalog of Keystone has no %s endpoint of service type %s%s", kind, service, where)
}
