package dhcp

import (
	"fmt"
	"net/netip"

	"github.com/google/gopacket/layers"
)

// answer is what the server says to a request.
type answer struct {
	kind  layers.DHCPMsgType // DHCPMsgTypeUnspecified: nothing
	lease lease
	// refused is the address that a NAK is about.
	refused netip.Addr
}

// answerTo decides (RFC 2131, 4.3), and says so in words.
func (s *service) answerTo(r *request) (answer, string) {
	switch r.kind {
	case layers.DHCPMsgTypeDiscover:
		l, ok := s.leaseOf(r.requested)
		if !ok {
			l = s.leases[0]
		}
		return answer{kind: layers.DHCPMsgTypeOffer, lease: l}, fmt.Sprintf("DISCOVER: offered %s", l.address)
	case layers.DHCPMsgTypeRequest:
		return s.answerToRequest(r)
	case layers.DHCPMsgTypeInform:
		l, ok := s.leaseBeside(r.ciaddr)
		if !ok {
			return answer{}, fmt.Sprintf("INFORM: %s is in no subnet of the port's", r.ciaddr)
		}
		return answer{kind: layers.DHCPMsgTypeAck, lease: l}, fmt.Sprintf("INFORM: informed %s", r.ciaddr)
	case layers.DHCPMsgTypeDecline:
		return answer{}, fmt.Sprintf("DECLINE: the client found %s in use", r.requested)
	case layers.DHCPMsgTypeRelease:
		return answer{}, fmt.Sprintf("RELEASE: the client gave %s back", r.ciaddr)
	}
	return answer{}, fmt.Sprintf("ignored: message type %d", uint8(r.kind))
}

// answerToRequest decides on a REQUEST. A client in SELECTING names a server and an address, in INIT-REBOOT an address;
// in RENEWING and REBINDING it has the address in ciaddr (RFC 2131, 4.3.2). What counts is the same in all: is
// the address this port's? A wrong one is refused, since nobody else can know better what the port's addresses are; a
// client that took another server's offer is not ours to refuse.
func (s *service) answerToRequest(r *request) (answer, string) {
	from := s.leases[0]
	if r.serverID.IsValid() {
		var ours bool
		if from, ours = s.leaseFrom(r.serverID); !ours {
			return answer{}, fmt.Sprintf("REQUEST: to server %s, which is another", r.serverID)
		}
	}
	address := r.requested
	if !address.IsValid() {
		address = r.ciaddr
	}
	if address.IsUnspecified() {
		return answer{}, "REQUEST: for no address"
	}
	if l, ok := s.leaseOf(address); ok {
		return answer{kind: layers.DHCPMsgTypeAck, lease: l}, fmt.Sprintf("REQUEST: acknowledged %s", address)
	}
	return answer{kind: layers.DHCPMsgTypeNak, lease: from, refused: address},
		fmt.Sprintf("REQUEST: refused %s, which is not the port's", address)
}
