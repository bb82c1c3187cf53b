package api

import (
	"cmp"
	"encoding/json"
	flags "flag"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/planck-sdn/planck/model"
	"github.com/planck-sdn/planck/model/store"
	"github.com/planck-sdn/planck/northbound/auth"
)

// tenants is two projects that use the API at random, and what each of them may see.
type tenants struct {
	*server
	rt      *rapid.T
	names   [2]string
	named   int                      // objects that were given a name
	objects map[string]*tenantObject // by id, those that are there
	gone    []string                 // ids of what is not any more
	limits  [2]map[string]int        // quotas
}

// tenantObject is an object as the model knows it.
type tenantObject struct {
	kind    string // member of tenantKinds
	id      string
	owner   int
	network string   // that it is on, or that a policy is about
	target  string   // of a policy
	router  string   // whose interface a port is
	groups  []string // security groups of a port, or the one that a rule is of, and the one that it is about
	secrets []string
	tags    map[string]bool
}

// tenantKinds are the collections, with the names of one and in errors, and the attribute that has a name.
var tenantKinds = map[string]struct{ path, one, title, named string }{
	"networks":             {"networks", "network", "Network", "name"},
	"subnets":              {"subnets", "subnet", "Subnet", "name"},
	"ports":                {"ports", "port", "Port", "name"},
	"routers":              {"routers", "router", "Router", "name"},
	"security_groups":      {"security-groups", "security_group", "SecurityGroup", "name"},
	"security_group_rules": {"security-group-rules", "security_group_rule", "SecurityGroupRule", "description"},
	"rbac_policies":        {"rbac-policies", "rbac_policy", "RbacPolicy", ""},
}

var (
	tenantCollections = slices.Sorted(maps.Keys(tenantKinds))
	// What of it can be changed, and have tags.
	tenantChangeable = []string{"networks", "subnets", "ports", "routers", "security_groups"}
)

// Neither of two tenants ever sees, counts or touches what is the other's alone, whatever both do, and is never told whether a thing
// is not there or is not its own.
func TestTenantsNeverMeet(t *testing.T) {
	fewerChecks(t, 8)
	defaults := map[string]int{"network": 12, "subnet": 12, "port": 40, "rbac_policy": 6, "router": 8, "floatingip": 8, "security_group": 8, "security_group_rule": 50}
	directory := t.TempDir()
	histories := 0
	rapid.Check(t, func(rt *rapid.T) {
		histories++
		url := fmt.Sprintf("sqlite:%s/%d.db", directory, histories)
		st, err := store.Open(t.Context(), url, store.Options{Source: exactly(), Quotas: defaults})
		if err != nil {
			rt.Fatal(err)
		}
		defer func() { _ = st.Close() }()
		s := &server{t: t, handler: New(st, auth.NewNone(), Options{}), store: st}
		w := &tenants{server: s, rt: rt, objects: map[string]*tenantObject{}, limits: [2]map[string]int{defaults, defaults}, names: [2]string{"alice", "bob"}}
		wheel := []func(int){func(int) {}} // first, so that a shrunken history does mostly nothing
		for _, step := range []struct {
			weight int
			do     func(me int)
		}{
			{3, w.createNetworks}, {3, w.createSubnet}, {6, w.createPorts}, {4, w.createPolicy}, {3, w.createRouter}, {3, w.createGroup}, {3, w.createRule}, {3, w.setGroups}, {4, w.join}, {4, w.update}, {4, w.remove}, {3, w.tag},
			{2, w.list}, {5, w.filterByGuess}, {3, w.page}, {5, w.touchOther}, {3, w.nestInOther}, {4, w.joinOther}, {2, w.quotas},
		} {
			wheel = append(wheel, slices.Repeat([]func(int){step.do}, step.weight)...)
		}
		for me := range w.names { // who has a default group from then on
			for _, made := range w.do(http.MethodGet, "/v2.0/security-groups", "", as(w.names[me], "member")...).list("security_groups") {
				w.learn(me, "security_groups", made)
			}
		}
		for range 240 {
			wheel[rapid.IntRange(0, len(wheel)-1).Draw(rt, "step")](rapid.IntRange(0, 1).Draw(rt, "who"))
		}
		for me := range w.names {
			w.list(me)
			w.countsAreMine(me)
		}
	})
}

// fewerChecks makes rapid check less often than it does unless told.
func fewerChecks(t *testing.T, checks int) {
	t.Helper()
	f := flags.Lookup("rapid.checks")
	if was := f.Value.String(); was == f.DefValue {
		if err := f.Value.Set(fmt.Sprint(checks)); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = f.Value.Set(was) })
	}
}

// send makes a request of one of the two. No answer is ever a failure or tells of anything that the sender must not see.
func (w *tenants) send(me int, method, path, body string) answered {
	a := w.do(method, "/v2.0/"+path, body, as(w.names[me], "member")...)
	if a.status >= 500 {
		w.rt.Fatalf("%s %s %s: %s", method, path, body, a.body)
	}
	w.tellsNothing(me, a, method+" "+path+" "+body)
	return a
}

// tellsNothing looks for what the other alone knows: ids, names, addresses. What the request itself said is no news.
func (w *tenants) tellsNothing(me int, a answered, request string) {
	for id, o := range w.objects {
		if w.sees(me, o) || w.sharesNetwork(me, o) || w.seesMember(me, o) {
			continue
		}
		for _, secret := range append([]string{id}, o.secrets...) {
			if strings.Contains(a.body, secret) && !strings.Contains(request, secret) {
				w.rt.Fatalf("%s learns %s of the other's %s from %s: %s", w.names[me], secret, o.kind, request, a.body)
			}
		}
	}
}

// sees is the rule: one's own, what is on one's own networks, and of the other networks that a policy opens, the networks and their subnets.
func (w *tenants) sees(me int, o *tenantObject) bool {
	if o.owner == me {
		return true
	}
	switch o.kind {
	case "networks":
		return w.open(me, o.id)
	case "subnets":
		return w.objects[o.network].owner == me || w.open(me, o.network)
	case "ports":
		return w.objects[o.network].owner == me
	}
	return false
}

// sharesNetwork tells whether a router of the other's has an interface on a network of the tenant's, who sees in that port which it is.
func (w *tenants) sharesNetwork(me int, router *tenantObject) bool {
	return len(w.ids("ports", func(p *tenantObject) bool { return p.router == router.id && w.sees(me, p) })) > 0
}

// seesMember tells whether a port that the tenant sees shows that it is in the group.
func (w *tenants) seesMember(me int, group *tenantObject) bool {
	return len(w.ids("ports", func(p *tenantObject) bool { return slices.Contains(p.groups, group.id) && w.sees(me, p) })) > 0
}

// open tells whether a policy lets a tenant use a network of the other's.
func (w *tenants) open(me int, network string) bool {
	for _, o := range w.objects {
		if o.kind == "rbac_policies" && o.network == network && o.target == w.names[me] {
			return true
		}
	}
	return false
}

// ids are those of a kind that the condition names, always in the same order.
func (w *tenants) ids(kind string, condition func(*tenantObject) bool) []string {
	var ids []string
	for id, o := range w.objects {
		if o.kind == kind && condition(o) {
			ids = append(ids, id)
		}
	}
	slices.SortFunc(ids, func(a, b string) int {
		return cmp.Or(strings.Compare(w.objects[a].secrets[0], w.objects[b].secrets[0]), strings.Compare(a, b))
	})
	return ids
}

func anything(*tenantObject) bool { return true }

// choose draws one of the ids, or says that there is none.
func (w *tenants) choose(ids []string, label string) (string, bool) {
	if len(ids) == 0 {
		return "", false
	}
	return ids[rapid.IntRange(0, len(ids)-1).Draw(w.rt, label)], true
}

// unknown is an id that the tenant does not see: another's, one that is gone, or one that never was.
func (w *tenants) unknown(me int, kind string) string {
	hidden := w.ids(kind, func(o *tenantObject) bool { return !w.sees(me, o) })
	id, _ := w.choose(append(append(hidden, w.gone...), someUUID), "hidden "+kind)
	return id
}

// learn takes what a tenant made into the model.
func (w *tenants) learn(me int, kind string, made map[string]any) *tenantObject {
	id := made["id"].(string)
	o := &tenantObject{kind: kind, id: id, owner: me, tags: map[string]bool{}, secrets: []string{w.name()}}
	if name, ok := made[tenantKinds[kind].named].(string); ok {
		o.secrets[0] = name
	}
	if kind == "security_groups" && o.secrets[0] == model.DefaultSecurityGroup {
		o.secrets[0] = "" // both have one of that name
	}
	for _, key := range []string{"network_id", "object_id"} {
		if network, ok := made[key].(string); ok {
			o.network = network
		}
	}
	o.target, _ = made["target_tenant"].(string)
	if groups, ok := made["security_groups"].([]any); ok {
		o.groups = texts(groups)
	}
	if kind == "security_group_rules" {
		o.groups = texts([]any{made["security_group_id"], made["remote_group_id"]})
	}
	if mac, ok := made["mac_address"].(string); ok {
		o.secrets = append(o.secrets, mac)
	}
	if made["project_id"] != w.names[me] || made["tenant_id"] != w.names[me] {
		w.rt.Fatalf("%s makes %v", w.names[me], made)
	}
	w.objects[id] = o
	if rules, ok := made["security_group_rules"].([]any); ok {
		for _, rule := range rules {
			w.learn(me, "security_group_rules", rule.(map[string]any))
		}
	}
	return o
}

// texts are those of the values that are.
func texts(values []any) []string {
	var list []string
	for _, v := range values {
		if text, ok := v.(string); ok {
			list = append(list, text)
		}
	}
	return list
}

// name is one that nothing else has.
func (w *tenants) name() string {
	w.named++
	return fmt.Sprintf("name-%06d", w.named)
}

// create makes objects of a kind, which comes true or is refused with one of the errors.
func (w *tenants) create(me int, kind string, bodies []string, refusals ...string) {
	k := tenantKinds[kind]
	body := wrap(k.one, bodies[0])
	if len(bodies) > 1 {
		body = fmt.Sprintf(`{%q:[%s]}`, kind, strings.Join(bodies, ","))
	}
	a := w.send(me, http.MethodPost, k.path, body)
	if a.status != http.StatusCreated {
		if !slices.Contains(refusals, a.outcome()) {
			w.rt.Fatalf("%s POST %s: %s", w.names[me], body, a.body)
		}
		return
	}
	if len(bodies) == 1 {
		w.learn(me, kind, a.object(k.one))
		return
	}
	for _, made := range a.list(kind) {
		w.learn(me, kind, made)
	}
}

func (w *tenants) createNetworks(me int) {
	bodies := make([]string, rapid.IntRange(1, 3).Draw(w.rt, "networks"))
	for i := range bodies {
		bodies[i] = fmt.Sprintf(`{"name":%q}`, fmt.Sprintf("%s-%d", w.name(), i))
	}
	used := len(w.ids("networks", func(o *tenantObject) bool { return o.owner == me }))
	before := len(w.objects)
	w.create(me, "networks", bodies, "409 OverQuota")
	if made := len(w.objects) > before; made != (used+len(bodies) <= w.limits[me]["network"]) {
		w.rt.Fatalf("%s has %d networks of %d: %d more are made: %t", w.names[me], used, w.limits[me]["network"], len(bodies), made)
	}
}

func (w *tenants) createSubnet(me int) {
	network, ok := w.choose(w.ids("networks", func(o *tenantObject) bool { return o.owner == me }), "network")
	if !ok {
		return
	}
	body := fmt.Sprintf(`{"network_id":%q,"ip_version":4,"name":%q,"cidr":"10.%d.0.0/24","enable_dhcp":false}`, network, w.name(), rapid.IntRange(0, 5).Draw(w.rt, "cidr"))
	w.create(me, "subnets", []string{body}, "409 OverQuota", badInput) // it may overlap
}

func (w *tenants) createPorts(me int) {
	network, ok := w.choose(w.ids("networks", func(o *tenantObject) bool { return w.sees(me, o) }), "network")
	if !ok {
		return
	}
	bodies := make([]string, rapid.IntRange(1, 2).Draw(w.rt, "ports"))
	for i := range bodies {
		bodies[i] = fmt.Sprintf(`{"network_id":%q,"name":%q}`, network, fmt.Sprintf("%s-%d", w.name(), i))
	}
	w.create(me, "ports", bodies, "409 OverQuota")
}

func (w *tenants) createRouter(me int) {
	w.create(me, "routers", []string{fmt.Sprintf(`{"name":%q}`, w.name())}, "409 OverQuota")
}

func (w *tenants) createGroup(me int) {
	w.create(me, "security_groups", []string{fmt.Sprintf(`{"name":%q}`, w.name())}, "409 OverQuota")
}

// createRule lets something into the ports of one's own group, now and then from another of one's own groups.
func (w *tenants) createRule(me int) {
	own := w.ids("security_groups", func(o *tenantObject) bool { return o.owner == me })
	group, ok := w.choose(own, "group")
	if !ok {
		return
	}
	body := fmt.Sprintf(`{"security_group_id":%q,"direction":"ingress","protocol":%d,"description":%q`, group, rapid.IntRange(1, 20).Draw(w.rt, "protocol"), w.name())
	if rapid.Bool().Draw(w.rt, "from a group") {
		remote, _ := w.choose(own, "remote")
		body += fmt.Sprintf(`,"remote_group_id":%q`, remote)
	}
	w.create(me, "security_group_rules", []string{body + "}"}, "409 OverQuota", "409 SecurityGroupRuleExists")
}

// setGroups puts one's own port into one of one's own groups.
func (w *tenants) setGroups(me int) {
	port, ok := w.choose(w.ids("ports", func(o *tenantObject) bool { return o.owner == me && o.router == "" }), "port")
	if !ok {
		return
	}
	group, _ := w.choose(w.ids("security_groups", func(o *tenantObject) bool { return o.owner == me }), "group")
	a := w.send(me, http.MethodPut, "ports/"+port, wrap("port", fmt.Sprintf(`{"security_groups":[%q]}`, group)))
	if a.status != http.StatusOK {
		w.rt.Fatalf("%s cannot use its own group: %s", w.names[me], a.body)
	}
	w.objects[port].groups = []string{group}
	w.expectIDs(me, "ports", "security_groups="+group, w.ids("ports", func(o *tenantObject) bool { return w.sees(me, o) && slices.Contains(o.groups, group) }))
}

// join puts one's own router on a subnet that one sees, or takes it away. Its interfaces are ports.
func (w *tenants) join(me int) {
	router, ok := w.choose(w.ids("routers", func(o *tenantObject) bool { return o.owner == me }), "router")
	if !ok {
		return
	}
	subnet, ok := w.choose(w.ids("subnets", func(o *tenantObject) bool { return w.sees(me, o) }), "subnet")
	if !ok {
		return
	}
	action := rapid.SampledFrom([]string{"add", "remove"}).Draw(w.rt, "action")
	a := w.send(me, http.MethodPut, "routers/"+router+"/"+action+"_router_interface", fmt.Sprintf(`{"subnet_id":%q}`, subnet))
	var made struct {
		PortID string `json:"port_id"`
	}
	if err := json.Unmarshal([]byte(a.body), &made); err != nil {
		w.rt.Fatal(err)
	}
	switch outcome := a.outcome(); {
	case outcome == "200" && action == "add":
		port := w.do(http.MethodGet, "/v2.0/ports/"+made.PortID, "").object("port")
		w.learn(me, "ports", port).router = router
	case outcome == "200":
		w.forget(made.PortID)
	case outcome == "400 BadRequest", outcome == "404 RouterInterfaceNotFoundForSubnet", outcome == "409 OverQuota", outcome == "409 IpAddressAlreadyAllocated":
	default:
		w.rt.Fatalf("%s %ss an interface: %s", w.names[me], action, a.body)
	}
}

// joinOther joins what one does not see: another's router, or one's own with another's subnet or port.
func (w *tenants) joinOther(me int) {
	action := rapid.SampledFrom([]string{"add", "remove"}).Draw(w.rt, "action") + "_router_interface"
	router, subnet, port := w.unknown(me, "routers"), w.unknown(me, "subnets"), w.unknown(me, "ports")
	w.isNotThere(me, "routers", router, http.MethodPut, "routers/"+router+"/"+action, fmt.Sprintf(`{"subnet_id":%q}`, someUUID))
	w.isNotThere(me, "routers", router, http.MethodPut, "routers/"+router+"/add_extraroutes", `{"router":{"routes":[]}}`)
	own, ok := w.choose(w.ids("routers", func(o *tenantObject) bool { return o.owner == me }), "own")
	if !ok {
		return
	}
	w.isNotThere(me, "subnets", subnet, http.MethodPut, "routers/"+own+"/"+action, fmt.Sprintf(`{"subnet_id":%q}`, subnet))
	w.isNotThere(me, "ports", port, http.MethodPut, "routers/"+own+"/add_router_interface", fmt.Sprintf(`{"port_id":%q}`, port))
	network := w.unknown(me, "networks")
	w.isNotThere(me, "networks", network, http.MethodPut, "routers/"+own, wrap("router", fmt.Sprintf(`{"external_gateway_info":{"network_id":%q}}`, network)))
	w.isNotThere(me, "networks", network, http.MethodPost, "floatingips", wrap("floatingip", fmt.Sprintf(`{"floating_network_id":%q}`, network)))
}

// createPolicy opens a network of one's own to the other, and now and then to somebody else.
func (w *tenants) createPolicy(me int) {
	network, ok := w.choose(w.ids("networks", func(o *tenantObject) bool { return o.owner == me }), "network")
	if !ok {
		return
	}
	target := rapid.SampledFrom([]string{w.names[1-me], w.names[1-me], "carol"}).Draw(w.rt, "target")
	w.create(me, "rbac_policies", []string{policyBody(network, target)}, "409 OverQuota", "409 DuplicateRbacPolicy")
}

func policyBody(network, target string) string {
	return fmt.Sprintf(`{"object_type":"network","object_id":%q,"action":"access_as_shared","target_tenant":%q}`, network, target)
}

// update changes one's own.
func (w *tenants) update(me int) {
	kind := rapid.SampledFrom(tenantChangeable).Draw(w.rt, "kind")
	id, ok := w.choose(w.ids(kind, func(o *tenantObject) bool { return o.owner == me && (kind != "security_groups" || o.secrets[0] != "") }), "own")
	if !ok {
		return
	}
	name := w.name()
	a := w.send(me, http.MethodPut, tenantKinds[kind].path+"/"+id, wrap(tenantKinds[kind].one, fmt.Sprintf(`{"name":%q}`, name)))
	if a.status != http.StatusOK {
		w.rt.Fatalf("%s cannot change its own: %s", w.names[me], a.body)
	}
	w.objects[id].secrets[0] = name
}

// remove deletes one's own, or a port on a network of one's own.
func (w *tenants) remove(me int) {
	kind := rapid.SampledFrom(tenantCollections).Draw(w.rt, "kind")
	id, ok := w.choose(w.ids(kind, func(o *tenantObject) bool { return o.owner == me || o.kind == "ports" && w.sees(me, o) }), "own")
	if !ok {
		return
	}
	a := w.send(me, http.MethodDelete, tenantKinds[kind].path+"/"+id, "")
	switch a.outcome() {
	case "204":
	case "409 NetworkInUse", "409 SubnetInUse", "409 RbacPolicyInUse", "409 RouterInUse", "409 ServicePortInUse", "409 SecurityGroupInUse",
		"409 SecurityGroupCannotRemoveDefault":
		return
	default:
		w.rt.Fatalf("%s cannot delete its own: %s", w.names[me], a.body)
	}
	w.forget(id)
	if kind == "networks" || kind == "security_groups" { // and what is on it or says of it, of which nothing stood in the way
		for _, other := range slices.Sorted(maps.Keys(w.objects)) {
			if w.objects[other].network == id || slices.Contains(w.objects[other].groups, id) {
				w.forget(other)
			}
		}
	}
}

func (w *tenants) forget(id string) {
	delete(w.objects, id)
	w.gone = append(w.gone, id)
}

func (w *tenants) tag(me int) {
	kind := rapid.SampledFrom(tenantChangeable).Draw(w.rt, "kind")
	id, ok := w.choose(w.ids(kind, func(o *tenantObject) bool { return o.owner == me }), "own")
	if !ok {
		return
	}
	name := "tag-of-" + w.names[me]
	if a := w.send(me, http.MethodPut, tenantKinds[kind].path+"/"+id+"/tags/"+name, ""); a.status != http.StatusCreated {
		w.rt.Fatalf("%s cannot tag its own: %s", w.names[me], a.body)
	}
	w.objects[id].tags[name] = true
}

// list asks for everything, by tags too, and gets exactly what the model says.
func (w *tenants) list(me int) {
	for _, kind := range tenantCollections {
		w.expectIDs(me, kind, "", w.ids(kind, func(o *tenantObject) bool { return w.sees(me, o) }))
		if !slices.Contains(tenantChangeable, kind) {
			continue
		}
		for _, tenant := range w.names {
			name := "tag-of-" + tenant
			w.expectIDs(me, kind, "tags="+name, w.ids(kind, func(o *tenantObject) bool { return w.sees(me, o) && o.tags[name] }))
			w.expectIDs(me, kind, "not-tags="+name, w.ids(kind, func(o *tenantObject) bool { return w.sees(me, o) && !o.tags[name] }))
			w.expectIDs(me, kind, "tenant_id="+tenant, w.ids(kind, func(o *tenantObject) bool { return w.sees(me, o) && w.names[o.owner] == tenant }))
		}
	}
}

// expectIDs compares what a list shows with what it has to.
func (w *tenants) expectIDs(me int, kind, query string, want []string) {
	a := w.send(me, http.MethodGet, tenantKinds[kind].path+"?"+query, "")
	got := idsOf(a.list(kind))
	slices.Sort(got)
	want = slices.Sorted(slices.Values(want))
	if a.status != http.StatusOK || !slices.Equal(got, want) {
		w.rt.Fatalf("%s lists %s?%s: %d %v, not %v", w.names[me], kind, query, a.status, got, want)
	}
}

func idsOf(list []map[string]any) []string {
	ids := make([]string, len(list))
	for i, o := range list {
		ids[i] = o["id"].(string)
	}
	return ids
}

// filterByGuess asks for the other's by id, name, address and whatever else it is known by.
func (w *tenants) filterByGuess(me int) {
	kind := rapid.SampledFrom(tenantCollections).Draw(w.rt, "kind")
	id, ok := w.choose(w.ids(kind, anything), "object")
	if !ok {
		return
	}
	o := w.objects[id]
	var want []string
	if w.sees(me, o) {
		want = []string{id}
	}
	w.expectIDs(me, kind, "id="+id, want)
	w.expectIDs(me, kind, "id="+id+"&id="+someUUID, want)
	if kind == "rbac_policies" {
		w.expectIDs(me, kind, "object_id="+o.network, w.ids(kind, func(p *tenantObject) bool { return p.network == o.network && p.owner == me }))
		return
	}
	if name := o.secrets[0]; name != "" && tenantKinds[kind].named != "" { // a router's interfaces have no name, all of them
		w.expectIDs(me, kind, tenantKinds[kind].named+"="+name, want)
	}
	if kind == "security_groups" {
		w.expectIDs(me, "security_group_rules", "security_group_id="+id, w.ids("security_group_rules", func(r *tenantObject) bool { return w.sees(me, r) && r.groups[0] == id }))
		w.expectIDs(me, "ports", "security_groups="+id, w.ids("ports", func(p *tenantObject) bool { return w.sees(me, p) && slices.Contains(p.groups, id) }))
	}
	if kind == "ports" {
		w.expectIDs(me, kind, "mac_address="+o.secrets[1], want)
		w.expectIDs(me, kind, "network_id="+o.network, w.ids(kind, func(p *tenantObject) bool { return p.network == o.network && w.sees(me, p) }))
		a := w.send(me, http.MethodGet, "ports?fields=id&fixed_ips=ip_address_substr%3D10.", "")
		if a.status != http.StatusOK {
			w.rt.Fatal(a.body)
		}
	}
}

// page reads a list in pages, in any order, or begins at something that is not there for the reader.
func (w *tenants) page(me int) {
	kind := rapid.SampledFrom(tenantCollections).Draw(w.rt, "kind")
	marker := w.unknown(me, kind)
	query := "limit=" + fmt.Sprint(rapid.IntRange(1, 3).Draw(w.rt, "limit"))
	keys := []string{"id", "tenant_id", "project_id"}
	if slices.Contains(tenantChangeable, kind) {
		keys = append(keys, "name")
	}
	for range rapid.IntRange(0, 2).Draw(w.rt, "keys") {
		query += "&sort_key=" + rapid.SampledFrom(keys).Draw(w.rt, "key") + "&sort_dir=" + rapid.SampledFrom([]string{"asc", "desc"}).Draw(w.rt, "dir")
	}
	path := tenantKinds[kind].path + "?" + query
	w.isNotThere(me, kind, marker, http.MethodGet, path+"&marker="+marker, "")
	var seen []string
	for next := path; next != ""; {
		a := w.send(me, http.MethodGet, next, "")
		seen = append(seen, idsOf(a.list(kind))...)
		next = nextLink(a, kind, "next")
		if len(seen) > len(w.objects) {
			w.rt.Fatalf("%s reads %v from %s", w.names[me], seen, path)
		}
	}
	slices.Sort(seen)
	if want := slices.Sorted(slices.Values(w.ids(kind, func(o *tenantObject) bool { return w.sees(me, o) }))); !slices.Equal(seen, want) {
		w.rt.Fatalf("%s reads %v from %s, not %v", w.names[me], seen, path, want)
	}
}

// nextLink is the path of another page under /v2.0/, empty if there is none.
func nextLink(a answered, kind, rel string) string {
	for _, link := range a.list(kind + "_links") {
		if link["rel"] == rel {
			_, path, _ := strings.Cut(link["href"].(string), "/v2.0/")
			return path
		}
	}
	return ""
}

// isNotThere checks that a request for what the sender does not see is answered, but for the id, as one for what never was.
func (w *tenants) isNotThere(me int, kind, id, method, path, body string) {
	a := w.send(me, method, path, body)
	never := strings.NewReplacer(id, someUUID)
	b := w.send(me, method, never.Replace(path), never.Replace(body))
	if never.Replace(a.body) != b.body || a.status != b.status {
		w.rt.Fatalf("%s %s %s by %s: %s, but for what never was %s", method, path, body, w.names[me], a.body, b.body)
	}
	if want := fmt.Sprintf("404 %sNotFound", tenantKinds[kind].title); a.outcome() != want {
		w.rt.Fatalf("%s %s %s by %s: %s, not %s", method, path, body, w.names[me], a.body, want)
	}
}

// touchOther reads, changes, tags and deletes what one does not see.
func (w *tenants) touchOther(me int) {
	kind := rapid.SampledFrom(tenantCollections).Draw(w.rt, "kind")
	id, k := w.unknown(me, kind), tenantKinds[kind]
	change := `{"name":"mine"}`
	if kind == "rbac_policies" {
		change = `{"target_tenant":"carol"}`
	}
	if kind == "ports" {
		change = rapid.SampledFrom([]string{change, `{"binding:host_id":"h"}`, `{"mac_address":null}`, `{"fixed_ips":[]}`, `{"device_owner":"network:x"}`}).Draw(w.rt, "change")
	}
	w.isNotThere(me, kind, id, http.MethodGet, k.path+"/"+id, "")
	if kind != "security_group_rules" {
		w.isNotThere(me, kind, id, http.MethodPut, k.path+"/"+id, wrap(k.one, change))
	}
	w.isNotThere(me, kind, id, http.MethodDelete, k.path+"/"+id, "")
	if slices.Contains(tenantChangeable, kind) {
		method := rapid.SampledFrom([]string{http.MethodGet, http.MethodDelete}).Draw(w.rt, "method")
		w.isNotThere(me, kind, id, method, k.path+"/"+id+"/tags", "")
		w.isNotThere(me, kind, id, http.MethodPut, k.path+"/"+id+"/tags/mine", "")
		w.isNotThere(me, kind, id, http.MethodPost, k.path+"/"+id+"/tags", `{"tags":["mine"]}`)
	}
}

// nestInOther makes things on networks and subnets that one does not see, with guesses of what is there.
func (w *tenants) nestInOther(me int) {
	network := w.unknown(me, "networks")
	mac := "fa:16:3e:00:00:01"
	if ids := w.ids("ports", anything); len(ids) > 0 {
		id, _ := w.choose(ids, "port")
		mac = w.objects[id].secrets[1]
	}
	w.isNotThere(me, "networks", network, http.MethodPost, "ports", wrap("port", fmt.Sprintf(`{"network_id":%q}`, network)))
	w.isNotThere(me, "networks", network, http.MethodPost, "ports", wrap("port", fmt.Sprintf(`{"network_id":%q,"mac_address":%q}`, network, mac)))
	w.isNotThere(me, "networks", network, http.MethodPost, "ports", wrap("port", fmt.Sprintf(`{"network_id":%q,"fixed_ips":[{"ip_address":"10.0.0.%d"}]}`, network, rapid.IntRange(1, 9).Draw(w.rt, "ip"))))
	w.isNotThere(me, "networks", network, http.MethodPost, "subnets", wrap("subnet", fmt.Sprintf(`{"network_id":%q,"ip_version":4,"cidr":"10.0.0.0/24"}`, network)))
	w.isNotThere(me, "networks", network, http.MethodPost, "rbac-policies", wrap("rbac_policy", policyBody(network, w.names[me])))
	if own, ok := w.choose(w.ids("networks", func(o *tenantObject) bool { return o.owner == me }), "own"); ok {
		subnet := w.unknown(me, "subnets")
		w.isNotThere(me, "subnets", subnet, http.MethodPost, "ports", wrap("port", fmt.Sprintf(`{"network_id":%q,"fixed_ips":[{"subnet_id":%q}]}`, own, subnet)))
		if port, ok := w.choose(w.ids("ports", func(o *tenantObject) bool { return o.owner == me && o.network == own && o.router == "" }), "own port"); ok {
			w.isNotThere(me, "subnets", subnet, http.MethodPut, "ports/"+port, wrap("port", fmt.Sprintf(`{"fixed_ips":[{"subnet_id":%q}]}`, subnet)))
		}
		w.isNotThere(me, "networks", network, http.MethodPost, "ports", fmt.Sprintf(`{"ports":[{"network_id":%q},{"network_id":%q}]}`, own, network))
	}
	w.takeMAC(me, mac)
	w.useGroup(me)
	for _, kind := range tenantCollections {
		a := w.send(me, http.MethodPost, tenantKinds[kind].path, wrap(tenantKinds[kind].one, fmt.Sprintf(`{"tenant_id":%q}`, w.names[1-me])))
		if a.status != http.StatusBadRequest {
			w.rt.Fatalf("%s makes a %s of the other's: %s", w.names[me], kind, a.body)
		}
	}
}

// useGroup adds rules to a group that one does not see, or about it, and puts ports into it.
func (w *tenants) useGroup(me int) {
	group := w.unknown(me, "security_groups")
	own, _ := w.choose(w.ids("security_groups", func(o *tenantObject) bool { return o.owner == me }), "own group")
	for _, groups := range []string{fmt.Sprintf(`"security_group_id":%q`, group), fmt.Sprintf(`"security_group_id":%q,"remote_group_id":%q`, own, group), fmt.Sprintf(`"security_group_id":%q,"remote_group_id":%q`, group, own)} {
		w.isNotThere(me, "security_groups", group, http.MethodPost, "security-group-rules", wrap("security_group_rule", fmt.Sprintf(`{%s,"direction":"ingress"}`, groups)))
	}
	if port, ok := w.choose(w.ids("ports", func(o *tenantObject) bool { return o.owner == me && o.router == "" }), "own port"); ok {
		w.isNotThere(me, "security_groups", group, http.MethodPut, "ports/"+port, wrap("port", fmt.Sprintf(`{"security_groups":[%q]}`, group)))
		w.isNotThere(me, "security_groups", group, http.MethodPost, "ports", wrap("port", fmt.Sprintf(`{"network_id":%q,"security_groups":[%q]}`, w.objects[port].network, group)))
	}
}

// takeMAC makes a port with an address that somebody has, which is refused only where the network has it already.
func (w *tenants) takeMAC(me int, mac string) {
	own, ok := w.choose(w.ids("networks", func(o *tenantObject) bool { return o.owner == me }), "own")
	if !ok {
		return
	}
	taken := len(w.ids("ports", func(o *tenantObject) bool { return o.network == own && o.secrets[1] == mac })) > 0
	a := w.send(me, http.MethodPost, "ports", wrap("port", fmt.Sprintf(`{"network_id":%q,"mac_address":%q}`, own, mac)))
	switch outcome := a.outcome(); {
	case outcome == "409 OverQuota", outcome == "409 MacAddressInUse" && taken:
	case outcome == "201" && !taken:
		w.send(me, http.MethodDelete, fmt.Sprintf("ports/%s", a.object("port")["id"]), "")
	default:
		w.rt.Fatalf("%s takes %s: %s", w.names[me], mac, a.body)
	}
}

// quotas reads them, and changes one's own as the administrator would.
func (w *tenants) quotas(me int) {
	w.countsAreMine(me)
	other := w.names[1-me]
	for _, path := range []string{"quotas", "quotas/" + other, "quotas/" + other + "/details", "quotas/" + other + "/default"} {
		if a := w.send(me, http.MethodGet, path, ""); a.status != http.StatusForbidden {
			w.rt.Fatalf("%s GET %s: %s", w.names[me], path, a.body)
		}
	}
	if a := w.send(me, http.MethodPut, "quotas/"+w.names[me], `{"quota":{"network":-1}}`); a.status != http.StatusForbidden {
		w.rt.Fatalf("%s raises its quota: %s", w.names[me], a.body)
	}
	limit := rapid.IntRange(1, 15).Draw(w.rt, "limit")
	if a := w.do(http.MethodPut, "/v2.0/quotas/"+w.names[me], fmt.Sprintf(`{"quota":{"network":%d,"force":true}}`, limit)); a.status != http.StatusOK {
		w.rt.Fatal(a.body)
	}
	w.limits[me] = maps.Clone(w.limits[me])
	w.limits[me]["network"] = limit
}

// countsAreMine compares what counts as used with what is one's own.
func (w *tenants) countsAreMine(me int) {
	a := w.send(me, http.MethodGet, "quotas/"+w.names[me]+"/details", "")
	var body struct {
		Quota map[string]struct{ Limit, Used int }
	}
	if err := json.Unmarshal([]byte(a.body), &body); err != nil {
		w.rt.Fatal(err)
	}
	for kind, k := range tenantKinds {
		own := len(w.ids(kind, func(o *tenantObject) bool { return o.owner == me }))
		if got := body.Quota[k.one]; got.Used != own || got.Limit != w.limits[me][k.one] {
			w.rt.Fatalf("%s has %d of %d %s, not %d of %d", w.names[me], got.Used, got.Limit, kind, own, w.limits[me][k.one])
		}
	}
}
