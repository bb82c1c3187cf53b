package verify

import (
	"maps"
	"net/netip"
	"slices"

	"github.com/planck-sdn/planck/model"
	"github.com/planck-sdn/planck/model/topology"
)

// membership is who has to be reached in a network, wherever it is asked.
type membership struct {
	members   []member
	addresses []uint64         // MAC addresses of members, in order
	macs      map[uint64][]int // who gets what is sent to one of them
	nodes     []model.Number   // that have ports of the network
}

// member is a port that is attached somewhere.
type member struct {
	*model.Port
	at        topology.Attachment // where others reach it; Active is false if nobody does
	addresses []netip.Addr        // IPv4, that are its alone
}

// membersOf reads a network, once.
func (i *Intent) membersOf(n *model.Network) *membership {
	i.mu.Lock()
	defer i.mu.Unlock()
	if m, known := i.networks[n.Number]; known {
		return m
	}
	m := &membership{macs: map[uint64][]int{}, nodes: i.view.PresentOn(n.Number)}
	i.networks[n.Number] = m
	i.view.PortsOf(n.Number, func(number model.Number) {
		p := i.view.Port(number)
		if at, ok := i.view.Location(number); ok {
			m.members = append(m.members, member{p, at, i.alone(n, p)})
			for _, mac := range macsOf(p) {
				m.macs[mac] = append(m.macs[mac], len(m.members)-1)
			}
		}
	})
	m.addresses = slices.Sorted(maps.Keys(m.macs))
	return m
}

func macsOf(p *model.Port) []uint64 {
	macs := []uint64{p.MAC.Uint64()}
	for _, pair := range p.AllowedAddressPairs {
		if mac := pair.MAC.Uint64(); !slices.Contains(macs, mac) {
			macs = append(macs, mac)
		}
	}
	return macs
}

// alone lists the addresses that a port has and no other.
func (i *Intent) alone(n *model.Network, p *model.Port) []netip.Addr {
	var list []netip.Addr
	for _, f := range p.FixedIPs {
		c := i.view.ClaimsOf(n.Number, f.IPAddress)
		if f.IPAddress.Is4() && len(c) == 1 && c[0].Port.Number == p.Number && c[0].MAC != (model.MAC{}) {
			list = append(list, f.IPAddress)
		}
	}
	return list
}
