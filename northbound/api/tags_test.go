package api

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

func TestTags(t *testing.T) {
	s := newServer(t)
	n := s.create("network", `{}`)
	id := n["id"].(string)
	path := "/v2.0/networks/" + id
	s.expect("201", "PUT", path+"/tags/red", "")
	s.expect("201", "PUT", path+"/tags/red", "") // again: nothing changes
	s.expect("201", "PUT", path+"/tags/blau%20und%20wei%C3%9F", "")
	s.expect("204", "GET", path+"/tags/red", "")
	s.expect("404 TagNotFound", "GET", path+"/tags/green", "")
	s.expect("404 TagNotFound", "DELETE", path+"/tags/green", "")
	s.expect(badInput, "PUT", path+"/tags/a,b", "")
	s.expect(badInput, "PUT", path+"/tags/"+strings.Repeat("x", 256), "")
	if a := s.expect("200", "GET", path+"/tags", ""); a.body != `{"tags":["blau und weiß","red"]}` && a.body != `{"tags":["blau und wei\u00df","red"]}` {
		t.Errorf("the tags are %s", a.body)
	}
	o := s.do("GET", path, "").object("network")
	if got := fmt.Sprint(o["tags"], o["revision_number"]); got != "[blau und weiß red] 3" {
		t.Errorf("the network shows the tags and the revision %s", got)
	}
	s.expect("204", "DELETE", path+"/tags/red", "")
	if a := s.expect("200", "PUT", path+"/tags", `{"tags":["b","a"]}`); a.body != `{"tags":["a","b"]}` {
		t.Errorf("replaced by %s", a.body)
	}
	for _, method := range []string{"PUT", "POST"} {
		for _, body := range []string{"", "{}", `{"tags":"a"}`, `{"tags":[7]}`, `{"tags":["a,b"]}`, `{"tags":[""]}`, `{"tags":["c","d","c"]}`, `{"tags":null}`, `{"tags":["x",7]}`} {
			s.expect(badInput, method, path+"/tags", body)
		}
		s.expect(badValue, method, path+"/tags", "[")
		s.expect("400 BadRequest", method, path+"/tags", `{"tags":[`+manyTags(maxTags+1)+`]}`)
	}
	s.expect("201", "POST", path+"/tags", `{"tags":["b","c"]}`)
	s.expect("201", "POST", path+"/tags", `{"tags":["c"]}`)
	s.expect("400 BadRequest", "POST", path+"/tags", `{"tags":[`+manyTags(maxTags-2)+`]}`) // with the three that it has
	s.expect("204", "DELETE", path+"/tags/c", "")
	if a := s.do("GET", path+"/tags", ""); a.body != `{"tags":["a","b"]}` {
		t.Errorf("refused changes left %s", a.body)
	}
	s.expect("204", "DELETE", path+"/tags", "")
	if a := s.do("GET", path+"/tags", ""); a.body != `{"tags":[]}` {
		t.Errorf("removed, there are %s", a.body)
	}
	s.expect("404 NetworkNotFound", "GET", "/v2.0/networks/"+someUUID+"/tags", "")
	s.expect("404 NetworkNotFound", "PUT", "/v2.0/networks/"+someUUID+"/tags/a", "")
	// Whoever may not change the object may not change its tags.
	s.expect("404 NetworkNotFound", "PUT", path+"/tags/a", "", as("blue", "member")...)
	s.expect("403 PolicyNotAuthorized", "PUT", path+"/tags/a", "", as("red", "reader")...)
	s.expect("201", "PUT", path+"/tags/a", "", as("red", "member")...)
}

func manyTags(n int) string {
	many := make([]string, n)
	for i := range many {
		many[i] = fmt.Sprintf(`"t%d"`, i)
	}
	return strings.Join(many, ",")
}

func TestTagFilters(t *testing.T) {
	s := newServer(t)
	n := s.create("network", `{"name":"none"}`)["id"].(string)
	for _, name := range []string{"a", "b", "a,b", "a,c", "ab"} {
		id := s.create("port", fmt.Sprintf(`{"network_id":%q,"name":%q}`, n, name))["id"].(string)
		for _, tag := range strings.Split(name, ",") {
			s.expect("201", "PUT", "/v2.0/ports/"+id+"/tags/"+tag, "")
		}
	}
	s.create("port", fmt.Sprintf(`{"network_id":%q,"name":"none"}`, n))
	for query, want := range map[string]string{
		"tags=a":                  "a a,b a,c",
		"tags=a,b":                "a,b",
		"tags=a&tags=b":           "a,b",
		"tags-any=b,c":            "a,b a,c b",
		"not-tags=a,b":            "a a,c ab b none",
		"not-tags-any=a,b":        "ab none",
		"tags=a&not-tags-any=b":   "a a,c",
		"tags=%25":                "",
		"tags=a&name=a":           "a",
		"tags-any=a&name=b":       "",
		"tags=x&not-tags-any=y":   "",
		"tags=%22":                "",
		"tags-any=ab&fields=name": "ab",
	} {
		got := s.names("ports", query, "name")
		slices.Sort(got)
		if strings.Join(got, " ") != want {
			t.Errorf("%s finds %q, not %q", query, got, want)
		}
	}
}
