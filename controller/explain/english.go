package explain

import (
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// maxNames is how many names a list in a sentence has.
const maxNames = 12

// and joins a list as a sentence does.
func and(list []string) string {
	switch n := len(list); {
	case n == 0:
		return ""
	case n == 1:
		return list[0]
	case n > maxNames:
		return strings.Join(list[:maxNames], ", ") + fmt.Sprintf(" and %d more", n-maxNames)
	default:
		return strings.Join(list[:n-1], ", ") + " and " + list[n-1]
	}
}

// clauses joins what is done one after the other.
func clauses(list []string) string {
	if len(list) < 2 {
		return and(list)
	}
	return strings.Join(list[:len(list)-1], ", ") + ", and " + list[len(list)-1]
}

// counted is "1 packet", "2 packets", and "no packet".
func counted(n uint64, one, many string) string {
	switch n {
	case 0:
		return "no " + one
	case 1:
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

// duration is an age as people say it, in its two largest units.
func duration(d time.Duration) string {
	units := []struct {
		size time.Duration
		name string
	}{{24 * time.Hour, "day"}, {time.Hour, "hour"}, {time.Minute, "minute"}, {time.Second, "second"}}
	var parts []string
	for _, u := range units {
		if n := uint64(d / u.size); n > 0 && len(parts) < 2 {
			parts = append(parts, counted(n, u.name, u.name+"s"))
		} else if len(parts) > 0 {
			break
		}
		d %= u.size
	}
	if len(parts) == 0 {
		return "less than a second"
	}
	return strings.Join(parts, " and ")
}

func upperFirst(s string) string {
	r, size := utf8.DecodeRuneInString(s)
	return string(unicode.ToUpper(r)) + s[size:]
}

// lowerFirst puts a sentence inside another one; abbreviations stay.
func lowerFirst(s string) string {
	r, size := utf8.DecodeRuneInString(s)
	if next, _ := utf8.DecodeRuneInString(s[size:]); unicode.IsUpper(next) || size == len(s) {
		return s
	}
	return string(unicode.ToLower(r)) + s[size:]
}
