package e2e

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/planck-sdn/planck/tests/lab"
	"github.com/planck-sdn/planck/tests/nova"
)

const novaServer = "0c5a8f3e-58d9-4f0c-9c39-3a1b7a1c1f11"

// serveNova starts a Nova beside planckd, at an address that is free or was one's before.
func (c *Cloud) serveNova(n *nova.Nova, address string) (stop func()) {
	c.t.Helper()
	l, err := c.Lab.ListenController(address)
	if err != nil {
		c.t.Fatal(err)
	}
	s := &http.Server{Handler: http.StripPrefix("/v2.1", n)}
	go func() { _ = s.Serve(l) }()
	c.t.Cleanup(func() { _ = s.Close() })
	return func() { _ = s.Close() }
}

// TestNovaIsTold: Nova is told what happens to a server's port: plugged after it is ACTIVE, other addresses, plugged where it will
// migrate to, unplugged, deleted; what happens while Nova is away, and planckd is killed, it is told later.
func TestNovaIsTold(t *testing.T) {
	for _, database := range Databases {
		t.Run(string(database), func(t *testing.T) {
			const address = "127.0.0.1:8774"
			c := Start(t, Options{Database: database, Flags: []string{"--nova-endpoint", "http://" + address + "/v2.1/"}})
			compute := &nova.Nova{}
			stop := c.serveNova(compute, address)
			nodes := c.AddNodes("compute1", "compute2")
			net := c.CreateNetwork("net", nil)
			subnet := c.CreateSubnet(net, "10.1.0.0/24", nil)
			p := c.CreatePort(net, "vm", Attrs{"device_owner": "compute:nova", "device_id": novaServer, "binding:host_id": "compute1"})
			var want []nova.Event
			told := func(what string, names ...string) {
				t.Helper()
				for _, name := range names {
					want = append(want, nova.Event{Name: "network-" + name, ServerUUID: novaServer, Tag: p.ID, Status: "completed"})
				}
				lab.Eventually(t, limit, what+": Nova is told", func() error {
					if got := compute.Events(); !slices.Equal(got, want) {
						return fmt.Errorf("it was told %v, expected %v", got, want)
					}
					return nil
				})
			}
			other := c.Boot(nodes[1], c.CreatePort(net, "other", nil)) // of nobody's server
			c.UpdatePort(p.ID, Attrs{"name": "renamed"})
			vm := c.Boot(nodes[0], p)
			told("booted", "vif-plugged")
			c.UpdatePort(p.ID, Attrs{"fixed_ips": []Attrs{{"subnet_id": subnet.ID, "ip_address": p.IP()}, {"subnet_id": subnet.ID}}})
			told("one address more", "changed")

			c.CreateBinding(p.ID, "compute2")
			vm.PrepareMove(nodes[1])
			told("in place where it will migrate to", "vif-plugged")
			c.ActivateBinding(p.ID, "compute2")
			vm.Move(nodes[1])
			c.WaitActive(p.ID)
			told("migrated", "vif-unplugged", "vif-plugged")
			c.DeleteBinding(p.ID, "compute1")
			vm.FinishMove(nodes[0])
			c.WaitConverged()

			stop()
			vm.Unplug()
			c.WaitDown(p.ID)
			c.Planckd.Kill()
			c.Planckd.Start()
			c.DeletePort(p.ID)
			c.DeletePort(other.Port.ID)
			if got := compute.Events(); !slices.Equal(got, want) {
				t.Errorf("Nova, which is away, was told %v", got)
			}
			lab.Eventually(t, limit, "planckd says that Nova is away", func() error {
				if tail := c.Planckd.Process().Tail(100); !strings.Contains(tail, "events not sent to Nova") {
					return errors.New(tail)
				}
				return nil
			})
			c.serveNova(compute, address)
			told("unplugged and deleted while Nova was away", "vif-unplugged", "vif-deleted")
		})
	}
}
