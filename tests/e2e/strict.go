package e2e

import (
	"fmt"
	"net"
	"slices"
	"strings"

	"github.com/planck-sdn/planck/apps/pipeline"
	"github.com/planck-sdn/planck/model/flow"
	"github.com/planck-sdn/planck/tests/strict"
)

// Strict is a switch that refuses whatever OpenFlow 1.3 or its own table features do not allow, see package strict. It is the datapath of a lab's
// switch.
type Strict struct {
	*strict.Switch
	fabric *strict.Fabric
}

// AddStrict makes a strict switch, not yet declared. Its ports are those that are plugged in. Refusals that are not among those expected fail
// the test at its end, as what is not of the standard does, and frames that went round the fabric.
func (c *Cloud) AddStrict(f *strict.Fabric, name string, cfg strict.Config, expected ...string) *Hardware {
	c.t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		c.t.Fatal(err)
	}
	p := c.recorder(name, listener)
	s := &Strict{Switch: f.Add(cfg), fabric: f}
	t := c.t
	t.Cleanup(func() {
		refusals := s.Refusals()
		for _, r := range expected {
			delete(refusals, r)
		}
		if len(refusals) > 0 {
			t.Errorf("switch %s has refused something: %v", name, refusals)
		}
	})
	s.Connect(p.Addr())
	return &Hardware{Switch: c.Lab.AddDatapath(name, cfg.DatapathID, s), Strict: s, Proxy: p, cloud: c}
}

// StrictRing is a ring of strict switches that are all alike, but for their datapath ids, declared to be of a driver.
func (c *Cloud) StrictRing(cfg strict.Config, driver string, expected ...string) func(name string, datapathID uint64) *Hardware {
	f := strict.NewFabric(c.t)
	return func(name string, datapathID uint64) *Hardware {
		cfg.DatapathID = datapathID
		h := c.AddStrict(f, name, cfg, expected...)
		h.Driver = driver
		return h
	}
}

// addPort plugs in a port. Its MAC address is one of the switch's own.
func (s *Strict) addPort(port uint32, name string) {
	id := s.DatapathID()
	s.AddPort(strict.Port{Number: port, Name: name, MAC: [6]byte{0x06, byte(id >> 16), byte(id >> 8), byte(id), byte(port >> 8), byte(port)}})
}

// wire lays a cable inside the fabric, by which frames go at once.
func (s *Strict) wire(port uint32, other *Strict, otherPort uint32) Cable {
	w := s.fabric.Wire(s.Switch, port, other.Switch, otherPort)
	s.addPort(port, fmt.Sprintf("eth%d", port))
	other.addPort(otherPort, fmt.Sprintf("eth%d", otherPort))
	return w
}

// Plug is lab.Datapath's.
func (s *Strict) Plug(port uint32, name string, send func(frame []byte)) {
	s.fabric.Attach(s.Switch, port, send)
	s.addPort(port, name)
}

// Input is lab.Datapath's.
func (s *Strict) Input(port uint32, frame []byte) { s.fabric.Inject(s.Switch, port, frame) }

// Lines are what is in force, without counters, as they are in Open vSwitch's tools.
func (s *Strict) Lines() (lines []string) {
	tables := s.Tables()
	for _, f := range tables.Flows {
		if e, err := f.Decode(); err != nil {
			lines = append(lines, err.Error())
		} else {
			lines = append(lines, flow.Format(e, pipeline.SwitchNames))
		}
	}
	for _, g := range tables.Groups {
		lines = append(lines, flow.FormatGroup(g, pipeline.SwitchNames))
	}
	for _, m := range tables.Meters {
		lines = append(lines, flow.FormatMeter(m))
	}
	slices.Sort(lines)
	return lines
}

// Dump is lab.Datapath's.
func (s *Strict) Dump() string { return strings.Join(s.Lines(), "\n") }
