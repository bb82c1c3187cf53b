package lab

import (
	"bufio"
	"errors"
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

// TestMain plays the owner of a lab that is killed, for TestOwnerEnds.
func TestMain(m *testing.M) {
	if dir := os.Getenv("PLANCK_LAB_OWNER"); dir != "" {
		own(dir)
	}
	os.Exit(m.Run())
}

// own makes a lab of one node and one VM, says so and waits to be ended.
func own(dir string) {
	l, err := New(Options{Dir: dir})
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	n := l.AddNode("compute1", NodeOptions{})
	if _, err := n.Vsctl("add-br", "br-int", "--", "set", "Bridge", "br-int", "datapath_type=netdev"); err != nil {
		fmt.Println(err)
	}
	vm := n.AddVM("a", "port-a", "fa:16:3e:00:00:01")
	// A program, and a daemon that it leaves behind.
	if _, err := vm.Start("sh", "-c", "setsid sleep 1000 & sleep 1000"); err != nil {
		fmt.Println(err)
	}
	fmt.Println("ready")
	select {}
}

// traces lists what there is of the lab in dir: namespaces, processes inside them, links of the host, files.
func traces(t *testing.T, dir string) []string {
	t.Helper()
	var found []string
	list, err := filepath.Glob("/run/netns/" + filepath.Base(dir) + "-*")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range list {
		found = append(found, path)
		for _, pid := range namespace(filepath.Base(path)).members() {
			found = append(found, fmt.Sprint("process ", pid))
		}
	}
	if _, err := os.Stat(dir); err == nil {
		found = append(found, dir)
	}
	return found
}

// commands lists the running programs whose command line or directory is of the lab in dir.
func commands(dir string) []string {
	var found []string
	files, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, file := range files {
		line, _ := os.ReadFile(file)
		cwd, _ := os.Readlink(filepath.Join(filepath.Dir(file), "cwd"))
		if strings.Contains(string(line), dir+"/") || strings.HasPrefix(cwd, dir) {
			found = append(found, strings.ReplaceAll(string(line), "\x00", " "))
		}
	}
	return found
}

func hostLinks(t *testing.T) string {
	t.Helper()
	out, err := namespace("").exec(nil, "", "ip", "-br", "link")
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for line := range strings.Lines(out) {
		names = append(names, strings.Fields(line)[0])
	}
	slices.Sort(names)
	return strings.Join(names, " ")
}

func TestCloseLeavesNothing(t *testing.T) {
	links := hostLinks(t)
	l, err := New(Options{Log: t.Logf, Fatal: t.Fatalf})
	if err != nil {
		t.Fatal(err)
	}
	other := ForTest(t) // with the same names and addresses, at the same time
	other.AddNode("compute1", NodeOptions{})

	began := time.Now()
	nodes := l.AddNodes("compute1", "compute2", "compute3")
	made := time.Since(began)
	for i, n := range nodes {
		integrate(t, n)
		vm := n.AddVM(fmt.Sprint("vm", i), fmt.Sprint("port-", i), fmt.Sprint("fa:16:3e:00:00:0", i))
		if _, err := vm.Start("sh", "-c", "setsid sleep 1000 & sleep 1000"); err != nil {
			t.Fatal(err)
		}
	}
	ctl, err := l.StartInController("planckd", nil, "sleep", "1000")
	if err != nil {
		t.Fatal(err)
	}
	var closing []int
	l.OnClose(func() { closing = append(closing, 1) })
	l.OnClose(func() { closing = append(closing, 2) })
	if found := traces(t, l.Dir); len(found) < 15 {
		t.Fatalf("only %q", found)
	}
	if got := hostLinks(t); got != links {
		t.Errorf("a lab changed the host's links to %s from %s", got, links)
	}

	began = time.Now()
	if err := l.Close(); err != nil {
		t.Error(err)
	}
	t.Logf("three nodes made in %v, with VMs closed in %v", made.Round(time.Millisecond), time.Since(began).Round(time.Millisecond))
	if found := append(traces(t, l.Dir), commands(l.Dir)...); len(found) > 0 {
		t.Errorf("left behind: %q", found)
	}
	if got := hostLinks(t); got != links {
		t.Errorf("the host's links are %s, were %s", got, links)
	}
	if ctl.Running() {
		t.Error("what ran in the controller's namespace still does")
	}
	if !slices.Equal(closing, []int{2, 1}) {
		t.Errorf("OnClose ran %v", closing)
	}
	if err := l.Close(); err != nil {
		t.Errorf("closed twice: %v", err)
	}
	if _, err := l.StartInController("late", nil, "sleep", "1"); !errors.Is(err, errClosed) {
		t.Errorf("a start after Close: %v", err)
	}
	if !other.Node("compute1").Vswitchd().Running() {
		t.Error("closing one lab ended another's ovs-vswitchd")
	}
}

func TestOwnerEnds(t *testing.T) {
	for _, c := range []struct {
		name   string
		signal syscall.Signal // 0: Cleanup while it runs
		clean  bool           // it closes its lab by itself
	}{
		{"killed", syscall.SIGKILL, false},
		{"Ctrl-C", syscall.SIGINT, true},
		{"Cleanup of a running lab", 0, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			links := hostLinks(t)
			dir := filepath.Join(os.TempDir(), fmt.Sprintf("pkowner%d", os.Getpid()))
			owner := exec.Command("/proc/self/exe")
			owner.Env = append(os.Environ(), "PLANCK_LAB_OWNER="+dir)
			out, err := owner.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := owner.Start(); err != nil {
				t.Fatal(err)
			}
			ended := make(chan struct{})
			t.Cleanup(func() {
				owner.Process.Kill()
				<-ended
				if err := Cleanup(dir); err != nil {
					t.Error(err)
				}
			})
			line, err := bufio.NewReader(out).ReadString('\n')
			go func() {
				owner.Wait()
				close(ended)
			}()
			if line != "ready\n" {
				t.Fatalf("the owner said %q, %v", line, err)
			}
			if _, err := New(Options{Dir: dir}); !errors.Is(err, os.ErrExist) {
				t.Errorf("a second lab in the same directory: %v", err)
			}
			if c.signal != 0 {
				owner.Process.Signal(c.signal)
				select {
				case <-ended:
				case <-time.After(10 * time.Second):
					t.Fatal("the owner does not end")
				}
				found := traces(t, dir)
				if c.clean && len(found) > 0 || !c.clean && len(found) < 8 {
					t.Errorf("after the end of the owner there is %q", found)
				}
				if status := owner.ProcessState.Sys().(syscall.WaitStatus); status.Signal() != c.signal {
					t.Errorf("the owner ended with %v, not by the signal", status)
				}
			}
			if err := Cleanup(dir); err != nil {
				t.Error(err)
			}
			if found := append(traces(t, dir), commands(dir)...); len(found) > 0 {
				t.Errorf("left behind: %q", found)
			}
			if got := hostLinks(t); got != links {
				t.Errorf("the host's links are %s, were %s", got, links)
			}
			if err := Cleanup(dir); err != nil {
				t.Errorf("cleaned up twice: %v", err)
			}
		})
	}
}

// A lab whose owner was killed goes away when the next one is made.
func TestNextLabSweeps(t *testing.T) {
	dead := ForTest(t)
	dead.AddNode("compute1", NodeOptions{})
	live := ForTest(t)
	file := filepath.Join(dead.Dir, stateFile)
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	// A process with our number that started at another time is another process.
	me, err := identify(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	text = []byte(strings.Replace(string(text), fmt.Sprint(`"Start": `, me.Start), `"Start": 1`, 1))
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	dead.mu.Lock()
	dead.closed = true // as a dead owner, it writes no state while its processes are ended
	dead.mu.Unlock()
	ForTest(t)
	if found := traces(t, dead.Dir); len(found) > 0 {
		t.Errorf("left behind: %q", found)
	}
	if found := traces(t, live.Dir); len(found) == 0 {
		t.Error("a lab whose owner lives is gone")
	}
}

func TestCleanupRefuses(t *testing.T) {
	dir := t.TempDir()
	if err := Cleanup(dir); err == nil {
		t.Error("a directory that is no lab was taken for one")
	}
	if _, err := os.Stat(dir); err != nil {
		t.Error(err)
	}
	if err := Cleanup(filepath.Join(dir, "none")); err != nil {
		t.Errorf("a directory that does not exist: %v", err)
	}
}
