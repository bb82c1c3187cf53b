package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/planck-sdn/planck/tests/lab"
	"github.com/planck-sdn/planck/tools/internal/cloud"
)

const cidr = "10.1.0.0/24"

// story is what the demo shows, in order.
type story struct {
	*screen
	lab   *lab.Lab
	bin   string // directory of planckd and planckctl
	cloud *cloud.Cloud
	url   string // of the API, from the host
	nodes []*lab.Node
	vms   map[string]*machine
	names []string // of vms, in order
}

// machine is a VM and its port.
type machine struct {
	*lab.VM
	port port
}

// port is what the demo prints of a port, and knows of it.
type port struct {
	ID       string `json:"id"`
	MAC      string `json:"mac_address"`
	FixedIPs []struct {
		IPAddress string `json:"ip_address"`
	} `json:"fixed_ips"`
	Status string `json:"status"`
}

func (p port) ip() string {
	if len(p.FixedIPs) == 0 {
		return ""
	}
	return p.FixedIPs[0].IPAddress
}

func (s *story) tell(ctx context.Context) error {
	s.say("What follows runs on this machine, in network namespaces: nothing appears in its own network.\n" +
		"Lines that begin with $ are commands as they were run, with what they printed. They can be pasted.")
	for _, chapter := range []func(context.Context) error{s.controller, s.attach, s.tenants, s.boot, s.talk, s.apart, s.outside, s.inspect, s.play} {
		if err := chapter(ctx); err != nil {
			return err
		}
	}
	return nil
}

func (s *story) controller(ctx context.Context) error {
	s.chapter("One controller")
	listener, taken, err := listenAPI()
	if err != nil {
		return err
	}
	api := listener.Addr().String()
	s.url = "http://" + api
	s.forwardAPI(listener)
	s.cloud, err = cloud.Start(ctx, cloud.Options{Lab: s.lab, API: api, Binary: filepath.Join(s.bin, "planckd"),
		Database: "sqlite:" + filepath.Join(s.lab.Dir, "planck.db")})
	if err != nil {
		return err
	}
	s.say("planckd is the whole control plane: REST API, database (here an SQLite file), OpenFlow, DHCP. It runs in the\n" +
		"namespace of the lab that nodes can reach. It was started with")
	s.result("%s", s.startCommand())
	if taken {
		s.say("%s of this machine is taken, so the API is at %s.", apiAddress, s.url)
	} else {
		s.say("Its API can be reached from here too, at %s: the demo passes connections on.", s.url)
	}
	_, err = s.run(ctx, s.planckctl("status"))
	return err
}

// startCommand is how planckd was started, for a person to paste.
func (s *story) startCommand() string {
	words := strings.Join(s.cloud.Command, " ")
	return "nsenter --net=/run/netns/" + s.lab.ControllerNamespace() + " " + strings.ReplaceAll(words, " --", " \\\n      --")
}

// planckctl is a command line of planckctl.
func (s *story) planckctl(verb string) string {
	line := filepath.Join(s.bin, "planckctl")
	if here, err := os.Getwd(); err == nil && filepath.Dir(s.bin) == here { // shorter to read
		line = filepath.Join(filepath.Base(s.bin), "planckctl")
	}
	if s.url != "http://"+apiAddress {
		line += " --api " + s.url
	}
	return line + " " + verb
}

func (s *story) attach(ctx context.Context) error {
	s.chapter("Three nodes, attached with one command each")
	began := time.Now()
	mapped := lab.NodeOptions{Mappings: map[string]string{"public": "br-ex"}}
	s.nodes = []*lab.Node{s.lab.AddNode("compute1", mapped), s.lab.AddNode("compute2", mapped), s.lab.AddNode("compute3", lab.NodeOptions{})}
	s.say("A node is a machine with stock Open vSwitch and nothing of Planck's. Three were made in %v, each with its own\n"+
		"ovsdb-server and ovs-vswitchd; two have a bridge br-ex to the world outside. This is all that an operator does on a node (there without --db, and\n"+
		"planck-datapath-type only says that this lab's Open vSwitch is the userspace one):", time.Since(began).Round(time.Millisecond))
	began = time.Now()
	for _, n := range s.nodes {
		words := n.AttachCommand(s.cloud.Target())
		socket := "--db=unix:" + filepath.Join(s.lab.Dir, n.Name, "db.sock")
		if _, err := s.run(ctx, words[0]+" "+socket+" "+strings.Join(words[1:], " ")); err != nil {
			return err
		}
	}
	if err := s.cloud.WaitReady(ctx, s.nodes...); err != nil {
		return err
	}
	s.say("planckd has made br-int, a VXLAN port and the OpenFlow connection on each, and the first entries are confirmed,\n"+
		"%v after the first command.", time.Since(began).Round(time.Millisecond))
	s.lab.WarmTunnels()
	_, err := s.run(ctx, s.planckctl("node list"))
	return err
}

// curl prints and runs one request that makes something, as a member of a project (or the administrator), and decodes what jq left of
// the answer.
func (s *story) curl(ctx context.Context, project, path, body, filter string, answer any) error {
	role := "member"
	if project == "admin" {
		role = "admin"
	}
	return s.request(ctx, fmt.Sprintf("curl -sS %s/v2.0/%s -H 'X-Project-Id: %s' -H 'X-Roles: %s' \\\n    --json '%s' \\\n    | jq -c '%s'",
		s.url, path, project, role, body, filter), path, answer)
}

// put is curl for a change by a member.
func (s *story) put(ctx context.Context, project, path, body, filter string, answer any) error {
	return s.request(ctx, fmt.Sprintf("curl -sS -X PUT %s/v2.0/%s -H 'X-Project-Id: %s' -H 'X-Roles: member' \\\n    --json '%s' \\\n    | jq -c '%s'",
		s.url, path, project, body, filter), path, answer)
}

func (s *story) request(ctx context.Context, command, path string, answer any) error {
	out, err := s.run(ctx, command)
	if err != nil {
		return err
	}
	if err := json.Unmarshal([]byte(out), answer); err != nil {
		return fmt.Errorf("answer to %s: %w", path, err)
	}
	return nil
}

// tenants makes a network, a subnet and ports for two projects that know nothing of each other.
func (s *story) tenants(ctx context.Context) error {
	s.chapter("Two tenants who chose the same addresses")
	s.say("Each makes a network, a subnet and ports through the REST API of Quantum v2.0, today's Neutron. (Without Keystone,\n" +
		"--auth none, planckd takes the requester's word for who it is; it does so on loopback only.)")
	s.vms = map[string]*machine{}
	for _, tenant := range []struct {
		name string
		vms  []string
	}{{"red", []string{"red1", "red2"}}, {"blue", []string{"blue1", "blue2", "blue3"}}} {
		var network, subnet struct{ ID string }
		err := s.curl(ctx, tenant.name, "networks", `{"network": {"name": "net"}}`, `.network | {id, project_id, mtu}`, &network)
		if err != nil {
			return err
		}
		err = s.curl(ctx, tenant.name, "subnets",
			fmt.Sprintf(`{"subnet": {"network_id": "%s", "ip_version": 4, "cidr": "%s", "dns_nameservers": ["192.0.2.53"]}}`, network.ID, cidr),
			`.subnet | {id, cidr, gateway_ip, allocation_pools}`, &subnet)
		if err != nil {
			return err
		}
		for _, name := range tenant.vms {
			m := &machine{}
			err := s.curl(ctx, tenant.name, "ports", fmt.Sprintf(`{"port": {"network_id": "%s", "name": "%s"}}`, network.ID, name),
				`.port | {id, mac_address, fixed_ips, status}`, &m.port)
			if err != nil {
				return err
			}
			if m.port.ip() == "" {
				return fmt.Errorf("port %s got no address", name)
			}
			s.vms[name] = m
			s.names = append(s.names, name)
		}
	}
	if r, b := s.vms["red2"].port.ip(), s.vms["blue2"].port.ip(); r != b {
		return fmt.Errorf("the tenants were to have the same addresses, and have %s and %s", r, b)
	}
	s.say("red1 and blue1 have the address %s, red2 and blue2 %s; blue3 has %s, which red has not.",
		s.vms["red1"].port.ip(), s.vms["red2"].port.ip(), s.vms["blue3"].port.ip())
	return nil
}

// boot starts the VMs on different nodes.
func (s *story) boot(ctx context.Context) error {
	s.chapter("VMs boot and ask for their address")
	s.say("A VM is a namespace whose interface is plugged into br-int of a node as Nova does it: named by the port's id in\n" +
		"external_ids:iface-id. planckd sees that over OVSDB and sends the entries. Then a real DHCP client asks; the answer\n" +
		"comes from planckd, through the node's switch: there is no DHCP server anywhere.")
	where := map[string]*lab.Node{"red1": s.nodes[0], "red2": s.nodes[1], "blue1": s.nodes[0], "blue2": s.nodes[1], "blue3": s.nodes[2]}
	for _, name := range s.names {
		m, node := s.vms[name], where[name]
		began := time.Now()
		m.VM = node.AddVM(name, m.port.ID, m.port.MAC)
		if err := s.active(ctx, m); err != nil {
			return err
		}
		fmt.Fprintf(s.out, "\n%s on %s: interface %s, port ACTIVE %v after the VM was begun\n", name, node.Name, m.Interface(),
			time.Since(began).Round(time.Millisecond))
		client := lab.Udhcpc
		if name[:3] == "red" {
			client = lab.Dhclient
		}
		began = time.Now()
		lease, err := m.DHCP(client)
		if err != nil {
			return err
		}
		s.result("%-8s %v, gateway %s, DNS %s, MTU %d, from %s, for %v; took %v", client, lease.IP, list(lease.Routers), list(lease.DNS),
			lease.MTU, lease.Server, lease.LeaseTime, time.Since(began).Round(time.Millisecond))
		if got := lease.IP.Addr().String(); got != m.port.ip() {
			return fmt.Errorf("%s got the address %s, its port has %s", name, got, m.port.ip())
		}
	}
	_, err := s.run(ctx, s.vms["red1"].Shell("ip -4 address show dev eth0"))
	return err
}

func list[T fmt.Stringer](all []T) string {
	words := make([]string, len(all))
	for i, v := range all {
		words[i] = v.String()
	}
	return strings.Join(words, " ")
}

func (s *story) active(ctx context.Context, m *machine) error {
	return cloud.Await(ctx, 30*time.Second, "port "+m.port.ID+" is ACTIVE", func() error {
		var answer struct{ Port port }
		err := s.cloud.Do(ctx, http.MethodGet, "/v2.0/ports/"+m.port.ID, "", nil, &answer)
		if err == nil && answer.Port.Status != "ACTIVE" {
			err = fmt.Errorf("it is %s", answer.Port.Status)
		}
		return err
	})
}

// talk pings within each tenant, from node to node.
func (s *story) talk(ctx context.Context) error {
	s.chapter("Within a tenant: they talk, from node to node")
	s.say("red1 is on compute1, red2 on compute2; the packets go through the VXLAN tunnel between them.")
	for _, pair := range [][2]string{{"red1", "red2"}, {"blue1", "blue2"}, {"blue3", "blue1"}} {
		if _, err := s.run(ctx, s.vms[pair[0]].Shell("ping -n -c 3 -i 0.2 "+s.vms[pair[1]].port.ip())); err != nil {
			return err
		}
	}
	return nil
}

// apart shows that nothing crosses between the tenants.
func (s *story) apart(ctx context.Context) error {
	s.chapter("Between tenants: not one frame")
	red1, red2, blue2, blue3 := s.vms["red1"], s.vms["red2"], s.vms["blue2"], s.vms["blue3"]
	s.say("red1 pings %s and the broadcast address, while everything that reaches red2 and blue2 (which has the same\n"+
		"address, on the same node) is captured:", red2.port.ip())
	const filter = "inbound"
	at := map[string]*lab.Capture{"red2": red2.Capture(filter), "blue2": blue2.Capture(filter)}
	if _, err := s.run(ctx, red1.Shell("ping -n -q -c 3 -i 0.2 "+red2.port.ip())); err != nil {
		return err
	}
	// Broadcast pings are not answered by default, so that ping's exit code is 1.
	if _, err := s.run(ctx, red1.Shell("ping -n -q -b -c 2 -i 0.2 -W 0.3 10.1.0.255 || true")); err != nil {
		return err
	}
	seen := map[string]int{}
	for name, capture := range at {
		frames, err := capture.Frames()
		if err != nil {
			return err
		}
		seen[name] = len(frames)
		capture.Close()
	}
	s.say("captured at red2:  %d frames\ncaptured at blue2: %d frames", seen["red2"], seen["blue2"])
	if seen["red2"] < 5 || seen["blue2"] != 0 {
		return fmt.Errorf("expected at least 5 frames at red2 and none at blue2")
	}
	s.say("And red1 looks for %s, which only blue has (blue3, on compute3):", blue3.port.ip())
	if _, err := s.run(ctx, red1.Shell("ping -n -c 2 -i 0.2 -W 0.5 "+blue3.port.ip()+" || echo 'no answer, as it should be'")); err != nil {
		return err
	}
	return red1.CannotReach(blue3.port.ip())
}

// inspect shows the operator's side.
func (s *story) inspect(ctx context.Context) error {
	s.chapter("What an operator sees")
	s.say("All of it through the API, without access to the nodes.")
	for _, verb := range []string{"node list", "port show red1"} {
		if _, err := s.run(ctx, s.planckctl(verb)); err != nil {
			return err
		}
	}
	s.say("What becomes of a packet, through the tables as they are on the switches: to red2, which answers; and to an address that only blue has.")
	for _, verb := range []string{"trace --from red1 --to red2 --tcp 22", "trace --from red1 --to " + s.vms["blue3"].port.ip() + " || true"} {
		if _, err := s.run(ctx, s.planckctl(verb)); err != nil {
			return err
		}
	}
	s.say("A proof, from the same tables, for all packets at once, that tenants are apart and that what should be reachable is:")
	if _, err := s.run(ctx, s.planckctl("verify")); err != nil {
		return err
	}
	s.say("Every flow entry says which object it serves, and which rule made it. Those of red1, on both nodes of its network:")
	_, err := s.run(ctx, s.planckctl("flow list --port red1 --explain"))
	return err
}

// play prints what to do next.
func (s *story) play(context.Context) error {
	s.chapter("Play with it")
	s.say("All of it is left running, and these are for you.")
	red1, red2 := s.vms["red1"], s.vms["red2"]
	dir := s.lab.Dir
	for _, line := range []struct{ what, command string }{
		{"Be root in the VM red1 (leave with exit)", red1.Shell("bash")},
		{"Ping without an end, and look at it in another terminal", red1.Shell("ping " + red2.port.ip())},
		{"", red2.Shell("tcpdump -ni eth0")},
		{"Ask the controller", s.planckctl("status")},
		{"", s.planckctl("why red2")},
		{"", s.planckctl("flow list --node compute1 --watch")},
		{"The API, as its administrator", "curl -sS " + s.url + "/v2.0/ports | jq"},
		{"Take the port of red2 down (true brings it back), and see the ping end", fmt.Sprintf("curl -sS %s/v2.0/ports/%s -X PUT --json '{\"port\": {\"admin_state_up\": false}}' | jq", s.url, red2.port.ID)},
		{"What Open vSwitch of compute1 says itself", fmt.Sprintf("ovs-ofctl -OOpenFlow13 dump-flows unix:%s/compute1/br-int.mgmt", dir)},
		{"", fmt.Sprintf("ovs-vsctl --db=unix:%s/compute1/db.sock show", dir)},
		{"Kill the controller: the VMs go on talking. Start it again: nothing is sent to the nodes",
			fmt.Sprintf("kill -9 %d", s.cloud.Process.PID())},
		{"", s.startCommand()},
		{"Its metrics", fmt.Sprintf("nsenter --net=/run/netns/%s curl -sS 127.0.0.1:9697/metrics | grep ^planck", s.lab.ControllerNamespace())},
		{"What each program printed", "ls " + dir + "/log"},
		{"The whole state of the cloud is " + dir + "/planck.db. Take everything away", "make demo-down"},
	} {
		if line.what != "" {
			s.say("%s:", line.what)
		}
		fmt.Fprintf(s.out, "  %s$ %s%s\n", s.bold, line.command, s.plain)
	}
	return nil
}
