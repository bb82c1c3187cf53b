package main

import (
	"fmt"

	"go.uber.org/zap"

	"github.com/planck-sdn/planck/northbound/auth"
)

// openStackKeys are the settings that have their names from OpenStack's clients.
var openStackKeys = []string{"OS_AUTH_URL", "OS_USERNAME", "OS_PASSWORD", "OS_PROJECT_NAME", "OS_USER_DOMAIN_NAME",
	"OS_PROJECT_DOMAIN_NAME", caKey, regionKey, interfaceKey}

// These may be missing.
const (
	caKey        = "OS_CACERT"
	regionKey    = "OS_REGION_NAME"
	interfaceKey = "OS_INTERFACE"
)

func (s *settings) missingForKeystone() []string {
	var missing []string
	for _, key := range openStackKeys {
		if s.openStack[key] == "" && key != caKey && key != regionKey && key != interfaceKey {
			missing = append(missing, key)
		}
	}
	return missing
}

// authenticator is the one of --auth.
func (s *settings) authenticator(log *zap.Logger) (auth.Authenticator, error) {
	if s.auth == "none" {
		return auth.NewNone(append([]string{s.listenAPI}, s.apiHosts...)...), nil
	}
	k, err := auth.NewKeystone(auth.KeystoneConfig{
		AuthURL: s.openStack["OS_AUTH_URL"], Username: s.openStack["OS_USERNAME"], Password: s.openStack["OS_PASSWORD"],
		ProjectName: s.openStack["OS_PROJECT_NAME"], UserDomainName: s.openStack["OS_USER_DOMAIN_NAME"],
		ProjectDomainName: s.openStack["OS_PROJECT_DOMAIN_NAME"], CACert: s.openStack[caKey], Log: log,
	})
	if err != nil {
		return nil, fmt.Errorf("--auth keystone: %w", err)
	}
	return k, nil
}
