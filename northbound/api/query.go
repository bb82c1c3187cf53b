package api

import (
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/planck-sdn/planck/model"
	"github.com/planck-sdn/planck/model/store"
)

// maxFilterValues keeps a statement below what the databases take: SQLite 32,766 parameters, PostgreSQL 65,535. maxSubstrings does so
// for texts that are looked for in addresses, each of which is a term of its own.
const (
	maxFilterValues = 8_000
	maxSubstrings   = 100
)

// query is what a list asks for.
type query struct {
	store.Query
	fields []string // to show; empty: all
}

// query reads a list's query string. What the class of requesters does not see it cannot ask for either.
func (r *Resource[T]) query(text string, class Who) (query, error) {
	values, err := url.ParseQuery(text)
	if err != nil { // it would be a pity to list everything for want of a filter
		return query{}, badRequest("The query string is malformed: %s", show(strings.ToValidUTF8(err.Error(), "?")))
	}
	q := query{Query: store.Query{Filters: map[string][]string{}}, fields: nonEmpty(values["fields"])}
	var unknown []string
	for _, key := range slices.Sorted(maps.Keys(values)) {
		switch key {
		case "fields", "sort_key", "sort_dir", "limit", "marker", "page_reverse":
			continue
		}
		if r.Tags != nil && slices.Contains(tagFilters, key) {
			if q.Filters[key], err = wantedTags(key, values[key]); err != nil {
				return q, err
			}
			continue
		}
		a := r.attribute(key)
		if a == nil || !a.Filter || !a.Get.admits(class) && a.Get != Nobody {
			unknown = append(unknown, show(key))
			continue
		}
		wanted := make([]string, len(values[key]))
		for i, text := range values[key] {
			if wanted[i], err = a.wanted(text); err != nil {
				return q, err
			}
		}
		q.Filters[key] = wanted
	}
	if err := tooMany(q.Filters); err != nil {
		return q, err
	}
	if unknown != nil {
		return q, badRequest("%s is invalid attribute for filtering", showStrings(unknown))
	}
	if err := r.sorting(&q, nonEmpty(values["sort_key"]), nonEmpty(values["sort_dir"]), class); err != nil {
		return q, err
	}
	return q, q.page(values)
}

// tooMany refuses filters with more values than a statement can have.
func tooMany(filters map[string][]string) error {
	total, substrings := 0, 0
	for name, values := range filters {
		total += len(values)
		for _, v := range values {
			if slices.Contains(tagFilters, name) {
				total += strings.Count(v, ",")
			}
			if strings.HasPrefix(v, "ip_address_substr=") {
				substrings++
			}
		}
	}
	if total > maxFilterValues {
		return badRequest("The filters have %d values: the limit is %d", total, maxFilterValues)
	}
	if substrings > maxSubstrings {
		return badRequest("The filters have %d substrings of addresses: the limit is %d", substrings, maxSubstrings)
	}
	return nil
}

func nonEmpty(values []string) []string {
	return slices.DeleteFunc(slices.Clone(values), func(s string) bool { return s == "" })
}

// wanted makes of a filter's text the text that the store compares with.
func (a *Attribute[T]) wanted(text string) (string, error) {
	if !storable(text) {
		return "", badRequest("Invalid input for %s. Reason: '%s' is not a valid string.", a.Name, show(strings.ToValidUTF8(text, "?")))
	}
	if a.FilterParts == nil {
		return a.Value.filter(text)
	}
	part, value, ok := strings.Cut(text, "=")
	if part = strings.TrimSpace(part); !ok || part == "" {
		return "", invalidInput("'%s' is not of the form <key>=[value]", show(text))
	}
	if !slices.Contains(a.FilterParts, part) {
		return "", invalidInput("'%s' is not in %s", show(part), showStrings(a.FilterParts))
	}
	return part + "=" + strings.TrimSpace(value), nil
}

// storable tells whether a database can compare with the text.
func storable(s string) bool { return utf8.ValidString(s) && strings.IndexByte(s, 0) < 0 }

func (r *Resource[T]) sorting(q *query, keys, directions []string, class Who) error {
	if len(keys) != len(directions) {
		return badRequest("The number of sort_keys and sort_dirs must be same")
	}
	for i, key := range keys {
		if a := r.attribute(key); a == nil || !a.Sort || !a.Get.admits(class) {
			return badRequest("%s is invalid attribute for sort_keys", showStrings([]string{show(key)}))
		}
		if d := directions[i]; d != "asc" && d != "desc" {
			return badRequest("%s is invalid value for sort_dirs, valid value is 'asc' and 'desc'", showStrings([]string{show(d)}))
		}
		q.Sort = append(q.Sort, store.SortKey{Attribute: key, Descending: directions[i] == "desc"})
	}
	return nil
}

func (q *query) page(values url.Values) error {
	if text := values.Get("limit"); text != "" {
		limit, err := strconv.Atoi(text)
		if err != nil || limit < 0 {
			return model.Errorf(http.StatusBadRequest, "BadRequest", "Bad limit request: Limit must be an integer 0 or greater and not '%s'.", show(text))
		}
		q.Limit = limit
	}
	if q.Limit > 0 {
		q.Marker = values.Get("marker")
		q.Reverse = strings.EqualFold(values.Get("page_reverse"), "true")
		if !storable(q.Marker) {
			return badRequest("Invalid input for marker. Reason: it is not a valid string.")
		}
	}
	return nil
}

// appendLinks appends the *_links of a page whose first and last objects have these ids, as Neutron gives them: a
// link is missing only where the page shows that there is nothing beyond it.
func (q *query) appendLinks(dst []byte, collection string, r *http.Request, count int, first, last string) []byte {
	if q.Limit == 0 {
		return dst
	}
	partial := count < q.Limit
	var links []string
	if !partial || q.Reverse {
		links = append(links, link(r, "next", last, false))
	}
	if !partial || !q.Reverse {
		links = append(links, link(r, "previous", first, true))
	}
	return fmt.Appendf(dst, `,"%s_links":[%s]`, collection, strings.Join(links, ","))
}

// link is the JSON of a link to another page of the list that was asked for.
func link(r *http.Request, rel, marker string, reverse bool) string {
	values := r.URL.Query()
	values.Del("marker")
	values.Del("page_reverse")
	if marker != "" {
		values.Set("marker", marker)
	}
	if reverse {
		values.Set("page_reverse", "True")
	}
	href := appendString(nil, baseURL(r)+r.URL.Path+"?"+values.Encode())
	return fmt.Sprintf(`{"rel":%q,"href":%s}`, rel, href)
}

// baseURL is the scheme and host by which the requester reached the API.
func baseURL(r *http.Request) string {
	scheme := "http"
	if r.TLS != nil {
		scheme = "https"
	}
	if forwarded := r.Header.Get("X-Forwarded-Proto"); forwarded == "http" || forwarded == "https" {
		scheme = forwarded
	}
	return scheme + "://" + r.Host
}
