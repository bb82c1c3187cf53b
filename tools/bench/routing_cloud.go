package main

import (
	"context"
	"fmt"
	"net/http"
	"net/netip"

	"github.com/planck-sdn/planck/tests/lab"
)

// routed is a router of the testbed with its subnets, for benchmarks.
type routed struct {
	*testbed
	router string
}

// create makes an object of the API and returns its id.
func (b *testbed) create(ctx context.Context, collection, kind string, attributes object) (string, error) {
	var made map[string]struct{ ID string }
	err := b.Do(ctx, http.MethodPost, "/v2.0/"+collection, project, object{kind: attributes}, &made)
	return made[kind].ID, err
}

// newRouter makes a router without interfaces.
func (b *testbed) newRouter(ctx context.Context) (*routed, error) {
	id, err := b.create(ctx, "routers", "router", object{"name": "bench"})
	return &routed{b, id}, err
}

// tenant makes a network with a subnet.
func (b *testbed) tenant(ctx context.Context, cidr string) (network, subnet string, err error) {
	if network, err = b.create(ctx, "networks", "network", object{}); err != nil {
		return "", "", err
	}
	subnet, err = b.create(ctx, "subnets", "subnet", object{"network_id": network, "ip_version": 4, "cidr": cidr})
	return network, subnet, err
}

// outside makes the external network, flat on the physical network public, and the router's gateway to it.
func (r *routed) outside(ctx context.Context) (network string, err error) {
	network, err = r.create(ctx, "networks", "network", object{"router:external": true,
		"provider:network_type": "flat", "provider:physical_network": "public"})
	if err != nil {
		return "", err
	}
	if _, err = r.create(ctx, "subnets", "subnet", object{"network_id": network, "ip_version": 4, "cidr": "203.0.113.0/24", "enable_dhcp": false}); err != nil {
		return "", err
	}
	return network, r.Do(ctx, http.MethodPut, "/v2.0/routers/"+r.router, project,
		object{"router": object{"external_gateway_info": object{"network_id": network}}}, nil)
}

func (r *routed) attach(ctx context.Context, subnet string) error {
	return r.Do(ctx, http.MethodPut, "/v2.0/routers/"+r.router+"/add_router_interface", project, object{"subnet_id": subnet}, nil)
}

func (r *routed) detach(ctx context.Context, subnet string) error {
	return r.Do(ctx, http.MethodPut, "/v2.0/routers/"+r.router+"/remove_router_interface", project, object{"subnet_id": subnet}, nil)
}

// boot makes a port and a VM with its address, whose default route is the first address of a /24.
func (b *testbed) boot(ctx context.Context, n *lab.Node, name, network string) (*lab.VM, port, error) {
	list, err := b.ports(ctx, network, 1)
	if err != nil {
		return nil, port{}, err
	}
	p := list[0]
	vm := n.AddVM(name, p.ID, p.MAC)
	address, err := netip.ParseAddr(p.FixedIPs[0].IPAddress)
	if err != nil {
		return nil, p, err
	}
	vm.SetAddress(address.String() + "/24")
	vm.SetMTU(1450) // of a network in VXLAN over 1,500 bytes
	first := netip.PrefixFrom(address, 24).Masked().Addr().Next()
	if _, err := vm.Exec("ip", "route", "add", "default", "via", first.String()); err != nil {
		return nil, p, fmt.Errorf("%s: default route: %w", name, err)
	}
	return vm, p, b.waitActive(ctx, p)
}
