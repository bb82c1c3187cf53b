package api

import (
	"context"
	"net/http"
	"strconv"
	"strings"

	"github.com/gin-gonic/gin"
	"go.uber.org/zap"

	"github.com/planck-sdn/planck/model/store"
	"github.com/planck-sdn/planck/northbound/auth"
)

// collection serves a resource.
type collection[T any] struct {
	*Resource[T]
	// store gives the operations, of the members of one object where the resource is nested in others.
	store       func(parent string) Operations[T]
	ownsNetwork func(ctx context.Context, projectID, networkID string) (bool, error)
	log         *zap.Logger
	whole       [Anyone + 1][]*Attribute[T] // what each class of requesters sees
}

// serve adds the paths of a resource.
func serve[T any](routes gin.IRoutes, b backend, r *Resource[T], d *description, log *zap.Logger) entry {
	c := newCollection(b, r, func(string) Operations[T] { return r.Store }, log)
	c.routes(routes, r.path(), "id")
	describe(d, r, r.Store, r.path(), "id")
	return entry{r.Name, r.Collection, r.path()[1:]}
}

// serveIn adds the paths of a resource whose objects belong to one object each of another collection.
func serveIn[T any](routes gin.IRoutes, parents string, b backend, r *Resource[T], store func(parent string) Operations[T], d *description, log *zap.Logger) *collection[T] {
	c := newCollection(b, r, store, log)
	c.routes(routes, "/"+parents+"/:id"+r.path(), "key")
	describe(d, r, store(""), "/"+parents+"/{id}"+r.path(), "key")
	return c
}

func newCollection[T any](b backend, r *Resource[T], store func(string) Operations[T], log *zap.Logger) *collection[T] {
	c := &collection[T]{Resource: r, store: store, ownsNetwork: b.ownsNetwork, log: log}
	for class := range c.whole {
		c.whole[class] = r.visible(Who(class), nil)
	}
	return c
}

// routes adds the paths of what the store can do. key is the parameter with the object's id.
func (c *collection[T]) routes(routes gin.IRoutes, path, key string) {
	one, operations := path+"/:"+key, c.store("")
	if operations.List != nil {
		routes.GET(path, c.handle(key, c.list))
	}
	if operations.Create != nil {
		routes.POST(path, c.handle(key, c.create))
	}
	if operations.Get != nil {
		routes.GET(one, c.handle(key, c.show))
	}
	if operations.Update != nil {
		routes.PUT(one, c.handle(key, c.update))
	}
	if operations.Delete != nil {
		routes.DELETE(one, c.handle(key, c.delete))
	}
	if c.Tags != nil {
		c.tagRoutes(routes, one)
	}
}

// request is one request on the way through a handler.
type request struct {
	*http.Request
	ctx      context.Context // with the requester's scope
	who      *auth.Context
	class    Who
	id       string // of the object in the path
	parent   string // of the object that it belongs to, if the resource is nested
	name     string // of a part of the object, such as a tag
	revision int64  // of the journal, when something was changed
}

// handle answers with what a handler returns: a status and JSON, or an error.
func (c *collection[T]) handle(key string, serve func(*request) (status int, body []byte, err error)) gin.HandlerFunc {
	return func(g *gin.Context) {
		r := &request{Request: g.Request, who: auth.From(g.Request.Context()), id: g.Param(key), name: g.Param("name")}
		if key != "id" {
			r.parent = g.Param("id")
		}
		r.class = class(r.who)
		status, body, err := c.answer(r, serve)
		if r.revision != 0 {
			g.Writer.Header().Set(HeaderRevision, strconv.FormatInt(r.revision, 10))
		}
		switch {
		case err != nil:
			writeError(g.Writer, g.Request, c.log, err)
		case status == http.StatusNoContent:
			g.Writer.WriteHeader(status)
			g.Writer.WriteHeaderNow()
		default:
			writeJSON(g.Writer, status, body)
		}
	}
}

func (c *collection[T]) answer(r *request, serve func(*request) (int, []byte, error)) (int, []byte, error) {
	scope := store.Scope{ProjectID: r.who.ProjectID, Admin: r.who.IsAdmin, Service: r.class == Service}
	if c.Revision != nil && (r.Method == http.MethodPut || r.Method == http.MethodDelete) {
		var err error
		if scope.Revision, err = expectedRevision(r.Header); err != nil {
			return 0, nil, err
		}
	}
	r.ctx = store.WithRevision(store.WithScope(r.Context(), scope), &r.revision)
	return serve(r)
}

// expectedRevision is what If-Match says that the object must have, 0 for any (Neutron API reference, "Revisions").
func expectedRevision(h http.Header) (int64, error) {
	for _, condition := range h.Values("If-Match") {
		text, ok := strings.CutPrefix(strings.TrimSpace(condition), "revision_number=")
		if !ok {
			continue
		}
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil || n < 1 {
			return 0, badRequest("Bad format for If-Match: revision_number is not a number above 0")
		}
		return n, nil
	}
	return 0, nil
}

func (c *collection[T]) list(r *request) (int, []byte, error) {
	q, err := c.query(r.URL.RawQuery, r.class)
	if err != nil {
		return 0, nil, err
	}
	objects := []*T{}
	if c.Read.admits(r.class) {
		if objects, err = c.store(r.parent).List(r.ctx, q.Query); err != nil {
			return 0, nil, err
		}
	}
	attributes := c.shown(r, q.fields)
	body := append([]byte(`{"`), c.Collection...)
	body = appendList(append(body, `":`...), objects, attributes)
	first, last := c.ends(objects)
	body = q.appendLinks(body, c.Collection, r.Request, len(objects), first, last)
	return http.StatusOK, append(body, '}'), nil
}

// ends gives the ids of the first and the last object.
func (c *collection[T]) ends(objects []*T) (first, last string) {
	if len(objects) == 0 {
		return "", ""
	}
	return c.ID(objects[0]), c.ID(objects[len(objects)-1])
}

func (c *collection[T]) show(r *request) (int, []byte, error) {
	object, err := c.get(r)
	if err != nil {
		return 0, nil, err
	}
	return http.StatusOK, c.one(r, object, nonEmpty(r.URL.Query()["fields"])), nil
}

func (c *collection[T]) create(r *request) (int, []byte, error) {
	items, bulk, err := c.bodyItems(r)
	if err != nil {
		return 0, nil, err
	}
	drafts, objects := make([]draft[T], len(items)), make([]*T, len(items))
	for i, item := range items {
		if drafts[i], err = c.draft(r, item); err != nil {
			return 0, nil, err
		}
		objects[i] = drafts[i].object
	}
	if err := c.store(r.parent).Create(r.ctx, drafts); err != nil {
		return 0, nil, err
	}
	if !bulk {
		return http.StatusCreated, c.one(r, objects[0], nil), nil
	}
	return http.StatusCreated, c.many(r, objects, nil), nil
}

// draft makes of an object of a body one that the store may create.
func (c *collection[T]) draft(r *request, item map[string]any) (draft[T], error) {
	s, err := c.read(item, r.Method, r.who)
	if err != nil {
		return draft[T]{}, err
	}
	d := draft[T]{new(T), s}
	s.apply(d.object)
	err = c.Resource.authorize(r.who, s, func() (bool, error) { return c.mine(r, d.object) })
	if err == nil && c.Check != nil {
		err = c.Check(s)
	}
	if err == nil && c.Complete != nil {
		err = c.Complete(d.object, s)
	}
	return d, err
}

func (c *collection[T]) update(r *request) (int, []byte, error) {
	items, _, err := c.bodyItems(r)
	if err != nil {
		return 0, nil, err
	}
	s, err := c.read(items[0], r.Method, r.who)
	if err != nil {
		return 0, nil, err
	}
	if err := c.authorize(r, s); err != nil {
		return 0, nil, err
	}
	if c.Check != nil {
		if err := c.Check(s); err != nil {
			return 0, nil, err
		}
	}
	object, err := c.store(r.parent).Update(r.ctx, r.id, func(object *T) error {
		s.apply(object)
		return nil
	})
	if err != nil {
		return 0, nil, err
	}
	return http.StatusOK, c.one(r, object, nil), nil
}

func (c *collection[T]) delete(r *request) (int, []byte, error) {
	if n, _ := r.Body.Read(make([]byte, 1)); n > 0 {
		return 0, nil, badRequest("Request body is not supported in DELETE.")
	}
	if err := c.authorize(r, said[T]{method: r.Method}); err != nil {
		return 0, nil, err
	}
	return http.StatusNoContent, nil, c.store(r.parent).Delete(r.ctx, r.id)
}

// authorize is for the object in the path. A requester who does not see it learns nothing but that.
func (c *collection[T]) authorize(r *request, s said[T]) error {
	if !storable(r.id) || !storable(r.parent) {
		return c.notFound(r.id)
	}
	refusal := c.Resource.authorize(r.who, s, func() (bool, error) {
		object, err := c.get(r)
		if err != nil {
			return false, err
		}
		return c.mine(r, object)
	})
	if refusal != nil {
		if _, err := c.get(r); err != nil {
			return err
		}
	}
	return refusal
}

// mine tells whether the requester owns the network that the object is on.
func (c *collection[T]) mine(r *request, object *T) (bool, error) {
	if c.NetworkOf == nil {
		return false, nil
	}
	return c.ownsNetwork(r.ctx, r.who.ProjectID, c.NetworkOf(object))
}

func (c *collection[T]) get(r *request) (*T, error) {
	if !storable(r.id) || !storable(r.parent) || !c.Read.admits(r.class) {
		return nil, c.notFound(r.id)
	}
	return c.store(r.parent).Get(r.ctx, r.id)
}

func (c *collection[T]) bodyItems(r *request) ([]map[string]any, bool, error) {
	body, err := readBody(r.Request)
	if err != nil {
		return nil, false, err
	}
	return c.items(body, r.Method)
}

// shown are the attributes that the requester sees.
func (c *collection[T]) shown(r *request, fields []string) []*Attribute[T] {
	if len(fields) == 0 {
		return c.whole[r.class]
	}
	return c.visible(r.class, fields)
}

// one is the JSON of an answer with one object.
func (c *collection[T]) one(r *request, object *T, fields []string) []byte {
	body := append(append([]byte(`{"`), c.Name...), `":`...)
	return append(appendObject(body, object, c.shown(r, fields)), '}')
}

// many is the JSON of an answer with several objects.
func (c *collection[T]) many(r *request, objects []*T, fields []string) []byte {
	body := append(append([]byte(`{"`), c.Collection...), `":`...)
	return append(appendList(body, objects, c.shown(r, fields)), '}')
}
