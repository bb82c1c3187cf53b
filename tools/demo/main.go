// Command demo shows Planck's main job on this machine: planckd, three nodes with the real Open vSwitch, two tenants
// with equal addresses, VMs that get their address by DHCP and talk across nodes. It leaves all of it running until
// Ctrl-C. "demo down" takes away a demo from elsewhere, also one that was killed.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/planck-sdn/planck/tests/lab"
)

// directory holds all files of the demo, and names its namespaces.
const directory = "/tmp/pkdemo"

func main() {
	flags := flag.NewFlagSet("demo", flag.ExitOnError)
	once := flags.Bool("once", false, "end after showing")
	dir := flags.String("dir", directory, "directory for all files, which must not exist; its last element names the namespaces")
	flags.Usage = func() {
		fmt.Fprintf(flags.Output(), "demo [-once] [-dir DIRECTORY] [down]\n")
		flags.PrintDefaults()
	}
	_ = flags.Parse(os.Args[1:]) // ends the program on an error
	verb := flags.Arg(0)
	if verb == "down" {
		_ = flags.Parse(flags.Args()[1:])
	} else if verb != "" {
		flags.Usage()
		os.Exit(2)
	}
	if os.Geteuid() != 0 {
		fatal(errors.New("this needs root, to make network namespaces, bridges and interfaces"))
	}
	if verb == "down" {
		if err := lab.Cleanup(*dir); err != nil {
			fatal(err)
		}
		fmt.Println("The demo is gone.")
		return
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	if err := run(ctx, *dir, *once); err != nil {
		fatal(err)
	}
}

func fatal(err error) {
	fmt.Fprintln(os.Stderr, "demo:", err)
	os.Exit(1)
}

// failure is what a method of the lab panics with.
type failure struct{ error }

// run shows everything, waits for the end of ctx unless only once is asked for, and takes everything away.
func run(ctx context.Context, dir string, once bool) (err error) {
	bin, err := programs()
	if err != nil {
		return err
	}
	l, err := lab.New(lab.Options{Dir: dir, OwnSignals: true,
		Fatal: func(format string, args ...any) { panic(failure{fmt.Errorf(format, args...)}) }})
	if errors.Is(err, os.ErrExist) {
		return fmt.Errorf("%w (make demo-down)", err)
	}
	if err != nil {
		return err
	}
	out := newScreen(os.Stdout)
	s := &story{screen: out, lab: l, bin: bin}
	defer func() {
		if p := recover(); p != nil {
			f, ok := p.(failure)
			if !ok {
				panic(p)
			}
			err = f
		}
		interrupted := ctx.Err() != nil
		if err != nil && !interrupted && s.cloud != nil {
			out.say("planckd said last:\n%s", s.cloud.Process.Tail(10))
		}
		out.say("Taking everything away ...")
		if closeErr := l.Close(); closeErr != nil {
			err = errors.Join(err, closeErr)
			return
		}
		if interrupted {
			err = nil // what was under way has failed because of it
		}
		out.say("Every process, namespace, bridge and file of the demo is gone.")
	}()
	if err := s.tell(ctx); err != nil {
		return err
	}
	if !once {
		out.say("This stays until Ctrl-C here, or `make demo-down` elsewhere.")
		<-ctx.Done()
	}
	return nil
}

// programs checks for what the demo runs, and returns the directory of Planck's own, which is that of this program.
func programs() (bin string, err error) {
	self, err := os.Executable()
	if err != nil {
		return "", err
	}
	bin = filepath.Dir(self)
	var missing []string
	for _, name := range []string{filepath.Join(bin, "planckd"), filepath.Join(bin, "planckctl"),
		"ovs-vsctl", "ovs-vswitchd", "curl", "jq", "ping", "udhcpc", "dhclient", "tcpdump", "ethtool", "nsenter"} {
		if _, err := exec.LookPath(name); err != nil {
			missing = append(missing, name)
		}
	}
	if len(missing) > 0 {
		return "", fmt.Errorf("not found: %s (`make demo` installs and builds what it needs)", strings.Join(missing, ", "))
	}
	return bin, nil
}
