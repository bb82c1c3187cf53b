package openflow

import (
	"context"
	"encoding/binary"

	of "github.com/netrack/openflow"
	"github.com/netrack/openflow/ofp"

	"github.com/planck-sdn/planck/model/flow"
	"github.com/planck-sdn/planck/southbound/openflow/tablefeatures"
)

// TableFeatures asks what entries the tables can hold. With want it asks for these tables and no others (OpenFlow 1.3.5, 7.3.5.5): a switch that
// takes them removes the entries of tables that it has to change, and answers what it has then, which may be more; one that does not take
// them changes nothing and says why. The error is ErrUnsupported if the switch does not know such messages.
func (s *Session) TableFeatures(ctx context.Context, want []flow.TableFeatures, form tablefeatures.Form) ([]flow.TableFeatures, error) {
	r := s.newRequest(of.TypeMultipartReply)
	messages, err := tableFeaturesRequest(r.xid, want, form)
	for _, m := range messages {
		if err == nil {
			err = s.send(ctx, m)
		}
	}
	if err != nil {
		s.forget(r)
		return nil, err
	}
	var has []flow.TableFeatures
	err = s.finish(ctx, r, ofp.MultipartTypeTableFeatures, func(b []byte) (err error) {
		has, err = tablefeatures.Parse(has, b)
		return err
	})
	return has, err
}

// tableFeaturesRequest encodes the request, in as many messages as it takes.
func tableFeaturesRequest(xid uint32, want []flow.TableFeatures, form tablefeatures.Form) ([][]byte, error) {
	bodies := [][]byte{nil}
	for i := range want {
		one, err := tablefeatures.Append(nil, &want[i], form)
		if err != nil {
			return nil, err
		}
		if last := &bodies[len(bodies)-1]; headerLen+multipartHeaderLen+len(*last)+len(one) <= maxMessage {
			*last = append(*last, one...)
		} else {
			bodies = append(bodies, one)
		}
	}
	messages := make([][]byte, len(bodies))
	for i, body := range bodies {
		var flags ofp.MultipartRequestFlag
		if i < len(bodies)-1 {
			flags = ofp.MultipartRequestMode // more follow
		}
		m := appendHeader(nil, of.TypeMultipartRequest, xid)
		m = binary.BigEndian.AppendUint16(m, uint16(ofp.MultipartTypeTableFeatures))
		m = binary.BigEndian.AppendUint16(m, uint16(flags))
		m = append(append(m, 0, 0, 0, 0), body...)
		var err error
		if messages[i], err = endMessage(m, 0); err != nil {
			return nil, err
		}
	}
	return messages, nil
}
