package lab

import (
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/digitalocean/go-openvswitch/ovs"
)

// machine is a namespace with Open vSwitch of its own: a Node, or a Switch.
type machine struct {
	Name string
	// OVS runs Open vSwitch's tools on this machine.
	OVS *ovs.Client

	lab    *Lab
	ns     namespace
	dir    string
	mgmtIP netip.Addr
	dummy  bool // see NodeOptions

	mu       sync.Mutex
	server   *Process // ovsdb-server
	vswitchd *Process
}

// tools are Open vSwitch's, run on this machine.
func (m *machine) tools() *ovs.Client {
	return ovs.New(ovs.Exec(m.run), ovs.Pipe(m.pipe), ovs.Timeout(10), ovs.Protocols([]string{ovs.ProtocolOpenFlow13}))
}

// Lab is the lab that the machine is in.
func (m *machine) Lab() *Lab { return m.lab }

// Namespace is the machine's network namespace, for ip netns.
func (m *machine) Namespace() string { return string(m.ns) }

// Exec runs a command on the machine and returns its standard output.
func (m *machine) Exec(args ...string) (string, error) {
	return m.ns.exec(m.env(), "", args[0], args[1:]...)
}

// cable lays a veth pair from the machine to a bridge in another namespace.
func (m *machine) cable(name string, far namespace, bridge string, mtu int) error {
	end := fmt.Sprintf("n%d", m.lab.next())
	if err := namespace("").ip(fmt.Sprintf("link add %s mtu %d netns %s type veth peer name %s mtu %d netns %s",
		name, mtu, m.ns, end, mtu, far)); err != nil {
		return err
	}
	if err := far.ip("link set " + end + " master " + bridge + " up"); err != nil {
		return err
	}
	if err := m.ns.ip("link set " + name + " up"); err != nil {
		return err
	}
	if err := m.ns.noOffload(name); err != nil {
		return err
	}
	return far.noOffload(end)
}

// connectControl lays the cable to the controller.
func (m *machine) connectControl() error {
	if err := m.cable("mgmt", m.lab.ctl, "mgmt", 1500); err != nil {
		return err
	}
	return m.ns.ip(fmt.Sprintf("addr add %s/%d dev mgmt", m.mgmtIP, mgmtBits))
}

// startServer makes the machine's database and starts ovsdb-server.
func (m *machine) startServer() error {
	conf := filepath.Join(m.dir, "conf.db")
	if _, err := os.Stat(conf); err != nil {
		if _, err := m.Exec("ovsdb-tool", "create", conf, "/usr/share/openvswitch/vswitch.ovsschema"); err != nil {
			return err
		}
	}
	// What Debian's ovs-ctl gives it: without manager_options set-manager does nothing, without the SSL columns
	// set-ssl does nothing for it.
	p, err := m.lab.start(m.ns, m.env(), m.dir, m.Name+".ovsdb-server", "ovsdb-server", conf,
		"--remote=punix:"+filepath.Join(m.dir, "db.sock"), "--remote=db:Open_vSwitch,Open_vSwitch,manager_options",
		"--private-key=db:Open_vSwitch,SSL,private_key", "--certificate=db:Open_vSwitch,SSL,certificate",
		"--bootstrap-ca-cert=db:Open_vSwitch,SSL,ca_cert",
		"--no-chdir", "--pidfile", "--log-file", "-vconsole:off")
	if err != nil {
		return err
	}
	m.mu.Lock()
	m.server = p
	m.mu.Unlock()
	return m.awaitSocket(p, "db.sock")
}

// awaitSocket waits until the process listens on a socket in the machine's directory.
func (m *machine) awaitSocket(p *Process, socket string) error {
	return await(10*time.Second, func() error {
		if !p.Running() {
			return fmt.Errorf("%s ended: %s", p.Name, p.Tail(5))
		}
		conn, err := net.Dial("unix", filepath.Join(m.dir, socket))
		if err == nil {
			conn.Close()
		}
		return err
	})
}

func (m *machine) startVswitchd() error {
	args := []string{"ovs-vswitchd", "unix:" + filepath.Join(m.dir, "db.sock"),
		"--no-chdir", "--pidfile", "--log-file", "-vconsole:off"}
	if m.dummy {
		args = append(args, "--enable-dummy=override")
	}
	p, err := m.lab.start(m.ns, m.env(), m.dir, m.Name+".ovs-vswitchd", args...)
	if err != nil {
		return err
	}
	m.mu.Lock()
	m.vswitchd = p
	m.mu.Unlock()
	return nil
}

func (m *machine) awaitInterface(name string) error {
	return await(10*time.Second, func() error {
		if p := m.Vswitchd(); !p.Running() {
			return fmt.Errorf("%s ended: %s", p.Name, p.Tail(5))
		}
		return m.ns.do(func() error {
			_, err := net.InterfaceByName(name)
			return err
		})
	})
}

// Vswitchd is the machine's ovs-vswitchd, the last one started.
func (m *machine) Vswitchd() *Process {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.vswitchd
}

// OVSDBServer is the machine's ovsdb-server, the last one started.
func (m *machine) OVSDBServer() *Process {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.server
}

// KillVswitchd ends ovs-vswitchd with SIGKILL: the machine forwards nothing until StartVswitchd.
func (m *machine) KillVswitchd() { m.Vswitchd().Kill() }

// awaitBridges waits until ovs-vswitchd has made its bridges.
func (m *machine) awaitBridges() error {
	bridges, err := m.OVS.VSwitch.ListBridges()
	if err != nil {
		return err
	}
	for _, bridge := range bridges {
		if err := m.awaitSocket(m.Vswitchd(), bridge+".mgmt"); err != nil {
			return err
		}
	}
	return nil
}
