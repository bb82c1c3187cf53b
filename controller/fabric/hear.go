package fabric

import (
	"errors"

	"github.com/planck-sdn/planck/model"
)

// Results of frames that come in, as they stand in metrics.
const (
	resultAccepted  = "accepted"
	resultForeign   = "foreign"   // some other device's LLDP
	resultForged    = "forged"    // it has Planck's TLV, and the proof in it is wrong
	resultReplayed  = "replayed"  // it was true once
	resultReflected = "reflected" // a switch's own
	resultUntrusted = "untrusted" // it came by a port at which there can be no link, as a host's
	resultElsewhere = "elsewhere" // the sender belongs to another physical network
)

var results = []string{resultAccepted, resultForeign, resultForged, resultReplayed, resultReflected, resultUntrusted, resultElsewhere}

// Heard takes a frame that came in by a port of a switch. It does not block.
func (k *Keeper) Heard(node model.Number, port uint32, frame []byte) {
	a, err := parse(frame, k.cfg.Key)
	var result string
	switch {
	case errors.Is(err, errForeign):
		result = resultForeign
	case err != nil:
		result = resultForged
	default:
		result = k.hear(a, model.LinkEnd{Node: node, Port: port})
	}
	k.metrics.frames.WithLabelValues(result).Inc()
}

// hear takes an announcement whose proof is true.
func (k *Keeper) hear(a announcement, at model.LinkEnd) (result string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	here := k.ends[at]
	if here == nil || !here.isSwitch {
		return resultUntrusted
	}
	from := model.LinkEnd{Node: k.nodeOf[a.datapathID], Port: a.port}
	sender := k.ends[from]
	switch {
	case sender == nil || a.nonce == 0 || a.nonce != sender.nonces[0] && a.nonce != sender.nonces[1]:
		return resultReplayed
	case from.Node == at.Node:
		return resultReflected
	case sender.physicalNetwork != here.physicalNetwork:
		return resultElsewhere
	}
	d := direction{from, at}
	s := k.sights[d]
	if s == nil {
		s = &sight{}
		k.sights[d] = s
	}
	if !s.heard {
		s.heard, s.first = true, k.cfg.Now()
		k.Changed()
	}
	s.missed = 0
	return resultAccepted
}
