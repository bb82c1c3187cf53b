package main

import (
	"bytes"
	"encoding/json"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// removed stands where a secret was.
const removed = "[removed]"

// shortSecret is the length below which a secret is removed only where it is a word of its own: "admin" is many passwords, and a part of
// many names. What is shorter than leastSecret is no secret.
const (
	shortSecret = 12
	leastSecret = 4
)

// scrubber takes secrets out of text: those that planckctl was given itself, wherever they turn up, and what looks like one.
type scrubber struct {
	known *regexp.Regexp // nil: none
	inKey bool           // within a private key of several lines
}

// newScrubber knows the secrets in the environment, and the passwords in URLs there and among more.
func newScrubber(environ []string, more ...string) *scrubber {
	var secrets []string
	for _, variable := range environ {
		name, value, _ := strings.Cut(variable, "=")
		if secretName.MatchString(name) {
			secrets = append(secrets, value)
		}
		more = append(more, value)
	}
	for _, text := range more {
		if m := urlPassword.FindStringSubmatch(text); m != nil { // in what is no URL too, because of what its password has
			secrets = append(secrets, m[1])
			if password, err := url.PathUnescape(m[1]); err == nil {
				secrets = append(secrets, password)
			}
		}
		if u, err := url.Parse(text); err == nil { // the parameters of PostgreSQL's URLs
			secrets = append(secrets, u.Query().Get("password"), u.Query().Get("sslpassword"))
		}
	}
	var patterns []string
	for _, secret := range secrets {
		if len(secret) < leastSecret {
			continue
		}
		for _, form := range written(secret) {
			pattern := regexp.QuoteMeta(form)
			if len(secret) < shortSecret {
				pattern = wholeWord.ReplaceAllString(pattern, `\b$0\b`)
			}
			if !slices.Contains(patterns, pattern) {
				patterns = append(patterns, pattern)
			}
		}
	}
	s := &scrubber{}
	if len(patterns) > 0 {
		slices.SortFunc(patterns, func(a, b string) int { return len(b) - len(a) }) // one secret may be a part of another
		s.known = regexp.MustCompile(strings.Join(patterns, "|"))
	}
	return s
}

// written are the ways in which a text is written in JSON and URLs.
func written(text string) []string {
	quoted, _ := json.Marshal(text) // it cannot fail
	return []string{text, string(quoted[1 : len(quoted)-1]), url.QueryEscape(text), url.PathEscape(text), url.UserPassword("", text).String()[1:]}
}

var (
	wholeWord   = regexp.MustCompile(`^\w(?:.*\w)?$`)
	urlPassword = regexp.MustCompile(`://[^\s/:@]*:(.*)@`)
	secretName  = regexp.MustCompile(`(?i)pass|token|secret|credential|private`)

	// What may be a secret has one of these, in lower case.
	traces = [][]byte{[]byte("token"), []byte("pass"), []byte("secret"), []byte("authorization"), []byte("set-cookie"), []byte("api_key"), []byte("api-key"),
		[]byte("://"), []byte("private key"), []byte("gaaaa"), []byte("eyj")}

	// Name and separator of a value that is a secret, and the bracket or quote that begins the value.
	secretField = regexp.MustCompile(`(?i)(?:[a-z_-]*token|[a-z_]*passw(?:or)?d|passphrase|[a-z_]*secret|(?:proxy-)?authorization|set-cookie|api[_-]key)` +
		`[\\"']*\s*(?:[:=]|=>)\s*(\[|\\*["'])?`)
	userInfo   = regexp.MustCompile(`(://[^\s/:@"'\\]*):[^\s"'\\]*@`)
	fernet     = regexp.MustCompile(`\bgAAAA[0-9A-Za-z_=-]{20,}`)
	jwt        = regexp.MustCompile(`\beyJ[0-9A-Za-z_-]{8,}\.[0-9A-Za-z_.-]+`)
	privateKey = regexp.MustCompile(`(?s)-----BEGIN [A-Z ]*PRIVATE KEY-----(.*?)(-----END [A-Z ]*PRIVATE KEY-----|$)`)
	keyEnd     = []byte("PRIVATE KEY-----")
)

// line gives a line, with or without its end, without secrets.
func (s *scrubber) line(line []byte) []byte {
	if s.inKey {
		i := bytes.Index(line, keyEnd)
		if i < 0 {
			return []byte(removed + "\n")
		}
		s.inKey = false
		line = append([]byte(removed+" "), line[i+len(keyEnd):]...)
	}
	if s.known != nil {
		line = s.known.ReplaceAllLiteral(line, []byte(removed))
	}
	lower := bytes.ToLower(line)
	if !slices.ContainsFunc(traces, func(trace []byte) bool { return bytes.Contains(lower, trace) }) {
		return line
	}
	if m := privateKey.FindAllSubmatch(line, -1); m != nil {
		s.inKey = len(m[len(m)-1][2]) == 0
		line = privateKey.ReplaceAllLiteral(line, []byte(removed))
	}
	line = userInfo.ReplaceAll(line, []byte("${1}:"+removed+"@"))
	line = fernet.ReplaceAllLiteral(line, []byte(removed))
	line = jwt.ReplaceAllLiteral(line, []byte(removed))
	return scrubFields(line)
}

// scrubFields removes the values of fields whose name says that they are secret.
func scrubFields(line []byte) []byte {
	var out []byte
	for {
		m := secretField.FindSubmatchIndex(line)
		if m == nil {
			return append(out, line...)
		}
		begin := ""
		if m[2] >= 0 {
			begin = string(line[m[2]:m[3]])
		}
		out = append(out, line[:m[1]]...)
		end := m[1] + valueEnd(line[m[1]:], begin, bytes.Contains(bytes.ToLower(line[m[0]:m[1]]), []byte("authorization")))
		if end > m[1] {
			out = append(out, removed...)
		}
		line = line[end:]
	}
}

// valueEnd is the length of a value that began with a bracket, a quote, which may be escaped, or with nothing, when it ends with the word
// or, if it may have spaces, with the line.
func valueEnd(line []byte, begin string, spaces bool) int {
	whole := len(bytes.TrimRight(line, "\r\n"))
	end := -1
	switch {
	case begin == "[":
		end = bytes.IndexByte(line, ']')
	case begin != "":
		for i := 0; end < 0 && i < whole; i++ {
			if bytes.HasPrefix(line[i:], []byte(begin)) && (i == 0 || line[i-1] != '\\') {
				end = i
			}
		}
	case !spaces:
		end = bytes.IndexAny(line, " \t\r\n\"'\\,;&}])")
	}
	if end < 0 {
		return whole
	}
	return end
}

// namesOf are the names of those variables of the environment that planckctl and planckd heed.
func namesOf(environ []string) []string {
	names := []string{}
	for _, variable := range environ {
		name, _, _ := strings.Cut(variable, "=")
		if strings.HasPrefix(name, "OS_") || strings.HasPrefix(name, "PLANCK_") {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}
