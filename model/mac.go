package model

import (
	"fmt"
	"net"
)

// MAC is a 48-bit Ethernet address in network byte order. It is an array and not a slice, so that it can be
// compared and be a map key.
type MAC [6]byte

// ParseMAC reads six colon-separated hexadecimal octets. Other notations that net.ParseMAC knows, and longer
// addresses, are refused: Neutron stores and returns only this one.
func ParseMAC(s string) (MAC, error) {
	var m MAC
	hw, err := net.ParseMAC(s)
	if err != nil || len(hw) != len(m) || len(s) != 17 || s[2] != ':' {
		return m, fmt.Errorf("%q is not a MAC address", s)
	}
	copy(m[:], hw)
	return m, nil
}

// String gives lower-case hexadecimal octets separated by colons.
func (m MAC) String() string { return net.HardwareAddr(m[:]).String() }

// IsMulticast tells whether the group bit is set (IEEE 802.3, 3.2.3).
func (m MAC) IsMulticast() bool { return m[0]&1 != 0 }

// Uint64 gives the address as a number, first octet most significant.
func (m MAC) Uint64() uint64 {
	var v uint64
	for _, b := range m {
		v = v<<8 | uint64(b)
	}
	return v
}

// MarshalText makes the JSON form the same as String.
func (m MAC) MarshalText() ([]byte, error) { return []byte(m.String()), nil }

// UnmarshalText is ParseMAC.
func (m *MAC) UnmarshalText(b []byte) (err error) {
	*m, err = ParseMAC(string(b))
	return err
}
