package lab

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// switchBridge is what a Switch is made of.
const switchBridge = "br0"

// Switch is Open vSwitch in the role of a physical OpenFlow 1.3 switch: it dials the controller by itself, and nobody speaks OVSDB with it. It
// has the ports that Wire, Uplink and AddServer give it; port 7 is called eth7. Or it is a Datapath with such ports, and no Open vSwitch.
type Switch struct {
	machine
	DatapathID uint64

	datapath Datapath // nil: Open vSwitch
}

// AddSwitch makes a switch that dials the controller, such as "198.18.0.1:6653", all the time.
func (l *Lab) AddSwitch(name string, datapathID uint64, controller string) *Switch {
	s := l.newSwitch(name, datapathID)
	s.OVS = s.tools()
	if err := s.start(controller); err != nil {
		l.fatal("switch %s: %v", name, err)
	}
	return s
}

func (l *Lab) newSwitch(name string, datapathID uint64) *Switch {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := &Switch{
		machine:    machine{Name: name, lab: l, dir: filepath.Join(l.Dir, name), mgmtIP: offset(switchFirst, len(l.switches))},
		DatapathID: datapathID,
	}
	l.switches = append(l.switches, s)
	return s
}

// Switches lists the physical switches in the order in which they were added.
func (l *Lab) Switches() []*Switch {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.switches)
}

func (s *Switch) start(controller string) (err error) {
	began := time.Now()
	if s.ns, err = s.lab.addNamespace(s.Name); err != nil {
		return err
	}
	if err := os.Mkdir(s.dir, 0o755); err != nil {
		return err
	}
	if err := s.connectControl(); err != nil {
		return err
	}
	if err := s.startServer(); err != nil {
		return err
	}
	if err := s.startVswitchd(); err != nil {
		return err
	}
	if _, err := s.Vsctl("add-br", switchBridge,
		"--", "set", "Bridge", switchBridge, "datapath_type=netdev", "fail_mode=secure", "protocols=OpenFlow13",
		"other-config:disable-in-band=true", fmt.Sprintf("other-config:datapath-id=%016x", s.DatapathID),
		"--", "set-controller", switchBridge, "tcp:"+controller,
		"--", "set", "Controller", switchBridge, "connection_mode=out-of-band", "max_backoff=1000"); err != nil {
		return err
	}
	s.lab.log("switch %s: datapath id %016x, up in %v", s.Name, s.DatapathID, time.Since(began).Round(time.Millisecond))
	return nil
}

// Entries lists what the switch holds, see Node.Entries.
func (s *Switch) Entries() ([]string, error) { return s.machine.Entries(switchBridge) }

// Restart is a power cycle: the switch forwards nothing until it is told again what to hold.
func (s *Switch) Restart() error {
	if s.datapath != nil {
		s.datapath.Restart()
		return nil
	}
	s.KillVswitchd()
	return s.Start()
}

// Start has the switch run again after KillVswitchd.
func (s *Switch) Start() error {
	if s.Vswitchd().Running() {
		return fmt.Errorf("switch %s runs already", s.Name)
	}
	if err := s.startVswitchd(); err != nil {
		return err
	}
	return s.awaitBridges()
}

func portName(number uint32) string { return fmt.Sprintf("eth%d", number) }

// end is the switch's end of a cable.
func (s *Switch) end(port uint32) wireEnd {
	end := wireEnd{ns: s.ns, name: portName(port)}
	if s.datapath != nil {
		end.link = func(up bool) { s.datapath.SetLink(port, up) }
	}
	return end
}

// plug makes an interface that is there a port of the switch.
func (s *Switch) plug(number uint32) error {
	if s.datapath != nil {
		return s.join(number, 0)
	}
	name := portName(number)
	err := s.lab.replugging(func() error {
		_, err := s.Vsctl("add-port", switchBridge, name, "--", "set", "Interface", name, fmt.Sprintf("ofport_request=%d", number))
		return err
	})
	if err != nil {
		return err
	}
	if given, err := s.Ofport(name); err != nil || given != number {
		return fmt.Errorf("port %s has number %d: %w", name, given, err)
	}
	return nil
}

// Wire is a cable with a port of a switch at one end at least.
type Wire struct {
	lab  *Lab
	ends []wireEnd
}

type wireEnd struct {
	ns   namespace
	name string
	link func(up bool) // tells a Datapath; nil: nobody has to be told
}

// Wire lays a cable to another switch. Both have the port from then on.
func (s *Switch) Wire(port uint32, other *Switch, otherPort uint32) *Wire {
	end := other.end(otherPort)
	err := s.connect(port, end)
	if err == nil {
		err = other.plug(otherPort)
	}
	if err != nil {
		s.lab.fatal("wire from %s to %s: %v", s.Name, other.Name, err)
	}
	return &Wire{s.lab, []wireEnd{s.end(port), end}}
}

// Uplink lays a cable to a node's bridge, such as br-ex of a mapping (see NodeOptions.Unwired).
func (s *Switch) Uplink(port uint32, n *Node, bridge string) *Wire {
	end := wireEnd{ns: n.ns, name: fmt.Sprintf("up%d", s.lab.next())}
	err := s.connect(port, end)
	if err == nil {
		err = s.lab.replugging(func() error {
			_, err := n.Vsctl("add-port", bridge, end.name)
			return err
		})
	}
	if err != nil {
		s.lab.fatal("uplink from %s to %s: %v", s.Name, n.Name, err)
	}
	return &Wire{s.lab, []wireEnd{s.end(port), end}}
}

// connect lays a cable from a port, which the switch then has.
func (s *Switch) connect(port uint32, end wireEnd) error {
	w := &Wire{s.lab, []wireEnd{s.end(port), end}}
	if err := w.lay(); err != nil {
		return err
	}
	return s.plug(port)
}

// lay makes the veth pair.
func (w *Wire) lay() error {
	a, b := w.ends[0], w.ends[1]
	if err := namespace("").ip(fmt.Sprintf("link add %s netns %s type veth peer name %s netns %s", a.name, a.ns, b.name, b.ns)); err != nil {
		return err
	}
	for _, end := range w.ends {
		if err := end.ns.noOffload(end.name); err != nil {
			return err
		}
		if err := end.ns.ip("link set " + end.name + " up"); err != nil {
			return err
		}
	}
	return nil
}

// Cut pulls the cable: both ends see it go.
func (w *Wire) Cut() { w.set("down") }

// Mend ends Cut.
func (w *Wire) Mend() { w.set("up") }

func (w *Wire) set(to string) {
	for _, end := range w.ends {
		if err := end.ns.ip("link set " + end.name + " " + to); err != nil {
			w.lab.fatal("cable at %s: %v", end.name, err)
		}
		if end.link != nil {
			end.link(to == "up")
		}
	}
}

// AddServer racks a bare-metal server, of one interface with that MAC address, at a port of the switch, which it has from then on. With a VLAN
// what the server sends and gets is tagged on the cable, and not on its eth0; vlan 0: it is not.
func (s *Switch) AddServer(name string, port uint32, vlan int, mac string) *VM {
	v := &VM{Name: name, MAC: mac, lab: s.lab}
	v.attachments = []*attachment{{machine: &s.machine, bridge: switchBridge, vlan: vlan, port: portName(port), inside: "eth0", plugged: true, link: s.end(port).link}}
	err := func() (err error) {
		if _, err := net.ParseMAC(mac); err != nil {
			return err
		}
		if v.ns, err = s.lab.addNamespace(name); err != nil {
			return err
		}
		nic := wireEnd{ns: v.ns, name: "eth0"}
		if vlan == 0 {
			err = s.connect(port, nic)
		} else {
			err = s.tag(port, vlan, nic)
		}
		if err != nil {
			return err
		}
		// Kernels hold ICMP errors back when they sent one lately; a test counts on each.
		if err := v.ns.sysctl("net/ipv4/icmp_ratelimit", "0"); err != nil {
			return err
		}
		return v.ns.ip("link set eth0 down", "link set eth0 address "+mac, "link set eth0 up")
	}()
	if err != nil {
		s.lab.fatal("server %s at switch %s: %v", name, s.Name, err)
	}
	return v
}

// tag lays a cable to a server that tags what it sends. Not every kernel has VLAN interfaces, so a bridge with an access port does it.
func (s *Switch) tag(port uint32, vlan int, nic wireEnd) error {
	if s.datapath != nil {
		w := &Wire{s.lab, []wireEnd{s.end(port), nic}}
		if err := w.lay(); err != nil {
			return err
		}
		return s.join(port, vlan)
	}
	bridge, trunk, access := fmt.Sprintf("tag%d", port), fmt.Sprintf("trunk%d", port), fmt.Sprintf("access%d", port)
	if _, err := s.Vsctl("add-br", bridge, "--", "set", "Bridge", bridge, "datapath_type=netdev", "fail_mode=standalone",
		"other-config:forward-bpdu=true"); err != nil {
		return err
	}
	w := &Wire{s.lab, []wireEnd{{ns: s.ns, name: access}, nic}}
	if err := w.lay(); err != nil {
		return err
	}
	if err := s.connect(port, wireEnd{ns: s.ns, name: trunk}); err != nil {
		return err
	}
	return s.lab.replugging(func() error {
		_, err := s.Vsctl("add-port", bridge, trunk, fmt.Sprintf("trunks=%d", vlan), "--", "add-port", bridge, access, fmt.Sprintf("tag=%d", vlan))
		return err
	})
}

// Cable is the server's or VM's own cable. It is cut at the other end, so that the server loses no addresses and routes.
func (v *VM) Cable() *Wire {
	v.mu.Lock()
	defer v.mu.Unlock()
	a := v.attachments[0]
	return &Wire{v.lab, []wireEnd{{a.machine.ns, a.port, a.link}}}
}
