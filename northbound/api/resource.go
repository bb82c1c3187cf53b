// Package api is Quantum's REST API, v2.0, as Neutron has it today.
//
// A resource is one declaration (networks.go, subnets.go, ports.go): its attributes, and the few rules that no
// attribute can say alone. Reading bodies, policy, filters, sorting, pages, projection and answers are generic and
// know no resource.
package api

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/planck-sdn/planck/model"
	"github.com/planck-sdn/planck/model/store"
)

// Resource declares one collection of the API, whose entity is T.
type Resource[T any] struct {
	Name       string // of one, in bodies: "network"
	Collection string // of many, in bodies and, unless Path says otherwise, in paths: "networks"
	Path       string
	Title      string // in errors: "Network" makes the type NetworkNotFound

	Attributes []Attribute[T]

	// Who may do it at all; whether to this very object is for the store to say. To those who may not read, a list is empty and
	// no object exists.
	Create, Read, Update, Delete Who

	ID        func(*T) string
	Revision  func(*T) int64     // nil: the object has none, and If-Match is not possible
	Tags      func(*T) *[]string // nil: the object cannot have tags
	NetworkOf func(*T) string    // id of the network that the object is on; nil for networks

	// Check refuses what no attribute can refuse alone, in POST and PUT. It may be nil.
	Check func(s said[T]) error
	// Complete fills in what a POST leaves to other attributes. It may be nil.
	Complete func(object *T, s said[T]) error
	// Allow refuses what policy cannot say by attributes: values. mine tells whether the requester owns the network, or is a
	// service. It is not called for administrators and may be nil.
	Allow func(s said[T], mine func() (bool, error)) error

	Store Operations[T]
}

// Operations are a resource's part of the store. Who asks is in the context. What is nil cannot be done.
type Operations[T any] struct {
	Create func(ctx context.Context, drafts []draft[T]) error // all or none; completes the objects
	Get    func(ctx context.Context, id string) (*T, error)
	List   func(ctx context.Context, q store.Query) ([]*T, error)
	Update func(ctx context.Context, id string, change func(*T) error) (*T, error)
	Delete func(ctx context.Context, id string) error
}

// draft is an object that is to be created, and what the request said of it.
type draft[T any] struct {
	object *T
	said   said[T]
}

// standardFields are where an entity has what every object of the API has.
type standardFields struct {
	id, project, description *string
	tags                     *[]string
	revision                 *int64
	created, updated         *time.Time
}

// standard declares what every object of the API has, before its own attributes.
func standard[T any](at func(*T) standardFields, own ...Attribute[T]) []Attribute[T] {
	project := of(text, func(o *T) *string { return at(o).project })
	return append([]Attribute[T]{
		{Name: "id", Value: computed(identifier, func(o *T) string { return *at(o).id }), Get: Anyone, Filter: true, Sort: true},
		{Name: "tenant_id", Value: project, Post: Anyone, Get: Anyone, Filter: true, Sort: true},
		{Name: "project_id", Value: project, Get: Anyone, Filter: true, Sort: true},
		{Name: "description", Value: of(text, func(o *T) *string { return at(o).description }), Post: Anyone, Put: Anyone, Get: Anyone, Default: "", Filter: true},
		{Name: "tags", Value: computed(tagList, func(o *T) []string { return *at(o).tags }), Get: Anyone},
		{Name: "revision_number", Value: computed(revision, func(o *T) int64 { return *at(o).revision }), Get: Anyone, Filter: true},
		{Name: "created_at", Value: computed(timestamp, func(o *T) time.Time { return *at(o).created }), Get: Anyone},
		{Name: "updated_at", Value: computed(timestamp, func(o *T) time.Time { return *at(o).updated }), Get: Anyone},
	}, own...)
}

// path is where the collection is, under /v2.0.
func (r *Resource[T]) path() string {
	if r.Path != "" {
		return "/" + r.Path
	}
	return "/" + r.Collection
}

func (r *Resource[T]) attribute(name string) *Attribute[T] {
	for i := range r.Attributes {
		if r.Attributes[i].Name == name {
			return &r.Attributes[i]
		}
	}
	return nil
}

// kind is the title in one word.
func (r *Resource[T]) kind() string { return strings.ReplaceAll(r.Title, " ", "") }

func (r *Resource[T]) notFound(id string) *model.Error {
	return model.Errorf(http.StatusNotFound, r.kind()+"NotFound", "%s %s could not be found.", r.Title, id)
}

// visible are the attributes that a class of requesters sees: all that are named by fields, or simply all.
func (r *Resource[T]) visible(class Who, fields []string) []*Attribute[T] {
	wanted := make(map[string]bool, len(fields))
	for _, f := range fields {
		wanted[f] = true
	}
	attributes := make([]*Attribute[T], 0, len(r.Attributes))
	for i := range r.Attributes {
		a := &r.Attributes[i]
		if a.Get.admits(class) && (len(wanted) == 0 || wanted[a.Name]) {
			attributes = append(attributes, a)
		}
	}
	return attributes
}

// appendObject appends the JSON of an object.
func appendObject[T any](dst []byte, object *T, attributes []*Attribute[T]) []byte {
	dst = append(dst, '{')
	for i, a := range attributes {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(append(append(dst, '"'), a.Name...), '"', ':')
		dst = a.Value.append(dst, object)
	}
	return append(dst, '}')
}

// appendList appends the JSON of a list of objects.
func appendList[T any](dst []byte, objects []*T, attributes []*Attribute[T]) []byte {
	dst = append(dst, '[')
	for i, object := range objects {
		if i > 0 {
			dst = append(dst, ',')
		}
		before := len(dst)
		dst = appendObject(dst, object, attributes)
		if i == 0 { // the others are about as long
			dst = slices.Grow(dst, (len(dst)-before)*9/8*(len(objects)-1))
		}
	}
	return append(dst, ']')
}
