package clients

import (
	"net/http"
	"testing"

	"github.com/gophercloud/gophercloud/v2"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/extensions/agents"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/extensions/attributestags"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/extensions/external"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/extensions/layer3/extraroutes"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/extensions/layer3/floatingips"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/extensions/layer3/routers"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/networks"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/ports"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/subnets"
)

// What Terraform's openstack_networking_router_v2, _router_interface_v2, _router_route_v2 and _floatingip_v2 do.
func TestGophercloudRouters(t *testing.T) {
	t.Parallel()
	ctx, c, admin, stranger := t.Context(), network(t, "red-member"), network(t, "red-admin"), network(t, "blue-member")
	public := must[*networks.Network](t)(networks.Create(ctx, admin, external.CreateOptsExt{External: new(true), CreateOptsBuilder: vlan{networks.CreateOpts{Name: "gc-outside"}, 67}}).Extract())
	outside := must[*subnets.Subnet](t)(subnets.Create(ctx, admin, subnets.CreateOpts{NetworkID: public.ID, CIDR: "198.51.100.0/24", IPVersion: gophercloud.IPv4, EnableDHCP: new(false)}).Extract())
	inside := must[*networks.Network](t)(networks.Create(ctx, c, networks.CreateOpts{Name: "gc-inside"}).Extract())
	subnet := must[*subnets.Subnet](t)(subnets.Create(ctx, c, subnets.CreateOpts{NetworkID: inside.ID, CIDR: "10.11.0.0/24", IPVersion: gophercloud.IPv4}).Extract())
	port := must[*ports.Port](t)(ports.Create(ctx, c, ports.CreateOpts{NetworkID: inside.ID, FixedIPs: []ports.IP{{SubnetID: subnet.ID, IPAddress: "10.11.0.15"}}}).Extract())

	router := must[*routers.Router](t)(routers.Create(ctx, c, routers.CreateOpts{Name: "gc-edge", AdminStateUp: new(true), AvailabilityZoneHints: []string{"nova"}, GatewayInfo: &routers.GatewayInfo{NetworkID: public.ID}}).Extract())
	expect(t, "the router", []any{router.Status, router.GatewayInfo.NetworkID, *router.GatewayInfo.EnableSNAT, router.GatewayInfo.ExternalFixedIPs[0].SubnetID, router.AvailabilityZoneHints, router.RevisionNumber, router.CreatedAt.IsZero()},
		[]any{"ACTIVE", public.ID, true, outside.ID, []string{"nova"}, 1, false})
	joined := must[*routers.InterfaceInfo](t)(routers.AddInterface(ctx, c, router.ID, routers.AddInterfaceOpts{SubnetID: subnet.ID}).Extract())
	expect(t, "the interface", []any{joined.ID, joined.SubnetID, joined.TenantID, joined.PortID != ""}, []any{router.ID, subnet.ID, router.TenantID, true})
	_, err := routers.AddInterface(ctx, c, router.ID, routers.AddInterfaceOpts{SubnetID: subnet.ID}).Extract()
	refused(t, err, http.StatusBadRequest)

	routes := []routers.Route{{DestinationCIDR: "172.16.0.0/16", NextHop: "10.11.0.7"}, {DestinationCIDR: "172.17.0.0/16", NextHop: "10.11.0.8"}}
	router = must[*routers.Router](t)(extraroutes.Add(ctx, c, router.ID, extraroutes.Opts{Routes: &routes}).Extract())
	expect(t, "the routes", router.Routes, routes)
	first := routes[:1]
	router = must[*routers.Router](t)(extraroutes.Remove(ctx, c, router.ID, extraroutes.Opts{Routes: &first}).Extract())
	expect(t, "the routes afterwards", router.Routes, routes[1:])
	stale := router.RevisionNumber
	router = must[*routers.Router](t)(routers.Update(ctx, c, router.ID, routers.UpdateOpts{Name: "gc-gate", Description: new("x"), Routes: &[]routers.Route{}, RevisionNumber: &stale}).Extract())
	expect(t, "the router afterwards", []any{router.Name, router.Description, len(router.Routes), router.GatewayInfo.NetworkID}, []any{"gc-gate", "x", 0, public.ID})
	_, err = routers.Update(ctx, c, router.ID, routers.UpdateOpts{Name: "gc-x", RevisionNumber: &stale}).Extract()
	refused(t, err, http.StatusPreconditionFailed)
	must[[]string](t)(attributestags.ReplaceAll(ctx, c, "routers", router.ID, attributestags.ReplaceAllOpts{Tags: []string{"gc-r"}}).Extract())
	expect(t, "routers by tags, a page each", len(all(t, routers.List(c, routers.ListOpts{Tags: "gc-r", Limit: 1}), routers.ExtractRouters)), 1)
	expect(t, "a stranger's routers", len(all(t, routers.List(stranger, routers.ListOpts{Name: "gc-gate"}), routers.ExtractRouters)), 0)
	_, err = routers.Update(ctx, c, router.ID, routers.UpdateOpts{GatewayInfo: &routers.GatewayInfo{NetworkID: public.ID, EnableSNAT: new(false)}}).Extract()
	refused(t, err, http.StatusForbidden)
	served := must[*routers.Router](t)(routers.Update(ctx, admin, router.ID, routers.UpdateOpts{GatewayInfo: &routers.GatewayInfo{NetworkID: public.ID, EnableSNAT: new(false)}}).Extract())
	expect(t, "the router for an administrator", []any{served.Distributed, *served.GatewayInfo.EnableSNAT}, []any{true, false})
	expect(t, "the nodes that serve it", len(all(t, routers.ListL3Agents(admin, router.ID), routers.ExtractL3Agents)), 0)
	expect(t, "what a node serves", len(must[[]routers.Router](t)(agents.ListL3Routers(ctx, admin, nodes["compute1"]).Extract())), 0)

	floating := must[*floatingips.FloatingIP](t)(floatingips.Create(ctx, c, floatingips.CreateOpts{FloatingNetworkID: public.ID, SubnetID: outside.ID, Description: "web"}).Extract())
	expect(t, "the floating IP", []any{floating.Status, floating.PortID, floating.FixedIP, floating.RouterID, floating.Description}, []any{"DOWN", "", "", "", "web"})
	floating = must[*floatingips.FloatingIP](t)(floatingips.Update(ctx, c, floating.ID, floatingips.UpdateOpts{PortID: &port.ID}).Extract())
	expect(t, "whom it stands for", []any{floating.Status, floating.PortID, floating.FixedIP, floating.RouterID}, []any{"ACTIVE", port.ID, "10.11.0.15", router.ID})
	_, err = floatingips.Create(ctx, c, floatingips.CreateOpts{FloatingNetworkID: public.ID, PortID: port.ID}).Extract()
	refused(t, err, http.StatusConflict)
	expect(t, "floating IPs of a port", len(all(t, floatingips.List(c, floatingips.ListOpts{PortID: port.ID, FixedIP: "10.11.0.15", FloatingIP: floating.FloatingIP, Status: "ACTIVE"}), floatingips.ExtractFloatingIPs)), 1)
	_, err = floatingips.Get(ctx, stranger, floating.ID).Extract()
	refused(t, err, http.StatusNotFound)
	refused(t, routers.Delete(ctx, c, router.ID).ExtractErr(), http.StatusConflict)
	floating = must[*floatingips.FloatingIP](t)(floatingips.Update(ctx, c, floating.ID, floatingips.UpdateOpts{PortID: new("")}).Extract())
	expect(t, "the floating IP, free", []any{floating.Status, floating.PortID}, []any{"DOWN", ""})

	ok(t, floatingips.Delete(ctx, c, floating.ID).ExtractErr())
	_, err = routers.RemoveInterface(ctx, c, router.ID, routers.RemoveInterfaceOpts{SubnetID: subnet.ID}).Extract()
	ok(t, err)
	router = must[*routers.Router](t)(routers.Update(ctx, c, router.ID, routers.UpdateOpts{GatewayInfo: &routers.GatewayInfo{}}).Extract())
	expect(t, "the router without its gateway", router.GatewayInfo, routers.GatewayInfo{})
	ok(t, routers.Delete(ctx, c, router.ID).ExtractErr())
	ok(t, ports.Delete(ctx, c, port.ID).ExtractErr())
	ok(t, networks.Delete(ctx, c, inside.ID).ExtractErr())
	ok(t, networks.Delete(ctx, admin, public.ID).ExtractErr())
}
