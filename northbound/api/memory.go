package api

import (
	"bytes"
	"slices"
	"strings"

	"github.com/planck-sdn/planck/model/store"
)

// inMemory does for a short list what the store does for long ones: filters, order and pages. Values are compared as their JSON.
func inMemory[T any](r *Resource[T], objects []*T, q store.Query) ([]*T, error) {
	list := slices.DeleteFunc(slices.Clone(objects), func(o *T) bool { return !r.satisfies(o, q.Filters) })
	slices.SortStableFunc(list, func(a, b *T) int {
		for _, key := range q.Sort {
			attribute := r.attribute(key.Attribute)
			c := bytes.Compare(attribute.Value.append(nil, a), attribute.Value.append(nil, b))
			if key.Descending {
				c = -c
			}
			if c != 0 {
				return c
			}
		}
		return strings.Compare(r.ID(a), r.ID(b))
	})
	if q.Marker != "" {
		i := slices.IndexFunc(list, func(o *T) bool { return r.ID(o) == q.Marker })
		switch {
		case i < 0:
			return nil, r.notFound(q.Marker)
		case q.Reverse:
			list = list[:i]
		default:
			list = list[i+1:]
		}
	}
	if q.Limit > 0 && len(list) > q.Limit {
		if q.Reverse {
			return list[len(list)-q.Limit:], nil
		}
		return list[:q.Limit], nil
	}
	return list, nil
}

func (r *Resource[T]) satisfies(object *T, filters map[string][]string) bool {
	for name, wanted := range filters {
		value := r.attribute(name).Value.append(nil, object)
		if !slices.ContainsFunc(wanted, func(text string) bool {
			return string(value) == text || bytes.Equal(value, appendString(nil, text)) || text == "" && string(value) == "null"
		}) {
			return false
		}
	}
	return true
}
