package main

import (
	"context"
	"fmt"
	"os"

	"github.com/planck-sdn/planck/northbound/auth"
)

// token gives what to identify with, by the environment of OpenStack's clients: OS_TOKEN itself, or one that Keystone gives for a
// password. Empty: a controller with --auth none asks for nothing.
func (f connectionFlags) token(ctx context.Context) (string, error) {
	if token := os.Getenv("OS_TOKEN"); token != "" {
		return token, nil
	}
	url := os.Getenv("OS_AUTH_URL")
	if url == "" {
		return "", nil
	}
	keystone, err := auth.NewKeystone(auth.KeystoneConfig{
		AuthURL: url, Username: os.Getenv("OS_USERNAME"), Password: os.Getenv("OS_PASSWORD"), ProjectName: os.Getenv("OS_PROJECT_NAME"),
		UserDomainName: environment("OS_USER_DOMAIN_NAME", "Default"), ProjectDomainName: environment("OS_PROJECT_DOMAIN_NAME", "Default"), CACert: f.ca,
	})
	if err != nil {
		return "", err
	}
	token, err := keystone.Token(ctx, "")
	if err != nil {
		return "", fmt.Errorf("no token from Keystone at %s: %w", url, err)
	}
	return token, nil
}
