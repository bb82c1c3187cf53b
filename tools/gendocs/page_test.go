package main

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/planck-sdn/planck/apps"
	"github.com/planck-sdn/planck/apps/pipeline"
)

func TestPagesAreCurrent(t *testing.T) {
	const root = "../.."
	for _, d := range documents {
		want, err := d.write(root)
		if err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(filepath.Join(root, d.path))
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%s is not what the code says now: go run ./tools/gendocs writes it anew", d.path)
		}
	}
}

func TestPageNeedsAnExampleOfEachRule(t *testing.T) {
	if _, err := pipelinePage(apps.All()[1:]); err == nil {
		t.Error("the first app's rules are shown nowhere, and nobody complains")
	}
}

func TestPicture(t *testing.T) {
	d := &pipeline.Table{ID: 30, Name: "d"}
	c := &pipeline.Table{ID: 20, Name: "c", Next: []*pipeline.Table{d}}
	b := &pipeline.Table{ID: 10, Name: "b", Next: []*pipeline.Table{d}}
	a := &pipeline.Table{ID: 0, Name: "a", Next: []*pipeline.Table{b, c}}
	alone := &pipeline.Table{ID: 250, Name: "alone"}
	const want = `.------   0 a
+-.--->  10 b
'-|-.->  20 c
  '-'->  30 d
        250 alone
`
	if got := picture([]*pipeline.Table{a, b, c, d, alone}); got != want {
		t.Errorf("drawn:\n%s", got)
	}
}
