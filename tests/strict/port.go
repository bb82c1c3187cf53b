package strict

import (
	"cmp"
	"maps"
	"slices"
)

// Reasons of a port status (OpenFlow 1.3.5, 7.4.3).
const (
	portAdded    = 0
	portDeleted  = 1
	portModified = 2
)

// encode is an ofp_port (OpenFlow 1.3.5, 7.2.1).
func (p *port) encode(b []byte) []byte {
	b = put32(put32(b, p.Number), 0)
	b = append(append(b, p.MAC[:]...), 0, 0)
	b = append(b, fixedText(p.Name, 16)...)
	const linkDown, live = 1 << 0, 1 << 2
	state := uint32(live)
	if p.down {
		state = linkDown
	}
	b = put32(put32(b, 0), state)
	return append(b, make([]byte, 24)...) // speeds and features: not told
}

func (s *Switch) tellPort(reason uint8, p *port) {
	b := append([]byte{reason, 0, 0, 0, 0, 0, 0, 0}, p.encode(nil)...)
	s.tell(asyncPortStatus, reason, message(typePortStatus, 0, b))
}

func (s *Switch) sortedPorts() []*port {
	return slices.SortedFunc(maps.Values(s.ports), func(a, b *port) int { return cmp.Compare(a.Number, b.Number) })
}

// SetLink takes the link of a port away, or gives it back.
func (s *Switch) SetLink(number uint32, up bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if p := s.ports[number]; p.down == up {
		p.down = !up
		s.tellPort(portModified, p)
	}
}

// AddPort plugs in a port.
func (s *Switch) AddPort(added Port) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := &port{Port: added}
	s.ports[added.Number] = p
	s.tellPort(portAdded, p)
}

// RemovePort takes a port out.
func (s *Switch) RemovePort(number uint32) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.ports[number]
	delete(s.ports, number)
	s.tellPort(portDeleted, p)
}
