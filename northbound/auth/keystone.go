package auth

import (
	"context"
	"crypto/sha256"
	"errors"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"go.uber.org/zap"
	"golang.org/x/sync/singleflight"

	"github.com/planck-sdn/planck/model"
)

// KeystoneConfig says where Keystone is, as whom it is asked, and for how long its answers hold.
type KeystoneConfig struct {
	AuthURL           string // of the Identity API v3, with or without the final /v3
	Username          string // of a user of our own with the role service (or admin) in the project
	Password          string
	ProjectName       string
	UserDomainName    string
	ProjectDomainName string
	CACert            string // file of certificates (PEM) that Keystone's is signed by; empty: the system's

	CacheTime   time.Duration // how long a token may still work after it was revoked; 0: 300 s
	RefusalTime time.Duration // how long a refused token is refused unasked; 0: 30 s
	CacheSize   int           // tokens remembered, and as many refused ones; 0: 10,000
	Timeout     time.Duration // of one question to Keystone, whatever it takes; 0: 10 s

	Now func() time.Time // nil: the wall clock
	Log *zap.Logger      // nil: nothing is logged
}

// Keystone asks the Identity service who a token was given to. Its answers are remembered under the token's hash, so
// that a token works for some time when Keystone does not.
type Keystone struct {
	client    *keystoneClient
	challenge string
	config    KeystoneConfig
	granted   *cache[tokenHash, *grant]
	refused   *cache[question, struct{}]
	flights   singleflight.Group
	down      atomic.Bool
}

type tokenHash [sha256.Size]byte

// question is what Keystone is asked about a token: whether it is good, or whether it was until it expired.
type question struct {
	token       tokenHash
	evenExpired bool
}

// NewKeystone checks the configuration. Keystone itself is first asked when the first request comes.
func NewKeystone(config KeystoneConfig) (*Keystone, error) {
	config.CacheTime = orElse(config.CacheTime, 300*time.Second)
	config.RefusalTime = orElse(config.RefusalTime, 30*time.Second)
	config.CacheSize = orElse(config.CacheSize, 10_000)
	config.Timeout = orElse(config.Timeout, 10*time.Second)
	config.Log = orElse(config.Log, zap.NewNop())
	if config.Now == nil {
		config.Now = time.Now
	}
	endpoint, err := keystoneEndpoint(config.AuthURL)
	if err != nil {
		return nil, err
	}
	client, err := newKeystoneClient(endpoint+"/v3/auth/tokens", config)
	if err != nil {
		return nil, err
	}
	return &Keystone{client: client, challenge: `Keystone uri="` + endpoint + `"`, config: config,
		granted: newCache[tokenHash, *grant](config.CacheSize), refused: newCache[question, struct{}](config.CacheSize)}, nil
}

func orElse[T comparable](value, otherwise T) T {
	var zero T
	if value == zero {
		return otherwise
	}
	return value
}

// Authenticate implements Authenticator as OpenStack's services do: X-Auth-Token is the user's; with X-Service-Token
// another service passes on the request of a user whose token may have expired meanwhile.
func (k *Keystone) Authenticate(r *http.Request) (*Context, error) {
	var serviceRoles []string
	if token := r.Header.Get("X-Service-Token"); token != "" {
		service, err := k.validate(r.Context(), token, false)
		if err != nil {
			return nil, err
		}
		serviceRoles = service.roles
	}
	evenExpired := slices.Contains(serviceRoles, RoleService) || slices.Contains(serviceRoles, RoleAdmin)
	user, err := k.validate(r.Context(), r.Header.Get("X-Auth-Token"), evenExpired)
	if err != nil {
		return nil, err
	}
	// Everything here belongs to projects: Neutron too refuses tokens for a domain or for the whole system.
	if user.scope == scopeSystem || user.scope == scopeDomain {
		return nil, model.Errorf(http.StatusForbidden, "InvalidScope",
			"Requests need a token with project scope, this one has %s scope.", user.scope)
	}
	return &Context{UserID: user.userID, ProjectID: user.projectID, Roles: user.roles, ServiceRoles: serviceRoles,
		IsAdmin: slices.Contains(user.roles, RoleAdmin)}, nil
}

// validate finds out what a token grants; evenExpired accepts one that has expired, as long as Keystone still knows it.
func (k *Keystone) validate(ctx context.Context, token string, evenExpired bool) (*grant, error) {
	token = strings.TrimSpace(token)
	if !wellFormed(token) {
		return nil, k.unauthorized()
	}
	q := question{sha256.Sum256([]byte(token)), evenExpired}
	if g, known := k.recall(q); known {
		return k.answer(g)
	}
	// The first requester's leaving must not fail the others', so the question is no one's and has its own time limit.
	key := string(q.token[:])
	if evenExpired {
		key += "+"
	}
	flight := k.flights.DoChan(key, func() (any, error) {
		ctx, cancel := context.WithTimeout(context.Background(), k.config.Timeout)
		defer cancel()
		return k.ask(ctx, token, q)
	})
	select {
	case <-ctx.Done():
		return nil, errKeystoneUnavailable
	case result := <-flight:
		if result.Err != nil {
			return nil, errKeystoneUnavailable
		}
		return k.answer(result.Val.(*grant))
	}
}

// recall answers from memory. A nil grant is a refusal.
func (k *Keystone) recall(q question) (g *grant, known bool) {
	now := k.config.Now()
	if g, ok := k.granted.get(q.token, now); ok {
		if !q.evenExpired && !now.Before(g.expires) {
			return nil, true
		}
		return g, true
	}
	_, refused := k.refused.get(q, now)
	return nil, refused
}

// ask asks Keystone, and remembers the answer. A nil grant is a refusal.
func (k *Keystone) ask(ctx context.Context, token string, q question) (*grant, error) {
	if g, known := k.recall(q); known { // by a flight that landed in this moment
		return g, nil
	}
	now := k.config.Now() // before the answer, which is then never believed for too long
	g, err := k.client.validate(ctx, token, q.evenExpired)
	if err != nil && !errors.Is(err, errUnknownToken) {
		if !k.down.Swap(true) {
			k.config.Log.Warn("Keystone does not validate tokens", zap.Error(err))
		}
		return nil, err
	}
	if k.down.Swap(false) {
		k.config.Log.Info("Keystone validates tokens again")
	}
	if err != nil || !q.evenExpired && !now.Before(g.expires) {
		k.refused.put(q, struct{}{}, now.Add(k.config.RefusalTime))
		return nil, nil
	}
	until := now.Add(k.config.CacheTime)
	if now.Before(g.expires) && g.expires.Before(until) {
		until = g.expires
	}
	k.granted.put(q.token, g, until)
	return g, nil
}

func (k *Keystone) answer(g *grant) (*grant, error) {
	if g == nil {
		return nil, k.unauthorized()
	}
	return g, nil
}

func (k *Keystone) unauthorized() error { return &Unauthorized{Challenge: k.challenge} }

var (
	errUnauthorized = model.Errorf(http.StatusUnauthorized, "HTTPUnauthorized",
		"The request you have made requires authentication.")
	errKeystoneUnavailable = model.Errorf(http.StatusServiceUnavailable, "HTTPServiceUnavailable",
		"The Keystone service is temporarily unavailable.")
)

// Unauthorized is the refusal of a request without a good token. It is a *model.Error, with a header to go with it.
type Unauthorized struct {
	Challenge string // for WWW-Authenticate: where to get a token
}

// Error implements error.
func (e *Unauthorized) Error() string { return errUnauthorized.Message }

// Unwrap gives the *model.Error.
func (e *Unauthorized) Unwrap() error { return errUnauthorized }

// maxToken is the longest token that is looked at, in bytes. Fernet tokens have some 200, signed ones (JWS) some 800.
const maxToken = 8 << 10

func wellFormed(token string) bool {
	if token == "" || len(token) > maxToken {
		return false
	}
	for i := range len(token) {
		if token[i] <= ' ' || token[i] > '~' {
			return false
		}
	}
	return true
}
