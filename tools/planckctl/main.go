// Command planckctl is the operator's tool: it asks the running controller, through its API, what it knows of nodes,
// ports and flow entries. Each verb is in a file of its own.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
)

// Exit codes.
const (
	exitBad    = 1 // the answer is bad news
	exitFailed = 2 // there is no answer: wrong usage, not reachable, refused, not found
)

func main() { os.Exit(run(context.Background(), os.Args[1:], os.Stdout, os.Stderr)) }

func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	root := newRoot(stdout)
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	switch err := root.ExecuteContext(ctx); {
	case err == nil:
		return 0
	case errors.Is(err, errBadNews):
		return exitBad
	default:
		_, _ = fmt.Fprintf(stderr, "planckctl: %v\n", err)
		return exitFailed
	}
}

// errBadNews is returned by a verb that has printed bad news.
var errBadNews = errors.New("bad news")
