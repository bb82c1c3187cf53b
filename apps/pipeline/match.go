package pipeline

import (
	"net/netip"

	"github.com/planck-sdn/planck/model"
	"github.com/planck-sdn/planck/model/flow"
)

// Ethertypes and IP protocols that the pipeline knows.
const (
	EthTypeIPv4 = 0x0800
	EthTypeARP  = 0x0806
	EthTypeRARP = 0x8035
	EthTypeVLAN = 0x8100
	EthTypeQinQ = 0x88a8
	ProtoICMP   = 1
	ProtoUDP    = 17
)

// ICMP types that the pipeline knows (RFC 792).
const (
	ICMPEchoReply        = 0
	ICMPUnreachable      = 3
	ICMPEchoRequest      = 8
	ICMPTimeExceeded     = 11
	ICMPParameterProblem = 12
)

// ICMPErrors are the types that hold the head of another packet.
var ICMPErrors = []uint64{ICMPUnreachable, ICMPTimeExceeded, ICMPParameterProblem}

// MAC fields.
func ethField(f flow.Field, m model.MAC) flow.FieldMatch { return flow.Exact(f, m.Uint64()) }

// EthSrc matches the source address.
func EthSrc(m model.MAC) flow.FieldMatch { return ethField(flow.EthSrc, m) }

// EthDst matches the destination address.
func EthDst(m model.MAC) flow.FieldMatch { return ethField(flow.EthDst, m) }

// ARPSHA matches the sender's hardware address.
func ARPSHA(m model.MAC) flow.FieldMatch { return ethField(flow.ARPSHA, m) }

// IP matches IPv4 packets.
func IP() flow.FieldMatch { return EthType(EthTypeIPv4) }

// EthType matches the ethertype.
func EthType(t uint16) flow.FieldMatch { return flow.Exact(flow.EthType, uint64(t)) }

// Multicast matches group addresses, broadcast included.
func Multicast() flow.FieldMatch { return flow.Masked(flow.EthDst, 1<<40, 1<<40) }

// LinkLocalMulticast matches 01:80:c2:00:00:00 to 0f, which bridges do not forward (IEEE 802.1D, 7.12.6).
func LinkLocalMulticast() flow.FieldMatch {
	return flow.Masked(flow.EthDst, 0x0180c2000000, 0xfffffffffff0)
}

// Prefix matches an IPv4 address field (IPv4Src, IPv4Dst, ARPSPA, ARPTPA, TunnelSrc).
func Prefix(f flow.Field, p netip.Prefix) flow.FieldMatch {
	mask := ^uint64(0) << (32 - p.Bits()) & 0xffffffff
	return flow.Masked(f, IPv4(p.Addr()), mask)
}

// Addr matches all of an IPv4 address field.
func Addr(f flow.Field, a netip.Addr) flow.FieldMatch { return flow.Exact(f, IPv4(a)) }

// IPv4 is an address as a number, first octet most significant.
func IPv4(a netip.Addr) uint64 {
	b := a.As4()
	return uint64(b[0])<<24 | uint64(b[1])<<16 | uint64(b[2])<<8 | uint64(b[3])
}

// Untagged matches frames without a VLAN tag.
func Untagged() flow.FieldMatch { return flow.Exact(flow.VLANVID, 0) }

// Tagged matches frames whose outermost tag is vid.
func Tagged(vid uint32) flow.FieldMatch { return flow.Exact(flow.VLANVID, 0x1000|uint64(vid)) }
