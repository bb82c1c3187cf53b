package store

import (
	"slices"
	"strings"

	"gorm.io/gorm"
)

// sortedOnce gives tags, or ids, as they are stored: sorted, each once.
func sortedOnce(list []string) []string {
	return notNil(slices.Compact(slices.Sorted(slices.Values(list))))
}

// Filters by tags. Each value is a list with commas; several values are one list.
const (
	allTags   = "tags"
	anyTag    = "tags-any"
	notAll    = "not-tags"
	notAnyTag = "not-tags-any"
)

// filterTags compares with the JSON list in a column.
func filterTags(db *gorm.DB, column, filter string, values []string) (*gorm.DB, error) {
	wanted := sortedOnce(strings.Split(strings.Join(values, ","), ","))
	for _, tag := range wanted {
		if strings.ContainsRune(tag, 0) {
			return nil, invalid("the value of %s contains a NUL character", filter)
		}
	}
	list := listElements(db.Name(), column, "tag")
	switch filter {
	case allTags:
		return db.Where("(SELECT COUNT(*) FROM "+list+" WHERE tag.value IN ?) = ?", wanted, len(wanted)), nil
	case anyTag:
		return db.Where("EXISTS (SELECT 1 FROM "+list+" WHERE tag.value IN ?)", wanted), nil
	case notAll:
		return db.Where("(SELECT COUNT(*) FROM "+list+" WHERE tag.value IN ?) < ?", wanted, len(wanted)), nil
	}
	return db.Where("NOT EXISTS (SELECT 1 FROM "+list+" WHERE tag.value IN ?)", wanted), nil
}

// listElements is a JSON list of texts as a table with one column, value.
func listElements(dialect, column, table string) string {
	if dialect == postgresName {
		return "json_array_elements_text(CAST(" + column + " AS json)) AS " + table + " (value)"
	}
	return "json_each(" + column + ") AS " + table
}
