package openflow

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"net"

	"github.com/netrack/openflow/ofp"
)

// Port is a port of a switch (OpenFlow 1.3.5, 7.2.1).
type Port struct {
	Number uint32
	Name   string
	HWAddr net.HardwareAddr
	Down   bool // set down by an administrator, or without a link
}

// PortStatus tells that a port came, went or changed (OpenFlow 1.3.5, 7.4.3).
type PortStatus struct {
	Reason PortReason
	Port   Port
}

// PortReason is what happened to a port.
type PortReason uint8

// Reasons of a PortStatus.
const (
	PortAdded PortReason = iota
	PortDeleted
	PortModified
)

const portLen = 64

func parsePort(b []byte) Port {
	return Port{
		Number: binary.BigEndian.Uint32(b),
		HWAddr: net.HardwareAddr(bytes.Clone(b[8:14])),
		Name:   text(b[16:32]),
		Down: ofp.PortConfig(binary.BigEndian.Uint32(b[32:]))&ofp.PortConfigDown != 0 ||
			ofp.PortState(binary.BigEndian.Uint32(b[36:]))&ofp.PortStateLinkDown != 0,
	}
}

// parsePorts appends the ports in a body of a port description reply (OpenFlow 1.3.5, 7.3.5.6.1).
func parsePorts(dst []Port, b []byte) ([]Port, error) {
	if len(b)%portLen != 0 {
		return nil, fmt.Errorf("port descriptions of %d octets", len(b))
	}
	for ; len(b) > 0; b = b[portLen:] {
		dst = append(dst, parsePort(b))
	}
	return dst, nil
}

func parsePortStatus(b []byte) (PortStatus, error) {
	if len(b) != 8+portLen {
		return PortStatus{}, fmt.Errorf("port status of %d octets", len(b))
	}
	if b[0] > byte(PortModified) {
		return PortStatus{}, errors.New("port status without a known reason")
	}
	return PortStatus{PortReason(b[0]), parsePort(b[8:])}, nil
}
