package main

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// TestDocumentedCommands: what alerts and the page on metrics say to run is there.
func TestDocumentedCommands(t *testing.T) {
	command := regexp.MustCompile("planckctl ([^`;\n]+)")
	placeholders := regexp.MustCompile(`\{\{[^}]*\}\}`)
	for _, path := range []string{"../../docs/alerts.yml", "../../docs/metrics.md"} {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		found := 0
		for _, line := range strings.Split(string(text), "\n") {
			if strings.HasSuffix(path, ".yml") && !strings.HasPrefix(strings.TrimSpace(line), "run:") {
				continue
			}
			for _, m := range command.FindAllStringSubmatch(line, -1) {
				found++
				words := strings.Fields(placeholders.ReplaceAllString(m[1], "NAME"))
				c, args, err := newRoot(&strings.Builder{}).Find(words)
				if err == nil && c.HasSubCommands() {
					t.Errorf("%s: planckctl %s: there is no such verb", path, m[1])
					continue
				}
				if err == nil {
					err = c.ParseFlags(args)
				}
				if err == nil {
					err = c.ValidateArgs(c.Flags().Args())
				}
				if err != nil {
					t.Errorf("%s: planckctl %s: %v", path, m[1], err)
				}
			}
		}
		if found == 0 {
			t.Errorf("%s says to run nothing", path)
		}
	}
}
