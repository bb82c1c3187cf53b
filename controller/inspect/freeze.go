package inspect

import (
	"context"

	"github.com/planck-sdn/planck/model"
)

// Freeze stops the programming of one node or all, or lets it go on. When it returns nothing more is sent by this replica to those that
// it froze, but for one that is too busy to say so.
func (i *Inspector) Freeze(ctx context.Context, name string, frozen bool) error {
	chosen, err := i.chosen(name)
	if err != nil {
		return err
	}
	numbers := make([]model.Number, len(chosen))
	for k, n := range chosen {
		numbers[k] = n.Number
	}
	if err := i.Store.FreezeNodes(ctx, numbers, frozen); err != nil {
		return err
	}
	if _, err := i.Follower.Sync(ctx); err != nil {
		return err
	}
	seen := func(ctx context.Context, n *model.Node) error {
		if s := i.Registry.Switch(n.Number); s != nil {
			ctx, cancel := context.WithTimeout(ctx, askTimeout)
			defer cancel()
			_, _ = s.Summary(ctx) // comes after what it was about to send
		}
		return nil
	}
	return perNode(ctx, chosen, seen, func(error) error { return nil })
}
