package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/planck-sdn/planck/northbound/admin"
)

// switches asks for all physical switches.
func (t *tool) switches(ctx context.Context) ([]admin.Switch, error) {
	var answer struct{ Switches []admin.Switch }
	err := t.client.get(ctx, request{path: adminPath("switches")}, &answer)
	return answer.Switches, err
}

// drivers asks for all drivers.
func (t *tool) drivers(ctx context.Context) ([]admin.Driver, error) {
	var answer struct{ Drivers []admin.Driver }
	err := t.client.get(ctx, request{path: adminPath("drivers")}, &answer)
	return answer.Drivers, err
}

// portName is a port of a switch as people call it.
func portName(number uint32, name string) string {
	if name == "" {
		return "port " + count(number)
	}
	return fmt.Sprintf("port %d (%s)", number, name)
}

func linkEnd(e admin.LinkEnd) string { return e.Node + " " + portName(e.Port, e.Name) }

// outsideOr is the name of a node behind an uplink.
func outsideOr(hostname string) string {
	if hostname == "" {
		return "outside"
	}
	return hostname
}

// use is how much of something limited is used; limit 0: it is not known.
func use(used int, limit uint32) string {
	if limit == 0 {
		return count(used)
	}
	return fmt.Sprintf("%d of %d", used, limit)
}

// tree says what a link is for.
func tree(l admin.SwitchLink) string {
	switch {
	case !l.Up:
		return "down"
	case l.InTree:
		return "in the tree"
	}
	return "waits"
}

// hosts are the ports of bare metal at a port of a switch.
func hosts(list []admin.SwitchHost) string {
	words := make([]string, len(list))
	for i, h := range list {
		words[i] = nameOr(h.Name, h.PortID)
		if h.Tag != 0 {
			words[i] += fmt.Sprintf(" (tag %d)", h.Tag)
		}
	}
	return strings.Join(words, ", ")
}
