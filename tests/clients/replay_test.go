package clients

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// call is one request of a recorded client, and what the client makes of the answer. In all texts $name is what an
// earlier call kept.
type call struct {
	does string // what the client wants with it
	who  string // whose token it carries; empty: none
	call string // method, path and query under /v2.0
	body string

	want  string   // status; of an error, also its type
	reads []string // path=value in the answer, the value as JSON; path alone: it is there, whatever it is; * is every member of a list
	keeps string   // name=path: for later calls
}

// replay sends calls one after the other.
type replay struct {
	t      *testing.T
	url    string
	header func(who string) http.Header
	vars   map[string]string
}

func (r *replay) run(calls []call) {
	r.t.Helper()
	for _, c := range calls {
		r.call(c)
	}
}

func (r *replay) call(c call) {
	r.t.Helper()
	method, path, _ := strings.Cut(r.expand(c.call), " ")
	what := fmt.Sprintf("%s: %s %s", c.does, method, path)
	request, err := http.NewRequestWithContext(r.t.Context(), method, r.url+"/v2.0"+path, strings.NewReader(r.expand(c.body)))
	if err != nil {
		r.t.Fatal(err)
	}
	request.Header = r.header(c.who)
	if c.body != "" {
		request.Header.Set("Content-Type", "application/json")
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		r.t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		r.t.Fatal(err)
	}
	if id := request.Header.Get("X-OpenStack-Request-ID"); id != "" && response.Header.Get("X-OpenStack-Request-ID") != id {
		r.t.Errorf("%s: answered as request %q, not %q", what, response.Header.Get("X-OpenStack-Request-ID"), id)
	}
	var answer any
	if len(text) > 0 {
		decoder := json.NewDecoder(bytes.NewReader(text))
		decoder.UseNumber()
		if err := decoder.Decode(&answer); err != nil {
			r.t.Fatalf("%s: %v in %s", what, err, text)
		}
	}
	got := strconv.Itoa(response.StatusCode)
	if response.StatusCode >= http.StatusBadRequest {
		for _, field := range []string{"message", "detail"} {
			if _, err := at(answer, "NeutronError."+field); err != nil {
				r.t.Errorf("%s: %v in %s", what, err, text)
			}
		}
		kind, err := at(answer, "NeutronError.type")
		if err != nil {
			r.t.Fatalf("%s: %v in %s", what, err, text)
		}
		got += fmt.Sprintf(" %v", kind)
	}
	if got != c.want {
		r.t.Fatalf("%s: %s, not %s: %s", what, got, c.want, text)
	}
	for _, read := range c.reads {
		path, want, compare := strings.Cut(r.expand(read), "=")
		value, err := at(answer, path)
		if err != nil {
			r.t.Errorf("%s: %v in %s", what, err, text)
			continue
		}
		if compare && !same(r.t, value, want) {
			r.t.Errorf("%s: %s is not %s in %s", what, path, want, text)
		}
	}
	if name, path, ok := strings.Cut(c.keeps, "="); ok {
		value, err := at(answer, path)
		if err != nil {
			r.t.Fatalf("%s: %v in %s", what, err, text)
		}
		r.vars[name] = fmt.Sprint(value)
	}
}

func (r *replay) expand(text string) string {
	return os.Expand(text, func(name string) string {
		value, ok := r.vars[name]
		if !ok {
			r.t.Fatalf("$%s is not known in %s", name, text)
		}
		return value
	})
}

// same compares with JSON. The members of a list may be in any order.
func same(t *testing.T, got any, want string) bool {
	t.Helper()
	var wanted any
	if err := json.Unmarshal([]byte(want), &wanted); err != nil {
		t.Fatalf("%v in %s", err, want)
	}
	return slices.Equal(members(t, got), members(t, wanted))
}

func members(t *testing.T, value any) []string {
	t.Helper()
	list, ok := value.([]any)
	if !ok {
		list = []any{value}
	}
	texts := []string{fmt.Sprint("a list: ", ok)}
	for _, member := range list {
		text, err := json.Marshal(member)
		if err != nil {
			t.Fatal(err)
		}
		texts = append(texts, string(text))
	}
	slices.Sort(texts)
	return texts
}

// at finds the value at a path of names and indices with dots between them.
func at(value any, path string) (any, error) {
	if path == "" {
		return value, nil
	}
	first, rest, _ := strings.Cut(path, ".")
	switch v := value.(type) {
	case map[string]any:
		member, ok := v[first]
		if !ok {
			return nil, fmt.Errorf("no %s", path)
		}
		return at(member, rest)
	case []any:
		if first == "*" {
			all := []any{}
			for _, member := range v {
				found, err := at(member, rest)
				if err != nil {
					return nil, err
				}
				all = append(all, found)
			}
			return all, nil
		}
		i, err := strconv.Atoi(first)
		if err != nil || i < 0 || i >= len(v) {
			return nil, fmt.Errorf("no %s", path)
		}
		return at(v[i], rest)
	}
	return nil, fmt.Errorf("no %s", path)
}
