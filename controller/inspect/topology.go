package inspect

import (
	"context"
	"errors"

	"github.com/planck-sdn/planck/northbound/admin"
)

// Topology tells what hangs on what.
func (i *Inspector) Topology(ctx context.Context, project string) (admin.Topology, error) {
	return admin.Topology{}, errors.New("being built")
}
