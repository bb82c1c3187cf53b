package model

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
