package model

// VXLANOverhead is what VXLAN over IPv4 takes of the underlay's MTU: outer IPv4 20, UDP 8, VXLAN 8 and the inner
// Ethernet header 14 bytes (RFC 7348, 5).
const VXLANOverhead = 50

// MaxVNI is the largest VXLAN network identifier, and the largest NetworkKey.
const MaxVNI = 1<<24 - 1

// MaxVLAN is the largest VLAN id that a network can have (IEEE 802.1Q, 9.6; 4095 is reserved).
const MaxVLAN = 4094

// MaxMTU is the largest IP packet in bytes that a network of the given type carries over an underlay whose IP
// packets have at most underlayMTU bytes.
func MaxMTU(networkType string, underlayMTU int) int {
	if networkType == NetworkVXLAN {
		return underlayMTU - VXLANOverhead
	}
	return underlayMTU
}

// Validate checks everything that can be known without the database. A SegmentationID of 0 on a vxlan or vlan
// network stands for "any", as it does before the database has picked one.
func (n *Network) Validate(underlayMTU int) error {
	return firstError(
		validateText("name", n.Name, MaxNameLength),
		validateText("description", n.Description, MaxDescriptionLength),
		validateDNSDomain("dns_domain", n.DNSDomain),
		validateTags(n.Tags),
		n.validateProvider(),
		n.validateMTU(underlayMTU),
	)
}

func (n *Network) validateMTU(underlayMTU int) error {
	if n.MTU < MinMTU {
		return invalidInput("Requested MTU is too small, minimum is %d", MinMTU)
	}
	if limit := MaxMTU(n.NetworkType, underlayMTU); n.MTU > limit {
		return invalidInput("Requested MTU is too big, maximum is %d", limit)
	}
	return nil
}

func (n *Network) validateProvider() error {
	if err := validateText("provider:physical_network", n.PhysicalNetwork, MaxPhysicalNetworkName); err != nil {
		return err
	}
	switch n.NetworkType {
	case NetworkVXLAN:
		if n.PhysicalNetwork != "" {
			return invalidInput("provider:physical_network specified for %s network", n.NetworkType)
		}
		return n.validateSegmentationID(MaxVNI)
	case NetworkVLAN:
		if n.PhysicalNetwork == "" {
			return invalidInput("segmentation_id requires physical_network for VLAN provider network")
		}
		return n.validateSegmentationID(MaxVLAN)
	case NetworkFlat:
		if n.PhysicalNetwork == "" {
			return invalidInput("physical_network required for flat provider network")
		}
		if n.SegmentationID != 0 {
			return invalidInput("segmentation_id specified for flat network")
		}
		return nil
	}
	return invalidInput("network_type value '%s' not supported", n.NetworkType)
}

func (n *Network) validateSegmentationID(limit uint32) error {
	if n.SegmentationID > limit {
		return invalidInput("segmentation_id out of range (1 through %d)", limit)
	}
	return nil
}
