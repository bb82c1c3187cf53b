package auth

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// maxAnswer bounds what is read of an answer of Keystone, in bytes. One without a catalog has some 700.
const maxAnswer = 256 << 10

// errUnknownToken is Keystone's word that a token is not, or no longer, good.
var errUnknownToken = errors.New("unknown token")

// keystoneClient speaks the two calls of the Identity API v3 that are needed: it gets a token for ourselves, and asks
// with it about those of others.
type keystoneClient struct {
	http  *http.Client
	url   string // of /v3/auth/tokens
	login []byte
	now   func() time.Time
	own   chan ownToken // holds the one; whoever takes it out may renew it
}

type ownToken struct {
	token string
	renew time.Time
}

// keystoneEndpoint gives the URL of Keystone without version and final slash.
func keystoneEndpoint(authURL string) (string, error) {
	u, err := url.Parse(authURL)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.RawQuery != "" || u.Fragment != "" {
		return "", fmt.Errorf("%q is not the URL of a Keystone, such as https://keystone.example.org:5000/v3", authURL)
	}
	if u.User != nil {
		return "", errors.New("the URL of Keystone must not have a user or password in it")
	}
	endpoint := strings.TrimRight(u.String(), "/")
	if strings.HasSuffix(endpoint, "/v2.0") {
		return "", fmt.Errorf("%s is Identity API v2.0: v3 is needed", authURL)
	}
	return strings.TrimRight(strings.TrimSuffix(endpoint, "/v3"), "/"), nil
}

func newKeystoneClient(url string, config KeystoneConfig) (*keystoneClient, error) {
	client, err := ServiceClient(config.CACert)
	if err != nil {
		return nil, err
	}
	c := &keystoneClient{http: client, url: url, login: loginBody(config), now: config.Now, own: make(chan ownToken, 1)}
	c.own <- ownToken{}
	return c, nil
}

// loginBody is the request for a token by password, for a project.
func loginBody(config KeystoneConfig) []byte {
	type object = map[string]any
	domain := func(name string) object { return object{"name": name} }
	body, _ := json.Marshal(object{"auth": object{ // strings always can be
		"identity": object{"methods": []string{"password"}, "password": object{"user": object{
			"name": config.Username, "domain": domain(config.UserDomainName), "password": config.Password}}},
		"scope": object{"project": object{"name": config.ProjectName, "domain": domain(config.ProjectDomainName)}},
	}})
	return body
}

// validate gives what a token grants, or errUnknownToken. Any other error means that Keystone did not say. A token that
// is restricted by access rules is unknown to us, since we do not say that we enforce them (OpenStack-Identity-Access-Rules).
func (c *keystoneClient) validate(ctx context.Context, token string, evenExpired bool) (*grant, error) {
	url := c.url + "?nocatalog"
	if evenExpired {
		url += "&allow_expired=1"
	}
	refused := ""
	for {
		own, err := c.ownToken(ctx, refused)
		if err != nil {
			return nil, err
		}
		status, _, body, err := c.do(ctx, http.MethodGet, url, nil, http.Header{"X-Auth-Token": {own}, "X-Subject-Token": {token}})
		switch {
		case err != nil:
			return nil, err
		case status == http.StatusOK:
			return parseGrant(body)
		case status == http.StatusNotFound:
			return nil, errUnknownToken
		case status == http.StatusUnauthorized && refused == "": // ours was revoked, or Keystone has new keys
			refused = own
		default:
			return nil, fmt.Errorf("answer %d of Keystone to a question about a token", status)
		}
	}
}

// ownToken gives our own token: a new one when the last grows old, or is the refused one.
func (c *keystoneClient) ownToken(ctx context.Context, refused string) (string, error) {
	var own ownToken
	select {
	case own = <-c.own:
	case <-ctx.Done():
		return "", fmt.Errorf("waiting for a token of our own: %w", ctx.Err())
	}
	defer func() { c.own <- own }()
	if own.token != "" && own.token != refused && c.now().Before(own.renew) {
		return own.token, nil
	}
	now := c.now()
	status, header, body, err := c.do(ctx, http.MethodPost, c.url+"?nocatalog", c.login, http.Header{"Content-Type": {"application/json"}})
	if err != nil {
		return "", err
	}
	if status != http.StatusCreated {
		return "", fmt.Errorf("answer %d of Keystone to our own password", status)
	}
	g, err := parseGrant(body)
	if err != nil {
		return "", err
	}
	token := header.Get("X-Subject-Token")
	if !wellFormed(token) {
		return "", errors.New("the answer of Keystone to our own password has no token")
	}
	// A tenth of its life is enough for any question that is under way.
	own = ownToken{token: token, renew: now.Add(g.expires.Sub(now) / 10 * 9)}
	return own.token, nil
}

func (c *keystoneClient) do(ctx context.Context, method, url string, body []byte, header http.Header) (int, http.Header, []byte, error) {
	request, err := http.NewRequestWithContext(ctx, method, url, bytes.NewReader(body))
	if err != nil {
		return 0, nil, nil, err
	}
	request.Header = header
	request.Header.Set("Accept", "application/json")
	request.Header.Set("User-Agent", "planckd")
	response, err := c.http.Do(request)
	if err != nil {
		return 0, nil, nil, err
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer+1))
	switch {
	case err != nil:
		return 0, nil, nil, err
	case len(answer) > maxAnswer:
		return 0, nil, nil, fmt.Errorf("the answer of Keystone is longer than %d bytes", maxAnswer)
	}
	return response.StatusCode, response.Header, answer, nil
}
