package flow

import (
	"fmt"
	"slices"
)

// matchNames are the spellings of fields in matches: those of ovs-ofctl and those of OpenFlow.
var matchNames = map[string]Field{
	"in_port": InPort, "metadata": Metadata, "reg0": Reg0, "reg1": Reg1, "reg2": Reg2, "reg3": Reg3, "conj_id": ConjunctionID,
	"ct_state": CTState, "ct_nw_proto": CTProto, "ct_nw_src": CTSrc, "ct_nw_dst": CTDst, "ct_tp_src": CTSrcPort, "ct_tp_dst": CTDstPort,
	"tun_id": TunnelID, "tunnel_id": TunnelID, "tun_src": TunnelSrc, "tun_dst": TunnelDst,
	"dl_dst": EthDst, "eth_dst": EthDst, "dl_src": EthSrc, "eth_src": EthSrc, "dl_type": EthType, "eth_type": EthType,
	"vlan_vid": VLANVID, "dl_vlan_pcp": VLANPCP, "vlan_pcp": VLANPCP,
	"nw_proto": IPProto, "ip_proto": IPProto, "nw_src": IPv4Src, "ip_src": IPv4Src, "nw_dst": IPv4Dst, "ip_dst": IPv4Dst, "ip_dscp": IPDSCP, "nw_ttl": IPTTL, "nw_frag": IPFrag,
	"tcp_src": TCPSrc, "tcp_dst": TCPDst, "udp_src": UDPSrc, "udp_dst": UDPDst, "icmp_type": ICMPType, "icmp_code": ICMPCode,
	"arp_op": ARPOp, "arp_spa": ARPSPA, "arp_tpa": ARPTPA, "arp_sha": ARPSHA, "arp_tha": ARPTHA,
}

// matchParser collects the words of a match.
type matchParser struct {
	fields       Match
	tpSrc, tpDst string // their meaning depends on nw_proto
}

func (p *matchParser) word(name, value string) error {
	if value == "" {
		for _, s := range shorthands {
			if s.word == name {
				p.add(Exact(EthType, s.ether))
				if s.exact {
					p.add(Exact(IPProto, s.proto))
				}
				return nil
			}
		}
		return fmt.Errorf("%q is not known", name)
	}
	var err error
	switch name {
	case "tp_src":
		p.tpSrc = value
	case "tp_dst":
		p.tpDst = value
	case "dl_vlan":
		err = p.vlanID(value)
	case "vlan_tci":
		err = p.vlanTCI(value)
	case "nw_tos":
		err = p.tos(value)
	default:
		f, ok := matchNames[name]
		if !ok {
			return fmt.Errorf("%q is not known", name)
		}
		var m FieldMatch
		m, err = parseMasked(f, value)
		p.add(m)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

func (p *matchParser) add(m FieldMatch) {
	if m.Mask != 0 {
		p.fields = append(p.fields, m)
	}
}

// vlanID reads dl_vlan: an id, or 0xffff for no tag.
func (p *matchParser) vlanID(value string) error {
	id, err := parseNumber(value, 16)
	switch {
	case err != nil:
		return err
	case id == 0xffff:
		p.add(Exact(VLANVID, 0))
	case id > vidBits:
		return fmt.Errorf("%d is not a VLAN id", id)
	default:
		p.add(Exact(VLANVID, vidPresent|id))
	}
	return nil
}

// vlanTCI reads vlan_tci=value/mask: priority (3 bits), presence (1), id (12).
func (p *matchParser) vlanTCI(value string) error {
	m, err := parseMasked(TCPSrc, value) // as 16 bits of any kind
	if err != nil {
		return err
	}
	p.add(Masked(VLANVID, m.Value&0x1fff, m.Mask&0x1fff))
	p.add(Masked(VLANPCP, m.Value>>13, m.Mask>>13))
	return nil
}

// tos reads nw_tos: the DSCP in its place in the octet.
func (p *matchParser) tos(value string) error {
	tos, err := parseNumber(value, 8)
	if err == nil && tos&(1<<ecnBits-1) != 0 {
		err = fmt.Errorf("%d has bits that are not the DSCP's", tos)
	}
	p.add(Exact(IPDSCP, tos>>ecnBits))
	return err
}

// match gives the fields in canonical order.
func (p *matchParser) match() (Match, error) {
	if err := p.transportPorts(); err != nil {
		return nil, err
	}
	_, hasPCP := p.fields.find(VLANPCP)
	if _, hasVID := p.fields.find(VLANVID); hasPCP && !hasVID {
		p.add(Masked(VLANVID, vidPresent, vidPresent)) // dl_vlan_pcp says that there is a tag
	}
	slices.SortFunc(p.fields, compareFieldMatch)
	for i := 1; i < len(p.fields); i++ {
		if p.fields[i].Field == p.fields[i-1].Field {
			return nil, fmt.Errorf("%s: matched twice", p.fields[i].Field)
		}
	}
	return p.fields, nil
}

func (p *matchParser) transportPorts() error {
	src, dst := TCPSrc, TCPDst
	switch {
	case p.tpSrc == "" && p.tpDst == "":
		return nil
	case p.fields.exactly(IPProto, protoUDP):
		src, dst = UDPSrc, UDPDst
	case !p.fields.exactly(IPProto, protoTCP):
		return fmt.Errorf("tp_src or tp_dst without tcp or udp")
	}
	for f, value := range map[Field]string{src: p.tpSrc, dst: p.tpDst} {
		if value == "" {
			continue
		}
		m, err := parseMasked(f, value)
		if err != nil {
			return fmt.Errorf("%s: %w", f, err)
		}
		p.add(m)
	}
	return nil
}
