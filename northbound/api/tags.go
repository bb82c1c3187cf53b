package api

import (
	"net/http"
	"slices"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/planck-sdn/planck/model"
)

// maxTags is how many tags an object may have, as in Neutron.
const maxTags = 50

// tagFilters are the filters of every list of objects that can have tags (Neutron API reference, "Filtering by tags"). Their values
// are tags with commas between them.
var tagFilters = []string{"tags", "tags-any", "not-tags", "not-tags-any"}

func wantedTags(filter string, values []string) ([]string, error) {
	for _, v := range values {
		if !storable(v) {
			return nil, badRequest("Invalid input for %s. Reason: '%s' is not a valid string.", filter, show(strings.ToValidUTF8(v, "?")))
		}
	}
	return values, nil
}

// tag is a word. A comma would part it in a filter.
var tag = Type[string]{
	Parse: func(j any) (string, error) {
		s, err := text.Parse(j)
		if err == nil && (s == "" || strings.Contains(s, ",")) {
			err = because("'%s' is not a valid tag", show(j))
		}
		return s, err
	},
	Append: appendString,
	Schema: schema{"type": "string", "minLength": 1, "maxLength": maxText, "pattern": "^[^,]+$"},
}

var tagList = listOf(tag, "'%s' is not a list", false)

// tagRoutes adds the paths of the tags of an object (Neutron API reference, "Standard attributes tag extension").
func (c *collection[T]) tagRoutes(routes gin.IRoutes, one string) {
	all, named := one+"/tags", one+"/tags/:name"
	routes.GET(all, c.handle("id", c.showTags))
	routes.POST(all, c.handle("id", c.addTags))
	routes.PUT(all, c.handle("id", c.replaceTags))
	routes.DELETE(all, c.handle("id", c.removeTags))
	routes.GET(named, c.handle("id", c.showTag))
	routes.PUT(named, c.handle("id", c.addTag))
	routes.DELETE(named, c.handle("id", c.removeTag))
}

func (c *collection[T]) showTags(r *request) (int, []byte, error) {
	object, err := c.get(r)
	if err != nil {
		return 0, nil, err
	}
	return http.StatusOK, tagBody(*c.Tags(object)), nil
}

func tagBody(tags []string) []byte {
	return append(tagList.Append([]byte(`{"tags":`), tags), '}')
}

func (c *collection[T]) showTag(r *request) (int, []byte, error) {
	object, err := c.get(r)
	if err == nil && !slices.Contains(*c.Tags(object), r.name) {
		err = tagNotFound(r.name)
	}
	return http.StatusNoContent, nil, err
}

func (c *collection[T]) replaceTags(r *request) (int, []byte, error) {
	wanted, err := bodyTags(r.Request)
	if err != nil {
		return 0, nil, err
	}
	return http.StatusOK, tagBody(wanted), c.changeTags(r, func([]string) ([]string, error) { return wanted, nil })
}

// addTags adds several tags at once (extension tag-creation). Those that are there already stay.
func (c *collection[T]) addTags(r *request) (int, []byte, error) {
	wanted, err := bodyTags(r.Request)
	if err != nil {
		return 0, nil, err
	}
	return http.StatusCreated, tagBody(wanted), c.changeTags(r, func(tags []string) ([]string, error) {
		all := slices.Sorted(slices.Values(slices.Concat(tags, wanted)))
		return slices.Compact(all), nil
	})
}

// bodyTags reads the tags of a body, sorted.
func bodyTags(r *http.Request) ([]string, error) {
	body, err := readBody(r)
	if err != nil {
		return nil, err
	}
	list, ok := body["tags"]
	if !ok {
		return nil, invalidInput("Invalid tags body")
	}
	wanted, err := tagList.Parse(list)
	if err != nil {
		return nil, invalidInput("%s", err)
	}
	slices.Sort(wanted)
	if len(slices.Compact(slices.Clone(wanted))) < len(wanted) {
		return nil, invalidInput("Duplicate items in the list: '%s'", strings.Join(wanted, ", "))
	}
	return wanted, nil
}

func (c *collection[T]) removeTags(r *request) (int, []byte, error) {
	return http.StatusNoContent, nil, c.changeTags(r, func([]string) ([]string, error) { return []string{}, nil })
}

func (c *collection[T]) addTag(r *request) (int, []byte, error) {
	if _, err := tag.Parse(r.name); err != nil || !storable(r.name) {
		return 0, nil, invalidInput("'%s' is not a valid tag", show(strings.ToValidUTF8(r.name, "?")))
	}
	return http.StatusCreated, []byte("null"), c.changeTags(r, func(tags []string) ([]string, error) {
		i, found := slices.BinarySearch(tags, r.name)
		if found {
			return tags, nil
		}
		return slices.Insert(slices.Clone(tags), i, r.name), nil
	})
}

func (c *collection[T]) removeTag(r *request) (int, []byte, error) {
	return http.StatusNoContent, nil, c.changeTags(r, func(tags []string) ([]string, error) {
		i, found := slices.BinarySearch(tags, r.name)
		if !found {
			return nil, tagNotFound(r.name)
		}
		return slices.Delete(slices.Clone(tags), i, i+1), nil
	})
}

// changeTags changes the tags of the object in the path: a change like any other.
func (c *collection[T]) changeTags(r *request, change func([]string) ([]string, error)) error {
	if err := c.authorize(r, said[T]{method: http.MethodPut}); err != nil {
		return err
	}
	_, err := c.store(r.parent).Update(r.ctx, r.id, func(object *T) error {
		tags, err := change(*c.Tags(object))
		if err == nil && len(tags) > maxTags {
			err = model.Errorf(http.StatusBadRequest, "BadRequest", "Bad %s request: The number of tags exceed the per-resource limit of %d.", c.Collection, maxTags)
		}
		if err != nil {
			return err
		}
		*c.Tags(object) = tags
		return nil
	})
	return err
}

func tagNotFound(name string) error {
	return model.Errorf(http.StatusNotFound, "TagNotFound", "Tag %s could not be found.", show(strings.ToValidUTF8(name, "?")))
}
