package api

import (
	"strings"

	"github.com/planck-sdn/planck/model"
)

// dnsName is a host's name, without regard to case.
var dnsName = Type[string]{
	Parse: func(j any) (string, error) {
		s, err := text.Parse(j)
		return strings.ToLower(s), err
	},
	Append: appendString,
	Schema: text.Schema,
	Filter: func(s string) (string, error) { return strings.ToLower(s), nil },
}

var dnsAssignments = listOf(Type[model.DNSAssignment]{
	Append: func(dst []byte, a model.DNSAssignment) []byte {
		dst = appendIP(append(dst, `{"ip_address":`...), a.IPAddress)
		dst = appendString(append(dst, `,"hostname":`...), a.Hostname)
		return append(appendString(append(dst, `,"fqdn":`...), a.FQDN), '}')
	},
	Schema: record(schema{"ip_address": addressSchema, "hostname": text.Schema, "fqdn": text.Schema}, nil),
}, "", false)
