package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/planck-sdn/planck/model"
	"github.com/planck-sdn/planck/northbound/auth"
)

// MaxBody is how many bytes a request may carry: about 3,000 ports in one bulk request.
const MaxBody = 1 << 20

var errInvalidBody = badRequest("Body contains invalid data")

// said is what one object of a request's body says, in the order of the declaration. Values have passed their type.
type said[T any] struct {
	method string
	values []value[T]
}

type value[T any] struct {
	attribute *Attribute[T]
	json      any
	set       func(*T)
	explicit  bool // and not a default
}

// says tells whether the request itself mentions the attribute.
func (s said[T]) says(name string) bool {
	_, ok := s.json(name)
	return ok
}

// json gives what the request itself says.
func (s said[T]) json(name string) (any, bool) {
	for _, v := range s.values {
		if v.attribute.Name == name && v.explicit {
			return v.json, true
		}
	}
	return nil, false
}

func (s said[T]) apply(object *T) {
	for _, v := range s.values {
		v.set(object)
	}
}

// readBody reads the one JSON object that a body is. Of a key that is there twice, the last counts, as everywhere.
func readBody(r *http.Request) (map[string]any, error) {
	text, err := io.ReadAll(r.Body)
	var body map[string]any
	if err == nil {
		if body, err = parseBody(text); err == nil {
			return body, nil
		}
	}
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) {
		return nil, model.Errorf(http.StatusRequestEntityTooLarge, "HTTPRequestEntityTooLarge", "Request is too large: the limit is %d bytes.", tooLarge.Limit)
	}
	invalid := *errInvalidBody
	var syntax *json.SyntaxError
	if errors.As(err, &syntax) {
		invalid.Detail = fmt.Sprintf("%v at byte %d", syntax, syntax.Offset)
	}
	return nil, &invalid
}

func parseBody(text []byte) (body map[string]any, err error) {
	if !utf8.Valid(text) { // encoding/json would put something else in its place
		return nil, errors.New("not UTF-8")
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	if err := d.Decode(&body); err != nil && err != io.EOF {
		return nil, err
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, errors.New("more than one JSON value")
	}
	return body, nil
}

// items finds the objects of a body, one or (in POST) many.
func (r *Resource[T]) items(body map[string]any, method string) (items []map[string]any, bulk bool, err error) {
	if many, ok := body[r.Collection]; ok {
		if method != http.MethodPost {
			return nil, true, badRequest("Bulk operation not supported")
		}
		list, ok := many.([]any)
		if many != nil && !ok {
			return nil, true, errInvalidBody
		}
		if len(list) == 0 {
			return nil, true, badRequest("Resources required")
		}
		for _, item := range list {
			object, ok := item.(map[string]any)
			if !ok {
				return nil, true, errInvalidBody
			}
			if wrapped, ok := object[r.Name]; ok {
				if object, ok = wrapped.(map[string]any); !ok {
					return nil, true, badRequest("Object '%s' contains invalid data", r.Name)
				}
			}
			items = append(items, object)
		}
		return items, true, nil
	}
	one := body[r.Name]
	if one == nil {
		return nil, false, badRequest("Unable to find '%s' in request body", r.Name)
	}
	object, ok := one.(map[string]any)
	if !ok {
		return nil, false, badRequest("Object '%s' contains invalid data", r.Name)
	}
	return []map[string]any{object}, false, nil
}

// read checks one object of a body against the declaration, in Neutron's order: project, unknown attributes, what
// may be said at all, types.
func (r *Resource[T]) read(item map[string]any, method string, who *auth.Context) (said[T], error) {
	s := said[T]{method: method}
	if r.attribute("tenant_id") != nil {
		if err := resolveProject(item, method, who); err != nil {
			return s, err
		}
	}
	if err := r.refuseUnknown(item); err != nil {
		return s, err
	}
	for i := range r.Attributes {
		a := &r.Attributes[i]
		_, present := item[a.Name]
		switch {
		case present && method == http.MethodPost && a.Post == Nobody:
			return s, badRequest("Attribute '%s' not allowed in POST", a.Name)
		case present && method == http.MethodPut && a.Put == Nobody:
			return s, badRequest("Cannot update read-only attribute %s", a.Name)
		case !present && method == http.MethodPost && a.Required:
			return s, badRequest("Failed to parse request. Required attribute '%s' not specified", a.Name)
		}
	}
	for i := range r.Attributes {
		a := &r.Attributes[i]
		j, present := item[a.Name]
		if !present {
			if method != http.MethodPost || a.Default == nil {
				continue
			}
			j = a.Default
		}
		set, err := a.Value.parse(j)
		if err != nil {
			var e *model.Error
			if errors.As(err, &e) {
				return s, err
			}
			return s, badRequest("Invalid input for %s. Reason: %s.", a.Name, strings.TrimSuffix(err.Error(), "."))
		}
		s.values = append(s.values, value[T]{a, j, set, present})
	}
	return s, nil
}

func (r *Resource[T]) refuseUnknown(item map[string]any) error {
	var unknown []string
	for key := range item {
		if r.attribute(key) == nil {
			unknown = append(unknown, show(key))
		}
	}
	if unknown == nil {
		return nil
	}
	slices.Sort(unknown)
	return badRequest("Unrecognized attribute(s) '%s'", show(strings.Join(unknown, ", ")))
}

// resolveProject leaves the object's project under its older name, tenant_id: as the body says it under either, or
// else the requester's.
func resolveProject(item map[string]any, method string, who *auth.Context) error {
	project, hasProject := item["project_id"]
	tenant, hasTenant := item["tenant_id"]
	if hasProject && hasTenant && show(project) != show(tenant) {
		return badRequest("'project_id' and 'tenant_id' do not match")
	}
	delete(item, "project_id")
	if hasProject {
		item["tenant_id"] = project
	}
	asked := item["tenant_id"]
	if (hasProject || hasTenant) && class(who) > Service && asked != who.ProjectID {
		return badRequest("Specifying 'project_id' other than the authenticated project in request is not allowed for the current user.")
	}
	if method != http.MethodPost || asked != nil && asked != "" {
		return nil
	}
	if who.ProjectID == "" {
		return badRequest("Running without keystone AuthN requires that project_id is specified")
	}
	item["tenant_id"] = who.ProjectID
	return nil
}
