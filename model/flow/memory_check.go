package flow

// Highest numbers (OpenFlow 1.3.5, A.3.4.2 and A.3.4.4: OFPG_MAX, OFPM_MAX; Open vSwitch's own meters end earlier).
const (
	maxGroup = 0xffffff00
	maxMeter = 0xffff0000
	maxPort  = 0xffffff00
)

// known is what an entry's match says of the packets that it meets, as far as prerequisites need it.
type known struct {
	ether, proto uint64 // 0: not known, for both are no values that something depends on
	tags         int    // VLAN tags that are certainly there
	invalid      bool   // conntrack takes it for that
	tracked      bool   // conntrack has an original tuple for it
	ctProto      uint64 // of that; 0: not known
	later        bool   // it is a fragment without ports
}

// allows tells whether the prerequisites of f are there (OpenFlow 1.3.5, 7.2.3.8; Nicira's nw_ttl as in Open vSwitch).
// Only IPv4 will do: parse does not read IPv6, and a match that it cannot answer is better refused.
func (k known) allows(f Field) bool {
	ip := k.ether == etherIPv4
	switch f {
	case VLANPCP:
		return k.tags > 0
	case IPProto, IPDSCP, IPTTL, IPv4Src, IPv4Dst:
		return ip
	case IPFrag:
		return ip
	case CTProto, CTSrc, CTDst, CTSrcPort, CTDstPort:
		return k.tracked
	case TCPSrc, TCPDst:
		return ip && k.proto == protoTCP && !k.later
	case UDPSrc, UDPDst:
		return ip && k.proto == protoUDP && !k.later
	case ICMPType, ICMPCode:
		return ip && k.proto == protoICMP && !k.later
	case ARPOp, ARPSPA, ARPTPA, ARPSHA, ARPTHA:
		return k.ether == etherARP || k.ether == etherRARP
	}
	return true
}

func (s *Switch) checkEntry(e *Entry) error {
	switch {
	case e.Table == maxTable+1:
		return errPermission
	case e.Table > maxTable:
		return errFlowTable
	case e.HasGoto && (e.Goto <= e.Table || e.Goto > maxTable):
		return errInstructionTable
	}
	k, err := s.checkMatch(e.Match)
	if err != nil {
		return err
	}
	if err := s.checkMeter(e.Meter); err != nil {
		return err
	}
	if err := s.checkActions(e.Apply); err != nil {
		return err
	}
	if holdsConjunctions(e) && (e.Meter != 0 || e.MetadataMask != 0 || e.HasGoto) {
		return errConjunction
	}
	for _, a := range e.Apply {
		if err := k.follow(a); err != nil {
			return err
		}
	}
	return nil
}

// checkActions refuses lists, of an entry or a packet-out, that the switch cannot do whatever the packet.
func (s *Switch) checkActions(list []Action) error {
	for _, a := range list {
		if err := s.checkAction(a); err != nil {
			return err
		}
		if g, ok := a.(ToGroup); ok {
			if _, exists := s.groups[g.ID]; !exists {
				return errOutGroup
			}
		}
		if isConjunction(a) != isConjunction(list[0]) {
			return errConjunction
		}
	}
	return nil
}

func (s *Switch) checkMeter(id uint32) error {
	if _, exists := s.meters[id]; id != 0 && !exists {
		return errMeterInvalid
	}
	return nil
}

// checkMatch refuses fields and masks that the switch does not have, and missing prerequisites.
func (s *Switch) checkMatch(m Match) (known, error) {
	var k known
	for i, f := range m {
		info, ok := f.Field.Info()
		switch {
		case !ok || s.config.Standard && info.Class != ClassBasic:
			return k, errMatchField
		case i > 0 && m[i-1].Field == f.Field:
			return k, errMatchDuplicate
		case f.Mask != f.Field.AllOnes() && (!info.Maskable || s.config.Standard && transportPort(f.Field)):
			return k, errMatchMask
		case !k.allows(f.Field): // prerequisites come first in the order of fields
			return k, errMatchPrerequisite
		case f.Field == ARPOp && f.Value > 0xff:
			return k, errMatchValue
		case (f.Field == CTSrcPort || f.Field == CTDstPort) && k.ctProto == 0, f.Field == CTProto && f.Value == 0:
			return k, errMatchPrerequisite // Open vSwitch takes it, but does not tell it when it is asked for its entries
		}
		switch f.Field {
		case EthType:
			k.ether = f.Value
		case IPProto:
			k.proto = f.Value
		case CTState:
			k.tracked, k.invalid = originalKnown(f), f.Value&CTInvalid != 0
		case CTProto:
			k.ctProto = f.Value
		case IPFrag:
			k.later = f.Value&FragLater != 0
		case VLANVID:
			if f.Value&vidPresent != 0 {
				k.tags = 1
			}
		}
	}
	for _, f := range m {
		if (f.Field == CTSrc || f.Field == CTDst) && k.ether != etherIPv4 {
			return k, errInconsistent
		}
	}
	return k, nil
}

// originalKnown tells whether conntrack knows the original tuples of all packets with these bits of ct_state, as Open vSwitch sees it
// (is_ct_valid in lib/flow.h).
func originalKnown(state FieldMatch) bool {
	const of = CTNew | CTEstablished | CTRelated | CTReply | ctSourceNAT | ctDestinationNAT
	return state.Value&of != 0 || state.Value&CTTracked != 0 && state.Mask&^state.Value&CTInvalid != 0
}

// transportPort tells whether f is a port of TCP or UDP, which Open vSwitch can mask and OpenFlow cannot.
func transportPort(f Field) bool { return f == TCPSrc || f == TCPDst || f == UDPSrc || f == UDPDst }

// checkAction refuses what the switch cannot do to any packet.
func (s *Switch) checkAction(a Action) error {
	switch a := a.(type) {
	case Output:
		if _, reserved := portNames[a.Port]; reserved || a.Port > maxPort {
			if a.Port != PortInPort && a.Port != PortController && a.Port != PortLocal {
				return errOutPort
			}
		}
		if a.Port == 0 {
			return errOutPort
		}
	case ToGroup, PushVLAN, PopVLAN, DecTTL:
	case SetField:
		return s.checkSetField(a)
	case Move:
		switch {
		case s.config.Standard:
			return errActionExperimenter
		case a.Bits < 1 || a.Bits > a.From.moveBits() || a.Bits > a.To.moveBits() || !a.To.writable():
			return errActionArgument
		}
	case Resubmit:
		if s.config.Standard {
			return errActionExperimenter
		}
	case Punt:
		if s.config.Standard {
			return errActionExperimenter
		}
		// Open vSwitch accepts an unknown meter here, and then limits nothing.
		return s.checkMeter(a.Meter)
	case Conntrack:
		switch {
		case s.config.Standard:
			return errActionExperimenter
		case a.Next > maxTable && a.Next != NoTable, a.NAT == NATSource && (!a.Commit || a.Addr == 0):
			// Open vSwitch takes the address 0 for none.
			return errActionArgument
		case a.Next == NoTable && a.NAT != NATNone:
			return errActionArgument // Open vSwitch would translate the packet, but go on as if it had not
		case a.ZoneFrom != 0 && a.ZoneFrom.moveBits() < zoneBits:
			return errActionArgument
		}
	case Conjunction:
		switch {
		case s.config.Standard:
			return errActionExperimenter
		case a.Clause < 1 || a.Clause > a.Clauses || a.Clauses < 2 || a.Clauses > 64:
			return errConjunction
		}
	case CheckLarger:
		switch {
		case s.config.Standard:
			return errActionExperimenter
		case int(a.Bit) >= a.To.moveBits():
			return errActionArgument
		case !a.To.writable():
			return errSetArgument
		}
	default:
		return errActionType
	}
	return nil
}

func (s *Switch) checkSetField(a SetField) error {
	info, ok := a.Field.Info()
	all := a.Mask == a.Field.AllOnes()
	switch {
	case s.config.Standard && !all:
		return errActionExperimenter
	case !ok, s.config.Standard && (info.Class != ClassBasic || a.Field == InPort || a.Field == Metadata):
		return errSetType
	case !a.Field.writable(), a.Mask == 0, a.Value&^a.Mask != 0:
		return errSetArgument
	case all && a.Field == VLANVID && a.Value&vidPresent == 0, a.Field == ARPOp && a.Value > 0xff,
		a.Field == InPort && (!all || !isPort(a.Value)):
		return errSetArgument
	}
	return nil
}

// writable tells whether actions can change f.
func (f Field) writable() bool {
	switch f {
	case EthType, IPProto, IPFrag, ConjunctionID, CTState, CTProto, CTSrc, CTDst, CTSrcPort, CTDstPort:
		return false
	}
	return true
}

// isPort tells whether v is a number that a port, or a reserved one, can have in 16 bits: Open vSwitch has no more.
func isPort(v uint64) bool { return v < maxPort&0xffff || v >= maxPort && v <= uint64(PortAny) }

// follow checks an action's prerequisites, and learns what it changes of them.
func (k *known) follow(a Action) error {
	ok := true
	switch a := a.(type) {
	case SetField:
		ok = k.allowsSet(a.Field)
	case Move:
		ok = k.allowsSet(a.To) && k.allowsSet(a.From)
	case PushVLAN:
		if k.tags == maxTags {
			return errTag
		}
		k.tags++
	case PopVLAN:
		ok = k.tags > 0
		k.tags--
	case DecTTL:
		ok = k.allows(IPTTL)
	case Conntrack:
		ok = k.ether == etherIPv4 && !(a.Commit && k.invalid) && (a.ZoneFrom == 0 || k.allowsSet(a.ZoneFrom))
	}
	if !ok {
		return errInconsistent
	}
	return nil
}

// allowsSet is allows for actions: the id of a tag can be set only where there is one.
func (k known) allowsSet(f Field) bool {
	if f == VLANVID {
		return k.tags > 0
	}
	return k.allows(f)
}

// checkGroup refuses actions that no bucket can have. Prerequisites are not known here, and are not checked.
func (s *Switch) checkGroup(g Group) error {
	if g.ID > maxGroup {
		return errGroupInvalid
	}
	for _, bucket := range g.Buckets {
		for _, a := range bucket {
			if err := s.checkAction(a); err != nil {
				return err
			}
			if to, ok := a.(ToGroup); ok && s.config.Standard {
				if _, exists := s.groups[to.ID]; !exists {
					return errOutGroup
				}
			}
		}
	}
	return nil
}
