package strict

import "encoding/binary"

// Message types (OpenFlow 1.3.5, 7.1).
const (
	typeHello        = 0
	typeError        = 1
	typeEchoRequest  = 2
	typeEchoReply    = 3
	typeExperimenter = 4
	typeFeatures     = 5
	typeGetConfig    = 7
	typeSetConfig    = 9
	typePacketIn     = 10
	typeFlowRemoved  = 11
	typePortStatus   = 12
	typePacketOut    = 13
	typeFlowMod      = 14
	typeGroupMod     = 15
	typePortMod      = 16
	typeTableMod     = 17
	typeMultipart    = 18
	typeBarrier      = 20
	typeRole         = 24
	typeGetAsync     = 26
	typeSetAsync     = 28
	typeMeterMod     = 29
)

const (
	version    = 4
	headerLen  = 8
	maxMessage = 0xffff
	noBuffer   = 0xffffffff
	anyPort    = 0xffffffff
	anyGroup   = 0xffffffff
	allTables  = 0xff
)

func message(kind uint8, xid uint32, body []byte) []byte {
	b := make([]byte, headerLen, headerLen+len(body))
	b[0], b[1] = version, kind
	binary.BigEndian.PutUint16(b[2:], uint16(headerLen+len(body)))
	binary.BigEndian.PutUint32(b[4:], xid)
	return append(b, body...)
}

func xidOf(m []byte) uint32 { return binary.BigEndian.Uint32(m[4:]) }

func be16(b []byte) uint16 { return binary.BigEndian.Uint16(b) }
func be32(b []byte) uint32 { return binary.BigEndian.Uint32(b) }
func be64(b []byte) uint64 { return binary.BigEndian.Uint64(b) }

func put16(b []byte, v uint16) []byte { return binary.BigEndian.AppendUint16(b, v) }
func put32(b []byte, v uint32) []byte { return binary.BigEndian.AppendUint32(b, v) }
func put64(b []byte, v uint64) []byte { return binary.BigEndian.AppendUint64(b, v) }

// fixedText is s in n octets, with zeros at the end.
func fixedText(s string, n int) []byte {
	b := make([]byte, n)
	copy(b[:n-1], s)
	return b
}
