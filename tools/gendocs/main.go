// Command gendocs writes docs/pipeline.md from the code: from the list of tables, the rules, and entries that the apps
// render for the topologies of apps/example. A test fails when the page is not what it would write.
package main

import (
	"flag"
	"fmt"
	"os"

	"github.com/planck-sdn/planck/apps"
)

func main() {
	path := flag.String("o", "docs/pipeline.md", "the file to write")
	flag.Parse()
	page, err := pipelinePage(apps.All())
	if err == nil {
		err = os.WriteFile(*path, page, 0o644)
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "gendocs: %v\n", err)
		os.Exit(1)
	}
}
