package lab

import (
	_ "embed"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// DHCPClient is one of the real DHCP clients that VMs run.
type DHCPClient string

// The clients: BusyBox's, as in CirrOS and Alpine, and ISC's, as in Debian.
const (
	Udhcpc   DHCPClient = "udhcpc"
	Dhclient DHCPClient = "dhclient"
)

// dhcpLimit is how long a VM waits for its address. Both clients ask at once and then each second or two.
const dhcpLimit = 15 * time.Second

//go:embed dhcp.sh
var dhcpScript string

// dhclientConf asks for what DHCP has to say; option 121 is not among those that dhclient knows by name.
const dhclientConf = `option rfc3442-classless-static-routes code 121 = array of unsigned integer 8;
request subnet-mask, broadcast-address, routers, domain-name-servers, interface-mtu, host-name, rfc3442-classless-static-routes;
timeout 60;
retry 1;
initial-interval 1;
backoff-cutoff 2;
`

// Lease is what a DHCP server gave, as the client understood it. What it did not give is the zero value.
type Lease struct {
	Event     string       // the client's word for how it came: bound, renew (udhcpc); BOUND, RENEW, REBIND, REBOOT (dhclient)
	IP        netip.Prefix // address and netmask
	Routers   []netip.Addr
	DNS       []netip.Addr
	MTU       int
	Routes    []Route // option 121
	Server    netip.Addr
	LeaseTime time.Duration
	Hostname  string
}

// Route is a static route; a NextHop of 0.0.0.0 means on the link.
type Route struct {
	Destination netip.Prefix
	NextHop     netip.Addr
}

type dhcpClient struct {
	kind    DHCPClient
	process *Process
	leases  string // what the script was called for, one line of name=value each, records ended by "end="
}

// DHCP starts a DHCP client that configures eth0 and goes on running, and waits for its first lease. A client that
// was started before is ended first; dhclient then asks for the address that it had (INIT-REBOOT). More are further
// arguments for udhcpc, further lines of dhclient.conf(5) for dhclient.
func (v *VM) DHCP(kind DHCPClient, more ...string) (Lease, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.dhcp != nil {
		v.dhcp.process.Kill()
		v.dhcp = nil
	}
	base := filepath.Join(v.lab.Dir, "dhcp-"+v.Name)
	c := &dhcpClient{kind: kind, leases: base + ".leases"}
	script := base + ".sh"
	first, rest, _ := strings.Cut(dhcpScript, "\n")
	if err := os.WriteFile(script, []byte(first+"\nleases="+c.leases+"\n"+rest), 0o755); err != nil {
		return Lease{}, err
	}
	before, err := c.records()
	if err != nil {
		return Lease{}, err
	}
	var args []string
	switch kind {
	case Udhcpc:
		args = []string{"udhcpc", "-f", "-i", "eth0", "-s", script, "-t", "5", "-T", "1", "-A", "1", "-O", "mtu", "-O", "staticroutes"}
		args = append(args, more...)
	case Dhclient:
		conf := base + ".conf"
		if err := os.WriteFile(conf, []byte(dhclientConf+strings.Join(more, "\n")+"\n"), 0o644); err != nil {
			return Lease{}, err
		}
		args = []string{"dhclient", "-4", "-d", "-sf", script, "-cf", conf, "-lf", base + ".db", "-pf", base + ".pid", "eth0"}
	default:
		return Lease{}, fmt.Errorf("no such DHCP client: %q", kind)
	}
	if c.process, err = v.lab.start(v.ns, nil, v.lab.Dir, v.Name+"."+string(kind), args...); err != nil {
		return Lease{}, err
	}
	v.dhcp = c
	return c.await(v.Name, len(before), dhcpLimit)
}

// Renew returns the lease after the next renewal, within limit. udhcpc is told to renew now. dhclient cannot be told:
// it renews by itself after half of the lease time.
func (v *VM) Renew(limit time.Duration) (Lease, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	c := v.dhcp
	if c == nil {
		return Lease{}, fmt.Errorf("%s runs no DHCP client", v.Name)
	}
	before, err := c.records()
	if err != nil {
		return Lease{}, err
	}
	if c.kind == Udhcpc {
		if err := c.process.Signal(syscall.SIGUSR1); err != nil {
			return Lease{}, err
		}
	}
	return c.await(v.Name, len(before), limit)
}

// Told is what the last lease said besides, as the client understood it: domain, search, ntpsrv, and the header's boot_file and siaddr.
func (v *VM) Told(what string) (string, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.dhcp == nil {
		return "", fmt.Errorf("%s runs no DHCP client", v.Name)
	}
	records, err := v.dhcp.records()
	if err != nil || len(records) == 0 {
		return "", err
	}
	return records[len(records)-1][what], nil
}

// Release gives the address back (DHCPRELEASE) and ends the client.
func (v *VM) Release() error {
	v.mu.Lock()
	defer v.mu.Unlock()
	c := v.dhcp
	if c == nil {
		return fmt.Errorf("%s runs no DHCP client", v.Name)
	}
	v.dhcp = nil
	if c.kind == Dhclient {
		base := strings.TrimSuffix(c.leases, ".leases")
		// It ends the running client by its pid file, and releases what the lease file says.
		_, err := v.Exec("dhclient", "-4", "-r", "-sf", base+".sh", "-cf", base+".conf", "-lf", base+".db", "-pf", base+".pid", "eth0")
		c.process.Kill()
		return err
	}
	before, err := c.records()
	if err != nil {
		return err
	}
	if err := c.process.Signal(syscall.SIGUSR2); err != nil {
		return err
	}
	defer c.process.Kill()
	return await(5*time.Second, func() error {
		now, err := c.records()
		if err == nil && len(now) == len(before) {
			err = errors.New("udhcpc has not released its lease")
		}
		return err
	})
}

// await waits for a lease after the first n records.
func (c *dhcpClient) await(vm string, n int, limit time.Duration) (Lease, error) {
	var lease Lease
	err := await(limit, func() error {
		records, err := c.records()
		if err != nil {
			return err
		}
		for i := len(records) - 1; i >= n; i-- {
			if records[i]["ip"] != "" {
				lease, err = parseLease(records[i])
				return err
			}
		}
		return errors.New("no lease")
	})
	if err != nil {
		err = fmt.Errorf("%s: %s: %w within %v; it said:\n%s", vm, c.kind, err, limit, c.process.Tail(20))
	}
	return lease, err
}

// records reads what the script has been called for so far.
func (c *dhcpClient) records() ([]map[string]string, error) {
	text, err := os.ReadFile(c.leases)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var records []map[string]string
	record := map[string]string{}
	for line := range strings.Lines(string(text)) {
		name, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "=")
		if name == "end" {
			records = append(records, record)
			record = map[string]string{}
			continue
		}
		record[name] = value
	}
	return records, nil
}

func parseLease(r map[string]string) (Lease, error) {
	l := Lease{Event: r["event"], Hostname: r["hostname"]}
	fail := func(what string, err error) (Lease, error) {
		return l, fmt.Errorf("lease: %s %q: %w", what, r[what], err)
	}
	ip, err := netip.ParseAddr(r["ip"])
	if err != nil {
		return fail("ip", err)
	}
	mask, err := netip.ParseAddr(r["mask"])
	if err != nil {
		return fail("mask", err)
	}
	bits, _ := net.IPMask(mask.AsSlice()).Size()
	l.IP = netip.PrefixFrom(ip, bits)
	if l.Routers, err = addresses(r["router"]); err != nil {
		return fail("router", err)
	}
	if l.DNS, err = addresses(r["dns"]); err != nil {
		return fail("dns", err)
	}
	servers, err := addresses(r["server"])
	if err != nil {
		return fail("server", err)
	}
	if len(servers) > 0 {
		l.Server = servers[0]
	}
	if r["mtu"] != "" {
		if l.MTU, err = strconv.Atoi(r["mtu"]); err != nil {
			return fail("mtu", err)
		}
	}
	if r["lease"] != "" {
		seconds, err := strconv.ParseUint(r["lease"], 10, 32)
		if err != nil {
			return fail("lease", err)
		}
		l.LeaseTime = time.Duration(seconds) * time.Second
	}
	words := strings.Fields(r["routes"])
	for i := 0; i+1 < len(words); i += 2 {
		destination, err := netip.ParsePrefix(words[i])
		if err != nil {
			return fail("routes", err)
		}
		hop, err := netip.ParseAddr(words[i+1])
		if err != nil {
			return fail("routes", err)
		}
		l.Routes = append(l.Routes, Route{destination, hop})
	}
	return l, nil
}

// addresses parses a list as udhcpc (spaces) and dhclient (commas or spaces) write it.
func addresses(list string) ([]netip.Addr, error) {
	var all []netip.Addr
	for _, word := range strings.FieldsFunc(list, func(r rune) bool { return r == ' ' || r == ',' }) {
		a, err := netip.ParseAddr(word)
		if err != nil {
			return nil, err
		}
		all = append(all, a)
	}
	return all, nil
}
