package model

// ownDatapathIDs is what stands in the upper 16 bits of the datapath ids that Planck gives to the bridges of its nodes.
const ownDatapathIDs = 0x0662

// BridgeDatapathID is the datapath id that Planck gives to a node's bridge. The lower 48 bits are the node's number.
func BridgeDatapathID(node Number) uint64 { return ownDatapathIDs<<48 | uint64(node) }

// ValidateDeclaration checks what can be known without the database of what an operator declares of a physical switch: Hostname, DatapathID,
// and of Switch PhysicalNetwork, Override and Uplinks.
func (n *Node) ValidateDeclaration() error {
	switch {
	case n.DatapathID == 0:
		return invalidAttribute("datapath_id", "0 is no datapath id of a switch")
	case n.DatapathID>>48 == ownDatapathIDs:
		return invalidAttribute("datapath_id", "'%016x' is one of those that Planck gives to nodes' bridges", n.DatapathID)
	case n.Hostname == "":
		return invalidAttribute("name", "a switch needs a name")
	case n.Switch.PhysicalNetwork == "":
		return invalidAttribute("physical_network", "a switch belongs to a physical network")
	}
	if err := firstError(
		validateText("name", n.Hostname, MaxHostLength),
		validateText("physical_network", n.Switch.PhysicalNetwork, MaxPhysicalNetworkName),
		validateText("driver", n.Switch.Override, MaxNameLength),
	); err != nil {
		return err
	}
	ports := map[string]bool{}
	for _, u := range n.Switch.Uplinks {
		if err := firstError(validateText("uplinks", u.Port, MaxNameLength), validateText("uplinks", u.Hostname, MaxHostLength)); err != nil {
			return err
		}
		if u.Port == "" || ports[u.Port] {
			return invalidAttribute("uplinks", "port '%s' is no port, or is there twice", u.Port)
		}
		ports[u.Port] = true
	}
	return nil
}
