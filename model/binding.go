package model

import (
	"slices"
	"strings"
)

// BindingVIFType computes binding:vif_type of a port with the given binding:host_id. node is what is known under
// that host name, nil when nothing is: never reported or declared gone. Whether the node is connected plays no part.
func BindingVIFType(hostID string, node *Node, network *Network) string {
	switch {
	case hostID == "":
		return VIFTypeUnbound
	case node == nil:
		return VIFTypeBindingFailed
	case network.PhysicalNetwork == "":
		return VIFTypeOVS
	}
	if _, ok := node.Mapping(network.PhysicalNetwork); !ok {
		return VIFTypeBindingFailed
	}
	return VIFTypeOVS
}

// Place fills in what follows from a binding's host: node is what is known under that name, as for BindingVIFType.
func Place(b *Binding, node *Node, network *Network) {
	b.VIFType, b.DatapathType = BindingVIFType(b.HostID, node, network), ""
	if node != nil {
		b.DatapathType = node.DatapathType
	}
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
