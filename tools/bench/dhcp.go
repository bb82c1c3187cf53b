package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"

	"github.com/planck-sdn/planck/apps"
	"github.com/planck-sdn/planck/apps/example"
	"github.com/planck-sdn/planck/apps/pipeline"
	"github.com/planck-sdn/planck/model/flow"
	"github.com/planck-sdn/planck/tests/lab"
)

// benchDHCP measures answers a second: of the responder alone, and of planckd through a switch to VMs.
func benchDHCP(ctx context.Context, e *environment) error {
	t := table{Title: "DHCP answers a second", Columns: []string{"what", "answers", "a second", "p50", "p99", "lost"}}
	row, err := responderAlone(size(e, 2*time.Second, 100*time.Millisecond))
	if err != nil {
		return err
	}
	t.Rows = append(t.Rows, row)
	vms := size(e, 100, 5)
	rows, err := e.throughSwitch(ctx, vms)
	if err != nil {
		return err
	}
	t.Rows = append(t.Rows, rows...)
	t.Notes = []string{fmt.Sprintf("Alone: one goroutine, from a DHCPDISCOVER's frame to an offer's. Through a switch: a real Open vSwitch (userspace datapath), "+
		"%d VMs that renew by unicast (DHCPREQUEST), each %d times, which is what the meter of its port lets through at once; a VM asks "+
		"again when it is answered.", vms, renewals)}
	e.report.add(t)
	return nil
}

func responderAlone(length time.Duration) ([]any, error) {
	cloud := &example.Cloud{}
	fillCloud(cloud, cloud.Node("node1"), cloud.Node("node2"), 100)
	v := cloud.View()
	node, p := v.Node(1), v.PortByID("port0")
	frame, err := discover(p.MAC[:])
	if err != nil {
		return nil, err
	}
	at, _ := v.AttachmentOn(p.Number, node.Number)
	in := pipeline.PacketIn{View: v, Node: node, Port: p, Now: time.Now(), PacketIn: flow.PacketIn{InPort: at.Ofport, Data: frame}}
	app := apps.All()[slices.IndexFunc(apps.All(), func(a *pipeline.App) bool { return a.Name == "dhcp" })]
	answers, began := 0, time.Now()
	for time.Since(began) < length {
		for range 100 {
			if len(app.PacketIn(in).Packets) != 1 {
				return nil, errors.New("the responder does not answer")
			}
			answers++
		}
	}
	each := time.Since(began) / time.Duration(answers)
	return []any{"responder alone", answers, float64(answers) / time.Since(began).Seconds(), fmt.Sprintf("%.1f µs", float64(each.Nanoseconds())/1000), "", 0}, nil
}

// request is a DHCP message as clients send it.
func request(mac net.HardwareAddr, kind layers.DHCPMsgType, client net.IP, xid uint32) *layers.DHCPv4 {
	return &layers.DHCPv4{
		Operation: layers.DHCPOpRequest, HardwareType: layers.LinkTypeEthernet, HardwareLen: 6, Xid: xid, ClientHWAddr: mac, ClientIP: client,
		Options: layers.DHCPOptions{
			layers.NewDHCPOption(layers.DHCPOptMessageType, []byte{byte(kind)}),
			layers.NewDHCPOption(layers.DHCPOptParamsRequest, []byte{1, 3, 6, 26, 28, 121}),
			layers.NewDHCPOption(layers.DHCPOptEnd, nil),
		},
	}
}

func discover(mac net.HardwareAddr) ([]byte, error) {
	ip := &layers.IPv4{Version: 4, TTL: 64, Protocol: layers.IPProtocolUDP, SrcIP: net.IPv4zero, DstIP: net.IPv4bcast}
	udp := &layers.UDP{SrcPort: 68, DstPort: 67}
	if err := udp.SetNetworkLayerForChecksum(ip); err != nil {
		return nil, err
	}
	buf := gopacket.NewSerializeBuffer()
	err := gopacket.SerializeLayers(buf, gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true},
		&layers.Ethernet{SrcMAC: mac, DstMAC: layers.EthernetBroadcast, EthernetType: layers.EthernetTypeIPv4}, ip, udp,
		request(mac, layers.DHCPMsgTypeDiscover, net.IPv4zero, 1))
	return buf.Bytes(), err
}

// renewals that a port's meter lets through at once (apps/dhcp: 20, of which some are left for luck).
const renewals = 18

func (e *environment) throughSwitch(ctx context.Context, vms int) (rows [][]any, err error) {
	b, err := e.start(ctx)
	if err != nil {
		return nil, err
	}
	defer b.closeInto(&err)
	node := b.Lab.AddNode("node1", lab.NodeOptions{})
	node.Attach(b.Target())
	if err := b.WaitReady(ctx, node); err != nil {
		return nil, err
	}
	network, err := b.network(ctx)
	if err != nil {
		return nil, err
	}
	server, err := b.dhcpServer(ctx, network)
	if err != nil {
		return nil, err
	}
	ports, err := b.ports(ctx, network, vms)
	if err != nil {
		return nil, err
	}
	e.progress("dhcp: %d VMs boot", vms)
	clients := make([]*dhcpClient, vms)
	for i, p := range ports {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		vm := node.AddVM(fmt.Sprintf("vm%d", i), p.ID, p.MAC)
		if clients[i], err = newDHCPClient(vm, p, server); err != nil {
			return nil, err
		}
		b.Lab.OnClose(func() { _ = clients[i].conn.Close() })
	}
	for _, p := range ports {
		if err := b.waitActive(ctx, p); err != nil {
			return nil, err
		}
	}
	for _, c := range clients { // finds the server's MAC address, by ARP
		if _, answered, err := c.renew(); err != nil || !answered {
			return nil, fmt.Errorf("%s: first renewal: answered %t, %v", c.vm.Name, answered, err)
		}
	}
	for _, together := range []int{1, 10, vms} {
		if together > vms {
			continue
		}
		row, err := renewTogether(clients, together)
		if err != nil {
			return nil, err
		}
		rows = append(rows, append([]any{fmt.Sprintf("through a switch, %d VMs at a time", together)}, row...))
		select {
		case <-time.After(5 * time.Second): // the meters fill up again
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	return rows, nil
}

func (b *testbed) dhcpServer(ctx context.Context, network string) (netip.Addr, error) {
	var answer struct{ Ports []port }
	if err := b.Do(ctx, http.MethodGet, "/v2.0/ports?device_owner=network:dhcp&network_id="+network, project, nil, &answer); err != nil {
		return netip.Addr{}, err
	}
	if len(answer.Ports) != 1 || len(answer.Ports[0].FixedIPs) != 1 {
		return netip.Addr{}, fmt.Errorf("not one DHCP port: %+v", answer.Ports)
	}
	return netip.ParseAddr(answer.Ports[0].FixedIPs[0].IPAddress)
}

// dhcpClient is a VM that has its address and renews it.
type dhcpClient struct {
	vm     *lab.VM
	conn   net.PacketConn
	mac    net.HardwareAddr
	ip     net.IP
	server *net.UDPAddr
	xid    uint32
}

func newDHCPClient(vm *lab.VM, p port, server netip.Addr) (*dhcpClient, error) {
	mac, err := net.ParseMAC(p.MAC)
	if err != nil {
		return nil, err
	}
	ip := p.FixedIPs[0].IPAddress
	vm.SetAddress(ip + "/16")
	conn, err := vm.ListenPacket("udp4", ip+":68")
	if err != nil {
		return nil, err
	}
	return &dhcpClient{vm: vm, conn: conn, mac: mac, ip: net.ParseIP(ip).To4(), server: net.UDPAddrFromAddrPort(netip.AddrPortFrom(server, 67))}, nil
}

// renew asks once, and tells whether it was answered in time.
func (c *dhcpClient) renew() (took time.Duration, answered bool, err error) {
	c.xid++
	buf := gopacket.NewSerializeBuffer()
	if err := request(c.mac, layers.DHCPMsgTypeRequest, c.ip, c.xid).SerializeTo(buf, gopacket.SerializeOptions{FixLengths: true}); err != nil {
		return 0, false, err
	}
	began := time.Now()
	if _, err := c.conn.WriteTo(buf.Bytes(), c.server); err != nil {
		return 0, false, err
	}
	if err := c.conn.SetReadDeadline(began.Add(time.Second)); err != nil {
		return 0, false, err
	}
	answer := make([]byte, 1500)
	for {
		n, _, err := c.conn.ReadFrom(answer)
		if errors.Is(err, os.ErrDeadlineExceeded) {
			return 0, false, nil
		}
		if err != nil {
			return 0, false, err
		}
		var m layers.DHCPv4
		if m.DecodeFromBytes(answer[:n], gopacket.NilDecodeFeedback) == nil && m.Xid == c.xid && m.Operation == layers.DHCPOpReply {
			return time.Since(began), true, nil
		}
	}
}

// renewTogether has each VM renew some times, so many at once.
func renewTogether(clients []*dhcpClient, together int) ([]any, error) {
	var next, lost atomic.Int64
	lists, errs := make([][]time.Duration, together), make([]error, together)
	var group sync.WaitGroup
	began := time.Now()
	for worker := range together {
		group.Go(func() {
			for {
				i := int(next.Add(1)) - 1
				if i >= len(clients) {
					return
				}
				for range renewals {
					took, answered, err := clients[i].renew()
					if err != nil {
						errs[worker] = err
						return
					}
					if answered {
						lists[worker] = append(lists[worker], took)
					} else {
						lost.Add(1)
					}
				}
			}
		})
	}
	group.Wait()
	length := time.Since(began)
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	all := slices.Concat(lists...)
	return []any{len(all), float64(len(all)) / length.Seconds(), percentile(all, .5), percentile(all, .99), int(lost.Load())}, nil
}
