package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/planck-sdn/planck/northbound/admin"
)

// Attrs are attributes of a request's body, such as {"port_security_enabled": false}.
type Attrs map[string]any

// Client speaks REST as one project.
type Client struct {
	planckd *Planckd
	t       testing.TB
	project string
	roles   string // empty: not said, so that it is an administrator's
}

// Network is a network as the API shows it.
type Network struct {
	ID              string   `json:"id"`
	Name            string   `json:"name"`
	ProjectID       string   `json:"project_id"`
	Status          string   `json:"status"`
	AdminStateUp    bool     `json:"admin_state_up"`
	MTU             int      `json:"mtu"`
	Subnets         []string `json:"subnets"`
	NetworkType     string   `json:"provider:network_type"`
	PhysicalNetwork string   `json:"provider:physical_network"`
	SegmentationID  uint32   `json:"provider:segmentation_id"`
	RevisionNumber  int64    `json:"revision_number"`
}

// Subnet is a subnet as the API shows it.
type Subnet struct {
	ID             string   `json:"id"`
	Name           string   `json:"name"`
	NetworkID      string   `json:"network_id"`
	CIDR           string   `json:"cidr"`
	GatewayIP      string   `json:"gateway_ip"`
	DNSNameservers []string `json:"dns_nameservers"`
	EnableDHCP     bool     `json:"enable_dhcp"`
}

// Port is a port as the API shows it.
type Port struct {
	ID           string `json:"id"`
	Name         string `json:"name"`
	NetworkID    string `json:"network_id"`
	ProjectID    string `json:"project_id"`
	MAC          string `json:"mac_address"`
	Status       string `json:"status"`
	AdminStateUp bool   `json:"admin_state_up"`
	DeviceOwner  string `json:"device_owner"`
	HostID       string `json:"binding:host_id"`
	VIFType      string `json:"binding:vif_type"`
	VIFDetails   struct {
		DatapathType string `json:"datapath_type"`
		Reason       string `json:"reason"` // why the binding failed
	} `json:"binding:vif_details"`
	FixedIPs []struct {
		SubnetID  string `json:"subnet_id"`
		IPAddress string `json:"ip_address"`
	} `json:"fixed_ips"`
	SecurityGroups []string `json:"security_groups"`
	RevisionNumber int64    `json:"revision_number"`
}

// IP is the port's first address.
func (p Port) IP() string {
	if len(p.FixedIPs) == 0 {
		return ""
	}
	return p.FixedIPs[0].IPAddress
}

// Client speaks to this replica: as a member of the project, or as its administrator.
func (p *Planckd) Client(roles, project string) *Client {
	return &Client{planckd: p, t: p.cloud.t, project: project, roles: roles}
}

// Project speaks as an ordinary member of a project.
func (c *Client) Project(id string) *Client { return c.planckd.Client("member", id) }

// Answer is an HTTP answer.
type Answer struct {
	Status int
	Body   []byte
	// ErrorType and ErrorMessage are those of a NeutronError.
	ErrorType, ErrorMessage string
}

// Try makes a request whatever comes of it. body is sent as JSON, a string or []byte as it is, nil not at all.
func (c *Client) Try(method, path string, body any) (Answer, error) {
	var reader io.Reader
	switch b := body.(type) {
	case nil:
	case string:
		reader = strings.NewReader(b)
	case []byte:
		reader = bytes.NewReader(b)
	default:
		text, err := json.Marshal(b)
		if err != nil {
			return Answer{}, err
		}
		reader = bytes.NewReader(text)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*limit)
	defer cancel()
	q, err := http.NewRequestWithContext(ctx, method, c.planckd.url(path), reader)
	if err != nil {
		return Answer{}, err
	}
	q.Header.Set("Content-Type", "application/json")
	q.Header.Set("X-Project-Id", c.project)
	if c.roles != "" {
		q.Header.Set("X-Roles", c.roles)
	}
	r, err := c.planckd.http.Do(q)
	if err != nil {
		return Answer{}, err
	}
	defer r.Body.Close()
	a := Answer{Status: r.StatusCode}
	if a.Body, err = io.ReadAll(r.Body); err != nil {
		return a, err
	}
	if a.Status >= 400 {
		var refusal struct {
			NeutronError struct{ Type, Message string }
		}
		if json.Unmarshal(a.Body, &refusal) == nil {
			a.ErrorType, a.ErrorMessage = refusal.NeutronError.Type, refusal.NeutronError.Message
		}
	}
	return a, nil
}

// request makes a request that must succeed, and decodes the answer into v unless that is nil.
func (c *Client) request(method, path string, body, v any) error {
	a, err := c.Try(method, path, body)
	if err != nil {
		return err
	}
	if a.Status/100 != 2 {
		return fmt.Errorf("%s %s: status %d: %s", method, path, a.Status, a.Body)
	}
	if v == nil {
		return nil
	}
	if err := json.Unmarshal(a.Body, v); err != nil {
		return fmt.Errorf("%s %s: %w in %s", method, path, err, a.Body)
	}
	return nil
}

func (c *Client) must(err error) {
	c.t.Helper()
	if err != nil {
		c.t.Fatal(err)
	}
}

// Refused makes a request that must fail with this status and type of error, as Neutron has them.
func (c *Client) Refused(status int, errorType, method, path string, body any) {
	c.t.Helper()
	a, err := c.Try(method, path, body)
	if err != nil || a.Status != status || a.ErrorType != errorType {
		c.t.Errorf("%s %s: status %d, type %q (%s), %v; expected %d, %q", method, path, a.Status, a.ErrorType, a.Body, err, status, errorType)
	}
}

// with adds attributes to those of a request; more wins.
func (a Attrs) with(more Attrs) Attrs {
	for k, v := range more {
		a[k] = v
	}
	return a
}

// CreateNetwork makes a network; attributes may be nil.
func (c *Client) CreateNetwork(name string, attributes Attrs) Network {
	c.t.Helper()
	var answer struct{ Network Network }
	c.must(c.request(http.MethodPost, "/v2.0/networks", Attrs{"network": Attrs{"name": name}.with(attributes)}, &answer))
	return answer.Network
}

// CreateSubnet makes an IPv4 subnet; attributes may be nil.
func (c *Client) CreateSubnet(n Network, cidr string, attributes Attrs) Subnet {
	c.t.Helper()
	var answer struct{ Subnet Subnet }
	body := Attrs{"network_id": n.ID, "cidr": cidr, "ip_version": 4}.with(attributes)
	c.must(c.request(http.MethodPost, "/v2.0/subnets", Attrs{"subnet": body}, &answer))
	return answer.Subnet
}

// CreatePort makes a port; attributes may be nil. Without security_groups it is in the default group of its project, see Options.
func (c *Client) CreatePort(n Network, name string, attributes Attrs) Port {
	c.t.Helper()
	c.open(attributes)
	var answer struct{ Port Port }
	body := Attrs{"network_id": n.ID, "name": name}.with(attributes)
	c.must(c.request(http.MethodPost, "/v2.0/ports", Attrs{"port": body}, &answer))
	return answer.Port
}

// CreatePorts makes ports in one request.
func (c *Client) CreatePorts(n Network, count int, attributes Attrs) []Port {
	c.t.Helper()
	c.open(attributes)
	var answer struct{ Ports []Port }
	bodies := make([]Attrs, count)
	for i := range bodies {
		bodies[i] = Attrs{"network_id": n.ID, "name": fmt.Sprintf("port%d", i)}.with(attributes)
	}
	c.must(c.request(http.MethodPost, "/v2.0/ports", Attrs{"ports": bodies}, &answer))
	return answer.Ports
}

// Network reads a network.
func (c *Client) Network(id string) Network {
	c.t.Helper()
	var answer struct{ Network Network }
	c.must(c.request(http.MethodGet, "/v2.0/networks/"+id, nil, &answer))
	return answer.Network
}

// Port reads a port.
func (c *Client) Port(id string) Port {
	c.t.Helper()
	var answer struct{ Port Port }
	c.must(c.request(http.MethodGet, "/v2.0/ports/"+id, nil, &answer))
	return answer.Port
}

// Ports lists the ports for which a query holds, such as "network_id=…&device_owner=network:dhcp".
func (c *Client) Ports(query string) []Port {
	c.t.Helper()
	var answer struct{ Ports []Port }
	c.must(c.request(http.MethodGet, "/v2.0/ports?"+query, nil, &answer))
	return answer.Ports
}

// UpdateNetwork changes attributes of a network.
func (c *Client) UpdateNetwork(id string, attributes Attrs) Network {
	c.t.Helper()
	var answer struct{ Network Network }
	c.must(c.request(http.MethodPut, "/v2.0/networks/"+id, Attrs{"network": attributes}, &answer))
	return answer.Network
}

// UpdateSubnet changes attributes of a subnet.
func (c *Client) UpdateSubnet(id string, attributes Attrs) Subnet {
	c.t.Helper()
	var answer struct{ Subnet Subnet }
	c.must(c.request(http.MethodPut, "/v2.0/subnets/"+id, Attrs{"subnet": attributes}, &answer))
	return answer.Subnet
}

// UpdatePort changes attributes of a port.
func (c *Client) UpdatePort(id string, attributes Attrs) Port {
	c.t.Helper()
	var answer struct{ Port Port }
	c.must(c.request(http.MethodPut, "/v2.0/ports/"+id, Attrs{"port": attributes}, &answer))
	return answer.Port
}

// DeleteNetwork deletes a network.
func (c *Client) DeleteNetwork(id string) { c.t.Helper(); c.delete("/v2.0/networks/" + id) }

// DeleteSubnet deletes a subnet.
func (c *Client) DeleteSubnet(id string) { c.t.Helper(); c.delete("/v2.0/subnets/" + id) }

// DeletePort deletes a port.
func (c *Client) DeletePort(id string) { c.t.Helper(); c.delete("/v2.0/ports/" + id) }

func (c *Client) delete(path string) {
	c.t.Helper()
	c.must(c.request(http.MethodDelete, path, nil, nil))
}

// Status is what planckctl status shows.
func (c *Client) Status() admin.Status {
	c.t.Helper()
	var s admin.Status
	c.must(c.request(http.MethodGet, admin.Prefix+"/status", nil, &s))
	return s
}

// Nodes are the nodes as planckctl node list shows them.
func (c *Client) Nodes() []admin.Node {
	c.t.Helper()
	var answer struct{ Nodes []admin.Node }
	c.must(c.request(http.MethodGet, admin.Prefix+"/nodes", nil, &answer))
	return answer.Nodes
}

// NodeStatus is one node by hostname or system-id. That planckd does not know it (yet) is an error.
func (c *Client) NodeStatus(name string) (admin.Node, error) {
	var n admin.Node
	err := c.request(http.MethodGet, admin.Prefix+"/nodes/"+url.PathEscape(name), nil, &n)
	return n, err
}

// PortStatus is a port as planckctl port show has it.
func (c *Client) PortStatus(id string) (admin.Port, error) {
	var p admin.Port
	err := c.request(http.MethodGet, admin.Prefix+"/ports/"+id, nil, &p)
	return p, err
}

// Flows are the entries of a node ("": all) that serve a port ("": all).
func (c *Client) Flows(node, port string) []admin.Flow {
	c.t.Helper()
	query := url.Values{}
	if node != "" {
		query.Set("node", node)
	}
	if port != "" {
		query.Set("port", port)
	}
	var answer struct{ Flows []admin.Flow }
	c.must(c.request(http.MethodGet, admin.Prefix+"/flows?"+query.Encode(), nil, &answer))
	return answer.Flows
}

// Reconcile has planckd compare a node's switch with what it should hold.
func (c *Client) Reconcile(node string, force bool) {
	c.t.Helper()
	c.must(c.request(http.MethodPost, fmt.Sprintf("%s/nodes/%s/reconcile?force=%t", admin.Prefix, url.PathEscape(node), force), nil, nil))
}

// ForgetNode unpins a node's hostname.
func (c *Client) ForgetNode(node string) {
	c.t.Helper()
	c.must(c.request(http.MethodPost, admin.Prefix+"/nodes/"+url.PathEscape(node)+"/forget", nil, nil))
}

// DeleteNode declares a node gone.
func (c *Client) DeleteNode(node string) {
	c.t.Helper()
	c.delete(admin.Prefix + "/nodes/" + url.PathEscape(node))
}

// WaitConverged waits until everything committed before the call is confirmed on every connected switch.
func (c *Client) WaitConverged() {
	c.t.Helper()
	if w := c.Converged(limit); !w.Done {
		c.t.Fatalf("revision %d is not confirmed within %v by %v", w.Revision, limit, w.Left)
	}
}

// Converged waits like WaitConverged, for at most patience, and says who was left.
func (c *Client) Converged(patience time.Duration) admin.Wait {
	c.t.Helper()
	var w admin.Wait
	c.must(c.request(http.MethodPost, admin.Prefix+"/wait?timeout="+url.QueryEscape(patience.String()), nil, &w))
	return w
}
