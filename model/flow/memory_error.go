package flow

import "fmt"

// ofpError is an OpenFlow error (OpenFlow 1.3.5, 7.4.4).
type ofpError struct {
	name       string
	kind, code uint16
}

func (e ofpError) Error() string { return fmt.Sprintf("%s (type %d, code %d)", e.name, e.kind, e.code) }

// The errors that Switch gives.
var (
	errBadExperimenter    = ofpError{"OFPBRC_BAD_EXPERIMENTER", 1, 3}
	errPermission         = ofpError{"OFPBRC_EPERM", 1, 5}
	errActionExperimenter = ofpError{"OFPBAC_BAD_EXPERIMENTER", 2, 2}
	errActionType         = ofpError{"OFPBAC_BAD_TYPE", 2, 0}
	errOutPort            = ofpError{"OFPBAC_BAD_OUT_PORT", 2, 4}
	errActionArgument     = ofpError{"OFPBAC_BAD_ARGUMENT", 2, 5}
	errOutGroup           = ofpError{"OFPBAC_BAD_OUT_GROUP", 2, 9}
	errInconsistent       = ofpError{"OFPBAC_MATCH_INCONSISTENT", 2, 10}
	errSetType            = ofpError{"OFPBAC_BAD_SET_TYPE", 2, 13}
	errConjunction        = ofpError{"NXBAC_BAD_CONJUNCTION", 0xffff, 15} // Nicira's, an experimenter error
	errTag                = ofpError{"OFPBAC_BAD_TAG", 2, 12}
	errSetArgument        = ofpError{"OFPBAC_BAD_SET_ARGUMENT", 2, 15}
	errInstructionTable   = ofpError{"OFPBIC_BAD_TABLE_ID", 3, 2}
	errMatchField         = ofpError{"OFPBMC_BAD_FIELD", 4, 6}
	errMatchValue         = ofpError{"OFPBMC_BAD_VALUE", 4, 7}
	errMatchMask          = ofpError{"OFPBMC_BAD_MASK", 4, 8}
	errMatchPrerequisite  = ofpError{"OFPBMC_BAD_PREREQ", 4, 9}
	errMatchDuplicate     = ofpError{"OFPBMC_DUP_FIELD", 4, 10}
	errFlowUnknown        = ofpError{"OFPFMFC_UNKNOWN", 5, 0}
	errFlowTable          = ofpError{"OFPFMFC_BAD_TABLE_ID", 5, 2}
	errFlowCommand        = ofpError{"OFPFMFC_BAD_COMMAND", 5, 6}
	errGroupExists        = ofpError{"OFPGMFC_GROUP_EXISTS", 6, 0}
	errGroupInvalid       = ofpError{"OFPGMFC_INVALID_GROUP", 6, 1}
	errGroupUnknown       = ofpError{"OFPGMFC_UNKNOWN_GROUP", 6, 8}
	errGroupChained       = ofpError{"OFPGMFC_CHAINED_GROUP", 6, 9}
	errMeterExists        = ofpError{"OFPMMFC_METER_EXISTS", 12, 1}
	errMeterInvalid       = ofpError{"OFPMMFC_INVALID_METER", 12, 2}
	errMeterUnknown       = ofpError{"OFPMMFC_UNKNOWN_METER", 12, 3}
	errNotInBundle        = ofpError{"OFPBFC_MSG_UNSUP", 0xffff, 2310} // ONF EXT-230, an experimenter error
)
