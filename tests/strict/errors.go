package strict

import (
	"encoding/binary"
	"fmt"
)

// refusal is an error of OpenFlow 1.3.5, 7.4.4.
type refusal struct{ kind, code uint16 }

func (r refusal) Error() string { return fmt.Sprintf("(type %d, code %d)", r.kind, r.code) }

var (
	helloIncompatible = refusal{0, 0}

	badVersion      = refusal{1, 0}
	badType         = refusal{1, 1}
	badMultipart    = refusal{1, 2}
	badExperimenter = refusal{1, 3}
	badLength       = refusal{1, 6}
	bufferUnknown   = refusal{1, 8}
	badTable        = refusal{1, 9}
	isSlave         = refusal{1, 10}
	badPort         = refusal{1, 11}
	badPacket       = refusal{1, 12}
	partsOverflow   = refusal{1, 13}

	actionType         = refusal{2, 0}
	actionLength       = refusal{2, 1}
	actionExperimenter = refusal{2, 2}
	actionPort         = refusal{2, 4}
	actionArgument     = refusal{2, 5}
	actionOrder        = refusal{2, 11}
	actionSetType      = refusal{2, 13}
	actionSetLength    = refusal{2, 14}
	actionSetArgument  = refusal{2, 15}

	instructionUnknown      = refusal{3, 0}
	instructionUnsupported  = refusal{3, 1}
	instructionTable        = refusal{3, 2}
	instructionMetadata     = refusal{3, 3}
	instructionMetadataMask = refusal{3, 4}
	instructionExperimenter = refusal{3, 5}
	instructionLength       = refusal{3, 7}

	matchType         = refusal{4, 0}
	matchLength       = refusal{4, 1}
	matchWildcards    = refusal{4, 5}
	matchField        = refusal{4, 6}
	matchValue        = refusal{4, 7}
	matchMask         = refusal{4, 8}
	matchPrerequisite = refusal{4, 9}
	matchDuplicate    = refusal{4, 10}

	flowUnknown = refusal{5, 0}
	tableFull   = refusal{5, 1}
	flowTable   = refusal{5, 2}
	flowOverlap = refusal{5, 3}
	flowCommand = refusal{5, 6}
	flowFlags   = refusal{5, 7}

	groupInvalid  = refusal{6, 1}
	groupWeight   = refusal{6, 2}
	groupTooMany  = refusal{6, 3}
	groupChaining = refusal{6, 5}
	groupWatch    = refusal{6, 6}
	groupLoop     = refusal{6, 7}
	groupType     = refusal{6, 10}
	groupCommand  = refusal{6, 11}
	groupBucket   = refusal{6, 12}

	configFlags = refusal{10, 0}

	roleStale = refusal{11, 0}
	roleBad   = refusal{11, 2}

	meterInvalid  = refusal{12, 2}
	meterUnknown  = refusal{12, 3}
	meterCommand  = refusal{12, 4}
	meterFlags    = refusal{12, 5}
	meterRate     = refusal{12, 6}
	meterBand     = refusal{12, 8}
	meterTooMany  = refusal{12, 10}
	meterTooBands = refusal{12, 11}

	featuresTable    = refusal{13, 0}
	featuresMetadata = refusal{13, 1}
	featuresType     = refusal{13, 2}
	featuresLength   = refusal{13, 3}
	featuresArgument = refusal{13, 4}
	featuresDenied   = refusal{13, 5}
)

// errorMessage is the error about a message, with its first 64 octets.
func errorMessage(r refusal, about []byte) []byte {
	b := binary.BigEndian.AppendUint16(nil, r.kind)
	b = binary.BigEndian.AppendUint16(b, r.code)
	return message(typeError, xidOf(about), append(b, about[:min(len(about), 64)]...))
}

// asRefusal finds the error in what the switch in memory says of it.
func asRefusal(reason string) refusal {
	var name string
	var r refusal
	if _, err := fmt.Sscanf(reason, "%s (type %d, code %d)", &name, &r.kind, &r.code); err != nil {
		return flowUnknown
	}
	return r
}
