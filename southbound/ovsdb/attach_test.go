package ovsdb

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

const cloud = "6f9619ff-8b86-4d01-b42d-00cf4fc964ff"

func wanted() Desired {
	return Desired{
		Cloud:       cloud,
		DatapathID:  0x0000ca11ab1e0001,
		Controllers: []string{"tcp:127.0.0.1:6653"},
		EncapIP:     "10.0.0.11",
		Mappings:    map[string]string{"public": "br-ex"},
	}
}

// attached is a node with br-ex that has dialled in and got its set-up.
func attachedNode(t testing.TB) (*node, *recorder, *tap, *Session) {
	t.Helper()
	n, r := startNode(t), newRecorder()
	l := serve(t, Config{}, r)
	n.vsctl("add-br", "br-ex")
	n.attach(l.target())
	r.sees(t, "the first snapshot", func(State) bool { return true })
	s := r.current()
	ensure(t, s, wanted(), true)
	return n, r, l, s
}

func ensure(t testing.TB, s *Session, d Desired, want bool) {
	t.Helper()
	changed, err := s.Ensure(within(t), d)
	if err != nil || changed != want {
		t.Fatalf("Ensure: changed %v, error %v; want %v", changed, err, want)
	}
}

func complete(st State) bool {
	return st.Integration.Exists && st.Integration.TunnelPort > 0 && st.Integration.Patches["public"] > 0
}

func TestAttach(t *testing.T) {
	n, r := startNode(t), newRecorder()
	l := serve(t, Config{}, r)
	n.vsctl("add-br", "br-ex")
	n.attach(l.target())

	st := r.sees(t, "the node", func(State) bool { return true })
	if st.SystemID != "sys-1" || st.Hostname != "compute1" || st.EncapIP != "10.0.0.11" || st.BridgeMappings != "public:br-ex" ||
		st.Cloud != "" || st.Adopt || st.KeepForeign || st.DatapathType != "" || st.OVSVersion == "" || st.Integration.Exists {
		t.Fatalf("%+v", st)
	}
	if _, ok := st.Bridge("br-ex"); !ok || len(st.Bridges) != 1 {
		t.Fatalf("bridges %+v", st.Bridges)
	}
	if got, want := r.current().LocalAddr().String(), l.Addr().String(); got != want {
		t.Errorf("LocalAddr %s, want %s", got, want)
	}
	if err := r.current().Ping(within(t)); err != nil {
		t.Errorf("Ping: %v", err)
	}

	began := time.Now()
	ensure(t, r.current(), wanted(), true)
	t.Logf("set-up made in %v", time.Since(began))
	st = r.sees(t, "the set-up with ofports", complete)
	t.Logf("seen with ofports after %v", time.Since(began))
	if st.Cloud != cloud || st.Integration.Ownership != Made {
		t.Errorf("cloud %q, ownership %v", st.Cloud, st.Integration.Ownership)
	}
	r.sees(t, "the datapath id", func(st State) bool {
		b, _ := st.Bridge(IntegrationBridge)
		return b.DatapathID == "0000ca11ab1e0001"
	})

	for _, c := range []struct {
		want string
		args []string
	}{
		{`secure`, []string{"get", "Bridge", "br-int", "fail_mode"}},
		{`[OpenFlow13]`, []string{"get", "Bridge", "br-int", "protocols"}},
		{`{datapath-id="0000ca11ab1e0001", disable-in-band="true"}`, []string{"get", "Bridge", "br-int", "other_config"}},
		{`"tcp:127.0.0.1:6653"`, []string{"get", "Controller", "br-int", "target"}},
		{`out-of-band`, []string{"get", "Controller", "br-int", "connection_mode"}},
		{`1000`, []string{"get", "Controller", "br-int", "max_backoff"}},
		{`vxlan`, []string{"get", "Interface", "planck-vxlan", "type"}},
		{`{key=flow, local_ip="10.0.0.11", remote_ip=flow}`, []string{"get", "Interface", "planck-vxlan", "options"}},
		{`{peer=phy-public}`, []string{"get", "Interface", "int-public", "options"}},
		{`{peer=int-public}`, []string{"get", "Interface", "phy-public", "options"}},
		{`br-ex`, []string{"port-to-br", "phy-public"}},
		{`br-int`, []string{"port-to-br", "int-public"}},
		{`br-int`, []string{"port-to-br", "planck-vxlan"}},
	} {
		if got := n.vsctl(c.args...); got != c.want {
			t.Errorf("%s: %s, want %s", strings.Join(c.args, " "), got, c.want)
		}
	}

	sent := l.transactions()
	ensure(t, r.current(), wanted(), false)
	if sent != 1 || l.transactions() != sent {
		t.Errorf("%d transactions for the first Ensure, %d for the second", sent, l.transactions()-sent)
	}
}

func TestInterfaces(t *testing.T) {
	n, r, _, _ := attachedNode(t)
	plug := func(name, id string, more ...string) {
		n.vsctl(append([]string{"add-port", IntegrationBridge, name, "--", "set", "Interface", name, "type=internal",
			"external_ids:iface-id=" + id, "external_ids:attached-mac=fa:16:3e:00:00:01"}, more...)...)
	}
	ready := func(st State, name string) (Interface, bool) {
		plugged, _ := st.Plugged()
		for _, i := range plugged {
			if i.Name == name {
				return i, true
			}
		}
		return Interface{}, false
	}
	sees := func(name string) Interface {
		t.Helper()
		var found Interface
		r.sees(t, name, func(st State) (ok bool) { found, ok = ready(st, name); return ok })
		return found
	}

	plug("tap1", "port-1")
	first := sees("tap1")
	if first.IfaceID != "port-1" || first.AttachedMAC != "fa:16:3e:00:00:01" || first.UUID == "" {
		t.Errorf("%+v", first)
	}

	// The newest of duplicates wins, also when its ofport is the lower one.
	plug("tap2", "port-1", "ofport_request="+fmt.Sprint(first.Ofport+200))
	sees("tap2")
	plug("tap3", "port-1", "ofport_request="+fmt.Sprint(first.Ofport+100))
	st := r.sees(t, "tap3 over tap2", func(st State) bool { _, ok := ready(st, "tap3"); return ok })
	plugged, older := st.Plugged()
	if len(plugged) != 1 || len(older) != 2 || older[0].Name != "tap1" || older[1].Name != "tap2" {
		t.Errorf("plugged %+v, duplicates %+v", plugged, older)
	}
	// To name a port anew is to plug it anew.
	n.vsctl("set", "Interface", "tap1", "external_ids:iface-id=port-2")
	sees("tap1")
	n.vsctl("set", "Interface", "tap1", "external_ids:iface-id=port-1")
	r.sees(t, "tap1 over the others", func(st State) bool { p, _ := st.Plugged(); return len(p) == 1 && p[0].Name == "tap1" })
	n.vsctl("del-port", "tap1")
	sees("tap3")

	// An interface that cannot be opened has no ofport and says why; on another bridge it is not ours.
	n.vsctl("add-port", IntegrationBridge, "bad", "--", "set", "Interface", "bad", "type=nonsense", "external_ids:iface-id=port-3")
	n.vsctl("add-port", "br-ex", "other", "--", "set", "Interface", "other", "type=internal", "external_ids:iface-id=port-4")
	st = r.sees(t, "the error", func(st State) bool {
		return slices.ContainsFunc(st.Interfaces, func(i Interface) bool { return i.Name == "bad" && i.Error != "" && i.Ofport == 0 })
	})
	for _, i := range st.Interfaces {
		if i.IfaceID == "port-4" {
			t.Errorf("an interface of br-ex: %+v", i)
		}
	}
	if _, ok := ready(st, "bad"); ok {
		t.Error("an interface without an ofport counts as plugged")
	}
}

// Ofports change when ovs-vswitchd is told so; a set of at most one value is told as a difference of sets.
func TestOfportChanges(t *testing.T) {
	n, r, _, _ := attachedNode(t)
	n.vsctl("add-port", IntegrationBridge, "tap1", "--", "set", "Interface", "tap1", "type=internal", "external_ids:iface-id=a", "ofport_request=7")
	at := func(ofport uint32) {
		t.Helper()
		r.sees(t, fmt.Sprint("ofport ", ofport), func(st State) bool { return len(st.Interfaces) == 1 && st.Interfaces[0].Ofport == ofport })
	}
	at(7)
	n.vsctl("set", "Interface", "tap1", "ofport_request=9")
	at(9)
	n.vsctl("set", "Bridge", "br-ex", "fail_mode=standalone")
	r.sees(t, "standalone", func(st State) bool { b, _ := st.Bridge("br-ex"); return b.FailMode == "standalone" })
	n.vsctl("set", "Bridge", "br-ex", "fail_mode=secure")
	r.sees(t, "secure", func(st State) bool { b, _ := st.Bridge("br-ex"); return b.FailMode == "secure" })
	n.vsctl("clear", "Bridge", "br-ex", "fail_mode")
	r.sees(t, "no fail mode", func(st State) bool { b, _ := st.Bridge("br-ex"); return b.FailMode == "" })
}

// Whatever is damaged by hand is shown, and one Ensure makes it as it was, also where rows have to be made anew.
func TestRepair(t *testing.T) {
	n, r, l, s := attachedNode(t)
	r.sees(t, "the set-up", complete)
	n.vsctl("add-port", IntegrationBridge, "tap1", "--", "set", "Interface", "tap1", "type=internal", "external_ids:iface-id=a")
	n.vsctl("set", "Bridge", IntegrationBridge, "other_config:mac-aging-time=17", "external_ids:note=mine")
	r.sees(t, "the VM", func(st State) bool { return len(st.Interfaces) == 1 })
	settings := func() string {
		var b strings.Builder
		for _, args := range [][]string{
			{"--columns=name,datapath_type,external_ids,fail_mode,other_config,protocols", "find", "Bridge", "name!=none"},
			{"--columns=name,external_ids", "find", "Port", "name!=none"},
			{"--columns=name,type,options,external_ids", "find", "Interface", "name!=none"},
			{"--columns=target,connection_mode,max_backoff,inactivity_probe", "list", "Controller"},
			{"get", "Open_vSwitch", ".", "external_ids"},
			{"port-to-br", "planck-vxlan"}, {"port-to-br", "int-public"}, {"port-to-br", "phy-public"},
		} {
			records := strings.Split(n.vsctl(args...), "\n\n") // in no particular order
			slices.Sort(records)
			b.WriteString(strings.Join(records, "\n") + "\n")
		}
		return b.String()
	}
	before := settings()
	for _, damage := range []string{
		"del-port planck-vxlan",
		"set Interface planck-vxlan options:local_ip=10.9.9.9",
		"set Interface planck-vxlan options:remote_ip=10.9.9.9 type=gre",
		"clear Interface planck-vxlan options",
		"clear Port planck-vxlan external_ids",
		"del-port planck-vxlan -- add-port br-ex planck-vxlan -- set Port planck-vxlan external_ids:planck=tunnel",
		"del-port int-public",
		"del-port phy-public",
		"del-port phy-public -- del-port int-public",
		"set Interface phy-public options:peer=planck-vxlan",
		"set-fail-mode br-int standalone",
		"set Bridge br-int protocols=OpenFlow10",
		"remove Bridge br-int other_config disable-in-band",
		"set Bridge br-int other_config:datapath-id=00000000000000ff",
		"set-controller br-int tcp:127.0.0.1:1111 tcp:127.0.0.1:2222",
		"del-controller br-int",
		"set Controller br-int max_backoff=9000",
		"set Controller br-int connection_mode=in-band",
		"remove Open_vSwitch . external_ids planck-cloud",
	} {
		n.vsctl(strings.Fields(damage)...)
		sent := l.transactions()
		await(t, "a difference after "+damage, func() bool {
			changed, err := s.Ensure(within(t), wanted())
			if err != nil {
				t.Fatalf("%s: %v", damage, err)
			}
			return changed
		})
		if got := l.transactions() - sent; got != 1 {
			t.Errorf("%s: repaired by %d transactions", damage, got)
		}
		ensure(t, s, wanted(), false)
		if after := settings(); after != before {
			t.Errorf("%s:\nbefore\n%s\nafter\n%s", damage, before, after)
		}
	}
}

func TestBridgeDeleted(t *testing.T) {
	n, r, l, s := attachedNode(t)
	r.sees(t, "the set-up", complete)
	sent := l.transactions()
	n.vsctl("del-br", IntegrationBridge)
	r.sees(t, "no br-int", func(st State) bool { return !st.Integration.Exists })
	began := time.Now()
	ensure(t, s, wanted(), true)
	r.sees(t, "br-int again", complete)
	t.Logf("br-int back with its ports after %v", time.Since(began))
	ensure(t, s, wanted(), false)
	if got := l.transactions() - sent; got != 1 {
		t.Errorf("%d transactions", got)
	}
}

func TestPortError(t *testing.T) {
	n, r, _, s := attachedNode(t)
	r.sees(t, "the set-up", complete)
	n.vsctl("set", "Interface", tunnelPortName, "type=nonsense")
	r.sees(t, "the error", func(st State) bool {
		return st.Integration.TunnelPort == 0 && st.Integration.PortErrors[tunnelPortName] != ""
	})
	ensure(t, s, wanted(), true)
	r.sees(t, "the repaired port", func(st State) bool { return complete(st) && len(st.Integration.PortErrors) == 0 })
}

func TestMappingsChange(t *testing.T) {
	n, r, _, s := attachedNode(t)
	r.sees(t, "the set-up", complete)
	long := "a-physical-network-with-a-long-name"
	n.vsctl("add-br", "br-two", "--", "add-port", "br-ex", "eth9", "--", "set", "Interface", "eth9", "type=internal")
	r.sees(t, "br-two", func(st State) bool { _, ok := st.Bridge("br-two"); return ok })
	d := wanted()
	d.Mappings = map[string]string{long: "br-two"}
	d.TunnelUDPPort = 4790
	d.Controllers = append(d.Controllers, "tcp:127.0.0.1:6654")
	ensure(t, s, d, true)
	r.sees(t, "the new patch only", func(st State) bool {
		return st.Integration.Patches[long] > 0 && len(st.Integration.Patches) == 1
	})
	if got := n.vsctl("list-ports", "br-ex"); got != "eth9" {
		t.Errorf("ports of br-ex: %s", got)
	}
	if got := n.vsctl("list-ports", "br-two"); len(got) > 15 {
		t.Errorf("ports of br-two: %s", got)
	}
	if got := n.vsctl("get", "Interface", tunnelPortName, "options:dst_port"); got != `"4790"` {
		t.Errorf("dst_port %s", got)
	}
	r.sees(t, "both controllers", func(st State) bool {
		b, _ := st.Bridge(IntegrationBridge)
		return slices.Equal(b.Controllers, d.Controllers)
	})
	ensure(t, s, d, false)

	d.Mappings = nil
	ensure(t, s, d, true)
	if got := n.vsctl("list-ports", IntegrationBridge); got != tunnelPortName {
		t.Errorf("ports of br-int: %s", got)
	}
}

// What Ensure refuses leaves no trace.
func TestRefused(t *testing.T) {
	n, r := startNode(t), newRecorder()
	l := serve(t, Config{}, r)
	n.vsctl("add-br", "br-ex", "--", "add-br", "br-net", "--", "set", "Bridge", "br-net", "datapath_type=netdev")
	n.attach(l.target())
	r.sees(t, "br-net", func(st State) bool { b, _ := st.Bridge("br-net"); return b.DatapathType == "netdev" })
	refused := func(want error, change func(*Desired)) {
		t.Helper()
		before := n.configuration()
		d := wanted()
		change(&d)
		changed, err := r.current().Ensure(within(t), d)
		if changed || err == nil || want != nil && !errors.Is(err, want) {
			t.Errorf("changed %v, error %v; want %v", changed, err, want)
		}
		t.Log(err)
		if after := n.configuration(); after != before {
			t.Errorf("before\n%s\nafter\n%s", before, after)
		}
	}
	same := func(*Desired) {}

	refused(ErrMapping, func(d *Desired) { d.Mappings = map[string]string{"x": "br-none"} })
	refused(ErrMapping, func(d *Desired) { d.Mappings = map[string]string{"x": IntegrationBridge} })
	refused(ErrMapping, func(d *Desired) { d.Mappings = map[string]string{"x": "br-net"} })
	refused(nil, func(d *Desired) { d.EncapIP = "nowhere" })
	refused(nil, func(d *Desired) { d.Cloud = "" })
	refused(nil, func(d *Desired) { d.DatapathID = 0 })
	refused(nil, func(d *Desired) { d.Controllers = nil })
	refused(nil, func(d *Desired) { d.TunnelUDPPort = 65536 })

	n.vsctl("add-port", "br-ex", tunnelPortName, "--", "set", "Interface", tunnelPortName, "type=internal")
	await(t, "the stranger's port", func() bool {
		_, err := plansNow(r.current(), wanted())
		return errors.Is(err, ErrForeignPort)
	})
	refused(ErrForeignPort, same)
	n.vsctl("del-port", tunnelPortName)

	n.vsctl("add-br", IntegrationBridge)
	r.sees(t, "a foreign br-int", func(st State) bool { return st.Integration.Exists && st.Integration.Ownership == Foreign })
	refused(ErrForeignBridge, same)

	n.vsctl("set", "Open_vSwitch", ".", "external_ids:planck-cloud=another")
	r.sees(t, "a foreign cloud", func(st State) bool { return st.Cloud == "another" })
	refused(ErrForeignCloud, same)
	before := n.configuration()
	if changed, err := r.current().Remove(within(t), cloud); changed || !errors.Is(err, ErrForeignCloud) {
		t.Errorf("Remove: changed %v, error %v", changed, err)
	}
	if after := n.configuration(); after != before {
		t.Errorf("Remove: before\n%s\nafter\n%s", before, after)
	}
	if l.transactions() != 0 {
		t.Errorf("%d transactions", l.transactions())
	}
}

// plansNow is what Ensure would do with the present replica.
func plansNow(s *Session, d Desired) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	ops, err := s.replica.plan(d, "")
	return len(ops), err
}

func TestAdopt(t *testing.T) {
	n, r := startNode(t), newRecorder()
	l := serve(t, Config{}, r)
	n.vsctl("add-br", "br-ex", "--", "add-br", IntegrationBridge, "--", "set", "Bridge", IntegrationBridge, "other_config:mac-aging-time=17",
		"external_ids:owner=nova", "--", "set-controller", IntegrationBridge, "tcp:127.0.0.1:1", "--",
		"add-port", IntegrationBridge, "tap1", "--", "set", "Interface", "tap1", "type=internal", "external_ids:iface-id=a")
	n.vsctl("set", "Open_vSwitch", ".", "external_ids:planck-adopt=true")
	n.attach(l.target())
	st := r.sees(t, "the VM", func(st State) bool { return st.Adopt && len(st.Interfaces) == 1 && st.Interfaces[0].Ofport > 0 })
	ofport := st.Interfaces[0].Ofport
	ensure(t, r.current(), wanted(), true)
	st = r.sees(t, "the set-up", complete)
	if st.Integration.Ownership != Adopted || len(st.Interfaces) != 1 || st.Interfaces[0].Ofport != ofport {
		t.Errorf("%+v", st)
	}
	n.vsctl("remove", "Open_vSwitch", ".", "external_ids", "planck-adopt") // needed once only
	r.sees(t, "planck-adopt gone", func(st State) bool { return !st.Adopt })
	ensure(t, r.current(), wanted(), false)

	if changed, err := r.current().Remove(within(t), cloud); !changed || err != nil {
		t.Fatalf("Remove: %v, %v", changed, err)
	}
	if changed, err := r.current().Remove(within(t), cloud); changed || err != nil {
		t.Errorf("Remove again: %v, %v", changed, err)
	}
	for want, args := range map[string][]string{
		"tap1":                  {"list-ports", IntegrationBridge},
		"":                      {"list-ports", "br-ex"},
		`{mac-aging-time="17"}`: {"get", "Bridge", IntegrationBridge, "other_config"},
		`{owner=nova}`:          {"get", "Bridge", IntegrationBridge, "external_ids"},
		`[]`:                    {"get", "Bridge", IntegrationBridge, "controller"},
		`secure`:                {"get", "Bridge", IntegrationBridge, "fail_mode"},
	} {
		if got := n.vsctl(args...); got != want {
			t.Errorf("%s: %s, want %s", strings.Join(args, " "), got, want)
		}
	}
}

// Ensure and then Remove leave the database exactly as it was.
func TestRemove(t *testing.T) {
	n, r := startNode(t), newRecorder()
	l := serve(t, Config{}, r)
	n.vsctl("add-br", "br-ex", "--", "add-port", "br-ex", "eth9", "--", "set", "Interface", "eth9", "type=internal")
	n.attach(l.target())
	r.sees(t, "eth9", func(st State) bool { return len(st.Bridges) == 1 })
	before := n.configuration()
	ensure(t, r.current(), wanted(), true)
	r.sees(t, "the set-up", complete)
	if n.configuration() == before {
		t.Fatal("the configuration does not show the set-up")
	}
	if changed, err := r.current().Remove(within(t), cloud); !changed || err != nil {
		t.Fatalf("Remove: %v, %v", changed, err)
	}
	if after := n.configuration(); after != before {
		t.Errorf("before\n%s\nafter\n%s", before, after)
	}
	r.sees(t, "nothing of Planck", func(st State) bool { return !st.Integration.Exists && st.Cloud == "" })
	sent := l.transactions()
	if changed, err := r.current().Remove(within(t), cloud); changed || err != nil || l.transactions() != sent {
		t.Errorf("Remove again: %v, %v", changed, err)
	}
}

// Others write to the same rows all the time; Ensure gets through, and nothing of theirs is lost.
func TestCompetingWriters(t *testing.T) {
	n, r, _, s := attachedNode(t)
	r.sees(t, "the set-up", complete)
	const rounds = 40
	var others sync.WaitGroup
	others.Go(func() {
		for i := range rounds {
			n.vsctl("--no-wait", "set", "Open_vSwitch", ".", fmt.Sprintf("external_ids:other-%d=x", i), "--",
				"set", "Bridge", IntegrationBridge, fmt.Sprintf("external_ids:other-%d=x", i), fmt.Sprintf("other_config:other-%d=x", i))
		}
	})
	d := wanted()
	refused := 0
	for i := range rounds {
		d.DatapathID, d.EncapIP = uint64(i+1), fmt.Sprintf("10.0.0.%d", i+1)
		for range 3 {
			if changed, err := s.Ensure(within(t), d); err == nil && changed {
				break
			} else if err == nil {
				t.Fatal("Ensure saw nothing to change")
			}
			refused++
		}
	}
	others.Wait()
	ensureSettled(t, s, d)
	t.Logf("%d of %d calls gave up", refused, rounds)
	st := r.sees(t, "the last of both", func(st State) bool {
		b, _ := st.Bridge(IntegrationBridge)
		return b.OtherConfig[keyDatapathID] == fmt.Sprintf("%016x", rounds) && b.OtherConfig[fmt.Sprintf("other-%d", rounds-1)] == "x"
	})
	b, _ := st.Bridge(IntegrationBridge)
	count := func(m map[string]string) (n int) {
		for k := range maps.Keys(m) {
			if strings.HasPrefix(k, "other-") {
				n++
			}
		}
		return n
	}
	if count(b.ExternalIDs) != rounds || count(b.OtherConfig) != rounds {
		t.Errorf("%d and %d of %d keys of others are left", count(b.ExternalIDs), count(b.OtherConfig), rounds)
	}
}

func ensureSettled(t *testing.T, s *Session, d Desired) {
	t.Helper()
	await(t, "Ensure with nothing to change", func() bool {
		changed, err := s.Ensure(within(t), d)
		return err == nil && !changed
	})
}
