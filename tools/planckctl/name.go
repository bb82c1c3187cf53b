package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"

	"github.com/google/uuid"
)

// idOf finds the id of a port or router by its id or name.
func (t *tool) idOf(ctx context.Context, kind, idOrName string) (string, error) {
	if uuid.Validate(idOrName) == nil {
		return idOrName, nil
	}
	var answer map[string]json.RawMessage
	query := url.Values{"name": {idOrName}, "fields": {"id"}}
	if err := t.client.get(ctx, request{path: "/v2.0/" + kind + "s", query: query}, &answer); err != nil {
		return "", err
	}
	var found []struct{ ID string }
	if err := json.Unmarshal(answer[kind+"s"], &found); err != nil {
		return "", fmt.Errorf("the controller's answer: %w", err)
	}
	switch len(found) {
	case 0:
		return "", fmt.Errorf("no %s has the name %s", kind, idOrName)
	case 1:
		return found[0].ID, nil
	}
	ids := make([]string, len(found))
	for i, f := range found {
		ids[i] = f.ID
	}
	return "", fmt.Errorf("%d %ss have the name %s: %s", len(ids), kind, idOrName, strings.Join(ids, ", "))
}
