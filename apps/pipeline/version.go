package pipeline

import "github.com/planck-sdn/planck/model/flow"

// MarkVersion writes the pipeline's version: what the marker entry holds.
func MarkVersion() Step { return writeMetadata{Version, ^uint64(0)} }

// Versioned is the rule of an entry that tells the version of profile openflow13: those have no metadata to write it in.
type Versioned struct {
	Version uint64
	Rule    *Rule
}

var versioned []Versioned

// NewVersion registers the rule by which switches are known to have a version of profile openflow13.
func NewVersion(version uint64, r *Rule) *Rule {
	versioned = append(versioned, Versioned{version, r})
	return r
}

// VersionOf reads the pipeline's version out of the entry that tells it: on Open vSwitch the marker, on a physical switch the miss of the first
// table. false: e is neither.
func VersionOf(e *flow.Entry) (uint64, bool) {
	if !e.Cookie.IsPlanck() {
		return 0, false
	}
	if e.Table == Marker.ID && e.MetadataMask == ^uint64(0) {
		return e.WriteMetadata, true
	}
	for _, v := range versioned {
		if e.Table == SwitchPort.ID && e.Priority == 0 && v.Rule.Number == e.Cookie.Rule() {
			return v.Version, true
		}
	}
	return 0, false
}
