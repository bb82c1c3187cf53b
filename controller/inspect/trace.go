package inspect

import (
	"context"
	"errors"

	"github.com/planck-sdn/planck/northbound/admin"
)

// Trace follows a packet.
func (i *Inspector) Trace(ctx context.Context, q admin.TraceQuery) (admin.Trace, error) {
	return admin.Trace{}, errors.New("being built")
}
