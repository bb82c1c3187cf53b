package nicira

import (
	"encoding/binary"

	"github.com/planck-sdn/planck/model/flow"
)

// AppendConjunction appends conjunction(id,clause/clauses). On the wire clauses count from 0.
func AppendConjunction(b []byte, a flow.Conjunction) []byte {
	start := len(b)
	b = append(begin(b, subtypeConjunction), a.Clause-1, a.Clauses)
	return end(binary.BigEndian.AppendUint32(b, a.ID), start)
}

func decodeConjunction(b []byte) (flow.Action, error) {
	if len(b) < 6 || b[0] >= b[1] {
		return nil, errMalformed
	}
	return flow.Conjunction{ID: binary.BigEndian.Uint32(b[2:]), Clause: b[0] + 1, Clauses: b[1]}, nil
}
