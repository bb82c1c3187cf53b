package e2e

import (
	"fmt"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/planck-sdn/planck/tests/lab"
)

// Witness watches which of the tests' frames come in by a VM's interface. Frames without a name do not count: kernels
// send them by themselves, such as ARP for a neighbour that has not been heard of for some time.
type Witness struct {
	vm      *VM
	capture *lab.Capture
	passed  int             // how many frames the last Got has dealt with
	settled map[string]bool // marks that were waited for here
}

// marks numbers the marks of Settle.
var marks atomic.Uint64

// unreachable is what a kernel says of a Frame that nobody listens to.
const unreachable = "(icmp and icmp[icmptype] == icmp-unreach)"

// Watch begins to watch, with a filter of tcpdump's ("" for everything) for the frames that come in.
func (v *VM) Watch(filter string) *Witness {
	v.cloud.t.Helper()
	if filter != "" {
		filter = " and (" + filter + ")"
	}
	return &Witness{vm: v, capture: v.Capture("inbound and not " + unreachable + filter), settled: map[string]bool{}}
}

func (w *Witness) frames() []lab.Frame {
	w.vm.cloud.t.Helper()
	frames, err := w.capture.Frames()
	if err != nil {
		w.vm.cloud.t.Fatalf("%s: %v", w.vm.Name, err)
	}
	return frames
}

// Names are the names of the frames that came in since the last Got, sorted, but for the marks of Settle.
func (w *Witness) Names() []string {
	w.vm.cloud.t.Helper()
	var names []string
	for _, f := range w.frames()[w.passed:] {
		if name := nameOf(f); name != "" && !w.settled[name] {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// Await waits until a frame of that name has come in.
func (w *Witness) Await(name string) {
	w.vm.cloud.t.Helper()
	lab.Eventually(w.vm.cloud.t, limit, fmt.Sprintf("%s gets %q", w.vm.Name, name), func() error {
		if names := w.Names(); !slices.Contains(names, name) {
			return fmt.Errorf("it got %q", names)
		}
		return nil
	})
}

// Got fails the test unless exactly these frames came in, in any order, since the beginning or the last Got. What is
// still on its way is not waited for: see Settle.
func (w *Witness) Got(names ...string) {
	w.vm.cloud.t.Helper()
	names = slices.Sorted(slices.Values(names))
	if got := w.Names(); !slices.Equal(got, names) {
		w.vm.cloud.t.Errorf("%s got\n\t%s\nexpected\n\t%s", w.vm.Name, strings.Join(got, "\n\t"), strings.Join(names, "\n\t"))
	}
	w.passed = len(w.frames())
}

// Settle sends a broadcast that must reach the witnesses, and another one once it has: then all that was sent before it
// has come in, or never will. (One is not enough: within a batch, the userspace datapath executes packets that need an upcall
// before those that do not.)
func (v *VM) Settle(witnesses ...*Witness) {
	v.cloud.t.Helper()
	for range 2 {
		mark := fmt.Sprintf("mark %d of %s", marks.Add(1), v.Name)
		v.SendFrames(v.IPv4Broadcast(mark))
		for _, w := range witnesses {
			w.Await(mark)
			w.settled[mark] = true
		}
	}
}
