package main

import (
	"context"
	"fmt"
	"time"
)

const (
	outsideCIDR = "203.0.113.0/24"
	outsideHost = "203.0.113.200"
)

// outside gives one tenant a router: its VMs reach a machine outside, and one of them is reached from there.
func (s *story) outside(ctx context.Context) error {
	s.chapter("A router, and the world outside")
	s.say("An administrator says where the outside is: the untagged network behind br-ex.")
	var network, router, subnet, joined struct{ ID string }
	err := s.curl(ctx, "admin", "networks", `{"network": {"name": "public", "router:external": true,
      "provider:network_type": "flat", "provider:physical_network": "public"}}`, `.network | {id, "router:external"}`, &network)
	if err != nil {
		return err
	}
	err = s.curl(ctx, "admin", "subnets", fmt.Sprintf(`{"subnet": {"network_id": "%s", "ip_version": 4, "cidr": "%s", "enable_dhcp": false}}`, network.ID, outsideCIDR),
		`.subnet | {id, cidr, gateway_ip}`, &subnet)
	if err != nil {
		return err
	}
	s.say("red makes a router to it, and joins its own subnet.")
	err = s.curl(ctx, "red", "routers", fmt.Sprintf(`{"router": {"name": "edge", "external_gateway_info": {"network_id": "%s"}}}`, network.ID),
		`.router | {id, external_gateway_info}`, &router)
	if err != nil {
		return err
	}
	mine, err := s.subnetOf(ctx, "red")
	if err != nil {
		return err
	}
	err = s.put(ctx, "red", "routers/"+router.ID+"/add_router_interface", fmt.Sprintf(`{"subnet_id": "%s"}`, mine), `{id, subnet_id, port_id}`, &joined)
	if err != nil {
		return err
	}
	if err := s.cloud.WaitConverged(ctx, 30*time.Second); err != nil {
		return err
	}
	host := s.nodes[1].AddHost("outside", "br-ex", 0, "02:00:00:00:00:fe")
	host.SetAddress(outsideHost + "/24")
	red1, red2 := s.vms["red1"], s.vms["red2"]
	s.say("Every VM of red's can now reach a machine outside, under the router's address: source NAT by the conntrack of one node.")
	if _, err := s.run(ctx, red1.Shell("ping -n -c 3 -i 0.2 "+outsideHost)); err != nil {
		return err
	}
	var floating struct {
		ID      string
		Address string `json:"floating_ip_address"`
	}
	s.say("And with a floating IP the machine outside can reach red2, straight on its own node:")
	err = s.curl(ctx, "red", "floatingips", fmt.Sprintf(`{"floatingip": {"floating_network_id": "%s", "port_id": "%s"}}`, network.ID, red2.port.ID),
		`.floatingip | {id, floating_ip_address, fixed_ip_address}`, &floating)
	if err != nil {
		return err
	}
	if err := s.cloud.WaitConverged(ctx, 30*time.Second); err != nil {
		return err
	}
	if _, err := s.run(ctx, host.Shell("ping -n -c 2 -i 0.2 -W 0.5 "+floating.Address+" || echo 'no answer: strangers need a rule'")); err != nil {
		return err
	}
	s.say("red2's security group lets in only its own members. With a rule for pings:")
	group, err := s.cloud.DefaultSecurityGroup(ctx, "red")
	if err != nil {
		return err
	}
	var rule struct{ ID string }
	err = s.curl(ctx, "red", "security-group-rules", fmt.Sprintf(`{"security_group_rule": {"security_group_id": "%s", "direction": "ingress", "protocol": "icmp", "port_range_min": 8}}`, group),
		`.security_group_rule | {id, direction, protocol, port_range_min}`, &rule)
	if err != nil {
		return err
	}
	if err := s.cloud.WaitConverged(ctx, 30*time.Second); err != nil {
		return err
	}
	if _, err := s.run(ctx, host.Shell("ping -n -c 3 -i 0.2 "+floating.Address)); err != nil {
		return err
	}
	_, err = s.run(ctx, s.planckctl("router show edge"))
	return err
}

// subnetOf finds a tenant's subnet.
func (s *story) subnetOf(ctx context.Context, project string) (string, error) {
	var answer struct{ Subnets []struct{ ID string } }
	err := s.cloud.Do(ctx, "GET", "/v2.0/subnets?project_id="+project, "", nil, &answer)
	if err == nil && len(answer.Subnets) != 1 {
		err = fmt.Errorf("%s has %d subnets", project, len(answer.Subnets))
	}
	if err != nil {
		return "", err
	}
	return answer.Subnets[0].ID, nil
}
