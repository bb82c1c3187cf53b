package api

import (
	"net/http"

	"github.com/gin-gonic/gin"
	"go.uber.org/zap"

	"github.com/planck-sdn/planck/model"
)

// extension is an addition to the first API that a client can ask for by its alias. One is listed when the whole of
// it works.
type extension struct {
	Name        string   `json:"name"`
	Alias       string   `json:"alias"`
	Description string   `json:"description"`
	Updated     string   `json:"updated"` // when the extension was defined
	Links       []string `json:"links"`
}

// extensions are in the order of their aliases. Names matter: Havana's Nova looks for "Port Binding".
var extensions = []extension{
	{Alias: "agent", Name: "agent", Description: "The nodes of the cloud", Updated: "2013-02-03T10:00:00-00:00"},
	{Alias: "allowed-address-pairs", Name: "Allowed Address Pairs", Description: "A port can send from further addresses", Updated: "2013-07-23T10:00:00-00:00"},
	{Alias: "availability_zone", Name: "Availability Zone", Description: "The zones that nodes are in", Updated: "2015-01-01T10:00:00-00:00"},
	{Alias: "binding", Name: "Port Binding", Description: "The node that a port is bound to, and how it is plugged there", Updated: "2014-02-03T10:00:00-00:00"},
	{Alias: "binding-extended", Name: "Port Bindings Extended", Description: "A port can be bound to several hosts, of which one is active", Updated: "2017-07-17T10:00:00-00:00"},
	{Alias: "dns-integration", Name: "DNS Integration", Description: "Ports have host names, which DHCP hands out", Updated: "2015-08-15T18:00:00-00:00"},
	{Alias: "empty-string-filtering", Name: "Empty String Filtering Extension", Description: "Lists can be filtered by empty values", Updated: "2018-05-01T10:00:00-00:00"},
	{Alias: "ext-gw-mode", Name: "Neutron L3 Configurable external gateway mode", Description: "A router need not translate addresses at its gateway", Updated: "2013-03-28T10:00:00-00:00"},
	{Alias: "external-net", Name: "Neutron external network", Description: "Networks that lead outside", Updated: "2013-01-14T10:00:00-00:00"},
	{Alias: "extra_dhcp_opt", Name: "Neutron Extra DHCP options", Description: "A port's DHCP answers can say more", Updated: "2013-03-17T12:00:00-00:00"},
	{Alias: "extraroute", Name: "Neutron Extra Route", Description: "Routers have static routes", Updated: "2013-02-01T10:00:00-00:00"},
	{Alias: "extraroute-atomic", Name: "Atomically add/remove extra routes", Description: "Single routes of a router can be added and removed", Updated: "2019-07-10T00:00:00+00:00"},
	{Alias: "filter-validation", Name: "Filter parameters validation", Description: "Unknown filters are refused", Updated: "2018-07-04T10:00:00-00:00"},
	{Alias: "fip-port-details", Name: "Floating IP Port Details Extension", Description: "A floating IP shows the port that it stands for", Updated: "2018-04-09T10:00:00-00:00"},
	{Alias: "ip-substring-filtering", Name: "IP address substring filtering", Description: "Ports can be filtered by a part of an address", Updated: "2017-11-28T09:00:00-00:00"},
	{Alias: "net-mtu", Name: "Network MTU", Description: "The largest packet that a network carries", Updated: "2015-03-25T10:00:00-00:00"},
	{Alias: "net-mtu-writable", Name: "Network MTU (writable)", Description: "The largest packet can be chosen", Updated: "2017-07-12T00:00:00-00:00"},
	{Alias: "network-ip-availability", Name: "Network IP Availability", Description: "How many addresses networks have and use", Updated: "2015-09-24T00:00:00-00:00"},
	{Alias: "network_availability_zone", Name: "Network Availability Zone", Description: "The zones that networks are served in", Updated: "2015-01-01T10:00:00-00:00"},
	{Alias: "pagination", Name: "Pagination support", Description: "Lists can be read in pages", Updated: "2016-06-12T00:00:00-00:00"},
	{Alias: "port-mac-address-regenerate", Name: "Port MAC address regenerate", Description: "A port can be given another MAC address", Updated: "2018-05-03T10:00:00-00:00"},
	{Alias: "port-security", Name: "Port Security", Description: "What a port sends and receives is checked, unless that is switched off", Updated: "2012-07-23T10:00:00-00:00"},
	{Alias: "port-security-groups-filtering", Name: "Port filtering on security groups", Description: "Ports can be filtered by their security groups", Updated: "2018-01-09T09:00:00-00:00"},
	{Alias: "project-id", Name: "project_id field enabled", Description: "The owner of an object is also its project_id", Updated: "2016-09-09T09:09:09-09:09"},
	{Alias: "provider", Name: "Provider Network", Description: "How a network is carried by the physical ones", Updated: "2012-09-07T10:00:00-00:00"},
	{Alias: "quota-check-limit", Name: "Quota engine limit check", Description: "A limit below what is used can be refused", Updated: "2022-01-01T00:00:00-00:00"},
	{Alias: "quota-check-limit-default", Name: "Quota engine limit check by default", Description: "A limit below what is used is refused, unless it is forced", Updated: "2024-08-21T00:00:00-00:00"},
	{Alias: "quota_details", Name: "Quota details management support", Description: "How much of its quotas a project uses", Updated: "2017-02-10T10:00:00-00:00"},
	{Alias: "quotas", Name: "Quota management support", Description: "Limits of how many objects a project has", Updated: "2012-07-29T10:00:00-00:00"},
	{Alias: "rbac-policies", Name: "RBAC Policies", Description: "Networks can be shared with single projects", Updated: "2015-06-17T12:15:12-30:00"},
	{Alias: "revision-if-match", Name: "If-Match constraints based on revision_number", Description: "A change can be made to depend on the object's revision number", Updated: "2016-12-11T00:00:00-00:00"},
	{Alias: "router", Name: "Neutron L3 Router", Description: "Routers between networks and to the outside, and floating IPs", Updated: "2012-07-20T10:00:00-00:00"},
	{Alias: "router_availability_zone", Name: "Router Availability Zone", Description: "The zones that routers are served in", Updated: "2015-01-01T10:00:00-00:00"},
	{Alias: "security-group", Name: "security-group", Description: "Groups of ports, with rules that say what the ports may send and receive", Updated: "2012-10-05T10:00:00-00:00"},
	{Alias: "security-groups-normalized-cidr", Name: "Normalized CIDR field for security group rules", Description: "Rules show their remote prefix without host bits, too", Updated: "2020-07-28T10:00:00-00:00"},
	{Alias: "sort-key-validation", Name: "Sort keys validation", Description: "Unknown sort keys are refused", Updated: "2018-07-04T10:00:00-00:00"},
	{Alias: "sorting", Name: "Sorting support", Description: "Lists can be sorted", Updated: "2016-06-12T00:00:00-00:00"},
	{Alias: "standard-attr-description", Name: "standard-attr-description", Description: "Objects have a description", Updated: "2016-02-10T10:00:00-00:00"},
	{Alias: "standard-attr-revisions", Name: "Resource revision numbers", Description: "Objects have a number that rises with every change", Updated: "2016-04-11T10:00:00-00:00"},
	{Alias: "standard-attr-tag", Name: "Tag support for resources with standard attribute", Description: "Objects can have tags", Updated: "2017-01-01T00:00:00-00:00"},
	{Alias: "standard-attr-timestamp", Name: "Resource timestamps", Description: "Objects have the times of their creation and last change", Updated: "2016-09-12T10:00:00-00:00"},
	{Alias: "stateful-security-group", Name: "Stateful security group", Description: "A security group can be without connection tracking", Updated: "2019-11-26T09:00:00-00:00"},
	{Alias: "tag-creation", Name: "Tag creation extension", Description: "Several tags can be added at once", Updated: "2024-12-01T00:00:00-00:00"},
}

func serveExtensions(routes gin.IRoutes, log *zap.Logger) {
	list := make([]extension, len(extensions))
	for i, e := range extensions {
		e.Links = []string{}
		list[i] = e
	}
	routes.GET("/extensions", func(g *gin.Context) { g.JSON(http.StatusOK, gin.H{"extensions": list}) })
	routes.GET("/extensions/:alias", func(g *gin.Context) {
		for _, e := range list {
			if e.Alias == g.Param("alias") {
				g.JSON(http.StatusOK, gin.H{"extension": e})
				return
			}
		}
		writeError(g.Writer, g.Request, log, model.Errorf(http.StatusNotFound, "HTTPNotFound", "Extension with alias %s does not exist", g.Param("alias")))
	})
}
