package api

import (
	"context"
	"net/http"
	"strconv"

	"github.com/gin-gonic/gin"
	"go.uber.org/zap"

	"github.com/planck-sdn/planck/model/store"
	"github.com/planck-sdn/planck/northbound/auth"
)

// collection serves a resource.
type collection[T any] struct {
	*Resource[T]
	ownsNetwork func(ctx context.Context, projectID, networkID string) (bool, error)
	log         *zap.Logger
}

// serve adds the paths of a resource.
func serve[T any](routes gin.IRoutes, b backend, r *Resource[T], log *zap.Logger) entry {
	c := &collection[T]{r, b.ownsNetwork, log}
	many, one := "/"+r.Collection, "/"+r.Collection+"/:id"
	routes.GET(many, c.handle(c.list))
	routes.POST(many, c.handle(c.create))
	routes.GET(one, c.handle(c.show))
	routes.PUT(one, c.handle(c.update))
	routes.DELETE(one, c.handle(c.delete))
	return entry{r.Name, r.Collection}
}

// request is one request on the way through a handler.
type request struct {
	*http.Request
	ctx      context.Context // with the requester's scope
	who      *auth.Context
	id       string // of the object in the path
	revision int64  // of the journal, when something was changed
}

// handle answers with what a handler returns: a status and JSON, or an error.
func (c *collection[T]) handle(serve func(*request) (status int, body []byte, err error)) gin.HandlerFunc {
	return func(g *gin.Context) {
		r := &request{Request: g.Request, who: auth.From(g.Request.Context()), id: g.Param("id")}
		scope := store.Scope{ProjectID: r.who.ProjectID, Admin: r.who.IsAdmin}
		r.ctx = store.WithRevision(store.WithScope(g.Request.Context(), scope), &r.revision)
		status, body, err := serve(r)
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

func (c *collection[T]) list(r *request) (int, []byte, error) {
	q, err := c.query(r.URL.RawQuery)
	if err != nil {
		return 0, nil, err
	}
	objects, err := c.Store.List(r.ctx, q.Query)
	if err != nil {
		return 0, nil, err
	}
	attributes := c.visible(r.who.IsAdmin, q.fields)
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
	if err := c.Store.Create(r.ctx, drafts); err != nil {
		return 0, nil, err
	}
	if !bulk {
		return http.StatusCreated, c.one(r, objects[0], nil), nil
	}
	body := append([]byte(`{"`), c.Collection...)
	body = appendList(append(body, `":`...), objects, c.visible(r.who.IsAdmin, nil))
	return http.StatusCreated, append(body, '}'), nil
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
	object, err := c.Store.Update(r.ctx, r.id, func(object *T) error {
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
	return http.StatusNoContent, nil, c.Store.Delete(r.ctx, r.id)
}

// authorize is for the object in the path. A requester who does not see it learns nothing but that.
func (c *collection[T]) authorize(r *request, s said[T]) error {
	if !storable(r.id) {
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
	if !storable(r.id) {
		return nil, c.notFound(r.id)
	}
	return c.Store.Get(r.ctx, r.id)
}

func (c *collection[T]) bodyItems(r *request) ([]map[string]any, bool, error) {
	body, err := readBody(r.Request)
	if err != nil {
		return nil, false, err
	}
	return c.items(body, r.Method)
}

// one is the JSON of an answer with one object.
func (c *collection[T]) one(r *request, object *T, fields []string) []byte {
	body := append(append([]byte(`{"`), c.Name...), `":`...)
	return append(appendObject(body, object, c.visible(r.who.IsAdmin, fields)), '}')
}
