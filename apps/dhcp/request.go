package dhcp

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"slices"

	"github.com/google/gopacket/layers"

	"github.com/planck-sdn/planck/model"
	"github.com/planck-sdn/planck/model/dhcpopt"
)

// Well-known ports (RFC 2131, 4.1) and the BOOTP header (RFC 951, section 3; RFC 2131, section 2).
const (
	clientPort = 68
	serverPort = 67

	opRequest     = 1
	htypeEthernet = 1
	headerLen     = 240 // with the magic cookie
)

// request is a client's message. The slices are parts of the packet.
type request struct {
	kind   layers.DHCPMsgType
	xid    uint32
	flags  uint16
	client model.MAC  // chaddr
	ciaddr netip.Addr // 0.0.0.0: the client has no address
	to     netip.Addr // IP destination

	requested netip.Addr // option 50; the zero Addr: none, as in serverID
	serverID  netip.Addr // option 54
	clientID  []byte     // option 61
	wanted    []byte     // option 55, codes in the order in which the client wants them
	maxSize   int        // option 57, bytes of the IP datagram; 0: none
	ipxe      bool       // option 175, which iPXE sends and nobody else
}

// routesOption is the option in which the client takes classless static routes.
func (r *request) routesOption() layers.DHCPOpt {
	if slices.Contains(r.wanted, dhcpopt.MicrosoftRoutes) && !slices.Contains(r.wanted, dhcpopt.ClasslessRoutes) {
		return dhcpopt.MicrosoftRoutes
	}
	return dhcpopt.ClasslessRoutes
}

// truncation notes that a layer says it is longer than the packet.
type truncation bool

func (t *truncation) SetTruncated() { *t = true }

var (
	errNoRequest = errors.New("not a DHCP request")
	errTruncated = errors.New("truncated packet")
	errRelayed   = errors.New("relayed request")
)

// decode reads a request from an untagged Ethernet frame. A client writes its options behind the header: those that
// option 52 moves into the fields sname and file are not read. UDP checksums are not verified, as a VM's
// kernel may leave them to hardware that a virtual interface does not have.
func decode(frame []byte) (*request, error) {
	var (
		eth layers.Ethernet
		ip  layers.IPv4
		udp layers.UDP
		msg layers.DHCPv4
		cut truncation
	)
	if err := eth.DecodeFromBytes(frame, &cut); err != nil {
		return nil, err
	}
	if eth.EthernetType != layers.EthernetTypeIPv4 {
		return nil, errNoRequest
	}
	if err := ip.DecodeFromBytes(eth.Payload, &cut); err != nil {
		return nil, err
	}
	if ip.Version != 4 || ip.Protocol != layers.IPProtocolUDP || ip.Flags&layers.IPv4MoreFragments != 0 || ip.FragOffset != 0 {
		return nil, errNoRequest
	}
	if err := udp.DecodeFromBytes(ip.Payload, &cut); err != nil {
		return nil, err
	}
	if udp.SrcPort != clientPort || udp.DstPort != serverPort {
		return nil, errNoRequest
	}
	// Before gopacket looks at the message: it trusts the length of the hardware address.
	if b := udp.Payload; len(b) < headerLen || b[0] != opRequest || b[1] != htypeEthernet || int(b[2]) != len(model.MAC{}) {
		return nil, errNoRequest
	}
	if err := msg.DecodeFromBytes(udp.Payload, &cut); err != nil {
		return nil, err
	}
	if cut {
		return nil, errTruncated
	}
	if !msg.RelayAgentIP.IsUnspecified() {
		return nil, errRelayed
	}
	r := &request{
		xid: msg.Xid, flags: msg.Flags, client: model.MAC(msg.ClientHWAddr),
		ciaddr: netip.AddrFrom4([4]byte(msg.ClientIP)), to: netip.AddrFrom4([4]byte(ip.DstIP)),
	}
	for _, o := range msg.Options {
		if err := r.option(o); err != nil {
			return nil, err
		}
	}
	if r.kind == layers.DHCPMsgTypeUnspecified {
		return nil, errNoRequest // BOOTP
	}
	return r, nil
}

// option takes in an option, and holds its length against RFC 2132.
func (r *request) option(o layers.DHCPOption) error {
	ok := true
	switch o.Type {
	case layers.DHCPOptMessageType:
		if ok = len(o.Data) == 1; ok {
			r.kind = layers.DHCPMsgType(o.Data[0])
		}
	case layers.DHCPOptRequestIP:
		r.requested, ok = netip.AddrFromSlice(o.Data)
		ok = ok && r.requested.Is4()
	case layers.DHCPOptServerID:
		r.serverID, ok = netip.AddrFromSlice(o.Data)
		ok = ok && r.serverID.Is4()
	case layers.DHCPOptClientID:
		r.clientID, ok = o.Data, len(o.Data) >= 2
	case layers.DHCPOptParamsRequest:
		r.wanted, ok = o.Data, len(o.Data) >= 1
	case dhcpopt.IPXEEncapsulated:
		r.ipxe = true
	case layers.DHCPOptMaxMessageSize:
		if ok = len(o.Data) == 2; ok {
			r.maxSize = int(binary.BigEndian.Uint16(o.Data))
		}
	}
	if !ok {
		return fmt.Errorf("option %d of %d bytes", uint8(o.Type), len(o.Data))
	}
	return nil
}
