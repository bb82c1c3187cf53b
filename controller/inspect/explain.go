package inspect

import (
	"context"
	"errors"

	"github.com/planck-sdn/planck/northbound/admin"
)

// Explain says in plain English what entries do.
func (i *Inspector) Explain(ctx context.Context, node, cookie, entry string) ([]admin.Explanation, error) {
	return nil, errors.New("being built")
}
