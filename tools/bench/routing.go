package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"time"

	"github.com/planck-sdn/planck/tests/lab"
)

// benchRouting measures what routers cost: entries, the time until a change is in the packets, and throughput.
func benchRouting(ctx context.Context, e *environment) error {
	return errors.Join(routingEntries(ctx, e), routingPackets(ctx, e))
}

// routingEntries counts the entries of nodes as the ports of one router's networks grow.
func routingEntries(ctx context.Context, e *environment) (err error) {
	const subnets, nodeCount = 10, 10
	b, err := e.start(ctx)
	if err != nil {
		return err
	}
	defer b.closeInto(&err)
	nodes, err := b.dummyNodes(ctx, nodeCount)
	if err != nil {
		return err
	}
	r, err := b.newRouter(ctx)
	if err != nil {
		return err
	}
	var networks []string
	for i := range subnets {
		network, subnet, err := b.tenant(ctx, fmt.Sprintf("10.%d.0.0/24", i+1))
		if err != nil {
			return err
		}
		if err := r.attach(ctx, subnet); err != nil {
			return err
		}
		networks = append(networks, network)
	}
	t := table{Title: "Entries on a node, by the ports of one router",
		Columns: []string{"ports in all", "ports on a node", "flows on a node: fewest", "most", "a port", "groups on a node: most"},
		Notes: []string{fmt.Sprintf("One router with %d networks, %d nodes; the ports are spread over networks and nodes, so that each node has to know all. "+
			"\"A port\" is how many more entries a node has for each further port anywhere.", subnets, nodeCount)}}
	plugged, ports, before := map[*lab.Node]int{}, 0, 0
	for _, want := range size(e, []int{10, 100, 1000}, []int{10, 40}) {
		e.progress("routing: %d ports", want)
		byNode := map[*lab.Node][]port{}
		for i, network := range networks {
			list, err := b.ports(ctx, network, (want-ports)/subnets)
			if err != nil {
				return err
			}
			for j, p := range list {
				n := nodes[(i+j)%nodeCount]
				byNode[n] = append(byNode[n], p)
			}
		}
		for n, list := range byNode {
			if err := b.plugMany(n, list); err != nil {
				return err
			}
			plugged[n] += len(list)
		}
		if err := b.settled(ctx, plugged); err != nil {
			return err
		}
		var flows, groups []int
		for _, n := range nodes {
			seen, err := b.node(ctx, n.Name)
			if err != nil {
				return err
			}
			flows, groups = append(flows, seen.Flows), append(groups, seen.Groups)
		}
		row := []any{want, plugged[nodes[0]], slices.Min(flows), slices.Max(flows), "", slices.Max(groups)}
		if ports > 0 {
			row[4] = float64(slices.Max(flows)-before) / float64(want-ports)
		}
		t.Rows = append(t.Rows, row)
		ports, before = want, slices.Max(flows)
	}
	e.report.add(t)
	return nil
}

// routingPackets measures with real packets between real nodes.
func routingPackets(ctx context.Context, e *environment) (err error) {
	b, err := e.start(ctx)
	if err != nil {
		return err
	}
	defer b.closeInto(&err)
	nodes, err := b.realNodes(ctx, 2, lab.NodeOptions{Mappings: map[string]string{"public": "br-ex"}})
	if err != nil {
		return err
	}
	r, err := b.newRouter(ctx)
	if err != nil {
		return err
	}
	one, subnetOne, err := b.tenant(ctx, "10.1.0.0/24")
	if err != nil {
		return err
	}
	two, subnetTwo, err := b.tenant(ctx, "10.2.0.0/24")
	if err != nil {
		return err
	}
	if err := errors.Join(r.attach(ctx, subnetOne), r.attach(ctx, subnetTwo)); err != nil {
		return err
	}
	vms := map[string]*lab.VM{}
	ports := map[string]port{}
	for name, at := range map[string]struct {
		node    *lab.Node
		network string
	}{"client": {nodes[0], one}, "bridged": {nodes[1], one}, "routed": {nodes[1], two}} {
		if vms[name], ports[name], err = b.boot(ctx, at.node, name, at.network); err != nil {
			return err
		}
	}
	if err := b.WaitConverged(ctx, time.Minute); err != nil {
		return err
	}
	return errors.Join(
		r.throughput(e, vms["client"], map[string]string{"L2": address(ports["bridged"]), "routed": address(ports["routed"])},
			map[string]*lab.VM{"L2": vms["bridged"], "routed": vms["routed"]}),
		r.interfaceToPacket(ctx, e, vms["client"], vms["routed"], address(ports["routed"]), subnetTwo),
		r.floatingIPToPacket(ctx, e, nodes[0], vms["routed"], ports["routed"]))
}

func address(p port) string { return p.FixedIPs[0].IPAddress }

// throughput compares TCP between two networks with TCP within one, between the same two nodes.
func (r *routed) throughput(e *environment, client *lab.VM, to map[string]string, servers map[string]*lab.VM) error {
	rates := map[string][]float64{}
	for run := range size(e, 5, 1) {
		for _, kind := range []string{"L2", "routed"} {
			rate, err := iperf(client, servers[kind], to[kind], size(e, 4, 1))
			if err != nil {
				return fmt.Errorf("iperf3, %s: %w", kind, err)
			}
			e.progress("routing: run %d, %s: %.0f Mbit/s", run+1, kind, rate)
			rates[kind] = append(rates[kind], rate)
		}
	}
	l2, routed := median(rates["L2"]), median(rates["routed"])
	e.report.add(table{Title: "TCP between VMs on two nodes, through the router and within a network",
		Columns: []string{"", "median Mbit/s", "lowest", "highest"},
		Rows: [][]any{
			{"L2", l2, slices.Min(rates["L2"]), slices.Max(rates["L2"])},
			{"routed", routed, slices.Min(rates["routed"]), slices.Max(rates["routed"])},
			{"ratio of the medians", routed / l2, "", ""},
		},
		Notes: []string{"iperf3, one connection, runs of the two kinds in turn."}})
	return nil
}

func iperf(client, server *lab.VM, to string, seconds int) (megabits float64, err error) {
	p, err := server.Start("iperf3", "-s", "-1")
	if err != nil {
		return 0, err
	}
	defer p.Kill()
	var result struct {
		Error string // with exit code 0, when the server was not ready for the test
		End   struct {
			SumReceived struct {
				BitsPerSecond float64 `json:"bits_per_second"`
			} `json:"sum_received"`
		}
	}
	for deadline := time.Now().Add(5 * time.Second); ; { // until the server listens
		result.Error = ""
		out, err := client.Exec("iperf3", "-c", to, "-t", fmt.Sprint(seconds), "-J")
		if err == nil {
			err = json.Unmarshal([]byte(out), &result)
		}
		if err == nil && result.Error != "" {
			err = errors.New(result.Error)
		}
		if err == nil {
			break
		}
		if time.Now().After(deadline) {
			return 0, err
		}
	}
	return result.End.SumReceived.BitsPerSecond / 1e6, nil
}

// interfaceToPacket measures from the request that joins a network to the router to the first answer through it.
func (r *routed) interfaceToPacket(ctx context.Context, e *environment, from, to *lab.VM, address, subnet string) error {
	d, err := newDoor(from, to, address)
	if err != nil {
		return err
	}
	defer d.close()
	var took, request []time.Duration
	for range size(e, 100, 5) {
		if err := r.detach(ctx, subnet); err != nil {
			return err
		}
		if err := r.WaitConverged(ctx, time.Minute); err != nil {
			return err
		}
		// The interface has another MAC address each time, and a kernel takes no news of a neighbour for a second.
		if _, err := to.Exec("ip", "neigh", "flush", "dev", "eth0"); err != nil {
			return err
		}
		t, q, err := d.opens(ctx, func() error { return r.attach(ctx, subnet) })
		if err != nil {
			return err
		}
		took, request = append(took, t), append(request, q)
	}
	e.report.add(table{Title: "A router's interface is added, until the first answer through it",
		Columns: []string{"p50", "p99", "of it the request: p50"},
		Rows:    [][]any{{percentile(took, .5), percentile(took, .99), percentile(request, .5)}},
		Notes:   []string{"From before the PUT to the answer to a datagram of a VM on another node and network that sends one every 0.2 ms. Two nodes."}})
	return nil
}

// floatingIPToPacket measures from the request that associates a floating IP to the first answer through it.
func (r *routed) floatingIPToPacket(ctx context.Context, e *environment, n *lab.Node, vm *lab.VM, p port) error {
	network, err := r.outside(ctx)
	if err != nil {
		return err
	}
	if err := r.open(ctx); err != nil {
		return err
	}
	var made struct {
		FloatingIP struct {
			ID      string
			Address string `json:"floating_ip_address"`
		}
	}
	if err := r.Do(ctx, http.MethodPost, "/v2.0/floatingips", project, object{"floatingip": object{"floating_network_id": network}}, &made); err != nil {
		return err
	}
	f := made.FloatingIP
	var listed struct{ Ports []port }
	if err := r.Do(ctx, http.MethodGet, "/v2.0/ports?device_id="+f.ID, "", nil, &listed); err != nil || len(listed.Ports) != 1 {
		return fmt.Errorf("port of the floating IP: %d found, %w", len(listed.Ports), err)
	}
	host := n.AddHost("outside", "br-ex", 0, "02:00:00:00:00:01")
	host.SetAddress("203.0.113.200/24")
	// The host's own wait for ARP is a second: it is told the answer.
	if _, err := host.Exec("ip", "neigh", "replace", f.Address, "lladdr", listed.Ports[0].MAC, "dev", "eth0", "nud", "permanent"); err != nil {
		return err
	}
	d, err := newDoor(host, vm, f.Address)
	if err != nil {
		return err
	}
	defer d.close()
	associate := func(id any) error {
		return r.Do(ctx, http.MethodPut, "/v2.0/floatingips/"+f.ID, project, object{"floatingip": object{"port_id": id}}, nil)
	}
	var took, request []time.Duration
	for range size(e, 100, 5) {
		t, q, err := d.opens(ctx, func() error { return associate(p.ID) })
		if err != nil {
			return err
		}
		took, request = append(took, t), append(request, q)
		if err := associate(nil); err != nil {
			return err
		}
		if err := r.WaitConverged(ctx, time.Minute); err != nil {
			return err
		}
	}
	e.report.add(table{Title: "A floating IP is associated, until the first answer through it",
		Columns: []string{"p50", "p99", "of it the request: p50"},
		Rows:    [][]any{{percentile(took, .5), percentile(took, .99), percentile(request, .5)}},
		Notes: []string{"From before the PUT to the answer to a datagram of a host outside that sends one every 0.2 ms and knows the address's MAC. The host " +
			"is a neighbour of the router since the first association. The VM's node has the external bridge."}})
	return nil
}

// door is a way from one machine to another that a change opens.
type door struct {
	ask, answer net.PacketConn
	to          net.Addr
}

const doorPort = 7007

// newDoor has a machine answer datagrams, and another ready to send them to it at an address.
func newDoor(from, to *lab.VM, address string) (*door, error) {
	answer, err := to.ListenPacket("udp4", fmt.Sprintf("0.0.0.0:%d", doorPort))
	if err != nil {
		return nil, err
	}
	ask, err := from.ListenPacket("udp4", "0.0.0.0:0")
	if err != nil {
		return nil, errors.Join(err, answer.Close())
	}
	go func() {
		buf := make([]byte, 64)
		for {
			n, peer, err := answer.ReadFrom(buf)
			if err != nil {
				return
			}
			_, _ = answer.WriteTo(buf[:n], peer) // an answer that cannot leave yet is asked for again
		}
	}()
	return &door{ask, answer, &net.UDPAddr{IP: net.ParseIP(address), Port: doorPort}}, nil
}

func (d *door) close() { _, _ = d.ask.Close(), d.answer.Close() }

// opens measures from the beginning of a change to the first answer, and how long the change itself took.
func (d *door) opens(ctx context.Context, change func() error) (took, changed time.Duration, err error) {
	buf := make([]byte, 64)
	began := time.Now()
	token := []byte(began.Format(time.RFC3339Nano))
	done := make(chan error, 1)
	go func() {
		err := change()
		changed = time.Since(began)
		done <- err
	}()
	for err == nil && string(buf[:len(token)]) != string(token) {
		if ctx.Err() != nil || time.Since(began) > 10*time.Second {
			err = fmt.Errorf("no answer of %s after %v", d.to, time.Since(began))
			break
		}
		_, _ = d.ask.WriteTo(token, d.to) // refused while there is no way
		if err = d.ask.SetReadDeadline(time.Now().Add(200 * time.Microsecond)); err == nil {
			var timeout net.Error
			if _, _, e := d.ask.ReadFrom(buf); e != nil && (!errors.As(e, &timeout) || !timeout.Timeout()) {
				continue // an ICMP error of an earlier datagram
			}
		}
	}
	took = time.Since(began)
	return took, changed, errors.Join(err, <-done)
}
