package lab

import (
	"os"
	"path/filepath"
	"strings"
	"time"
)

// TB is what the lab needs of testing.TB, so that programs that are no tests need not import it.
type TB interface {
	Helper()
	Cleanup(func())
	Failed() bool
	Logf(format string, args ...any)
	Fatalf(format string, args ...any)
}

// Eventually calls condition until it returns nil, and fails the test with its last error after limit.
func Eventually(t TB, limit time.Duration, what string, condition func() error) {
	t.Helper()
	if err := await(limit, condition); err != nil {
		t.Fatalf("%s: not within %v: %v", what, limit, err)
	}
}

// await calls condition until it returns nil, soon at first and then less often; after limit it returns the last
// error.
func await(limit time.Duration, condition func() error) error {
	deadline := time.Now().Add(limit)
	for pause := time.Millisecond; ; pause = min(2*pause, 50*time.Millisecond) {
		err := condition()
		if err == nil {
			return nil
		}
		if time.Now().Add(pause).After(deadline) {
			return err
		}
		time.Sleep(pause)
	}
}

// ForTest makes a lab that is closed at the end of the test. If the test failed, what the nodes and programs of the
// lab have to say is logged first.
func ForTest(t TB) *Lab {
	t.Helper()
	l, err := New(Options{Log: t.Logf, Fatal: t.Fatalf})
	if err != nil {
		t.Fatalf("make a lab: %v", err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			l.Dump(t.Logf)
		}
		if err := l.Close(); err != nil {
			t.Logf("close the lab: %v", err)
		}
	})
	return l
}

// Dump says what each node holds and what each program printed last.
func (l *Lab) Dump(log func(format string, args ...any)) {
	const lines = 200
	show := func(title, text string, err error) {
		if err != nil {
			text = err.Error()
		}
		log("--- %s\n%s", title, tail(text, lines))
	}
	dump := func(m *machine, bridge string) {
		text, err := m.Vsctl("show")
		show(m.Name+": ovs-vsctl show", text, err)
		if _, err := m.OVS.VSwitch.GetFailMode(bridge); err == nil {
			text, err = m.Ofctl("dump-flows", bridge)
			show(m.Name+": flow entries of "+bridge, text, err)
			text, err = m.Ofctl("dump-groups", bridge)
			show(m.Name+": groups of "+bridge, text, err)
		}
		var warnings strings.Builder
		log, err := os.ReadFile(filepath.Join(m.dir, "ovs-vswitchd.log"))
		for line := range strings.Lines(string(log)) {
			if strings.Contains(line, "|WARN|") || strings.Contains(line, "|ERR|") || strings.Contains(line, "|EMER|") {
				warnings.WriteString(line)
			}
		}
		show(m.Name+": warnings of ovs-vswitchd", warnings.String(), err)
	}
	for _, n := range l.Nodes() {
		dump(&n.machine, "br-int")
	}
	for _, s := range l.Switches() {
		if s.datapath != nil {
			show(s.Name, s.datapath.Dump(), nil)
			continue
		}
		dump(&s.machine, switchBridge)
	}
	logs, _ := filepath.Glob(filepath.Join(l.Dir, "log", "*"))
	for _, file := range logs { // of programs that have ended, too
		if text, err := os.ReadFile(file); err != nil || len(text) > 0 {
			show(filepath.Base(file), string(text), err)
		}
	}
}
