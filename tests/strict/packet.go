package strict

import (
	"github.com/planck-sdn/planck/model/flow"
	"github.com/planck-sdn/planck/southbound/openflow/oxm"
)

// sent is a frame that leaves by a port.
type sent struct {
	port  uint32
	frame []byte
}

// Receive is a frame that comes in by a port.
func (s *Switch) Receive(in uint32, frame []byte) {
	s.send(s.input(in, frame))
}

func (s *Switch) send(frames []sent) {
	if s.output == nil {
		return
	}
	for _, f := range frames {
		s.output(f.port, f.frame)
	}
}

// input executes a frame that came in, and returns what leaves.
func (s *Switch) input(in uint32, frame []byte) []sent {
	s.mu.Lock()
	defer s.mu.Unlock()
	if p := s.ports[in]; p == nil || p.down {
		return nil
	}
	return s.pipeline(in, frame)
}

func (s *Switch) pipeline(in uint32, frame []byte) []sent {
	s.inForce.frame = len(frame)
	result, err := s.inForce.executes.Execute(flow.Input{Frame: frame, InPort: in})
	if err != nil {
		return nil
	}
	return s.emit(result.Emissions)
}

// emit sends up what is for the controller, and returns what leaves by ports that are up.
func (s *Switch) emit(emissions []flow.Emission) (frames []sent) {
	for _, e := range emissions {
		if e.PacketIn != nil {
			s.packetIn(e.PacketIn)
		} else if p := s.ports[e.Port]; p != nil && !p.down {
			frames = append(frames, sent{e.Port, e.Frame})
		}
	}
	return frames
}

// packetIn sends a packet-in (OpenFlow 1.3.5, 7.4.1).
func (s *Switch) packetIn(p *flow.PacketIn) {
	match := flow.Match{flow.Exact(flow.InPort, uint64(p.InPort))}
	if p.Metadata != 0 {
		match = append(match, flow.Exact(flow.Metadata, p.Metadata))
	}
	b := put32(nil, noBuffer)
	b = put16(b, uint16(len(p.Data)))
	b = append(b, p.Reason, p.Table)
	b = put64(b, uint64(p.Cookie))
	b = append(oxm.AppendMatch(b, match), 0, 0)
	s.tell(asyncPacketIn, p.Reason, message(typePacketIn, 0, append(b, p.Data...)))
}

// packetOut does a packet-out (OpenFlow 1.3.5, 7.3.7), and returns what leaves.
func (s *Switch) packetOut(b []byte) ([]sent, error) {
	const fixed = 16
	if len(b) < fixed || len(b) < fixed+int(be16(b[8:])) {
		return nil, badLength
	}
	if be32(b) != noBuffer {
		return nil, bufferUnknown
	}
	in := be32(b[4:])
	if s.ports[in] == nil && in != flow.PortController {
		return nil, badPort
	}
	end := fixed + int(be16(b[8:]))
	list, err := s.readActions(b[fixed:end], true)
	if err != nil {
		return nil, err
	}
	frame := b[end:]
	if len(frame) < 14 {
		return nil, badPacket
	}
	// What is for the tables leaves by a port that nobody has, and goes to them.
	const aside = 0xfffffe00
	for i, a := range list {
		if a == flow.Action(flow.Output{Port: flow.PortTable}) {
			list[i] = flow.Output{Port: aside}
		}
	}
	for _, a := range list {
		if g, ok := a.(flow.ToGroup); ok && s.inForce.groups[g.ID] == nil && s.accepted.groups[g.ID] != nil {
			return nil, nil // it is not in force yet
		}
	}
	s.inForce.frame = len(frame)
	result, err := s.inForce.executes.Send(flow.PacketOut{InPort: in, Actions: list, Data: frame})
	if err != nil {
		return nil, asRefusal(err.Error())
	}
	var frames []sent
	for _, e := range result.Emissions {
		if e.Port == aside {
			frames = append(frames, s.pipeline(in, e.Frame)...)
		} else {
			frames = append(frames, s.emit([]flow.Emission{e})...)
		}
	}
	return frames, nil
}
