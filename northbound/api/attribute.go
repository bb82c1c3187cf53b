package api

import (
	"net/http"

	"github.com/planck-sdn/planck/northbound/auth"
)

// Who is a requirement on the requester. It follows Neutron's default policy, where a rule is named after the operation and the
// attribute: "create_port:mac_address".
type Who uint8

// The requirements, weakest last. The zero value is for what no request can do: an attribute that is not allowed in
// POST, is read-only in PUT, or is not shown.
const (
	Nobody       Who = iota
	Admin            // administrators
	Service          // administrators, and other services of the cloud, such as Nova
	NetworkOwner     // those, and the owner of the network that the object is on
	Anyone           // everyone who may do the operation itself
)

// class sorts requesters by what they may, whatever they own: Admin, Service or Anyone.
func class(who *auth.Context) Who {
	switch {
	case who.IsAdmin:
		return Admin
	case who.IsAdvancedService():
		return Service
	}
	return Anyone
}

// admits tells whether a requester of the class passes, whatever it owns.
func (w Who) admits(class Who) bool {
	if w == NetworkOwner {
		w = Service
	}
	return class <= w
}

// Attribute declares one attribute of a resource whose entity is T. Everything generic follows from it: what a body
// may say and what it means, who may say it, what an answer shows and to whom, filters and sort keys.
type Attribute[T any] struct {
	Name  string
	Value Value[T]

	Post, Put, Get Who

	// Required attributes must be in a POST. Of the others, Default is taken when a POST does not mention them; a nil
	// Default leaves the entity as it is, which is Neutron's ATTR_NOT_SPECIFIED and not the same as null.
	Required bool
	Default  any

	Filter      bool     // ?name=value in a list
	FilterParts []string // and then ?name=part=value for each of these parts
	Sort        bool     // ?sort_key=name in a list
}

// Value reads and writes an attribute of T.
type Value[T any] struct {
	// parse makes of a JSON value (as encoding/json gives it, numbers as json.Number) what sets the attribute.
	parse func(any) (func(*T), error)
	// append appends the attribute's JSON.
	append func(dst []byte, object *T) []byte
	// schema describes the attribute's JSON (OpenAPI 3.0).
	schema schema
	// filter makes of a filter's text the text that the store compares with.
	filter func(string) (string, error)
}

// of is an attribute that is a field of the entity.
func of[T, V any](t Type[V], at func(*T) *V) Value[T] {
	return Value[T]{
		parse: func(j any) (func(*T), error) {
			v, err := t.Parse(j)
			return func(object *T) { *at(object) = v }, err
		},
		append: func(dst []byte, object *T) []byte { return t.Append(dst, *at(object)) },
		schema: t.Schema,
		filter: t.filter(),
	}
}

// computed is an attribute that no request sets.
func computed[T, V any](t Type[V], from func(*T) V) Value[T] {
	return Value[T]{
		append: func(dst []byte, object *T) []byte { return t.Append(dst, from(object)) },
		schema: t.Schema,
		filter: t.filter(),
	}
}

// only is an attribute that has one value for as long as the feature behind it does not exist: a request may say
// that value and no other.
func only[T any, V comparable](t Type[V], value V, otherwise string) Value[T] {
	return Value[T]{
		parse: func(j any) (func(*T), error) {
			v, err := t.Parse(j)
			if err == nil && v != value {
				err = invalidInput("%s", otherwise)
			}
			return func(*T) {}, err
		},
		append: func(dst []byte, _ *T) []byte { return t.Append(dst, value) },
		schema: t.Schema,
		filter: t.filter(),
	}
}

// requirement is what a request with this method needs to say the attribute.
func (a *Attribute[T]) requirement(method string) Who {
	if method == http.MethodPost {
		return a.Post
	}
	return a.Put
}
