package model

import (
	"fmt"
	"slices"
	"strings"
)

// Place fills in what follows from a binding's host, and gives the reason why it fails, or nothing. node is what is known under that host
// name, nil when nothing is: never reported or declared gone. Whether the node is connected plays no part. Bindings of bare metal do not
// follow from their host: see Cabling.
func Place(b *Binding, node *Node, network *Network) (reason string) {
	b.VIFType, b.DatapathType = VIFTypeOVS, ""
	if node != nil {
		b.DatapathType = node.DatapathType
	}
	switch {
	case b.HostID == "":
		b.VIFType = VIFTypeUnbound
		return ""
	case node == nil:
		reason = fmt.Sprintf("no node has the hostname %s", b.HostID)
	case node.Switch != nil:
		reason = fmt.Sprintf("%s is a physical switch: only ports with binding:vnic_type %s can be bound there", b.HostID, VNICTypeBareMetal)
	case network.PhysicalNetwork != "":
		if _, ok := node.Mapping(network.PhysicalNetwork); !ok {
			reason = fmt.Sprintf("node %s has no bridge for the physical network %s", b.HostID, network.PhysicalNetwork)
		}
	}
	if reason != "" {
		b.VIFType = VIFTypeBindingFailed
	}
	return reason
}

// TakesSeveralBindings tells whether the port may be bound on several hosts, as while a server migrates: those of
// servers and of shared file systems, as in Neutron.
func (p *Port) TakesSeveralBindings() bool {
	return strings.HasPrefix(p.DeviceOwner, "compute:") || strings.HasPrefix(p.DeviceOwner, "manila:")
}

// ActiveBinding is the binding that binding:host_id and the rest of the port's attributes say.
func (p *Port) ActiveBinding() Binding {
	return Binding{HostID: p.HostID, VNICType: p.VNICType, VIFType: p.VIFType, DatapathType: p.DatapathType, Profile: p.Profile}
}

// SetActiveBinding is the reverse of ActiveBinding.
func (p *Port) SetActiveBinding(b Binding) {
	p.HostID, p.VNICType, p.VIFType, p.DatapathType, p.Profile = b.HostID, b.VNICType, b.VIFType, b.DatapathType, b.Profile
}

// InactiveOn finds the port's inactive binding on a host: its index in InactiveBindings, -1 if there is none.
func (p *Port) InactiveOn(host string) int {
	return slices.IndexFunc(p.InactiveBindings, func(b Binding) bool { return b.HostID == host })
}
