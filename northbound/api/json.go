package api

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"
)

// appendString appends s as a JSON string.
func appendString(dst []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c > '~' || c == '"' || c == '\\' {
			b, _ := json.Marshal(s) // a string always can be
			return append(dst, b...)
		}
	}
	return append(append(append(dst, '"'), s...), '"')
}

// maxShown is how many bytes of a refused value its error repeats.
const maxShown = 1024

// show writes a JSON value the way Neutron's messages do, which are formatted by Python.
func show(j any) string {
	var b strings.Builder
	showTo(&b, j, false)
	s := b.String()
	if len(s) > maxShown {
		end := maxShown
		for !utf8.RuneStart(s[end]) {
			end--
		}
		s = s[:end] + "..."
	}
	return s
}

func showTo(b *strings.Builder, j any, quoted bool) {
	if b.Len() > maxShown {
		return
	}
	switch v := j.(type) {
	case nil:
		b.WriteString("None")
	case bool:
		if v {
			b.WriteString("True")
		} else {
			b.WriteString("False")
		}
	case string:
		if quoted {
			v = "'" + v + "'"
		}
		b.WriteString(v)
	case []any:
		b.WriteByte('[')
		for i, item := range v {
			if i > 0 {
				b.WriteString(", ")
			}
			showTo(b, item, true)
		}
		b.WriteByte(']')
	case map[string]any:
		b.WriteByte('{')
		for i, key := range slices.Sorted(maps.Keys(v)) {
			if i > 0 {
				b.WriteString(", ")
			}
			showTo(b, key, true)
			b.WriteString(": ")
			showTo(b, v[key], true)
		}
		b.WriteByte('}')
	default: // json.Number
		fmt.Fprint(b, v)
	}
}

// showStrings writes a list of strings as Python does.
func showStrings(list []string) string {
	return "['" + strings.Join(list, "', '") + "']"
}
