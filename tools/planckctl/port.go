package main

import (
	"context"
	"fmt"
	"net/url"
	"strings"

	"github.com/google/uuid"
)

// portID finds a port's id by its id or name.
func (t *tool) portID(ctx context.Context, idOrName string) (string, error) {
	if uuid.Validate(idOrName) == nil {
		return idOrName, nil
	}
	var answer struct{ Ports []struct{ ID string } }
	query := url.Values{"name": {idOrName}, "fields": {"id"}}
	if err := t.client.get(ctx, request{path: "/v2.0/ports", query: query}, &answer); err != nil {
		return "", err
	}
	switch len(answer.Ports) {
	case 0:
		return "", fmt.Errorf("no port has the name %s", idOrName)
	case 1:
		return answer.Ports[0].ID, nil
	}
	ids := make([]string, len(answer.Ports))
	for i, p := range answer.Ports {
		ids[i] = p.ID
	}
	return "", fmt.Errorf("%d ports have the name %s: %s", len(ids), idOrName, strings.Join(ids, ", "))
}
