package store

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"gorm.io/gorm"

	"github.com/planck-sdn/planck/model"
)

// Query says which objects of a kind a list has, in which order. The zero Query is everything that the Scope may
// see, in order of creation.
type Query struct {
	// Filters maps an attribute to the values it may have, as texts; an object must satisfy every attribute. Values
	// of fixed_ips are "ip_address=A", "ip_address_substr=S" and "subnet_id=ID".
	Filters map[string][]string
	Sort    []SortKey
	Limit   int    // 0: no limit
	Marker  string // id of the object after which the page begins
	Reverse bool   // the page before the marker, or the last one without a marker; in the same order
}

// SortKey is one attribute to sort by.
type SortKey struct {
	Attribute  string
	Descending bool
}

type columnKind int

const (
	textColumn columnKind = iota
	boolColumn
	integerColumn // of 64 bits: PostgreSQL takes no larger parameter than the column is
	timeColumn
	listColumn   // can be filtered only, by a function of its own
	groupsColumn // likewise
	tagsColumn   // likewise
)

type column struct {
	expression string
	kind       columnKind
}

// resource is what lists need to know of a kind of object.
type resource struct {
	singular string
	table    string
	columns  map[string]column
	visible  func(Scope, *gorm.DB) *gorm.DB
}

func commonColumns(table string, own map[string]column) map[string]column {
	columns := map[string]column{
		"id": {"id", textColumn}, "name": {"name", textColumn}, "description": {"description", textColumn},
		"project_id": {"project_id", textColumn}, "tenant_id": {"project_id", textColumn},
		"revision_number": {"revision_number", integerColumn},
		"created_at":      {"created_at", timeColumn}, "updated_at": {"updated_at", timeColumn},
	}
	for _, filter := range []string{allTags, anyTag, notAll, notAnyTag} {
		columns[filter] = column{"tags", tagsColumn}
	}
	for attribute, c := range own {
		columns[attribute] = c
	}
	for attribute, c := range columns {
		if !strings.HasPrefix(c.expression, "(") {
			c.expression = table + "." + c.expression
			columns[attribute] = c
		}
	}
	return columns
}

var networkResource = resource{"Network", "networks", commonColumns("networks", map[string]column{
	"admin_state_up": {"admin_state_up", boolColumn}, "shared": {"shared", boolColumn}, "mtu": {"(CAST(networks.mtu AS bigint))", integerColumn},
	"port_security_enabled": {"port_security_enabled", boolColumn}, "status": {"(CAST('" + model.StatusActive + "' AS text))", textColumn},
	"provider:network_type": {"network_type", textColumn}, "provider:physical_network": {"physical_network", textColumn},
	"provider:segmentation_id": {"segmentation_id", integerColumn},
	"router:external":          {"external", boolColumn}, "dns_domain": {"dns_domain", textColumn},
}), Scope.networks}

var subnetResource = resource{"Subnet", "subnets", commonColumns("subnets", map[string]column{
	"network_id": {"network_id", textColumn}, "ip_version": {"(CAST(subnets.ip_version AS bigint))", integerColumn}, "cidr": {"cidr", textColumn},
	"gateway_ip": {"gateway_ip", textColumn}, "enable_dhcp": {"enable_dhcp", boolColumn},
	"shared": {"shared", boolColumn},
}), Scope.subnets}

var portResource = resource{"Port", "ports", commonColumns("ports", map[string]column{
	"network_id": {"network_id", textColumn}, "admin_state_up": {"admin_state_up", boolColumn}, "status": {"status", textColumn},
	"mac_address": {"mac_address", textColumn}, "device_id": {"device_id", textColumn}, "device_owner": {"device_owner", textColumn},
	"port_security_enabled": {"port_security_enabled", boolColumn}, "binding:host_id": {"host_id", textColumn},
	"binding:vif_type": {"vif_type", textColumn}, "binding:vnic_type": {"vnic_type", textColumn},
	"dns_name": {"dns_name", textColumn}, "fixed_ips": {"", listColumn}, "security_groups": {"", groupsColumn},
}), Scope.ports}

func (r *resource) notFound(id string) error {
	return model.Errorf(http.StatusNotFound, r.singular+"NotFound", "%s %s could not be found.", r.singular, id)
}

// list puts the query into db, which already says what to select. The rows come in reverse when the page is read
// backwards; see inOrder.
func (r *resource) list(db *gorm.DB, scope Scope, q Query) (*gorm.DB, error) {
	db = r.visible(scope, db)
	for attribute, values := range q.Filters {
		var err error
		if db, err = r.filter(db, attribute, values); err != nil {
			return nil, err
		}
	}
	keys, err := r.sortKeys(q)
	if err != nil {
		return nil, err
	}
	if q.Marker != "" {
		if db, err = r.after(db, scope, keys, q.Marker); err != nil {
			return nil, err
		}
	}
	for _, k := range keys {
		db = db.Order(k.expression + k.direction())
	}
	if q.Limit > 0 {
		db = db.Limit(q.Limit)
	}
	return db, nil
}

// inOrder puts a page that was read backwards into the order of the list.
func inOrder[T any](q Query, objects []T) []T {
	if q.Reverse {
		slices.Reverse(objects)
	}
	return objects
}

func (r *resource) filter(db *gorm.DB, attribute string, values []string) (*gorm.DB, error) {
	c, ok := r.columns[attribute]
	if !ok {
		return nil, invalid("'%s' is not an attribute to filter by", attribute)
	}
	switch c.kind {
	case listColumn:
		return filterFixedIPs(db, values)
	case groupsColumn:
		return filterSecurityGroups(db, values)
	case tagsColumn:
		return filterTags(db, c.expression, attribute, values)
	}
	parsed := make([]any, len(values))
	for i, v := range values {
		var err error
		if parsed[i], err = c.kind.parse(attribute, v); err != nil {
			return nil, err
		}
	}
	return db.Where(c.expression+" IN ?", parsed), nil
}

func (k columnKind) parse(attribute, value string) (any, error) {
	switch k {
	case boolColumn:
		switch strings.ToLower(value) {
		case "true", "t", "yes", "y", "on", "1":
			return true, nil
		case "false", "f", "no", "n", "off", "0":
			return false, nil
		}
		return nil, invalid("'%s' cannot be converted to boolean", value)
	case integerColumn:
		n, err := strconv.ParseInt(value, 10, 64)
		if err != nil {
			return nil, invalid("'%s' is not an integer", value)
		}
		return n, nil
	case timeColumn:
		t, err := time.Parse(time.RFC3339, value)
		if err != nil {
			return nil, invalid("%s '%s' is not a time such as 2026-01-02T03:04:05Z", attribute, value)
		}
		return t.UTC(), nil
	}
	if strings.ContainsRune(value, 0) {
		return nil, invalid("the value of %s contains a NUL character", attribute)
	}
	return value, nil
}

// filterFixedIPs finds ports with one address that satisfies all of what the values name.
func filterFixedIPs(db *gorm.DB, values []string) (*gorm.DB, error) {
	addresses := db.Session(&gorm.Session{NewDB: true}).Table("ip_allocations").Select("port_number")
	named := map[string][]string{}
	for _, v := range values {
		name, value, ok := strings.Cut(v, "=")
		if !ok || strings.ContainsRune(v, 0) {
			return nil, invalid("'%s' is not of the form ip_address=A, ip_address_substr=S or subnet_id=ID", v)
		}
		named[name] = append(named[name], value)
	}
	for name, values := range named {
		switch name {
		case "ip_address", "subnet_id":
			addresses = addresses.Where(name+" IN ?", values)
		case "ip_address_substr":
			parts := db.Session(&gorm.Session{NewDB: true})
			for _, v := range values {
				parts = parts.Or("ip_address LIKE ? ESCAPE '!'", "%"+likeEscaper.Replace(v)+"%")
			}
			addresses = addresses.Where(parts)
		default:
			return nil, invalid("fixed_ips cannot be filtered by '%s'", name)
		}
	}
	return db.Where("ports.number IN (?)", addresses), nil
}

// filterSecurityGroups finds ports that have one of the groups.
func filterSecurityGroups(db *gorm.DB, ids []string) (*gorm.DB, error) {
	for _, id := range ids {
		if _, err := textColumn.parse("security_groups", id); err != nil {
			return nil, err
		}
	}
	return db.Where("EXISTS (SELECT 1 FROM port_security_groups WHERE port_number = ports.number AND security_group_id IN ?)", ids), nil
}

var likeEscaper = strings.NewReplacer("!", "!!", "%", "!%", "_", "!_")

type sortColumn struct {
	column
	descending bool // as read, after a reversal
}

func (c sortColumn) direction() string {
	if c.descending {
		return " DESC"
	}
	return ""
}

func (r *resource) sortKeys(q Query) ([]sortColumn, error) {
	keys := make([]sortColumn, 0, len(q.Sort)+1)
	for _, k := range q.Sort {
		c, ok := r.columns[k.Attribute]
		if !ok || c.kind >= listColumn {
			return nil, model.Errorf(http.StatusBadRequest, "HTTPBadRequest", "'%s' is an invalid attribute for sort key", k.Attribute)
		}
		keys = append(keys, sortColumn{c, k.Descending != q.Reverse})
	}
	// The number makes the order total, so that no page repeats or misses a row.
	return append(keys, sortColumn{column{r.table + ".number", integerColumn}, q.Reverse}), nil
}

// after keeps the rows that follow the marker's. It reads the marker's values first, so that a marker whose place
// in the order changes meanwhile does no harm.
func (r *resource) after(db *gorm.DB, scope Scope, keys []sortColumn, marker string) (*gorm.DB, error) {
	expressions, values := make([]string, len(keys)), make([]any, len(keys))
	for i, k := range keys {
		expressions[i] = k.expression
		values[i] = k.kind.holder()
	}
	fresh := db.Session(&gorm.Session{NewDB: true})
	rows, err := r.visible(scope, fresh.Table(r.table)).Where(r.table+".id = ?", marker).Select(strings.Join(expressions, ", ")).Rows()
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	if !rows.Next() {
		if err := rows.Err(); err != nil {
			return nil, err
		}
		return nil, r.notFound(marker)
	}
	if err := rows.Scan(values...); err != nil {
		return nil, err
	}
	if err := rows.Close(); err != nil {
		return nil, err
	}
	var alternatives []string
	var args []any
	for i, k := range keys {
		terms := make([]string, 0, i+1)
		for j := range i {
			terms = append(terms, keys[j].expression+" = ?")
			args = append(args, values[j])
		}
		comparison := " > ?"
		if k.descending {
			comparison = " < ?"
		}
		args = append(args, values[i])
		alternatives = append(alternatives, "("+strings.Join(append(terms, k.expression+comparison), " AND ")+")")
	}
	return db.Where("("+strings.Join(alternatives, " OR ")+")", args...), nil
}

// holder is a variable to scan a column into, which serves as a parameter afterwards.
func (k columnKind) holder() any {
	switch k {
	case boolColumn:
		return new(bool)
	case integerColumn:
		return new(int64)
	case timeColumn:
		return new(time.Time)
	case textColumn:
		return new(string)
	}
	panic(fmt.Sprintf("column kind %d cannot be sorted by", k))
}
