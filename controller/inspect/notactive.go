package inspect

import (
	"context"
	"fmt"
	"time"

	"github.com/planck-sdn/planck/model"
	"github.com/planck-sdn/planck/model/store"
	"github.com/planck-sdn/planck/northbound/admin"
)

// settling is how long a port that has just been plugged may take to become ACTIVE.
const settling = time.Second

// notActive lists the ports that are not ACTIVE and should be. Those that are plugged are a problem, if they stay so: a port without a
// plug waits for its VM.
func (i *Inspector) notActive(ctx context.Context, s *admin.Status) error {
	list, total, err := i.Store.NotActivePorts(ctx, admin.MaxNotActive)
	if err != nil {
		return err
	}
	before := map[string]bool{}
	for _, p := range list {
		before[p.ID] = p.PluggedOn != ""
	}
	if len(list) > 0 && before[list[0].ID] { // the plugged come first
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(settling):
		}
		if list, total, err = i.Store.NotActivePorts(ctx, admin.MaxNotActive); err != nil {
			return err
		}
	}
	s.PortsNotActive = total
	for _, p := range list {
		n := admin.NotActive{ID: p.ID, Name: p.Name, Node: p.PluggedOn, Status: p.Status, Reason: whyNotActive(p)}
		if n.Node == "" {
			n.Node = p.HostID
		}
		s.NotActive = append(s.NotActive, n)
		if p.PluggedOn != "" && before[p.ID] {
			s.Problems = append(s.Problems, fmt.Sprintf("port %s (%s) is plugged on %s and %s: %s", p.ID, p.Name, p.PluggedOn, p.Status, n.Reason))
		}
	}
	return nil
}

func whyNotActive(p store.NotActive) string {
	switch {
	case p.StatusReason != "":
		return p.StatusReason
	case p.VIFType == model.VIFTypeBindingFailed:
		return fmt.Sprintf("it could not be bound to %s: no such node, or the node lacks the mapping of its network", p.HostID)
	case p.PluggedOn == "":
		return "no interface is plugged for it: is its VM running?"
	case p.VIFType != model.VIFTypeOther && p.HostID != "" && p.HostID != p.PluggedOn:
		return fmt.Sprintf("it is bound to %s, and plugged on %s", p.HostID, p.PluggedOn)
	}
	return fmt.Sprintf("%s has not confirmed its entries", p.PluggedOn)
}
