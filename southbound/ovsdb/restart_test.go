package ovsdb

import (
	"errors"
	"testing"
	"time"
)

// A node whose ovsdb-server died comes back by itself, as a new session, and needs nothing.
func TestServerRestarts(t *testing.T) {
	n, r, _, old := attachedNode(t)
	r.sees(t, "the set-up", complete)
	n.stop(n.server)
	r.until(t, "the end of the session", func() bool { return r.ended == 1 })
	if _, err := old.Ensure(within(t), wanted()); err == nil {
		t.Error("Ensure on a dead session succeeds")
	}
	began := time.Now()
	n.startServer()
	s, _ := r.until(t, "a new session", func() bool { return r.session != old && complete(r.state) })
	t.Logf("back after %v", time.Since(began))
	ensure(t, s, wanted(), false)
}

// The connection over which a node reaches us is tried again every second, unless an operator has said otherwise.
func TestManagerComesBackSoon(t *testing.T) {
	n, r, l, s := attachedNode(t)
	r.sees(t, "the set-up", complete)
	if got := n.vsctl("get", "Manager", ".", "max_backoff"); got != "1000" {
		t.Errorf("max_backoff %s", got)
	}
	n.vsctl("set", "Manager", ".", "max_backoff=4000", "--", "--id=@m", "create", "Manager", `target="ptcp:0:127.0.0.1"`,
		"--", "add", "Open_vSwitch", ".", "manager_options", "@m")
	ensure(t, s, wanted(), false)
	if got := n.vsctl("--bare", "--columns=max_backoff", "find", "Manager", `target="`+l.target()+`"`); got != "4000" {
		t.Errorf("the operator's max_backoff has become %s", got)
	}
	if got := n.vsctl("--bare", "--columns=max_backoff", "find", "Manager", `target="ptcp:0:127.0.0.1"`); got != "" {
		t.Errorf("max_backoff %s of another manager", got)
	}
}

func TestSwitchRestarts(t *testing.T) {
	n, r, l, s := attachedNode(t)
	r.sees(t, "the set-up", complete)
	sent := l.transactions()
	n.run("ovs-appctl", "-t", n.path("vswitchd.ctl"), "exit")
	n.startSwitch()
	n.vsctl("add-port", IntegrationBridge, "tap1", "--", "set", "Interface", "tap1", "type=internal", "external_ids:iface-id=a")
	r.sees(t, "everything and a new VM", func(st State) bool {
		plugged, _ := st.Plugged()
		return complete(st) && len(plugged) == 1
	})
	ensure(t, s, wanted(), false)
	if l.transactions() != sent {
		t.Errorf("%d transactions", l.transactions()-sent)
	}
}

// A transaction made from a replica that is no longer true fails as a whole.
func TestStaleReplica(t *testing.T) {
	n, r, _, s := attachedNode(t)
	r.sees(t, "the set-up", complete)
	d := wanted()
	d.EncapIP, d.Controllers = "10.0.0.99", []string{"tcp:127.0.0.1:7777"}
	for _, interference := range [][]string{
		{"set", "Open_vSwitch", ".", "external_ids:planck-cloud=another"},
		{"set", "Interface", tunnelPortName, "options:local_ip=10.0.0.98"},
		{"del-port", tunnelPortName},
		{"del-controller", IntegrationBridge},
		{"del-br", IntegrationBridge},
	} {
		s.mu.Lock()
		ops, err := s.replica.plan(d, "")
		version := s.replica.version
		s.mu.Unlock()
		if err != nil || len(ops) == 0 {
			t.Fatalf("%d operations, %v", len(ops), err)
		}
		n.vsctl(interference...)
		before := n.configuration()
		if err := s.transact(within(t), ops); err == nil {
			t.Errorf("%v: the stale transaction succeeds", interference)
		}
		if after := n.configuration(); after != before {
			t.Errorf("%v: before\n%s\nafter\n%s", interference, before, after)
		}
		s.mu.Lock()
		stale := s.replica.version != version
		s.mu.Unlock()
		if !stale {
			t.Errorf("%v: the reply came before the update that made the replica stale", interference)
		}
		if _, err := s.Ensure(within(t), wanted()); errors.Is(err, ErrForeignCloud) {
			n.vsctl("set", "Open_vSwitch", ".", "external_ids:planck-cloud="+cloud)
		} else if err != nil {
			t.Fatal(err)
		}
		ensureSettled(t, s, wanted())
	}
}
