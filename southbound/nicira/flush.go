package nicira

import "encoding/binary"

// typeFlushZone is NXT_CT_FLUSH_ZONE (Open vSwitch's nicira-ext.h).
const typeFlushZone = 29

// AppendFlushZone appends the body of an experimenter message that makes a conntrack zone forget its connections. No reply to it
// comes but an error.
func AppendFlushZone(b []byte, zone uint16) []byte {
	b = binary.BigEndian.AppendUint32(b, vendor)
	b = binary.BigEndian.AppendUint32(b, typeFlushZone)
	b = append(b, 0, 0, 0, 0, 0, 0)
	return binary.BigEndian.AppendUint16(b, zone)
}
