// Package schema holds answers of /planck/v1 against docs/planck-v1.schema.json.
package schema

import (
	"bytes"
	"fmt"
	"net/http"
	"os"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// Schema is the compiled schema.
type Schema struct {
	answers map[string]*jsonschema.Schema // by request, with names like :id for what is any
	err     *jsonschema.Schema
}

// Load reads the schema from a file. It is stricter than for clients: what is not documented is an error.
func Load(path string) (*Schema, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		return nil, err
	}
	whole := document.(map[string]any)
	for _, d := range whole["$defs"].(map[string]any) {
		d.(map[string]any)["additionalProperties"] = false
	}
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	id := whole["$id"].(string)
	if err := c.AddResource(id, document); err != nil {
		return nil, err
	}
	if _, err := c.Compile(id); err != nil { // against the metaschema
		return nil, err
	}
	s := &Schema{answers: map[string]*jsonschema.Schema{}}
	if s.err, err = c.Compile(id + "#/$defs/Error"); err != nil {
		return nil, err
	}
	for request, definition := range whole["x-answers"].(map[string]any) {
		if s.answers[request], err = c.Compile(id + definition.(string)); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// Check holds an answer against the schema.
func (s *Schema) Check(method, path string, status int, body []byte) error {
	definition := s.err
	switch {
	case status == http.StatusNoContent:
		if len(body) > 0 {
			return fmt.Errorf("%s %s: a body with status 204: %s", method, path, body)
		}
		return nil
	case status == http.StatusOK:
		if definition = s.find(method, path); definition == nil {
			return fmt.Errorf("%s %s is not in the schema", method, path)
		}
	}
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(body))
	if err == nil {
		err = definition.Validate(v)
	}
	if err != nil {
		return fmt.Errorf("%s %s: %w\n%s", method, path, err, body)
	}
	return nil
}

// find takes the request whose words are those of the path, and before that one that has names in their places.
func (s *Schema) find(method, path string) *jsonschema.Schema {
	var found *jsonschema.Schema
	words := strings.Split(path, "/")
	for request, definition := range s.answers {
		if request == method+" "+path {
			return definition
		}
		verb, pattern, _ := strings.Cut(request, " ")
		parts := strings.Split(pattern, "/")
		matches := verb == method && len(parts) == len(words)
		for i := 0; matches && i < len(parts); i++ {
			matches = parts[i] == words[i] || strings.HasPrefix(parts[i], ":")
		}
		if matches {
			found = definition
		}
	}
	return found
}
