// Package pipeline declares the tables of Planck's pipeline and the vocabulary in which apps write them. The list of tables
// in tables.go is the only place where a table number stands; every entry that an app builds is checked
// against it, and docs/pipeline.md is generated from it.
package pipeline
