package inspect

import (
	"context"
	"errors"

	"github.com/planck-sdn/planck/northbound/admin"
)

// Why goes through all that can keep a port from its network.
func (i *Inspector) Why(ctx context.Context, port string) (admin.Why, error) {
	return admin.Why{}, errors.New("being built")
}
