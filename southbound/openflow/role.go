package openflow

import (
	"context"
	"encoding/binary"
	"fmt"

	of "github.com/netrack/openflow"
	"github.com/netrack/openflow/ofp"
)

// BecomeMaster asks for the role of master (OpenFlow 1.3.5, 6.3.6). The error is ErrStaleGeneration if the switch has seen
// a higher generation.
func (s *Session) BecomeMaster(ctx context.Context, generation uint64) error {
	body, err := s.call(ctx, of.TypeRoleReply, func(xid uint32) ([]byte, error) {
		return message(of.TypeRoleRequest, xid, &ofp.RoleRequest{Role: ofp.ControllerRoleMaster, GenerationID: generation})
	})
	if err != nil {
		return fmt.Errorf("role request with generation %d: %w", generation, err)
	}
	if len(body) < 16 || ofp.ControllerRole(binary.BigEndian.Uint32(body)) != ofp.ControllerRoleMaster {
		return fmt.Errorf("role reply % x does not grant mastership", body)
	}
	return nil
}
