package nicira

import (
	"encoding/binary"
	"fmt"
)

// inPort is NXM_OF_IN_PORT, a port in 16 bits. It can be set, OpenFlow's own in_port cannot (OpenFlow 1.3.5, 7.2.5).
const inPort = 0x00000002

// firstReserved is where reserved ports begin, in 16 bits; in OpenFlow 1.3 they are 0xffff0000 higher.
const firstReserved = 0xff00

// AppendInPort appends the field that sets in_port. Numbers beyond 16 bits are no ports in Open vSwitch but for the reserved ones.
func AppendInPort(b []byte, port uint32) ([]byte, error) {
	if port >= firstReserved && port < 0xffff0000|firstReserved {
		return b, fmt.Errorf("in_port %d does not fit Open vSwitch", port)
	}
	b = binary.BigEndian.AppendUint32(b, inPort)
	return binary.BigEndian.AppendUint16(b, uint16(port)), nil
}

// ParseInPort reads what AppendInPort writes, and returns false for everything else.
func ParseInPort(b []byte) (port uint32, ok bool) {
	if len(b) < 6 || binary.BigEndian.Uint32(b) != inPort {
		return 0, false
	}
	if port = uint32(binary.BigEndian.Uint16(b[4:])); port >= firstReserved {
		port |= 0xffff0000
	}
	return port, true
}
