package e2e

import (
	"cmp"
	"fmt"
	"net/http"
	"net/url"
	"strings"
)

// Group is a security group as the API shows it.
type Group struct {
	ID        string `json:"id"`
	Name      string `json:"name"`
	ProjectID string `json:"project_id"`
	Stateful  bool   `json:"stateful"`
	Rules     []struct {
		ID        string `json:"id"`
		Direction string `json:"direction"`
		EtherType string `json:"ethertype"`
	} `json:"security_group_rules"`
}

// CreateGroup makes a security group with these rules beside those that it has by itself; attributes may be nil.
func (c *Client) CreateGroup(name string, attributes Attrs, rules ...Attrs) Group {
	c.t.Helper()
	var answer struct {
		Group Group `json:"security_group"`
	}
	c.must(c.request(http.MethodPost, "/v2.0/security-groups", Attrs{"security_group": Attrs{"name": name}.with(attributes)}, &answer))
	for _, r := range rules {
		c.CreateRule(answer.Group, r)
	}
	return answer.Group
}

// DefaultGroup is the group that the client's project has by itself.
func (c *Client) DefaultGroup() Group {
	c.t.Helper()
	var answer struct {
		Groups []Group `json:"security_groups"`
	}
	c.must(c.request(http.MethodGet, "/v2.0/security-groups?name=default&project_id="+url.QueryEscape(c.project), nil, &answer))
	if len(answer.Groups) != 1 {
		c.t.Fatalf("project %s has %d default groups", c.project, len(answer.Groups))
	}
	return answer.Groups[0]
}

// CreateRule adds a rule to a group, and returns its id.
func (c *Client) CreateRule(g Group, attributes Attrs) string {
	c.t.Helper()
	var answer struct {
		Rule struct{ ID string } `json:"security_group_rule"`
	}
	c.must(c.request(http.MethodPost, "/v2.0/security-group-rules",
		Attrs{"security_group_rule": Attrs{"security_group_id": g.ID}.with(attributes)}, &answer))
	return answer.Rule.ID
}

// DeleteRule deletes a rule.
func (c *Client) DeleteRule(id string) { c.t.Helper(); c.delete("/v2.0/security-group-rules/" + id) }

// DeleteGroup deletes a security group.
func (c *Client) DeleteGroup(id string) { c.t.Helper(); c.delete("/v2.0/security-groups/" + id) }

// SetGroups puts a port into these security groups, and no other.
func (c *Client) SetGroups(p Port, groups ...Group) {
	c.t.Helper()
	c.UpdatePort(p.ID, In(groups...))
}

// insecure are the attributes that take port security off a port, and its groups with it.
func (p Port) insecure() Attrs {
	return Attrs{"port_security_enabled": false, "security_groups": []string{}}
}

// secure are the attributes that restore what insecure took off a port, with the groups that it had before.
func (p Port) secure() Attrs {
	return Attrs{"port_security_enabled": true, "security_groups": p.SecurityGroups}
}

// In are the attributes of a port in these security groups.
func In(groups ...Group) Attrs {
	ids := []string{}
	for _, g := range groups {
		ids = append(ids, g.ID)
	}
	return Attrs{"security_groups": ids}
}

// Rule is a rule for IPv4 in words: direction, protocol or "any", and its ports or type if it has such ("22", "8000-8080"), as in
// "ingress tcp 22".
func Rule(words string) Attrs {
	f := strings.Fields(words)
	r := Attrs{"direction": f[0], "ethertype": "IPv4"}
	if f[1] != "any" {
		r["protocol"] = f[1]
	}
	if len(f) > 2 {
		first, last, isRange := strings.Cut(f[2], "-")
		r["port_range_min"] = first
		if isRange || f[1] != "icmp" { // whose type stands alone for any code
			r["port_range_max"] = cmp.Or(last, first)
		}
	}
	return r
}

// from has the rule be about addresses, or with a Group about its members.
func (a Attrs) from(remote any) Attrs {
	if g, ok := remote.(Group); ok {
		return a.with(Attrs{"remote_group_id": g.ID})
	}
	return a.with(Attrs{"remote_ip_prefix": fmt.Sprint(remote)})
}

// open has the default group of a port's project let everything in, once, unless the cloud's groups are closed.
func (c *Client) open(port Attrs) {
	c.t.Helper()
	cloud := c.planckd.cloud
	if cloud.closed {
		return
	}
	project := c.project
	for _, name := range []string{"project_id", "tenant_id"} {
		if id, ok := port[name].(string); ok {
			project = id
		}
	}
	cloud.opening.Lock()
	defer cloud.opening.Unlock()
	if !cloud.opened[project] {
		owner := c.planckd.Client("member", project)
		owner.CreateRule(owner.DefaultGroup(), Rule("ingress any"))
		cloud.opened[project] = true
	}
}
