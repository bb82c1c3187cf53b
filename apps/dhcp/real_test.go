package dhcp

import (
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"

	"github.com/planck-sdn/planck/apps/pipeline"
	"github.com/planck-sdn/planck/model"
	"github.com/planck-sdn/planck/model/flow"
	"github.com/planck-sdn/planck/model/topology"
)

// wire is a VM's namespace, and the app at the other end of its interface.
type wire struct {
	t         *testing.T
	namespace string
	socket    int

	mu       sync.Mutex
	view     *topology.View
	server   model.MAC
	silent   bool
	observed []string
}

// newWire makes the namespace with the port's MAC address, and starts to answer. It needs root.
func newWire(t *testing.T, c *cloud) *wire {
	w := &wire{t: t, namespace: fmt.Sprintf("pk%d", os.Getpid()), view: c.view(), server: c.server.MAC}
	outside := fmt.Sprintf("pkd%d", os.Getpid())
	w.run("ip", "netns", "add", w.namespace)
	t.Cleanup(func() { w.run("ip", "netns", "del", w.namespace) })
	w.run("ip", "link", "add", outside, "type", "veth", "peer", "name", "eth0", "netns", w.namespace)
	t.Cleanup(func() { w.run("ip", "link", "del", outside) }) // with the namespace it would go some time later
	w.run("ip", "-n", w.namespace, "link", "set", "eth0", "address", c.port.MAC.String(), "up")
	w.run("ip", "link", "set", outside, "up")

	i, err := net.InterfaceByName(outside)
	if err != nil {
		t.Fatal(err)
	}
	const all = syscall.ETH_P_ALL<<8&0xff00 | syscall.ETH_P_ALL>>8 // in network byte order
	w.socket, err = syscall.Socket(syscall.AF_PACKET, syscall.SOCK_RAW, all)
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Bind(w.socket, &syscall.SockaddrLinklayer{Protocol: all, Ifindex: i.Index}); err != nil {
		t.Fatal(err)
	}
	if err := syscall.SetsockoptTimeval(w.socket, syscall.SOL_SOCKET, syscall.SO_RCVTIMEO, &syscall.Timeval{Usec: 50000}); err != nil {
		t.Fatal(err)
	}
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() { defer close(stopped); w.serve(stop) }()
	t.Cleanup(func() { close(stop); <-stopped; _ = syscall.Close(w.socket) })
	return w
}

func (w *wire) run(name string, args ...string) {
	w.t.Helper()
	if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		w.t.Fatalf("%s %s: %v: %s", name, strings.Join(args, " "), err, out)
	}
}

func (w *wire) serve(stop chan struct{}) {
	b := make([]byte, 2048)
	for {
		select {
		case <-stop:
			return
		default:
		}
		n, from, err := syscall.Recvfrom(w.socket, b, 0)
		if l, ok := from.(*syscall.SockaddrLinklayer); err != nil || !ok || l.Pkttype == syscall.PACKET_OUTGOING {
			continue
		}
		for _, frame := range w.answer(b[:n]) {
			if _, err := syscall.Write(w.socket, frame); err != nil {
				w.t.Error(err)
			}
		}
	}
}

// answer does what the flow entries do: DHCP requests go to the app, and the server's addresses are resolved.
func (w *wire) answer(frame []byte) (answers [][]byte) {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch binary.BigEndian.Uint16(frame[12:]) {
	case pipeline.EthTypeARP:
		if w.silent || frame[14+7] != 1 {
			return nil
		}
		target, _ := netip.AddrFromSlice(frame[14+24 : 14+28])
		if claims := w.view.ClaimsOf(1, target); len(claims) == 1 && claims[0].MAC == w.server {
			return [][]byte{arpReply(frame, w.server)}
		}
	case pipeline.EthTypeIPv4:
		r, err := decode(frame)
		if err != nil {
			return nil
		}
		if w.silent && r.to != broadcast {
			w.observed = append(w.observed, "unanswered to "+r.to.String())
			return nil
		}
		reply := packetIn(pipeline.PacketIn{View: w.view, Node: w.view.Node(1), Port: w.view.Port(2), PacketIn: flow.PacketIn{InPort: testOfport, Data: frame}})
		w.observed = append(w.observed, fmt.Sprintf("%s (to %s, ciaddr %s)", reply.Observed, r.to, r.ciaddr))
		for _, p := range reply.Packets {
			answers = append(answers, p.Data)
		}
	}
	return answers
}

func arpReply(request []byte, mac model.MAC) []byte {
	asker, askerIP, target := request[14+8:14+14], request[14+14:14+18], request[14+24:14+28]
	b := gopacket.NewSerializeBuffer()
	_ = gopacket.SerializeLayers(b, gopacket.SerializeOptions{},
		&layers.Ethernet{SrcMAC: mac[:], DstMAC: asker, EthernetType: layers.EthernetTypeARP},
		&layers.ARP{AddrType: 1, Protocol: layers.EthernetTypeIPv4, HwAddressSize: 6, ProtAddressSize: 4, Operation: 2,
			SourceHwAddress: mac[:], SourceProtAddress: target, DstHwAddress: asker, DstProtAddress: askerIP})
	return b.Bytes()
}

// change gives the app another topology; silent leaves unicast unanswered.
func (w *wire) change(c *cloud, silent bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.view, w.silent, w.observed = c.view(), silent, nil
}

// expect waits until the app has observed something that has all the words in it.
func (w *wire) expect(words ...string) {
	w.t.Helper()
	w.until(strings.Join(words, " "), func() bool {
		w.mu.Lock()
		defer w.mu.Unlock()
		for _, o := range w.observed {
			found := true
			for _, word := range words {
				found = found && strings.Contains(o, word)
			}
			if found {
				return true
			}
		}
		return false
	})
}

func (w *wire) until(what string, is func() bool) {
	w.t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !is(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.t.Fatalf("waited for %s; observed %q", what, w.observed)
		}
	}
}

// client is a running DHCP client; its script writes the variables of each event into a file.
type client struct {
	*wire
	events string
	cmd    *exec.Cmd
}

// start runs a client in the namespace until the test ends or stop.
func (w *wire) start(script string, command ...string) *client {
	w.t.Helper()
	dir := w.t.TempDir()
	c := &client{wire: w, events: filepath.Join(dir, "events")}
	path := filepath.Join(dir, "script")
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+strings.ReplaceAll(script, "EVENTS", c.events)), 0o700); err != nil {
		w.t.Fatal(err)
	}
	for i := range command {
		command[i] = strings.ReplaceAll(command[i], "SCRIPT", path)
	}
	c.cmd = exec.Command("ip", append([]string{"netns", "exec", w.namespace}, command...)...)
	if err := c.cmd.Start(); err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(c.stop)
	return c
}

func (c *client) stop() {
	_ = c.cmd.Process.Kill()
	_ = c.cmd.Wait()
}

// told waits for an event, and compares what the client was told in the last one.
func (c *client) told(event string, want map[string]string) {
	c.t.Helper()
	var values map[string]string
	c.until(event, func() bool {
		text, _ := os.ReadFile(c.events)
		_, last, found := strings.Cut(string(text), "event="+event+"\n")
		if !found || !strings.HasSuffix(string(text), "end\n") {
			return false
		}
		values = map[string]string{}
		for line := range strings.Lines(last) {
			k, v, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "=")
			values[k] = v
		}
		return true
	})
	for k, v := range want {
		if values[k] != v {
			c.t.Errorf("%s: %s is %q, want %q", event, k, values[k], v)
		}
	}
	if err := os.Remove(c.events); err != nil {
		c.t.Error(err)
	}
}

const udhcpcScript = `
case $1 in
deconfig) ip addr flush dev $interface ;;
bound|renew) ip addr replace $ip/$mask dev $interface ;;
esac
[ $1 = deconfig ] || { echo "event=$1"; env; echo end; } >> EVENTS
`

// routers gives a test once with a router and once without.
func routers(t *testing.T, test func(t *testing.T, c *cloud, router, routes121 string)) {
	t.Run("with a router", func(t *testing.T) { test(t, newCloud(), "10.0.0.1", " 0.0.0.0/0 10.0.0.1") })
	t.Run("without a router", func(t *testing.T) {
		c := newCloud()
		c.subnets[0].GatewayIP = netip.Addr{}
		test(t, c, "", "")
	})
}

func TestUdhcpc(t *testing.T) {
	routers(t, func(t *testing.T, c *cloud, router, defaultRoute string) {
		w := newWire(t, c)
		client := w.start(udhcpcScript, "udhcpc", "-f", "-i", "eth0", "-t", "10", "-T", "1", "-O", "mtu", "-O", "staticroutes", "-s", "SCRIPT")
		want := map[string]string{"ip": "10.0.0.5", "mask": "24", "subnet": "255.255.255.0", "router": router, "dns": "9.9.9.9 8.8.4.4", "mtu": "1450",
			"staticroutes": "192.168.0.0/20 10.0.0.254 172.16.5.1/32 10.0.0.253" + defaultRoute, "hostname": "host-10-0-0-5",
			"domain": "openstacklocal", "lease": "86400", "serverid": "10.0.0.2"}
		client.told("bound", want)
		w.expect("DISCOVER: offered 10.0.0.5")
		w.expect("REQUEST: acknowledged 10.0.0.5", "to 255.255.255.255", "ciaddr 0.0.0.0")

		w.change(c, false)
		_ = client.cmd.Process.Signal(syscall.SIGUSR1)
		client.told("renew", want)
		w.expect("REQUEST: acknowledged 10.0.0.5", "to 10.0.0.2", "ciaddr 10.0.0.5")

		c.port.FixedIPs[1].IPAddress = addr("10.0.0.6")
		w.change(c, false)
		_ = client.cmd.Process.Signal(syscall.SIGUSR1)
		w.expect("REQUEST: refused 10.0.0.5", "to 10.0.0.2")
		client.told("bound", map[string]string{"ip": "10.0.0.6"})

		// Renewed again, so that the server's MAC address is known: udhcpc takes its address away as soon as it has written
		// the release, which the kernel would then drop.
		_ = client.cmd.Process.Signal(syscall.SIGUSR1)
		client.told("renew", map[string]string{"ip": "10.0.0.6"})
		_ = client.cmd.Process.Signal(syscall.SIGUSR2)
		w.expect("RELEASE: the client gave 10.0.0.6 back", "to 10.0.0.2")
	})
}

const dhclientScript = `
case $reason in
PREINIT) ip link set $interface up ;;
BOUND|RENEW|REBIND|REBOOT) ip addr replace $new_ip_address/24 dev $interface ;;
EXPIRE|FAIL|RELEASE|STOP) ip addr flush dev $interface ;;
esac
[ $reason = PREINIT ] || { echo "event=$reason"; env; echo end; } >> EVENTS
`

const dhclientConf = `
option rfc3442-classless-static-routes code 121 = array of unsigned integer 8;
request subnet-mask, broadcast-address, routers, domain-name, domain-name-servers, host-name, interface-mtu, rfc3442-classless-static-routes;
timeout 20;
`

func TestDhclient(t *testing.T) {
	routers(t, func(t *testing.T, c *cloud, router, defaultRoute string) {
		w := newWire(t, c)
		dir := t.TempDir()
		conf := filepath.Join(dir, "conf")
		configure := func(extra string) {
			if err := os.WriteFile(conf, []byte(dhclientConf+extra), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		start := func() *client {
			return w.start(dhclientScript, "dhclient", "-4", "-d", "-sf", "SCRIPT", "-cf", conf, "-lf", filepath.Join(dir, "leases"), "-pf", filepath.Join(dir, "pid"), "eth0")
		}
		routes := "20 192 168 0 10 0 0 254 32 172 16 5 1 10 0 0 253"
		if defaultRoute != "" {
			routes += " 0 10 0 0 1"
		}
		want := map[string]string{"new_ip_address": "10.0.0.5", "new_subnet_mask": "255.255.255.0", "new_broadcast_address": "10.0.0.255", "new_routers": router,
			"new_domain_name_servers": "9.9.9.9 8.8.4.4", "new_interface_mtu": "1450", "new_rfc3442_classless_static_routes": routes,
			"new_host_name": "host-10-0-0-5", "new_domain_name": "openstacklocal", "new_dhcp_lease_time": "86400",
			"new_dhcp_renewal_time": "43200", "new_dhcp_rebinding_time": "75600", "new_dhcp_server_identifier": "10.0.0.2"}

		configure("")
		client := start()
		client.told("BOUND", want)
		client.until("a lease in its file", func() bool { // written after the script has run, and what a reboot begins with
			leases, _ := os.ReadFile(filepath.Join(dir, "leases"))
			return strings.Contains(string(leases), "fixed-address 10.0.0.5;") && strings.HasSuffix(string(leases), "}\n")
		})
		client.stop()

		w.change(c, false)
		configure("supersede dhcp-renewal-time 2; supersede dhcp-rebinding-time 4; supersede dhcp-lease-time 60;")
		client = start()
		client.told("REBOOT", map[string]string{"new_ip_address": "10.0.0.5"})
		w.expect("REQUEST: acknowledged 10.0.0.5", "to 255.255.255.255", "ciaddr 0.0.0.0")
		client.told("RENEW", map[string]string{"new_ip_address": "10.0.0.5", "new_routers": router})
		w.expect("REQUEST: acknowledged 10.0.0.5", "to 10.0.0.2", "ciaddr 10.0.0.5")

		w.change(c, true) // past T2 dhclient asks everyone, and calls its script with RENEW all the same
		w.expect("unanswered to 10.0.0.2")
		w.expect("REQUEST: acknowledged 10.0.0.5", "to 255.255.255.255", "ciaddr 10.0.0.5")
		client.stop()

		c.port.FixedIPs[1].IPAddress = addr("10.0.0.6")
		w.change(c, false)
		client = start()
		client.told("BOUND", map[string]string{"new_ip_address": "10.0.0.6"})
		w.expect("REQUEST: refused 10.0.0.5", "to 255.255.255.255")
	})
}
