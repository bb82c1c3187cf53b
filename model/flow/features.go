package flow

import "strings"

// TableFeatures says what entries a table can hold (OpenFlow 1.3.5, 7.3.5.5.2): what a switch promises, or what it is asked for.
type TableFeatures struct {
	ID            uint8
	Name          string // at most 31 octets
	MaxEntries    uint32
	MetadataMatch uint64 // bits of metadata that can be matched
	MetadataWrite uint64
	Match         []FieldFeature // fields that an entry may match
	Wildcards     []Field        // those of them that an entry may leave out
	Entry         EntryFeatures
	Miss          EntryFeatures // of the table-miss entry, which has priority 0 and matches all
}

// FieldFeature is a field that a table can match, and whether with any mask.
type FieldFeature struct {
	Field  Field
	Masked bool
}

// EntryFeatures says what entries can do.
type EntryFeatures struct {
	Can  Capability
	Set  []Field // by SetField
	Next []uint8 // tables to go to
}

// Capability is a set of instructions, and of actions in apply-actions.
type Capability uint16

// Capabilities.
const (
	CanApply Capability = 1 << iota // have apply-actions at all
	CanGoto
	CanMeter
	CanWriteMetadata
	CanOutput
	CanGroup
	CanSetField
	CanPushVLAN
	CanPopVLAN
	CanDecTTL
)

var capabilityNames = []string{
	"apply_actions", "goto_table", "meter", "write_metadata", "output", "group", "set_field", "push_vlan", "pop_vlan", "dec_ttl",
}

// String lists the names of ovs-ofctl, with commas between them.
func (c Capability) String() string {
	var names []string
	for i, name := range capabilityNames {
		if c>>i&1 != 0 {
			names = append(names, name)
		}
	}
	return strings.Join(names, ",")
}
