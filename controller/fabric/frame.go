package fabric

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"

	"github.com/planck-sdn/planck/model"
)

// A frame is one of LLDP (IEEE Std 802.1AB): the chassis is the datapath id, the port its number, both as text, and an organizationally
// specific TLV proves that the controller has sent it.
const (
	organization = 0x02706c // locally administered
	subtypeProof = 1

	nonceLen = 8
	proofLen = nonceLen + sha256.Size
)

var (
	// nearest is the group address that no bridge forwards (IEEE Std 802.1AB, 7.1): what is heard was sent at the other end of the cable.
	nearest = model.MAC{0x01, 0x80, 0xc2, 0x00, 0x00, 0x0e}
	// forwarded is one that bridges forward, for the way through a node's mapped bridge. It is locally administered.
	forwarded = model.MAC{0x03, 0x00, 0x70, 0x6c, 0x00, 0x03}
)

// announcement is what a frame says: by which port of which switch it was sent, and in which round.
type announcement struct {
	datapathID uint64
	port       uint32
	nonce      uint64
}

// Errors of parse.
var (
	errForeign = errors.New("not a frame of Planck's")
	errForged  = errors.New("the frame's proof is wrong")
)

// proof is the TLV's value: the nonce, and the HMAC-SHA256 (RFC 2104) of datapath id, port and nonce.
func (a announcement) proof(key []byte) []byte {
	b := make([]byte, 0, 20)
	b = binary.BigEndian.AppendUint64(b, a.datapathID)
	b = binary.BigEndian.AppendUint32(b, a.port)
	b = binary.BigEndian.AppendUint64(b, a.nonce)
	h := hmac.New(sha256.New, key)
	h.Write(b)
	return h.Sum(binary.BigEndian.AppendUint64(make([]byte, 0, proofLen), a.nonce))
}

// frame builds the announcement's frame, Ethernet header first.
func (a announcement) frame(key []byte, to model.MAC) ([]byte, error) {
	from := model.MAC{0x02, 0x00, 0x70, byte(a.port >> 16), byte(a.port >> 8), byte(a.port)}
	value := binary.BigEndian.AppendUint32(nil, organization<<8|subtypeProof)
	value = append(value, a.proof(key)...)
	buffer := gopacket.NewSerializeBuffer()
	err := gopacket.SerializeLayers(buffer, gopacket.SerializeOptions{},
		&layers.Ethernet{SrcMAC: from[:], DstMAC: to[:], EthernetType: layers.EthernetTypeLinkLayerDiscovery},
		&layers.LinkLayerDiscovery{
			ChassisID: layers.LLDPChassisID{Subtype: layers.LLDPChassisIDSubTypeLocal, ID: fmt.Appendf(nil, "%016x", a.datapathID)},
			PortID:    layers.LLDPPortID{Subtype: layers.LLDPPortIDSubtypeLocal, ID: strconv.AppendUint(nil, uint64(a.port), 10)},
			TTL:       timeToLive,
			Values: []layers.LinkLayerDiscoveryValue{
				{Type: layers.LLDPTLVOrgSpecific, Length: uint16(len(value)), Value: value},
			},
		})
	if err != nil {
		return nil, err
	}
	return buffer.Bytes(), nil
}

// parse reads a frame and holds its proof against the key. Any switch and any host may have sent it.
func parse(frame, key []byte) (announcement, error) {
	packet := gopacket.NewPacket(frame, layers.LayerTypeEthernet, gopacket.NoCopy)
	head, _ := packet.Layer(layers.LayerTypeLinkLayerDiscovery).(*layers.LinkLayerDiscovery)
	info, _ := packet.Layer(layers.LayerTypeLinkLayerDiscoveryInfo).(*layers.LinkLayerDiscoveryInfo)
	if head == nil || info == nil {
		return announcement{}, errForeign
	}
	for _, tlv := range info.OrgTLVs {
		if tlv.OUI != organization || tlv.SubType != subtypeProof || len(tlv.Info) != proofLen {
			continue
		}
		datapathID, err := strconv.ParseUint(string(head.ChassisID.ID), 16, 64)
		if err != nil {
			return announcement{}, errForged
		}
		port, err := strconv.ParseUint(string(head.PortID.ID), 10, 32)
		if err != nil {
			return announcement{}, errForged
		}
		a := announcement{datapathID, uint32(port), binary.BigEndian.Uint64(tlv.Info)}
		if !hmac.Equal(tlv.Info, a.proof(key)) {
			return announcement{}, errForged
		}
		return a, nil
	}
	return announcement{}, errForeign
}
