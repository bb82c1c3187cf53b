package api

import (
	"encoding/json"
	"fmt"
	"maps"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/google/uuid"

	"github.com/planck-sdn/planck/model"
)

// Type says how the values of an attribute look in JSON. The texts of the errors are Neutron's.
type Type[V any] struct {
	// Parse reads what encoding/json decodes into an any, numbers as json.Number. An error that is a *model.Error is
	// answered as it is; the text of any other becomes the reason in "Invalid input for NAME. Reason: …".
	Parse func(any) (V, error)
	// Append appends the value as JSON.
	Append func(dst []byte, v V) []byte
	// Schema describes the JSON, see openapi.go.
	Schema schema
	// Filter makes the text of a filter comparable with what the store holds. Nil: it is so already.
	Filter func(string) (string, error)
}

func (t Type[V]) filter() func(string) (string, error) {
	if t.Filter != nil {
		return t.Filter
	}
	return func(s string) (string, error) { return s, nil }
}

// maxText is how many characters a text may have, whichever attribute it is. maxProfile is how many bytes of JSON
// binding:profile may have. Both are Neutron's.
const (
	maxText    = 255
	maxProfile = 4095
)

// invalidInput is Neutron's exception of that name, which its converters raise.
func invalidInput(format string, args ...any) *model.Error {
	return model.Errorf(http.StatusBadRequest, "InvalidInput", "Invalid input for operation: %s.", fmt.Sprintf(format, args...))
}

func badRequest(format string, args ...any) *model.Error {
	return model.Errorf(http.StatusBadRequest, "HTTPBadRequest", format, args...)
}

// reason says why a value is refused, in words of Neutron's, which begin with a capital letter now and then.
type reason string

func (r reason) Error() string { return string(r) }

func because(format string, args ...any) error { return reason(fmt.Sprintf(format, args...)) }

// parseString reads any text that the databases can hold, at most max characters.
func parseString(j any, max int) (string, error) {
	s, ok := j.(string)
	if !ok || strings.ContainsRune(s, 0) {
		return "", because("'%s' is not a valid string", show(j))
	}
	if utf8.RuneCountInString(s) > max {
		return "", because("'%s' exceeds maximum length of %d", show(s), max)
	}
	return s, nil
}

var text = Type[string]{
	Parse:  func(j any) (string, error) { return parseString(j, maxText) },
	Append: appendString,
	Schema: schema{"type": "string", "maxLength": maxText},
}

// textOrNull takes null for an empty text: Folsom's Nova clears device_id that way, today's the host.
var textOrNull = Type[string]{
	Parse: func(j any) (string, error) {
		if j == nil {
			return "", nil
		}
		return text.Parse(j)
	},
	Append: appendString,
	Schema: nullable(text.Schema),
}

// nullableText shows an empty text as null.
var nullableText = Type[string]{
	Parse: textOrNull.Parse,
	Append: func(dst []byte, s string) []byte {
		if s == "" {
			return append(dst, "null"...)
		}
		return appendString(dst, s)
	},
	Schema: nullable(text.Schema),
}

// name is a line of printable characters without space at either end.
var name = Type[string]{
	Parse: func(j any) (string, error) {
		s, err := text.Parse(j)
		if err != nil {
			return "", err
		}
		unprintable := strings.IndexFunc(s, func(r rune) bool { return !unicode.IsPrint(r) && !unicode.Is(unicode.Zs, r) })
		if unprintable >= 0 || strings.TrimFunc(s, unicode.IsSpace) != s {
			return "", because("'%s' is not a valid string", show(s))
		}
		return s, nil
	},
	Append: appendString,
	Schema: text.Schema,
}

var identifier = Type[string]{Parse: parseUUID, Append: appendString, Schema: schema{"type": "string", "format": "uuid"}}

// parseUUID reads the canonical form, which is what the database holds, in either case.
func parseUUID(j any) (string, error) {
	s, _ := j.(string)
	if id, err := uuid.Parse(s); err == nil && len(s) == len(id.String()) {
		return id.String(), nil
	}
	return "", because("'%s' is not a valid UUID", show(j))
}

var boolean = Type[bool]{
	Parse:  parseBool,
	Append: strconv.AppendBool,
	Schema: schema{"type": "boolean"},
	Filter: func(s string) (string, error) {
		b, err := parseBool(s)
		return strconv.FormatBool(b), err
	},
}

func parseBool(j any) (bool, error) {
	switch strings.ToLower(strings.TrimSpace(show(j))) {
	case "1", "t", "true", "on", "y", "yes":
		return true, nil
	case "0", "f", "false", "off", "n", "no":
		return false, nil
	}
	return false, invalidInput("'%s' cannot be converted to boolean", show(j))
}

// integer holds the numbers of the API, none of which needs more than 32 bits or a sign but revision numbers.
var integer = Type[int]{
	Parse:  parseInt,
	Append: func(dst []byte, i int) []byte { return strconv.AppendInt(dst, int64(i), 10) },
	Schema: schema{"type": "integer"},
	Filter: filterInt,
}

func parseInt(j any) (int, error) {
	if _, isBool := j.(bool); !isBool {
		if i, err := strconv.Atoi(strings.TrimSpace(show(j))); err == nil {
			return i, nil
		}
	}
	return 0, invalidInput("'%s' is not an integer", show(j))
}

func filterInt(s string) (string, error) {
	i, err := parseInt(s)
	return strconv.Itoa(i), err
}

var revision = Type[int64]{
	Append: func(dst []byte, i int64) []byte { return strconv.AppendInt(dst, i, 10) },
	Schema: schema{"type": "integer", "minimum": 1},
	Filter: filterInt,
}

// timestamp is UTC to the second.
var timestamp = Type[time.Time]{
	Append: func(dst []byte, t time.Time) []byte {
		return append(t.UTC().AppendFormat(append(dst, '"'), time.DateOnly+"T"+time.TimeOnly), 'Z', '"')
	},
	Schema: schema{"type": "string", "format": "date-time"},
}

// parseIP reads an address in its canonical form; leading zeros, which some read as octal, are refused.
func parseIP(j any) (netip.Addr, error) {
	s, _ := j.(string)
	ip, err := netip.ParseAddr(s)
	if err != nil || ip.Zone() != "" {
		return netip.Addr{}, because("'%s' is not a valid IP address", show(j))
	}
	return ip, nil
}

func appendIP(dst []byte, ip netip.Addr) []byte {
	return append(ip.AppendTo(append(dst, '"')), '"')
}

// ipOrNull is an address, or the zero Addr for null.
var ipOrNull = Type[netip.Addr]{
	Parse: func(j any) (netip.Addr, error) {
		if j == nil {
			return netip.Addr{}, nil
		}
		return parseIP(j)
	},
	Append: func(dst []byte, ip netip.Addr) []byte {
		if !ip.IsValid() {
			return append(dst, "null"...)
		}
		return appendIP(dst, ip)
	},
	Schema: nullable(addressSchema),
}

var addressSchema = schema{"type": "string", "format": "ipv4"}

// cidr is a prefix. Host bits are cut off, as Neutron does.
var cidr = Type[netip.Prefix]{
	Parse: func(j any) (netip.Prefix, error) {
		s, _ := j.(string)
		p, err := netip.ParsePrefix(s)
		if err != nil {
			return p, invalidInput("%s is not in a CIDR format", show(j))
		}
		return p.Masked(), nil
	},
	Append: func(dst []byte, p netip.Prefix) []byte { return append(p.AppendTo(append(dst, '"')), '"') },
	Schema: schema{"type": "string", "example": "10.0.0.0/24"},
	Filter: func(s string) (string, error) {
		if p, err := netip.ParsePrefix(s); err == nil {
			return p.Masked().String(), nil
		}
		return s, nil
	},
}

// macAddress is an address of one station in any of the usual notations.
var macAddress = Type[model.MAC]{
	Parse:  parseMAC,
	Append: func(dst []byte, m model.MAC) []byte { return append(append(append(dst, '"'), m.String()...), '"') },
	Schema: schema{"type": "string", "example": "fa:16:3e:01:02:03"},
	Filter: func(s string) (string, error) {
		if m, err := parseMAC(s); err == nil {
			return m.String(), nil
		}
		return s, nil
	},
}

func parseMAC(j any) (model.MAC, error) {
	s, _ := j.(string)
	if len(s) == 12 { // no separators: three groups of four are a notation that package net knows
		s = s[:4] + "." + s[4:8] + "." + s[8:]
	}
	hw, err := net.ParseMAC(s)
	if err != nil || len(hw) != len(model.MAC{}) {
		return model.MAC{}, because("'%s' is not a valid MAC address", show(j))
	}
	mac := model.MAC(hw)
	if mac.IsMulticast() || mac == (model.MAC{}) {
		return model.MAC{}, because("'%s' is not a valid MAC address", show(j))
	}
	return mac, nil
}

// object is free JSON, null for empty. Its numbers are what they are after a stay in the database: float64.
var object = Type[map[string]any]{
	Parse: func(j any) (map[string]any, error) {
		m := map[string]any{}
		if j == nil {
			return m, nil
		}
		if _, ok := j.(map[string]any); !ok {
			return nil, because("'%s' is not a dictionary", show(j))
		}
		text, err := json.Marshal(j)
		if err != nil || len(text) > maxProfile {
			return nil, invalidInput("binding:profile value too large")
		}
		if err := json.Unmarshal(text, &m); err != nil {
			return nil, invalidInput("%s", err)
		}
		return m, nil
	},
	Append: func(dst []byte, m map[string]any) []byte {
		if len(m) == 0 {
			return append(dst, "{}"...)
		}
		text, err := json.Marshal(m)
		if err != nil { // nothing that was JSON once
			return append(dst, "{}"...)
		}
		return append(dst, text...)
	},
	Schema: schema{"type": "object", "additionalProperties": true},
}

// listOf is a list whose items are read by item. notAList is the error text for anything else; null is an empty list
// where nullIsEmpty says so.
func listOf[V any](item Type[V], notAList string, nullIsEmpty bool) Type[[]V] {
	return Type[[]V]{
		Parse: func(j any) ([]V, error) {
			items, ok := j.([]any)
			if !ok && (j != nil || !nullIsEmpty) {
				return nil, because(notAList, show(j))
			}
			list := make([]V, len(items)) // not nil: an empty list is not the same as none
			for i := range items {
				var err error
				if list[i], err = item.Parse(items[i]); err != nil {
					return nil, err
				}
			}
			return list, nil
		},
		Append: func(dst []byte, list []V) []byte {
			dst = append(dst, '[')
			for i, v := range list {
				if i > 0 {
					dst = append(dst, ',')
				}
				dst = item.Append(dst, v)
			}
			return append(dst, ']')
		},
		Schema: listSchema(item.Schema, nullIsEmpty),
	}
}

func listSchema(item schema, orNull bool) schema {
	list := schema{"type": "array", "items": item}
	if orNull {
		return nullable(list)
	}
	return list
}

// record describes a JSON object with these keys and no others.
func record(required, optional schema) schema {
	properties := schema{}
	maps.Copy(properties, required)
	maps.Copy(properties, optional)
	r := schema{"type": "object", "properties": properties, "additionalProperties": false}
	if len(required) > 0 {
		r["required"] = slices.Sorted(maps.Keys(required))
	}
	return r
}
