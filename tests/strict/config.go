package strict

import (
	"fmt"
	"slices"
	"time"

	"github.com/planck-sdn/planck/model/flow"
	"github.com/planck-sdn/planck/southbound/openflow"
)

// Config is what a switch is.
type Config struct {
	DatapathID  uint64
	Description openflow.Description
	Ports       []Port
	// Tables are in order of their ids. If Negotiable, they are what the controller may ask for; until it does, the switch has them all.
	Tables     []flow.TableFeatures
	Negotiable bool
	Groups     GroupLimits
	Meters     uint32 // how many; 0: it does not know what a meter is

	// Quirks.

	// OrderedActions: a list of actions that changes the packet after it was sent somewhere is refused.
	OrderedActions bool
	// Lag is how long after it was accepted, and confirmed by a barrier, a change takes effect.
	Lag time.Duration
	// Reorder: of messages without a barrier between them the last is done first.
	Reorder bool
}

// Port is a port.
type Port struct {
	Number uint32
	Name   string
	MAC    [6]byte
}

// GroupLimits says how many groups of each type there can be.
type GroupLimits struct {
	All, Indirect uint32
	Chaining      bool // groups may refer to groups
}

// Ports makes ports 1 to n, eth1 and so on.
func Ports(datapathID uint64, n int) []Port {
	ports := make([]Port, n)
	for i := range ports {
		ports[i] = Port{
			Number: uint32(i + 1),
			Name:   fmt.Sprint("eth", i+1),
			MAC:    [6]byte{0x02, byte(datapathID >> 16), byte(datapathID >> 8), byte(datapathID), byte(i >> 8), byte(i + 1)},
		}
	}
	return ports
}

// Tables makes tables 0 to n-1 of size entries each that can do all that the standard has and this switch knows.
func Tables(n int, size uint32) []flow.TableFeatures {
	tables := make([]flow.TableFeatures, n)
	for i := range tables {
		f := &tables[i]
		*f = flow.TableFeatures{
			ID: uint8(i), Name: fmt.Sprint("table", i), MaxEntries: size,
			MetadataMatch: ^uint64(0), MetadataWrite: ^uint64(0),
			Entry: flow.EntryFeatures{Can: flow.CanApply | flow.CanGoto | flow.CanMeter | flow.CanWriteMetadata | flow.CanOutput | flow.CanGroup |
				flow.CanSetField | flow.CanPushVLAN | flow.CanPopVLAN | flow.CanDecTTL},
		}
		for field := flow.Field(1); ; field++ {
			info, ok := field.Info()
			if !ok {
				break
			}
			if info.Class != flow.ClassBasic {
				continue
			}
			f.Match = append(f.Match, flow.FieldFeature{Field: field, Masked: maskable(field)})
			f.Wildcards = append(f.Wildcards, field)
			if settable(field) {
				f.Entry.Set = append(f.Entry.Set, field)
			}
		}
		for next := i + 1; next < n; next++ {
			f.Entry.Next = append(f.Entry.Next, uint8(next))
		}
		f.Miss = f.Entry
	}
	return tables
}

// Without takes capabilities away from tables, and with CanWriteMetadata all that has to do with metadata.
func Without(tables []flow.TableFeatures, can flow.Capability) []flow.TableFeatures {
	for i := range tables {
		f := &tables[i]
		f.Entry.Can &^= can
		f.Miss.Can &^= can
		if can&flow.CanWriteMetadata != 0 {
			f.MetadataMatch, f.MetadataWrite = 0, 0
			f.Match = slices.DeleteFunc(f.Match, func(m flow.FieldFeature) bool { return m.Field == flow.Metadata })
			f.Wildcards = slices.DeleteFunc(f.Wildcards, func(m flow.Field) bool { return m == flow.Metadata })
		}
	}
	return tables
}

// maskable says what OpenFlow 1.3.5, 7.2.3.7 says in its table of fields. Open vSwitch can mask ports of TCP and UDP too.
func maskable(f flow.Field) bool {
	switch f {
	case flow.TCPSrc, flow.TCPDst, flow.UDPSrc, flow.UDPDst:
		return false
	}
	info, _ := f.Info()
	return info.Maskable
}

func settable(f flow.Field) bool {
	switch f {
	case flow.InPort, flow.Metadata, flow.EthType, flow.IPProto, flow.TunnelID:
		return false
	}
	return true
}
