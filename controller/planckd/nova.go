package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/url"
	"time"

	"go.uber.org/zap"

	"github.com/planck-sdn/planck/model/store"
	"github.com/planck-sdn/planck/northbound/auth"
	"github.com/planck-sdn/planck/northbound/nova"
)

// novaInCatalog is the --nova-endpoint that leaves it to Keystone.
const novaInCatalog = "catalog"

func (s *settings) checkNova() error {
	switch s.novaEndpoint {
	case "":
		return nil
	case novaInCatalog:
		if s.auth != "keystone" {
			return errors.New("--nova-endpoint catalog: only --auth keystone has a catalog")
		}
		return nil
	}
	u, err := url.Parse(s.novaEndpoint)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.RawQuery != "" || u.Fragment != "" {
		return fmt.Errorf("--nova-endpoint: %q is not the URL of a Nova, such as https://nova.example.org:8774/v2.1", s.novaEndpoint)
	}
	return nil
}

// notifier makes what tells Nova of its servers' ports; nil if there is no Nova.
func (s *settings) notifier(db *store.Store, replica string, authenticator auth.Authenticator, now func() time.Time, log *zap.Logger) (*nova.Notifier, error) {
	if s.novaEndpoint == "" {
		return nil, nil
	}
	client, err := auth.ServiceClient(s.openStack[caKey])
	if err != nil {
		return nil, fmt.Errorf("--nova-endpoint: %w", err)
	}
	config := nova.Config{Store: db, Replica: replica, HTTP: client, Now: now, Log: log,
		Endpoint: func(context.Context) (string, error) { return s.novaEndpoint, nil }}
	if keystone, ok := authenticator.(*auth.Keystone); ok {
		config.Tokens = keystone
		if s.novaEndpoint == novaInCatalog {
			config.Endpoint = func(ctx context.Context) (string, error) {
				return keystone.Endpoint(ctx, "compute", cmp.Or(s.openStack[interfaceKey], "public"), s.openStack[regionKey])
			}
		}
	}
	return nova.New(config), nil
}
