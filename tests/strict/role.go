package strict

// Roles of controllers (OpenFlow 1.3.5, 6.3.6 and 7.3.9).
const (
	roleNoChange = iota
	roleEqual
	roleMaster
	roleSlave
)

func (k *conn) roleRequest(m, b []byte) error {
	s, role, generation := k.s, be32(b), be64(b[8:])
	switch role {
	case roleMaster, roleSlave:
		if s.hadGeneration && int64(generation-s.generation) < 0 {
			return roleStale
		}
		s.generation, s.hadGeneration = generation, true
		if role == roleMaster {
			for other := range s.conns {
				if other.role == roleMaster {
					other.role = roleSlave
				}
			}
		}
		k.role = role
	case roleEqual:
		k.role = role
	case roleNoChange:
	default:
		return roleBad
	}
	generation = ^uint64(0) // none yet
	if s.hadGeneration {
		generation = s.generation
	}
	k.reply(typeRole+1, m, put64(put32(put32(nil, k.role), 0), generation))
	return nil
}

// Kinds of messages that controllers did not ask for one by one: where their masks are in conn.async.
const (
	asyncPacketIn    = 0
	asyncPortStatus  = 2
	asyncFlowRemoved = 4
)

// asyncDefault is what a controller is told that has not said what it wants (OpenFlow 1.3.5, 6.3.6).
var asyncDefault = [6]uint32{0b011, 0, 0b111, 0b111, 0b1111, 0}

func (k *conn) asyncConfig() (b []byte) {
	for _, mask := range k.async {
		b = put32(b, mask)
	}
	return b
}

// tell sends a message to the controllers that want it.
func (s *Switch) tell(kind int, reason uint8, m []byte) {
	for k := range s.conns {
		mask := k.async[kind]
		if k.role == roleSlave {
			mask = k.async[kind+1]
		}
		if mask>>reason&1 != 0 {
			k.push(m, true)
		}
	}
}
