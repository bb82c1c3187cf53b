package api

import (
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/gin-gonic/gin"
)

// schema is a Schema Object of OpenAPI 3.0.
type schema map[string]any

// nullable is a schema that null satisfies too.
func nullable(s schema) schema {
	n := maps.Clone(s)
	n["nullable"] = true
	return n
}

// description is the OpenAPI document of all that is served under /v2.0, made from the declarations.
type description struct {
	paths   map[string]map[string]schema
	schemas schema
}

func newDescription() *description {
	return &description{paths: map[string]map[string]schema{}, schemas: schema{
		"NeutronError": schema{"type": "object", "properties": schema{"NeutronError": record(
			schema{"type": text.Schema, "message": schema{"type": "string"}, "detail": schema{"type": "string"}}, nil)}},
	}}
}

// serve answers GET /v2.0/openapi.json. The front door has cut off the suffix.
func (d *description) serve(routes gin.IRoutes) {
	body, err := json.Marshal(schema{
		"openapi": "3.0.3",
		"info": schema{
			"title": "Planck: Quantum (Neutron) v2.0", "version": "v2.0",
			"description": "Every path is also served with the suffix .json. See the Neutron API reference for what the attributes mean.",
		},
		"security":   []schema{{"token": []string{}}},
		"paths":      d.paths,
		"components": schema{"schemas": d.schemas, "securitySchemes": schema{"token": schema{"type": "apiKey", "in": "header", "name": "X-Auth-Token"}}},
	})
	routes.GET("/openapi", func(g *gin.Context) {
		if err != nil { // nothing that was declared
			g.Status(http.StatusInternalServerError)
			return
		}
		writeJSON(g.Writer, http.StatusOK, body)
	})
}

// describe adds a resource at a path such as /networks or /ports/{id}/bindings; key names the parameter of its objects' paths.
func describe[T any](d *description, r *Resource[T], operations Operations[T], path, key string) {
	title := r.kind()
	shown, created, updated := schema{}, schema{}, schema{}
	var required []string
	for i := range r.Attributes {
		a := &r.Attributes[i]
		if a.Get != Nobody {
			shown[a.Name] = a.described(a.Get)
		}
		if a.Post != Nobody {
			created[a.Name] = a.described(a.Post)
			if a.Required {
				required = append(required, a.Name)
			}
		}
		if a.Put != Nobody {
			updated[a.Name] = a.described(a.Put)
		}
	}
	d.schemas[title] = record(nil, shown)
	many, one := d.path(path), d.path(path+"/{"+key+"}")
	own := []schema{pathParameter(key)}
	var parents []schema
	if strings.Contains(path, "{id}") {
		parents = []schema{pathParameter("id")}
		own = append(parents, own...)
	}
	if operations.List != nil {
		many["get"] = operation("list"+title, append(parents, r.listParameters()...), nil, "200",
			wrapped(r.Collection, schema{"type": "array", "items": reference(title)}))
	}
	if operations.Create != nil {
		body := record(nil, created)
		if required != nil {
			body["required"] = required
		}
		d.schemas[title+"Create"] = body
		many["post"] = operation("create"+title, parents, schema{"oneOf": []schema{
			wrapped(r.Name, reference(title+"Create")),
			wrapped(r.Collection, schema{"type": "array", "minItems": 1, "items": reference(title + "Create")}),
		}}, "201", schema{"oneOf": []schema{
			wrapped(r.Name, reference(title)), wrapped(r.Collection, schema{"type": "array", "items": reference(title)}),
		}})
	}
	if operations.Get != nil {
		one["get"] = operation("show"+title, append(own, fieldsParameter), nil, "200", wrapped(r.Name, reference(title)))
	}
	if operations.Update != nil {
		d.schemas[title+"Update"] = record(nil, updated)
		one["put"] = operation("update"+title, own, wrapped(r.Name, reference(title+"Update")), "200", wrapped(r.Name, reference(title)))
	}
	if operations.Delete != nil {
		one["delete"] = operation("delete"+title, own, nil, "204", nil)
	}
	if r.Tags == nil {
		return
	}
	tags := wrapped("tags", tagList.Schema)
	all, named := d.path(path+"/{"+key+"}/tags"), d.path(path+"/{"+key+"}/tags/{tag}")
	all["get"] = operation("show"+title+"Tags", own, nil, "200", tags)
	all["post"] = operation("add"+title+"Tags", own, tags, "201", tags)
	all["put"] = operation("replace"+title+"Tags", own, tags, "200", tags)
	all["delete"] = operation("remove"+title+"Tags", own, nil, "204", nil)
	own = append(own, pathParameter("tag"))
	named["get"] = operation("show"+title+"Tag", own, nil, "204", nil)
	named["put"] = operation("add"+title+"Tag", own, nil, "201", nil)
	named["delete"] = operation("remove"+title+"Tag", own, nil, "204", nil)
}

// path gives the operations of a path, to be added to.
func (d *description) path(path string) map[string]schema {
	path = "/v2.0" + path
	if d.paths[path] == nil {
		d.paths[path] = map[string]schema{}
	}
	return d.paths[path]
}

// described is the attribute's schema, and for whom it is.
func (a *Attribute[T]) described(who Who) schema {
	s := maps.Clone(a.Value.schema)
	if s == nil {
		s = schema{}
	}
	if a.Default != nil && who == a.Post {
		s["default"] = a.Default
	}
	if note := whoseWords[who]; note != "" {
		s["description"] = note
	}
	return s
}

var whoseWords = map[Who]string{
	Admin:        "For administrators.",
	Service:      "For administrators and services.",
	NetworkOwner: "For administrators, services and the owner of the network.",
}

var fieldsParameter = queryParameter("fields", schema{"type": "array", "items": schema{"type": "string"}})

func (r *Resource[T]) listParameters() []schema {
	var filters, keys []string
	for i := range r.Attributes {
		if a := &r.Attributes[i]; a.Filter {
			filters = append(filters, a.Name)
		}
		if r.Attributes[i].Sort {
			keys = append(keys, r.Attributes[i].Name)
		}
	}
	if r.Tags != nil {
		filters = append(filters, tagFilters...)
	}
	parameters := []schema{fieldsParameter}
	for _, f := range filters {
		parameters = append(parameters, queryParameter(f, schema{"type": "array", "items": schema{"type": "string"}}))
	}
	return append(parameters,
		queryParameter("sort_key", schema{"type": "array", "items": schema{"type": "string", "enum": keys}}),
		queryParameter("sort_dir", schema{"type": "array", "items": schema{"type": "string", "enum": []string{"asc", "desc"}}}),
		queryParameter("limit", schema{"type": "integer", "minimum": 0}),
		queryParameter("marker", schema{"type": "string"}),
		queryParameter("page_reverse", schema{"type": "boolean"}))
}

// queryParameter is a parameter that may be repeated where its schema is an array.
func queryParameter(name string, s schema) schema {
	return schema{"name": name, "in": "query", "schema": s}
}

func pathParameter(name string) schema {
	return schema{"name": name, "in": "path", "required": true, "schema": schema{"type": "string"}}
}

func reference(title string) schema { return schema{"$ref": "#/components/schemas/" + title} }

// wrapped is a JSON object with one key.
func wrapped(key string, s schema) schema {
	return schema{"type": "object", "properties": schema{key: s}, "required": []string{key}}
}

// operation describes one method of a path. A nil body or answer is none.
func operation(id string, parameters []schema, body schema, status string, answer schema) schema {
	content := func(s schema) schema { return schema{"application/json": schema{"schema": s}} }
	success := schema{"description": http.StatusText(map[string]int{"200": 200, "201": 201, "204": 204}[status])}
	if answer != nil {
		success["content"] = content(answer)
	}
	o := schema{"operationId": id, "responses": schema{
		status:    success,
		"default": schema{"description": "An error", "content": content(reference("NeutronError"))},
	}}
	if len(parameters) > 0 {
		o["parameters"] = slices.Clone(parameters)
	}
	if body != nil {
		o["requestBody"] = schema{"required": true, "content": content(body)}
	}
	return o
}
