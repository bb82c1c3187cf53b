package flow

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// openVSwitch is a private Open vSwitch with one bridge br0 of dummy ports p1 to p4, numbered likewise. It opens no socket
// but those in its own directory.
type openVSwitch struct {
	t   *testing.T
	dir string
}

func startOpenVSwitch(t *testing.T) *openVSwitch {
	t.Helper()
	o := &openVSwitch{t, t.TempDir()}
	const schema = "/usr/share/openvswitch/vswitch.ovsschema"
	database := "unix:" + o.path("db.sock")
	o.run("ovsdb-tool", "create", o.path("conf.db"), schema)
	o.daemon("ovsdb-server", o.path("conf.db"), "--remote=punix:"+o.path("db.sock"), "--unixctl="+o.path("db.ctl"))
	o.waitFor("database", func() bool { return exec.Command("ovsdb-client", "list-dbs", database).Run() == nil })
	o.run("ovs-vsctl", "--db="+database, "--no-wait", "init")
	o.daemon("ovs-vswitchd", database, "--enable-dummy=override", "--unixctl="+o.path("vs.ctl"))
	bridge := []string{"--db=" + database, "--timeout=20", "add-br", "br0", "--", "set", "bridge", "br0",
		"datapath_type=dummy", "fail-mode=secure", "protocols=OpenFlow13",
		"--", "set", "interface", "br0", "options:tx_pcap=" + o.path("br0.pcap")}
	for i := 1; i <= worldPorts; i++ {
		p := fmt.Sprintf("p%d", i)
		bridge = append(bridge, "--", "add-port", "br0", p, "--", "set", "interface", p, "type=dummy",
			fmt.Sprintf("ofport_request=%d", i), "options:tx_pcap="+o.path(p+".pcap"))
	}
	o.run("ovs-vsctl", bridge...)
	return o
}

func (o *openVSwitch) path(name string) string { return filepath.Join(o.dir, name) }

func (o *openVSwitch) command(name string, arg ...string) *exec.Cmd {
	c := exec.Command(name, arg...)
	c.Env = append(os.Environ(), "OVS_RUNDIR="+o.dir, "OVS_LOGDIR="+o.dir, "OVS_DBDIR="+o.dir, "OVS_SYSCONFDIR="+o.dir)
	return c
}

// daemon runs a program until the test ends.
func (o *openVSwitch) daemon(name string, arg ...string) {
	o.t.Helper()
	c := o.command(name, arg...)
	log, err := os.Create(o.path(name + ".out"))
	if err != nil {
		o.t.Fatal(err)
	}
	c.Stdout, c.Stderr = log, log
	c.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} // if the test is killed
	if err := c.Start(); err != nil {
		o.t.Fatal(err)
	}
	o.t.Cleanup(func() {
		_ = c.Process.Signal(syscall.SIGTERM)
		_ = c.Wait()
		log.Close()
		if o.t.Failed() {
			if b, err := os.ReadFile(log.Name()); err == nil {
				o.t.Logf("%s said: %s", name, b[max(0, len(b)-500):])
			}
		}
	})
}

func (o *openVSwitch) try(name string, arg ...string) (string, error) {
	c := o.command(name, arg...)
	out, err := c.CombinedOutput()
	return string(out), err
}

func (o *openVSwitch) run(name string, arg ...string) string {
	o.t.Helper()
	out, err := o.try(name, arg...)
	if err != nil {
		o.t.Fatalf("%s %s: %v: %s", name, strings.Join(arg, " "), err, out)
	}
	return out
}

func (o *openVSwitch) ofctl(arg ...string) string {
	o.t.Helper()
	return o.run("ovs-ofctl", append([]string{"-OOpenFlow13", "--timeout=20"}, arg...)...)
}

func (o *openVSwitch) appctl(arg ...string) string {
	o.t.Helper()
	return o.run("ovs-appctl", append([]string{"--timeout=20", "-t", o.path("vs.ctl")}, arg...)...)
}

func (o *openVSwitch) waitFor(what string, done func() bool) {
	o.t.Helper()
	for end := time.Now().Add(20 * time.Second); !done(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			o.t.Fatalf("waited 20 s for %s", what)
		}
	}
}

// install gives the switch all that t holds, through the text of this package.
func (o *openVSwitch) install(all Tables) {
	o.t.Helper()
	for _, m := range all.Meters {
		o.ofctl("add-meter", "br0", FormatMeter(m))
	}
	var groups, flows strings.Builder
	for _, g := range all.Groups {
		fmt.Fprintln(&groups, FormatGroup(g, nil))
	}
	for _, f := range all.Flows {
		e, err := f.Decode()
		if err != nil {
			o.t.Fatal(err)
		}
		fmt.Fprintln(&flows, Format(e, nil))
	}
	for name, lines := range map[string]string{"groups": groups.String(), "flows": flows.String()} {
		if err := os.WriteFile(o.path(name), []byte(lines), 0o600); err != nil {
			o.t.Fatal(err)
		}
	}
	o.ofctl("add-groups", "br0", o.path("groups"))
	o.ofctl("add-flows", "br0", o.path("flows"))
}

// add adds entries and groups in ovs-ofctl syntax.
func (o *openVSwitch) add(lines ...string) {
	o.t.Helper()
	for _, l := range lines {
		verb := "add-flow"
		if strings.HasPrefix(l, "group_id") {
			verb = "add-group"
		}
		o.ofctl(verb, "br0", l)
	}
}

// tables reads back all that the switch holds.
func (o *openVSwitch) tables() Tables {
	o.t.Helper()
	var all Tables
	for _, line := range lines(o.ofctl("dump-flows", "br0")) {
		e, err := Parse(line, nil)
		if err != nil {
			o.t.Fatal(err)
		}
		all.Flows = append(all.Flows, Encode(e))
	}
	for _, line := range lines(o.ofctl("dump-groups", "br0")) {
		g, err := ParseGroup(line, nil)
		if err != nil {
			o.t.Fatal(err)
		}
		all.Groups = append(all.Groups, g)
	}
	meters := strings.Split(o.ofctl("dump-meters", "br0"), "\nmeter=")
	for _, text := range meters[1:] {
		m, err := ParseMeter("meter=" + text)
		if err != nil {
			o.t.Fatal(err)
		}
		all.Meters = append(all.Meters, m)
	}
	slices.Sort(all.Flows)
	slices.SortFunc(all.Groups, func(a, b Group) int { return int(a.ID) - int(b.ID) })
	slices.SortFunc(all.Meters, func(a, b Meter) int { return int(a.ID) - int(b.ID) })
	return all
}

// lines are those of a reply but for its title.
func lines(s string) []string {
	all := strings.Split(strings.TrimSpace(s), "\n")
	return slices.DeleteFunc(all, func(l string) bool { return l == "" || strings.HasPrefix(l, "OFPST_") })
}

// trace runs ofproto/trace and returns the ports that the packet leaves by, in order. Controller stands for
// each copy that goes up.
func (o *openVSwitch) trace(in Input) (ports []string, text string) {
	o.t.Helper()
	flow := fmt.Sprintf("in_port=%d,tun_id=%d,tun_src=%s,tun_dst=%s", in.InPort, in.Tunnel.ID, ipv4Text(uint64(in.Tunnel.Src)), ipv4Text(uint64(in.Tunnel.Dst)))
	text = o.appctl("ofproto/trace", "br0", flow, fmt.Sprintf("%x", in.Frame))
	_, actions, found := strings.Cut(text, "Datapath actions: ")
	if !found {
		o.t.Fatalf("trace without actions: %s", text)
	}
	actions, _, _ = strings.Cut(actions, "\n")
	for _, a := range splitActions(actions) {
		switch {
		case a == "100":
			ports = append(ports, "LOCAL") // dummy datapaths number the bridge's own port so
		case strings.Trim(a, "0123456789") == "":
			ports = append(ports, a)
		case strings.HasPrefix(a, "userspace("), strings.HasPrefix(a, "sample("): // a Punt, in its meter
			ports = append(ports, "CONTROLLER")
		}
	}
	return ports, text
}

func (r Result) ports() []string {
	var names []string
	for _, e := range r.Emissions {
		names = append(names, portName(e.Port))
	}
	return names
}

// captured reads the frames that a port has sent.
func (o *openVSwitch) captured(port string) (frames [][]byte) {
	o.t.Helper()
	b, err := os.ReadFile(o.path(port + ".pcap"))
	if err != nil {
		o.t.Fatal(err)
	}
	const fileHeader, recordHeader = 24, 16
	for b = b[min(fileHeader, len(b)):]; len(b) >= recordHeader; {
		n := int(binary.NativeEndian.Uint32(b[8:])) + recordHeader
		if n > len(b) {
			break // still being written
		}
		frames = append(frames, b[recordHeader:n])
		b = b[n:]
	}
	return frames
}

// Everything that goes to Open vSwitch comes back equal.
func TestOpenVSwitchKeepsCanonicalForm(t *testing.T) {
	o := startOpenVSwitch(t)
	d := drawSeed(1)
	want := d.world(0)
	want.Meters = append(want.Meters, Meter{ID: 9, Rate: 5})
	seen := map[Key]bool{}
	for range 2000 {
		if e := Encode(d.anyEntry()); !seen[e.Key()] {
			seen[e.Key()] = true
			want.Flows = append(want.Flows, e)
		}
	}
	slices.Sort(want.Flows)
	o.install(want)
	got := o.tables()

	if len(got.Flows) != len(want.Flows) {
		t.Errorf("%d of %d entries came back", len(got.Flows), len(want.Flows))
	}
	for i := range min(len(got.Flows), len(want.Flows)) {
		if got.Flows[i] != want.Flows[i] {
			t.Errorf("sent %s\ngot  %s", show(want.Flows[i]), show(got.Flows[i]))
			break
		}
	}
	if !slices.EqualFunc(got.Groups, want.Groups, Group.Equal) {
		t.Errorf("sent groups %v\ngot %v", want.Groups, got.Groups)
	}
	if !slices.Equal(got.Meters, want.Meters) {
		t.Errorf("sent meters %v\ngot %v", want.Meters, got.Meters)
	}
}

func show(e Encoded) string {
	entry, err := e.Decode()
	if err != nil {
		return err.Error()
	}
	return Format(entry, nil)
}

// Random packets through random entries leave Open vSwitch and Switch by the same ports, and with the same bytes.
func TestExecuteAsOpenVSwitch(t *testing.T) {
	for seed := range 3 {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			d := drawSeed(seed)
			d.narrow, d.noLarger, d.noConntrack, d.noPunt, d.noMeter = true, true, true, seed%2 == 0, seed%2 == 1
			all := d.world(400)
			s := NewSwitch(SwitchConfig{})
			if refused := s.Apply(all.changes()); refused != nil {
				t.Fatalf("refused: %v", refused)
			}
			o := startOpenVSwitch(t)
			o.install(all)

			emitted, distinct := 0, map[string]bool{}
			for i := range 300 {
				in := Input{Frame: d.packet(), InPort: uint32(i%worldPorts) + 1}
				if i%5 == 0 {
					in.Tunnel = Tunnel{ID: uint64(i % 4), Src: 0x0a000000 + uint32(i%4), Dst: 0x0a000000 + uint32(i%3)}
				}
				r, err := s.Execute(in)
				want, text := o.trace(in)
				if err != nil && len(want) > 0 || err == nil && !slices.Equal(r.ports(), want) {
					t.Fatalf("packet %x on port %d, tunnel %+v: to %v, error %v\n%s%s", in.Frame, in.InPort, in.Tunnel, r.ports(), err, steps(r), text)
				}
				emitted += len(want)
				for _, step := range r.Steps {
					distinct[string(step.Entry)] = true
				}
			}
			t.Logf("%d copies by way of %d entries", emitted, len(distinct))
			if emitted < 100 || len(distinct) < 30 {
				t.Error("that shows little")
			}
			compareFrames(t, o, s, d)
		})
	}
}

// CheckLarger too leaves them with the same bytes.
func TestCheckLargerAsOpenVSwitch(t *testing.T) {
	for seed := range 3 {
		d := drawSeed(100 + seed)
		d.narrow, d.noConntrack, d.noPunt, d.noLoop = true, true, true, true
		all := d.world(400)
		s := NewSwitch(SwitchConfig{})
		if refused := s.Apply(all.changes()); refused != nil {
			t.Fatalf("refused: %v", refused)
		}
		o := startOpenVSwitch(t)
		o.install(all)
		compareFrames(t, o, s, d)
	}
}

func steps(r Result) string {
	var b strings.Builder
	for _, step := range r.Steps {
		fmt.Fprintf(&b, "%*stable %d: %s\n", step.Depth, "", step.Table, show(step.Entry))
	}
	return b.String()
}

// twoTags tells of frames that are not compared: once a copy with two tags has left, the userspace datapath of Open
// vSwitch 3.1.0 writes later changes of the IP header four bytes too early.
func twoTags(frame []byte) bool {
	return bytes.Equal(frame[12:14], []byte{0x81, 0}) && bytes.Equal(frame[16:18], []byte{0x81, 0})
}

// compareFrames sends packets through the datapath of o, and compares what its ports sent.
func compareFrames(t *testing.T, o *openVSwitch, s *Switch, d draw) {
	marker := slices.Concat(appendNumber(nil, 0x020000000001, 6), appendNumber(nil, 0x020000000002, 6), []byte{0x90, 0x01}, make([]byte, 50))
	last := Entry{Priority: 65535, Match: Match{Exact(EthType, 0x9001)}, Apply: []Action{Output{Port: PortInPort}, Output{Port: PortLocal}}}
	for i := 1; i <= worldPorts; i++ {
		last.Apply = append(last.Apply, Output{Port: uint32(i)})
	}
	o.ofctl("add-flow", "br0", Format(last, nil))

	want := map[string][]string{}
	sent := map[uint32][]string{}
	for i := range 400 {
		in := Input{Frame: d.packet(), InPort: uint32(i%worldPorts) + 1}
		sent[in.InPort] = append(sent[in.InPort], fmt.Sprintf("%x", in.Frame))
		r, err := s.Execute(in)
		if err != nil {
			continue
		}
		for _, e := range r.Emissions {
			port := fmt.Sprintf("p%d", e.Port)
			if e.Port == PortLocal {
				port = "br0"
			}
			if e.Port != PortController && !twoTags(e.Frame) {
				want[port] = append(want[port], fmt.Sprintf("%x", e.Frame))
			}
		}
	}
	for port, frames := range sent {
		name := fmt.Sprintf("p%d", port)
		o.appctl(append([]string{"netdev-dummy/receive", name}, frames...)...)
		o.appctl("netdev-dummy/receive", name, fmt.Sprintf("%x", marker)) // leaves by all ports after all else
	}
	total := 0
	for _, port := range []string{"p1", "p2", "p3", "p4", "br0"} {
		var got []string
		o.waitFor("markers on "+port, func() bool {
			got = nil
			markers := 0
			for _, f := range o.captured(port) {
				if bytes.Equal(f, marker) {
					markers++
				} else if !twoTags(f) {
					got = append(got, fmt.Sprintf("%x", f))
				}
			}
			return markers == worldPorts
		})
		slices.Sort(got)
		slices.Sort(want[port])
		if !slices.Equal(got, want[port]) {
			t.Errorf("%s sent %d frames, the switch in memory %d; the first to differ:", port, len(got), len(want[port]))
			for i := range min(len(got), len(want[port])) {
				if got[i] != want[port][i] {
					t.Errorf("\n%s\n%s", got[i], want[port][i])
					break
				}
			}
		}
		total += len(got)
	}
	t.Logf("%d frames compared", total)
}
