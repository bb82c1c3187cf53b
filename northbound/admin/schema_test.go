package admin

import (
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/planck-sdn/planck/tests/schema"
)

// TestAnswersAreDocumented holds the golden answers against docs/planck-v1.schema.json.
func TestAnswersAreDocumented(t *testing.T) {
	s, err := schema.Load("../../docs/planck-v1.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile("testdata/answers.golden")
	if err != nil {
		t.Fatal(err)
	}
	for _, block := range strings.Split(strings.TrimSpace(string(text)), "\n\n") {
		lines := strings.SplitN(block, "\n", 3)
		method, path, isRequest := strings.Cut(lines[0], " ")
		if !isRequest || !strings.HasPrefix(path, Prefix) {
			continue // the calls of an answer without a body
		}
		path, _, _ = strings.Cut(path, " ") // the body
		path, _, _ = strings.Cut(path, "?")
		code, _, _ := strings.Cut(lines[1], " ")
		status, err := strconv.Atoi(code)
		if err != nil {
			t.Fatal(err)
		}
		body := ""
		if len(lines) == 3 {
			body, _, _ = strings.Cut(lines[2], "called: ")
		}
		if body = strings.TrimSpace(body); strings.Contains(body, ":[\n") && !strings.HasSuffix(body, "]}") {
			continue // cut short by an error
		}
		if err := s.Check(method, path, status, []byte(body)); err != nil {
			t.Error(err)
		}
	}
	if s.Check("GET", Prefix+"/status", 200, []byte(`{"replica":7}`)) == nil || s.Check("GET", Prefix+"/nothing", 200, []byte(`{}`)) == nil {
		t.Error("anything passes")
	}
}
