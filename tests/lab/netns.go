package lab

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// commandLimit ends a command that hangs, so that a lab fails with a name instead of stalling a whole run.
const commandLimit = 30 * time.Second

// namespace is a network namespace by its name under /run/netns; the empty name is the one we run in.
type namespace string

func (ns namespace) path() string { return filepath.Join("/run/netns", string(ns)) }

// do runs f on a thread inside the namespace. Sockets that f opens and processes that it starts stay there; f must
// not leave the work to other goroutines. This is what nsenter --net does, without another process: the host's
// mounts stay visible, unlike under ip netns exec.
func (ns namespace) do(f func() error) error {
	if ns == "" {
		return f()
	}
	runtime.LockOSThread()
	home, err := os.Open("/proc/thread-self/ns/net")
	if err != nil {
		runtime.UnlockOSThread()
		return err
	}
	defer home.Close()
	target, err := os.Open(ns.path())
	if err != nil {
		runtime.UnlockOSThread()
		return err
	}
	defer target.Close()
	if err := unix.Setns(int(target.Fd()), unix.CLONE_NEWNET); err != nil {
		runtime.UnlockOSThread()
		return fmt.Errorf("enter namespace %s: %w", ns, err)
	}
	defer func() {
		// A thread that cannot come back stays locked: the runtime ends it with its goroutine.
		if unix.Setns(int(home.Fd()), unix.CLONE_NEWNET) == nil {
			runtime.UnlockOSThread()
		}
	}()
	return f()
}

// exec runs one command to its end inside the namespace and returns what it printed on standard output. The error of
// a command that failed carries what it printed on standard error.
func (ns namespace) exec(env []string, stdin, name string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), commandLimit)
	defer cancel()
	var out, errs bytes.Buffer
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Env = append(os.Environ(), env...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(stdin), &out, &errs
	cmd.WaitDelay = time.Second
	if err := ns.do(cmd.Start); err != nil {
		return "", fmt.Errorf("%s: %w", name, err)
	}
	if err := cmd.Wait(); err != nil {
		if ctx.Err() != nil {
			err = fmt.Errorf("still running after %v", commandLimit)
		}
		text := strings.TrimSpace(errs.String())
		if text == "" {
			text = strings.TrimSpace(out.String())
		}
		return out.String(), fmt.Errorf("%s %s: %w: %s", name, strings.Join(args, " "), err, text)
	}
	return out.String(), nil
}

// ip runs ip commands, one a line, in one process; the first that fails ends it.
func (ns namespace) ip(lines ...string) error {
	args := []string{"-batch", "-"}
	if ns != "" {
		args = append([]string{"-n", string(ns)}, args...)
	}
	_, err := namespace("").exec(nil, strings.Join(lines, "\n")+"\n", "ip", args...)
	if err != nil {
		return fmt.Errorf("%w (of: %s)", err, strings.Join(lines, "; "))
	}
	return nil
}

// noIPv6 keeps the kernel's own neighbour and multicast chatter out of captures and counters.
func (ns namespace) noIPv6() error {
	return ns.do(func() error {
		for _, conf := range []string{"all", "default"} {
			if err := os.WriteFile("/proc/sys/net/ipv6/conf/"+conf+"/disable_ipv6", []byte("1"), 0); err != nil {
				if os.IsNotExist(err) {
					return nil // a kernel without IPv6 is silent anyway
				}
				return err
			}
		}
		return nil
	})
}

// sysctl sets one of the kernel's network parameters, by its path under /proc/sys.
func (ns namespace) sysctl(path, value string) error {
	return ns.do(func() error { return os.WriteFile("/proc/sys/"+path, []byte(value), 0) })
}

// noOffload makes interfaces carry whole, checksummed packets: the userspace datapath passes on what it reads, and a
// checksum left to a NIC that does not exist is wrong for TCP and UDP (ping works all the same).
func (ns namespace) noOffload(interfaces ...string) error {
	for _, i := range interfaces {
		_, err := ns.exec(nil, "", "ethtool", "-K", i, "tx", "off", "rx", "off", "sg", "off", "tso", "off", "gso", "off", "gro", "off")
		if err != nil {
			return err
		}
	}
	return nil
}
