package main

import (
	"fmt"
	"net/http/httptest"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/planck-sdn/planck/northbound/admin"
)

// route is what there is to say of a route of /planck/v1.
type route struct {
	method, path string // as gin has them, after /planck/v1
	does         string
	answer       reflect.Type // nil: 204, and no body
	list         string       // name of the list that answer is an element of; empty: the answer is the object itself
	stream       bool         // one element a line
}

func object[T any]() reflect.Type { return reflect.TypeFor[T]() }

// routes are in the order of the page.
var routes = []route{
	{"GET", "/status", "The state of the replica that answers, of the database, and of all nodes in sum.", object[admin.Status](), "", false},
	{"GET", "/nodes", "All nodes: attached, away, or refused with the reason.", object[admin.Node](), "nodes", false},
	{"GET", "/nodes/:name", "One node, by its hostname or system-id.", object[admin.Node](), "", false},
	{"DELETE", "/nodes/:name", "Declares a node gone: ports bound to it fail, peers drop it, identifiers that waited for it are free.", nil, "", false},
	{"GET", "/nodes/:name/reconcile", "What a reconcile would send to a node's switch.", object[admin.Difference](), "differences", false},
	{"POST", "/nodes/:name/reconcile", "Reads what a node's switch holds, and sends the difference.", nil, "", false},
	{"POST", "/nodes/:name/forget", "Unpins a node's hostname, so that another system-id may have it.", nil, "", false},
	{"GET", "/switches", "All physical switches: declared, or waiting to be.", object[admin.Switch](), "switches", false},
	{"GET", "/switches/:name", "One switch, by its name or datapath id, with its tables, ports and links.", object[admin.Switch](), "", false},
	{"PUT", "/switches/:name", "Declares the switch with a datapath id, or declares it anew: the body is a `SwitchDeclaration`.", object[admin.Switch](), "", false},
	{"DELETE", "/switches/:name", "Takes a declaration back: ports bound to the switch fail, its links go, it is refused from then on.", nil, "", false},
	{"GET", "/switches/:name/ports", "The ports of a switch, and what hangs there.", object[admin.SwitchPort](), "ports", false},
	{"GET", "/switches/:name/links", "The links of a switch.", object[admin.SwitchLink](), "links", false},
	{"GET", "/fabrics", "Of each physical network the switches, the links, which of these are in the tree, and the uplinks in use.", object[admin.Fabric](), "fabrics", false},
	{"GET", "/drivers", "The kinds of switches that are known, and in what they differ from the standard.", object[admin.Driver](), "drivers", false},
	{"GET", "/ports/:id", "A port as the data plane sees it.", object[admin.Port](), "", false},
	{"GET", "/ports/:id/why", "All that can keep a port from its network, in order, each with its evidence.", object[admin.Why](), "", false},
	{"GET", "/routers", "All routers, without what they consist of.", object[admin.Router](), "routers", false},
	{"GET", "/routers/:id", "One router, with interfaces, routes, floating IPs, and neighbours outside.", object[admin.Router](), "", false},
	{"POST", "/routers/:id/move", "Makes a node the one by which the outside reaches a router.", nil, "", false},
	{"GET", "/flows", "Flow entries that are wanted or present, with their owners.", object[admin.Flow](), "flows", true},
	{"GET", "/flows/explain", "Flow entries in plain English: those with a cookie, or one in ovs-ofctl syntax.", object[admin.Explanation](), "explanations", false},
	{"GET", "/trace", "A packet's way through the wanted tables and those of the switches.", object[admin.Trace](), "", false},
	{"POST", "/trace", "The same; and with `live` a real packet is sent.", object[admin.Trace](), "", false},
	{"GET", "/check", "For each node, where what was rendered step by step differs from a full rendering, and the switch from that.", object[admin.NodeCheck](), "nodes", true},
	{"POST", "/check", "The same; and with `repair` the differences are mended.", object[admin.NodeCheck](), "nodes", true},
	{"GET", "/verify", "For each node, what its tables allow against the isolation of tenants, and what they prevent that has to be possible.", object[admin.NodeProof](), "nodes", true},
	{"GET", "/topology", "Networks, routers, ports and nodes, and what hangs on what.", object[admin.Topology](), "", false},
	{"POST", "/freeze", "Stops the programming of a node or of all. Packets are still answered.", nil, "", false},
	{"POST", "/thaw", "Lets it go on.", nil, "", false},
	{"GET", "/wait", "Answers when all that was committed before is on every connected switch, or after the timeout: which nodes are left.", object[admin.Wait](), "", false},
	{"POST", "/wait", "The same.", object[admin.Wait](), "", false},
}

// bodies are what requests carry.
var bodies = map[string]reflect.Type{"PUT /switches/:name": object[admin.SwitchDeclaration]()}

// parameters say what query parameters are.
var parameters = map[string]string{
	"app":         "of one app, by its name",
	"cookie":      "of the entries, in decimal or after 0x in hexadecimal",
	"counters":    "true: ask the switches for packets, bytes and ages",
	"entry":       "in ovs-ofctl syntax; table, priority and match are enough",
	"force":       "true: also if that removes more than half of a large table",
	"from":        "id of the port that sends the packet",
	"live":        "true: send a real packet",
	"network":     "of one network, by its id",
	"node":        "hostname or system-id; without it all nodes",
	"port":        "of one port, by its id; in a trace the destination port of TCP or UDP",
	"project":     "of one project, by its id",
	"protocol":    "icmp, tcp, udp, arp, dhcp, or the number of an IP protocol",
	"repair":      "true: mend what differs",
	"router":      "of one router, by its id",
	"size":        "of the IP packet, in bytes",
	"source":      "address of the packet, if it is not the port's first",
	"source_mac":  "MAC address of the packet, if it is not the port's",
	"source_port": "of TCP or UDP",
	"table":       "of one table, by its name or number",
	"timeout":     "how long to wait, as in 30s",
	"to":          "id of a port, or an IPv4 address",
	"ttl":         "of the packet",
}

// served asks the routes themselves which there are and which query parameters each takes: a wrong one is refused before anything else.
func served() (map[string][]string, error) {
	gin.SetMode(gin.ReleaseMode)
	engine := gin.New()
	admin.Routes(engine, nil)
	there := regexp.MustCompile(`there is ([a-z_, ]+)\.`)
	takes := map[string][]string{}
	for _, r := range engine.Routes() {
		w := httptest.NewRecorder()
		engine.ServeHTTP(w, httptest.NewRequest(r.Method, strings.ReplaceAll(r.Path, ":", "")+"?no_such_parameter", nil))
		m := there.FindStringSubmatch(w.Body.String())
		if m == nil {
			return nil, fmt.Errorf("%s %s does not say its parameters: %s", r.Method, r.Path, w.Body)
		}
		list := strings.Split(m[1], ", ")
		if m[1] == "none" {
			list = nil
		}
		takes[r.Method+" "+r.Path] = list
	}
	return takes, nil
}

// apiPage writes docs/api-planck.md.
func apiPage() ([]byte, error) {
	takes, err := served()
	if err != nil {
		return nil, err
	}
	p := &page{}
	p.add("# The operators' API\n\n")
	p.add("Written by `go run ./tools/gendocs` from `northbound/admin`, and not by hand. `planckctl` is its client, and `planckctl -o json` prints its answers as they are.\n\n")
	p.add("It is served beside Neutron's API, for administrators only. An answer is JSON as [planck-v1.schema.json](planck-v1.schema.json) says (JSON Schema 2020-12, ")
	p.add("an answer's definition is named below); an error is answered as Neutron does, with `NeutronError` and its HTTP status. A query parameter that a route does ")
	p.add("not know is refused. Fields may be added; none changes its meaning or goes within v1.\n\n")
	p.add("Long answers are streams: an object with one list, one element a line, each sent when it is there. One that ends without the closing `]}` is not whole.\n\n")
	p.add("| request | query parameters | answer | |\n|---|---|---|---|\n")
	var used []string
	for _, r := range routes {
		request := r.method + " " + admin.Prefix + r.path
		list, ok := takes[request]
		if !ok {
			return nil, fmt.Errorf("%s is described and not served", request)
		}
		delete(takes, request)
		for i, name := range list {
			if parameters[name] == "" {
				return nil, fmt.Errorf("%s: what is %s?", request, name)
			}
			used = append(used, name)
			list[i] = "`" + name + "`"
		}
		answer := "204"
		if r.answer != nil {
			answer = "`" + r.definition() + "`"
		}
		if r.stream {
			answer += ", a stream"
		}
		p.add("| `%s` | %s | %s | %s |\n", request, strings.Join(list, ", "), answer, r.does)
	}
	for request := range takes {
		return nil, fmt.Errorf("%s is served and not described", request)
	}
	slices.Sort(used)
	p.add("\n| parameter | |\n|---|---|\n")
	for _, name := range slices.Compact(used) {
		p.add("| `%s` | %s |\n", name, parameters[name])
	}
	p.add("\nThe answers of long routes, and of any that has to ask switches, say of a node that does not answer why (`problem`), and go on with the others.\n")
	return p.Bytes(), nil
}

// definition is the name of an answer in the schema.
func (r route) definition() string {
	if r.list == "" {
		return r.answer.Name()
	}
	if strings.HasSuffix(r.answer.Name(), "ch") {
		return r.answer.Name() + "es"
	}
	return r.answer.Name() + "s"
}
