package ovsdb

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
)

// ParseMappings parses "physnet:bridge,physnet:bridge", the form of external_ids:planck-bridge-mappings, into bridges
// by physical network. Neither a physical network nor a bridge may stand twice: two patches to one bridge would join
// the networks. Empty text is no mappings.
func ParseMappings(s string) (map[string]string, error) {
	mappings := map[string]string{}
	used := map[string]string{}
	for item := range strings.SplitSeq(s, ",") {
		item = strings.TrimSpace(item)
		if item == "" {
			continue
		}
		physnet, bridge, ok := strings.Cut(item, ":")
		physnet, bridge = strings.TrimSpace(physnet), strings.TrimSpace(bridge)
		if !ok || physnet == "" || bridge == "" || strings.Contains(bridge, ":") {
			return nil, fmt.Errorf("bridge mapping %.64q is not of the form physical network:bridge", item)
		}
		if _, twice := mappings[physnet]; twice {
			return nil, fmt.Errorf("physical network %.64q is mapped twice", physnet)
		}
		if other, twice := used[bridge]; twice {
			return nil, fmt.Errorf("bridge %.64q is mapped to both %.64q and %.64q", bridge, other, physnet)
		}
		mappings[physnet], used[bridge] = bridge, physnet
	}
	return mappings, nil
}

// maxInterfaceName is Linux's IFNAMSIZ less the terminating NUL.
const maxInterfaceName = 15

// patchNames are the names of the two patch ports for a physical network: on the integration bridge, and on the bridge
// that the network is mapped to. A name that would be too long or hold an unusual character is replaced by a hash,
// after a dot, which no plain name holds.
func patchNames(physnet string) (inner, outer string) {
	const room = maxInterfaceName - len("int-")
	suffix := "-" + physnet
	if len(physnet) > room || strings.ContainsFunc(physnet, unusual) {
		sum := sha256.Sum256([]byte(physnet))
		suffix = "." + hex.EncodeToString(sum[:])[:room]
	}
	return "int" + suffix, "phy" + suffix
}

func unusual(c rune) bool {
	return (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '-' && c != '_'
}
