// Command gendocs writes the pages of docs that follow from the code: pipeline.md from the list of tables, the rules, and entries that the
// apps render for the topologies of apps/example; api-planck.md and planck-v1.schema.json from the routes and types of northbound/admin. A
// test fails when a page is not what it would write.
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"

	"github.com/planck-sdn/planck/apps"
)

// document is a page that follows from the code.
type document struct {
	path  string // from the root of the repository
	write func(root string) ([]byte, error)
}

var documents = []document{
	{"docs/pipeline.md", func(string) ([]byte, error) { return pipelinePage(apps.All()) }},
	{"docs/api-planck.md", func(string) ([]byte, error) { return apiPage() }},
	{"docs/planck-v1.schema.json", schemaPage},
}

func main() {
	root := flag.String("root", ".", "root of the repository")
	flag.Parse()
	failed := false
	for _, d := range documents {
		text, err := d.write(*root)
		if err == nil {
			err = os.WriteFile(filepath.Join(*root, d.path), text, 0o644)
		}
		if err != nil {
			fmt.Fprintf(os.Stderr, "gendocs: %s: %v\n", d.path, err)
			failed = true
		}
	}
	if failed {
		os.Exit(1)
	}
}
