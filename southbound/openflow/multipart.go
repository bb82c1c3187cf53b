package openflow

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	of "github.com/netrack/openflow"
	"github.com/netrack/openflow/ofp"

	"github.com/planck-sdn/planck/model/flow"
)

const multipartHeaderLen = 8

// multipartBody is the body of a multipart request (OpenFlow 1.3.5, 7.3.5).
func multipartBody(t ofp.MultipartType, body io.WriterTo) io.WriterTo {
	return ofp.NewMultipartRequest(t, body)
}

// splitMultipart takes the header off the body of a reply to a multipart request of type t. more tells whether other replies follow.
func splitMultipart(b []byte, t ofp.MultipartType) (more bool, rest []byte, err error) {
	if len(b) < multipartHeaderLen {
		return false, nil, errors.New("multipart reply cut short")
	}
	if got := ofp.MultipartType(binary.BigEndian.Uint16(b)); got != t {
		return false, nil, fmt.Errorf("reply of %v to a request of %v", got, t)
	}
	flags := ofp.MultipartReplyFlag(binary.BigEndian.Uint16(b[2:]))
	return flags&ofp.MultipartReplyMode != 0, b[multipartHeaderLen:], nil
}

// query sends a multipart request and calls parse for each body of the reply.
func (s *Session) query(ctx context.Context, t ofp.MultipartType, body io.WriterTo, parse func([]byte) error) error {
	r := s.newRequest(of.TypeMultipartReply)
	m, err := message(of.TypeMultipartRequest, r.xid, multipartBody(t, body))
	if err == nil {
		err = s.send(ctx, m)
	}
	if err != nil {
		s.forget(r)
		return err
	}
	return s.finish(ctx, r, t, parse)
}

// finish calls parse for each body of the reply to r, a multipart request of type t. Bytes that cannot be parsed end the session.
func (s *Session) finish(ctx context.Context, r *request, t ofp.MultipartType, parse func([]byte) error) error {
	defer s.forget(r)
	for {
		body, err := s.next(ctx, r)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if _, body, err = splitMultipart(body, t); err == nil {
			err = parse(body)
		}
		if err != nil {
			err = fmt.Errorf("%v from the switch: %w", t, err)
			s.Close(err)
			return err
		}
	}
}

// allFlows asks for all entries of all tables.
func allFlows() *ofp.FlowStatsRequest {
	return &ofp.FlowStatsRequest{
		Table: ofp.TableAll, OutPort: ofp.PortAny, OutGroup: ofp.GroupAny, Match: ofp.Match{Type: ofp.MatchTypeXM},
	}
}

// Read returns all flow entries, groups and meters, in the switch's order. A switch that knows no groups or no meters has none. What
// the switch changes meanwhile may or may not be in it.
func (s *Session) Read(ctx context.Context) (*flow.Tables, error) {
	var tables flow.Tables
	var flows entryParser
	reads := []struct {
		kind  ofp.MultipartType
		body  io.WriterTo
		parse func([]byte) error
	}{
		{ofp.MultipartTypeFlow, allFlows(), func(b []byte) error {
			return flows.parseFlowStats(b, func(f FlowStats) { tables.Flows = append(tables.Flows, f.Flow) })
		}},
		{ofp.MultipartTypeGroupDescription, nil, func(b []byte) (err error) {
			tables.Groups, err = parseGroups(tables.Groups, b)
			return err
		}},
		{ofp.MultipartTypeMeterConfig, &ofp.MeterConfigRequest{Meter: ofp.MeterAll}, func(b []byte) (err error) {
			tables.Meters, err = parseMeters(tables.Meters, b)
			return err
		}},
	}
	for i, r := range reads {
		if err := s.query(ctx, r.kind, r.body, r.parse); err != nil && (i == 0 || !errors.Is(err, ErrUnsupported)) {
			return nil, err
		}
	}
	return &tables, nil
}

// ReadStats calls emit for each flow entry with its counters, in the caller's goroutine.
func (s *Session) ReadStats(ctx context.Context, emit func(FlowStats)) error {
	return s.ReadStatsOf(ctx, AllTables, 0, 0, emit)
}

// AllTables stands for every table (OFPTT_ALL).
const AllTables = uint8(ofp.TableAll)

// ReadStatsOf is ReadStats for the entries of a table whose cookie has the bits of mask as cookie has them: the others do not leave the switch.
func (s *Session) ReadStatsOf(ctx context.Context, table uint8, cookie, mask flow.Cookie, emit func(FlowStats)) error {
	request := allFlows()
	request.Table, request.Cookie, request.CookieMask = ofp.Table(table), uint64(cookie), uint64(mask)
	var p entryParser
	return s.query(ctx, ofp.MultipartTypeFlow, request, func(b []byte) error { return p.parseFlowStats(b, emit) })
}
