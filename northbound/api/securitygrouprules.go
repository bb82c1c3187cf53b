package api

import (
	"net/http"
	"net/netip"
	"slices"
	"strings"

	"github.com/planck-sdn/planck/model"
)

// securityGroupRules declares the rules of security groups (Neutron API reference, "Security group rules"; extension
// security-groups-normalized-cidr). They are made and deleted, never changed.
func securityGroupRules(operations Operations[model.SecurityGroupRule]) *Resource[model.SecurityGroupRule] {
	type rule = model.SecurityGroupRule
	attributes := standard(
		func(r *rule) standardFields {
			return standardFields{&r.ID, &r.ProjectID, &r.Description, nil, &r.RevisionNumber, &r.CreatedAt, &r.UpdatedAt}
		},
		Attribute[rule]{Name: "security_group_id", Value: of(idText, func(r *rule) *string { return &r.SecurityGroupID }),
			Post: Anyone, Get: Anyone, Required: true, Filter: true, Sort: true},
		Attribute[rule]{Name: "direction", Value: of(judged(schema{"type": "string", "enum": []string{model.Ingress, model.Egress}}), func(r *rule) *string { return &r.Direction }),
			Post: Anyone, Get: Anyone, Required: true, Filter: true, Sort: true},
		Attribute[rule]{Name: "ethertype", Value: of(etherType, func(r *rule) *string { return &r.EtherType }),
			Post: Anyone, Get: Anyone, Default: model.EtherTypeIPv4, Filter: true, Sort: true},
		Attribute[rule]{Name: "protocol", Value: of(protocol, func(r *rule) *string { return &r.Protocol }),
			Post: Anyone, Get: Anyone, Filter: true, Sort: true},
		Attribute[rule]{Name: "port_range_min", Value: of(portOrNull, func(r *rule) **int { return &r.PortRangeMin }),
			Post: Anyone, Get: Anyone, Filter: true, Sort: true},
		Attribute[rule]{Name: "port_range_max", Value: of(portOrNull, func(r *rule) **int { return &r.PortRangeMax }),
			Post: Anyone, Get: Anyone, Filter: true, Sort: true},
		Attribute[rule]{Name: "remote_ip_prefix", Value: of(prefixOrNull, func(r *rule) *netip.Prefix { return &r.RemoteIPPrefix }),
			Post: Anyone, Get: Anyone, Filter: true, Sort: true},
		Attribute[rule]{Name: "normalized_cidr", Value: computed(prefixOrNull, func(r *rule) netip.Prefix { return r.RemoteIPPrefix.Masked() }),
			Get: Anyone},
		Attribute[rule]{Name: "remote_group_id", Value: of(nullableText, func(r *rule) *string { return &r.RemoteGroupID }),
			Post: Anyone, Get: Anyone, Filter: true, Sort: true},
	)
	return &Resource[rule]{
		Name: "security_group_rule", Collection: "security_group_rules", Path: "security-group-rules", Title: "Security Group Rule",
		Create: Anyone, Read: Anyone, Delete: Anyone,
		ID:         func(r *rule) string { return r.ID },
		Revision:   func(r *rule) int64 { return r.RevisionNumber },
		Store:      operations,
		Attributes: slices.DeleteFunc(attributes, func(a Attribute[rule]) bool { return a.Name == "tags" }), // rules have none
	}
}

// idText has the length of an id. Whether it is one is for the store to say, who looks for it.
var idText = Type[string]{
	Parse:  func(j any) (string, error) { return parseString(j, 36) },
	Append: appendString,
	Schema: identifier.Schema,
}

// judged is a text of which the model says whether it is one that there is. It gets other JSON too, in words.
func judged(s schema) Type[string] {
	return Type[string]{Parse: func(j any) (string, error) { return show(j), nil }, Append: appendString, Schema: s}
}

var etherType = func() Type[string] {
	t := judged(schema{"type": "string", "example": model.EtherTypeIPv4})
	t.Filter = func(s string) (string, error) {
		for _, known := range []string{model.EtherTypeIPv4, model.EtherTypeIPv6} {
			if strings.EqualFold(s, known) {
				return known, nil
			}
		}
		return s, nil
	}
	return t
}()

// protocol is a name or a number, either as text or not. Null is any.
var protocol = Type[string]{
	Parse: func(j any) (string, error) {
		if j == nil {
			return "", nil
		}
		return show(j), nil
	},
	Append: nullableText.Append,
	Schema: schema{"nullable": true, "oneOf": []schema{{"type": "string"}, {"type": "integer", "minimum": 0, "maximum": 255}}},
	Filter: func(s string) (string, error) { return strings.ToLower(s), nil },
}

// portOrNull is a port, or a type or code of ICMP. Null is any.
var portOrNull = Type[*int]{
	Parse: func(j any) (*int, error) {
		if j == nil {
			return nil, nil
		}
		port, err := parseInt(j)
		if err != nil || port < 0 || port > maxPort {
			return nil, model.Errorf(http.StatusBadRequest, "SecurityGroupInvalidPortValue", "Invalid value for port %s", show(j))
		}
		return &port, nil
	},
	Append: func(dst []byte, port *int) []byte {
		if port == nil {
			return append(dst, "null"...)
		}
		return integer.Append(dst, *port)
	},
	Schema: schema{"type": "integer", "nullable": true, "minimum": 0, "maximum": maxPort},
	Filter: filterInt,
}

const maxPort = 1<<16 - 1

// prefixOrNull is a prefix as it was given, host bits and all, or the zero Prefix for null. A plain address is one of full length.
var prefixOrNull = Type[netip.Prefix]{
	Parse: func(j any) (netip.Prefix, error) {
		if j == nil || j == "" {
			return netip.Prefix{}, nil
		}
		s, _ := j.(string)
		if p, err := netip.ParsePrefix(s); err == nil {
			return p, nil
		}
		ip, err := parseIP(j)
		if err != nil {
			return netip.Prefix{}, model.Errorf(http.StatusBadRequest, "InvalidCIDR", "Invalid CIDR %s given as IP prefix.", show(j))
		}
		return netip.PrefixFrom(ip, ip.BitLen()), nil
	},
	Append: func(dst []byte, p netip.Prefix) []byte {
		if !p.IsValid() {
			return append(dst, "null"...)
		}
		return cidr.Append(dst, p)
	},
	Schema: nullable(cidr.Schema),
	Filter: func(s string) (string, error) {
		if ip, err := netip.ParseAddr(s); err == nil {
			return netip.PrefixFrom(ip, ip.BitLen()).String(), nil
		}
		return s, nil
	},
}
