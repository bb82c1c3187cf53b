package inspect

import (
	"context"
	"errors"

	"github.com/planck-sdn/planck/northbound/admin"
)

// Verify proves.
func (i *Inspector) Verify(ctx context.Context, node string, each func(admin.NodeProof) error) error {
	return errors.New("being built")
}
