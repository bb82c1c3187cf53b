package pipeline

import "github.com/planck-sdn/planck/model/flow"

// Table declares one table of a profile's pipeline.
type Table struct {
	ID      uint8
	Name    string
	App     string // the only app that may write it
	Purpose string
	Match   []MatchField
	Actions []ActionKind
	// Next are the tables that an entry may go to.
	Next []*Table
	// Resubmit are the tables that an action may resubmit to, and come back.
	Resubmit []*Table
	Miss     string // what becomes of a packet that no entry matches

	// Of profile openflow13 only, for what is asked of a switch:
	Set      []flow.Field // fields that actions set
	Optional []flow.Field // fields of Match without which a switch can be used
	Exact    bool         // every entry but the miss matches all of Match, and exactly
}

// MatchField is a field that a table's entries may match; Masked tells whether with a mask.
type MatchField struct {
	Field  flow.Field
	Masked bool
}

// ActionKind is a kind of action or instruction that a table's entries may use.
type ActionKind uint8

// Kinds of actions and instructions.
const (
	ActOutput ActionKind = iota + 1
	ActController
	ActGroup
	ActSetField
	ActMove
	ActPushVLAN
	ActPopVLAN
	ActResubmit
	ActMeter
	ActWriteMetadata
	ActDecTTL
	ActConntrack
	ActCheckLarger
	ActConjunction
)

var actionNames = map[ActionKind]string{
	ActOutput: "output", ActController: "controller", ActGroup: "group", ActSetField: "set_field", ActMove: "move",
	ActPushVLAN: "push_vlan", ActPopVLAN: "pop_vlan", ActResubmit: "resubmit", ActMeter: "meter", ActWriteMetadata: "write_metadata",
	ActDecTTL: "dec_ttl", ActConntrack: "ct", ActCheckLarger: "check_pkt_larger", ActConjunction: "conjunction",
}

// String is the kind's name in ovs-ofctl syntax.
func (k ActionKind) String() string { return actionNames[k] }

func exact(fields ...flow.Field) []MatchField {
	list := make([]MatchField, len(fields))
	for i, f := range fields {
		list[i] = MatchField{Field: f}
	}
	return list
}

func masked(fields ...flow.Field) []MatchField {
	list := exact(fields...)
	for i := range list {
		list[i].Masked = true
	}
	return list
}

func fields(lists ...[]MatchField) []MatchField {
	var all []MatchField
	for _, l := range lists {
		all = append(all, l...)
	}
	return all
}
