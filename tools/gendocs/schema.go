package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"time"

	"github.com/planck-sdn/planck/northbound/admin"
)

// schemaPage writes docs/planck-v1.schema.json: the answers of /planck/v1 in JSON Schema 2020-12, from their types, with the comments of their
// source as descriptions. x-answers says which definition the answer to each request has, and x-bodies which its body.
func schemaPage(root string) ([]byte, error) {
	comments, err := commentsIn(filepath.Join(root, "northbound", "admin"))
	if err != nil {
		return nil, err
	}
	s := schema{comments: comments, defs: map[string]any{}}
	answers := map[string]string{}
	for _, r := range routes {
		if r.answer == nil {
			continue
		}
		one := s.of(r.answer)
		if r.list != "" {
			s.defs[r.definition()] = map[string]any{"type": "object", "required": []string{r.list},
				"properties": map[string]any{r.list: map[string]any{"type": "array", "items": one}}}
		}
		answers[r.method+" "+admin.Prefix+r.path] = "#/$defs/" + r.definition()
	}
	carried := map[string]string{}
	for request, body := range bodies {
		method, path, _ := strings.Cut(request, " ")
		s.of(body)
		carried[method+" "+admin.Prefix+path] = "#/$defs/" + body.Name()
	}
	text := map[string]any{"type": "string"}
	s.defs["Error"] = map[string]any{"type": "object", "description": "What is answered with an HTTP status of 400 and above.", "required": []string{"NeutronError"},
		"properties": map[string]any{"NeutronError": map[string]any{"type": "object", "required": []string{"type", "message", "detail"},
			"properties": map[string]any{"type": text, "message": text, "detail": text}}}}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	err = e.Encode(map[string]any{
		"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": "urn:planck:v1",
		"title": "Answers of /planck/v1", "$comment": "Written by go run ./tools/gendocs, and not by hand.",
		"$defs": s.defs, "x-answers": answers, "x-bodies": carried,
	})
	return b.Bytes(), err
}

// schema is the definitions in the making.
type schema struct {
	comments map[string]string // "Node" or "Node.Ports"
	defs     map[string]any
}

// of is the schema of values of a type, as encoding/json writes them.
func (s *schema) of(t reflect.Type) map[string]any {
	switch {
	case t == reflect.TypeFor[time.Time]():
		return map[string]any{"type": "string", "format": "date-time"}
	case t == reflect.TypeFor[time.Duration]():
		return map[string]any{"type": "integer"}
	}
	switch t.Kind() {
	case reflect.Pointer:
		return s.of(t.Elem())
	case reflect.String:
		return map[string]any{"type": "string"}
	case reflect.Bool:
		return map[string]any{"type": "boolean"}
	case reflect.Float64:
		return map[string]any{"type": "number"}
	case reflect.Int, reflect.Int64:
		return map[string]any{"type": "integer"}
	case reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return map[string]any{"type": "integer", "minimum": 0}
	case reflect.Slice:
		return map[string]any{"type": "array", "items": s.of(t.Elem())}
	case reflect.Map:
		return map[string]any{"type": "object", "additionalProperties": s.of(t.Elem())}
	case reflect.Struct:
		if _, known := s.defs[t.Name()]; !known {
			s.defs[t.Name()] = nil // so that a type that holds itself ends
			s.defs[t.Name()] = s.definition(t)
		}
		return map[string]any{"$ref": "#/$defs/" + t.Name()}
	}
	panic(fmt.Sprintf("gendocs: no schema for %s", t))
}

func (s *schema) definition(t reflect.Type) map[string]any {
	properties, required := map[string]any{}, []string{}
	s.fields(t, properties, &required)
	d := map[string]any{"type": "object", "properties": properties, "required": required}
	if text := s.comments[t.Name()]; text != "" {
		d["description"] = text
	}
	return d
}

func (s *schema) fields(t reflect.Type, properties map[string]any, required *[]string) {
	for f := range t.Fields() {
		if f.Anonymous {
			s.fields(f.Type, properties, required)
			continue
		}
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		if name == "-" || name == "" {
			continue
		}
		p := s.of(f.Type)
		if text := s.comments[t.Name()+"."+f.Name]; text != "" {
			p["description"] = text
		}
		properties[name] = p
		if !strings.Contains(options, "omitempty") {
			*required = append(*required, name)
		}
	}
}

// commentsIn collects what the source of a package says of its types and their fields.
func commentsIn(dir string) (map[string]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	comments := map[string]string{}
	for _, entry := range entries {
		if !strings.HasSuffix(entry.Name(), ".go") || strings.HasSuffix(entry.Name(), "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), filepath.Join(dir, entry.Name()), nil, parser.ParseComments)
		if err != nil {
			return nil, err
		}
		for _, d := range file.Decls {
			if d, ok := d.(*ast.GenDecl); ok {
				for _, spec := range d.Specs {
					if spec, ok := spec.(*ast.TypeSpec); ok {
						commentsOn(spec, d.Doc, comments)
					}
				}
			}
		}
	}
	return comments, nil
}

func commentsOn(spec *ast.TypeSpec, doc *ast.CommentGroup, comments map[string]string) {
	comments[spec.Name.Name] = oneLine(doc)
	fields, ok := spec.Type.(*ast.StructType)
	if !ok {
		return
	}
	for _, f := range fields.Fields.List {
		for _, name := range f.Names {
			comments[spec.Name.Name+"."+name.Name] = strings.TrimSpace(oneLine(f.Doc) + " " + oneLine(f.Comment))
		}
	}
}

func oneLine(c *ast.CommentGroup) string { return strings.Join(strings.Fields(c.Text()), " ") }
