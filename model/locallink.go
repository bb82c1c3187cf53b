package model

import (
	"encoding/json"
	"fmt"
)

// VIFTypeOther is the binding:vif_type of a port that hangs on a physical switch: there is nothing to be plugged.
const VIFTypeOther = "other"

// LocalLink is where a bare-metal port hangs: binding:profile's local_link_information, one element of it.
type LocalLink struct {
	SwitchID string // datapath id or MAC address
	PortID   string // name or number of the switch's port
	// Tag is the VLAN id with which the host sends and gets the port's frames, binding:profile's "tag"; 0: without a tag.
	Tag uint32
}

// LocalLinkOf reads a binding:profile. false: it names no link. The error says in words what is wrong with it.
func LocalLinkOf(profile map[string]any) (link LocalLink, given bool, err error) {
	information, given := profile["local_link_information"]
	if !given {
		return LocalLink{}, false, nil
	}
	list, ok := information.([]any)
	switch {
	case !ok:
		return LocalLink{}, true, fmt.Errorf("local_link_information is not a list")
	case len(list) == 0:
		return LocalLink{}, false, nil
	case len(list) > 1:
		return LocalLink{}, true, fmt.Errorf("local_link_information has %d links: bonds are not supported", len(list))
	}
	one, ok := list[0].(map[string]any)
	if !ok {
		return LocalLink{}, true, fmt.Errorf("a link of local_link_information is not an object")
	}
	if link.SwitchID, ok = one["switch_id"].(string); !ok || link.SwitchID == "" {
		return LocalLink{}, true, fmt.Errorf("local_link_information has no switch_id")
	}
	switch port := one["port_id"].(type) {
	case string:
		link.PortID = port
	case json.Number:
		link.PortID = port.String()
	case float64:
		link.PortID = fmt.Sprint(port)
	}
	if link.PortID == "" {
		return LocalLink{}, true, fmt.Errorf("local_link_information has no port_id")
	}
	if tag, given := profile["tag"]; given {
		if link.Tag, ok = vlanID(tag); !ok {
			return LocalLink{}, true, fmt.Errorf("tag is not a VLAN id from 1 to 4094")
		}
	}
	return link, true, nil
}

func vlanID(v any) (uint32, bool) {
	var n float64
	switch v := v.(type) {
	case float64:
		n = v
	case json.Number:
		var err error
		if n, err = v.Float64(); err != nil {
			return 0, false
		}
	default:
		return 0, false
	}
	if n != float64(int(n)) || n < 1 || n > 4094 {
		return 0, false
	}
	return uint32(n), true
}

// IsBareMetal tells whether the port is that of a server which hangs on a physical switch.
func (p *Port) IsBareMetal() bool { return p.VNICType == VNICTypeBareMetal }
