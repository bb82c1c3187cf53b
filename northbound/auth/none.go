package auth

import (
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"github.com/planck-sdn/planck/model"
)

// None takes the requester's word for who it is. A request without X-Roles is an administrator's; with it, the
// requester has those roles in the project of X-Project-Id (or X-Tenant-Id). Tokens are ignored.
//
// The only protection is that nobody else can reach the listener. Programs of strangers that run in a local browser
// are such others: a request for a foreign Host (DNS rebinding) or with a foreign Origin is refused.
type None struct {
	hosts []string
}

// NewNone accepts requests addressed to loopback, and to hosts: names or addresses, with or without a port.
func NewNone(hosts ...string) *None {
	n := &None{}
	for _, h := range hosts {
		if h = hostname(h); h != "" {
			n.hosts = append(n.hosts, h)
		}
	}
	return n
}

// Authenticate implements Authenticator.
func (n *None) Authenticate(r *http.Request) (*Context, error) {
	if !n.knows(r.Host) {
		return nil, model.Errorf(http.StatusForbidden, "HTTPForbidden", "This is not the host %s.", r.Host)
	}
	for _, origin := range r.Header.Values("Origin") {
		u, err := url.Parse(origin)
		if err != nil || !n.knows(u.Host) {
			return nil, model.Errorf(http.StatusForbidden, "HTTPForbidden", "Requests from the origin %s are not accepted.", origin)
		}
	}
	c := &Context{UserID: r.Header.Get("X-User-Id"), ProjectID: r.Header.Get("X-Project-Id")}
	if c.ProjectID == "" {
		c.ProjectID = r.Header.Get("X-Tenant-Id")
	}
	roles, said := r.Header["X-Roles"]
	for _, list := range roles {
		for role := range strings.SplitSeq(list, ",") {
			if role = strings.ToLower(strings.TrimSpace(role)); role != "" {
				c.Roles = append(c.Roles, role)
			}
		}
	}
	c.IsAdmin = !said || slices.Contains(c.Roles, RoleAdmin)
	return c, nil
}

func (n *None) knows(hostport string) bool {
	host := hostname(hostport)
	if ip, err := netip.ParseAddr(host); err == nil && ip.IsLoopback() {
		return true
	}
	return host == "localhost" || slices.Contains(n.hosts, host)
}

// hostname gives the host of "host", "host:port", "[v6]" or "[v6]:port" in lower case without a final dot.
func hostname(hostport string) string {
	host, _, err := net.SplitHostPort(hostport)
	if err != nil {
		host = strings.TrimSuffix(strings.TrimPrefix(hostport, "["), "]")
	}
	return strings.ToLower(strings.TrimSuffix(host, "."))
}
