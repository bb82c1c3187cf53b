package inspect

import (
	"context"
	"errors"

	"github.com/planck-sdn/planck/northbound/admin"
)

// Check compares wanted with rendered anew, and with present.
func (i *Inspector) Check(ctx context.Context, node string, repair bool, each func(admin.NodeCheck) error) error {
	return errors.New("being built")
}

// ReconcileDryRun tells what Reconcile would send.
func (i *Inspector) ReconcileDryRun(ctx context.Context, node string) ([]admin.Difference, error) {
	return nil, errors.New("being built")
}
