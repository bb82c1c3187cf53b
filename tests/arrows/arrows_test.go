// Package arrows checks that knowledge flows one way (docs/architecture.md):
//
//	northbound -> model <- apps <- controller -> southbound -> model/flow
//
// It reads every Go file of the module as it stands, so that a package that does not compile is checked too.
package arrows

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/planck-sdn/planck"

// may says which parts of Planck each part may import besides itself. The longest path that fits a package holds.
// tests and tools are not listed: they are free.
var may = map[string][]string{
	"model":          {"model"},
	"model/flow":     {},
	"model/topology": {"model"},
	"model/store":    {"model"},
	"apps":           {"model"},
	"northbound":     {"model"},
	"southbound":     {"model/flow"},
	"controller":     {"model", "apps", "northbound", "southbound"},
}

// but takes away from that. What a part may not know, it may not import in a roundabout way either.
var but = map[string][]string{
	"model/topology": {"model/store"},
	"apps":           {"model/store"},
}

// home is where the types of a library stay.
var home = map[string][]string{
	"github.com/netrack/openflow":        {"southbound/openflow", "southbound/nicira"},
	"github.com/ovn-kubernetes/libovsdb": {"southbound/ovsdb"},
	"github.com/cenkalti/rpc2":           {"southbound/ovsdb"},
	"github.com/gin-gonic/gin":           {"northbound", "controller/planckd"},
	"gorm.io":                            {"model/store"},
	"github.com/glebarez":                {"model/store"},
	"database/sql":                       {"model/store"},
}

// pure are the parts that know nothing of sockets, files, clocks or goroutines: what they say depends on what they are
// given alone.
var pure = []string{"apps", "model/flow", "model/topology"}

// outside are the packages that a pure part cannot have a reason to import.
var outside = []string{"os", "syscall", "log", "testing", "math/rand", "crypto/rand", "golang.org/x/sys", "github.com/jackc/pgx", "go.uber.org/zap"}

// addresses are what a pure part may use of package net: gopacket's layers are made of them. All of its
// subpackages but netip are outside.
var addresses = []string{"IP", "IPMask", "HardwareAddr"}

// clocks are what a pure part may not ask of package time; it may use its types.
var clocks = []string{"Now", "Since", "Until", "Sleep", "After", "AfterFunc", "Tick", "NewTimer", "NewTicker"}

// within says whether path is dir or below it.
func within(path, dir string) bool { return path == dir || strings.HasPrefix(path, dir+"/") }

func anyOf(path string, dirs []string) bool {
	return slices.ContainsFunc(dirs, func(dir string) bool { return within(path, dir) })
}

// part returns the longest path of table that pkg, a package's path within the module, is in.
func part[T any](table map[string]T, pkg string) (string, bool) {
	best, found := "", false
	for name := range table {
		if within(pkg, name) && len(name) >= len(best) {
			best, found = name, true
		}
	}
	return best, found
}

// violations says what is wrong with one production file of the package pkg.
func violations(pkg string, file *ast.File, fset *token.FileSet) []string {
	if within(pkg, "tests") || within(pkg, "tools") {
		return nil
	}
	var wrong []string
	report := func(pos token.Pos, format string, args ...any) {
		wrong = append(wrong, fmt.Sprintf("%s: %s", fset.Position(pos), fmt.Sprintf(format, args...)))
	}
	self, known := part(may, pkg)
	if !known {
		report(file.Pos(), "package %s is in no part of the layout", pkg)
		return wrong
	}
	isPure := anyOf(pkg, pure)
	names := map[string]string{} // in this file -> package, for those that are looked into
	for _, spec := range file.Imports {
		path, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			report(spec.Pos(), "%v", err)
			continue
		}
		if path == "time" || path == "net" {
			name := path
			if spec.Name != nil {
				name = spec.Name.Name
			}
			names[name] = path
		}
		if isPure && (anyOf(path, outside) || within(path, "net") && path != "net" && path != "net/netip") {
			report(spec.Pos(), "%s must not know %s", self, path)
		}
		for library, homes := range home {
			if within(path, library) && !anyOf(pkg, homes) {
				report(spec.Pos(), "%s stays within %s", path, strings.Join(homes, " and "))
			}
		}
		ours, local := strings.CutPrefix(path, module+"/")
		if !local || ours == "" {
			continue
		}
		if !within(ours, self) && !anyOf(ours, may[self]) || anyOf(ours, but[self]) {
			report(spec.Pos(), "%s must not import %s", self, ours)
		}
	}
	if isPure {
		ast.Inspect(file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.GoStmt:
				report(n.Pos(), "%s must not start a goroutine", self)
			case *ast.SelectorExpr:
				x, ok := n.X.(*ast.Ident)
				if !ok || x.Obj != nil { // a local name hides the package's
					return true
				}
				switch name := n.Sel.Name; {
				case names[x.Name] == "time" && slices.Contains(clocks, name):
					report(n.Pos(), "%s must not look at a clock (time.%s): time is handed in", self, name)
				case names[x.Name] == "net" && !slices.Contains(addresses, name):
					report(n.Pos(), "%s must not know net.%s", self, name)
				}
			}
			return true
		})
	}
	return wrong
}

func TestArrows(t *testing.T) {
	const root = "../.."
	seen := map[string]int{}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && path != root && (strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata" || d.Name() == "bin") {
			return filepath.SkipDir
		}
		rel, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		pkg := filepath.ToSlash(filepath.Dir(rel))
		if d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") || pkg == "." {
			return nil
		}
		fset := token.NewFileSet()
		file, err := parser.ParseFile(fset, path, nil, 0)
		if err != nil {
			return err
		}
		top, _, _ := strings.Cut(pkg, "/")
		seen[top]++
		for _, v := range violations(pkg, file, fset) {
			t.Error(strings.TrimPrefix(v, root+"/"))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, top := range []string{"apps", "controller", "model", "northbound", "southbound"} {
		if seen[top] == 0 {
			t.Errorf("no Go file in %s: the test does not look where it should", top)
		}
	}
}

// The check itself must see what it is for.
func TestViolationsAreSeen(t *testing.T) {
	for _, c := range []struct {
		pkg, source string
		want        string // part of the message; empty: nothing is wrong
	}{
		{"northbound/admin", `import _ "` + module + `/controller/reconcile"`, "must not import controller/reconcile"},
		{"northbound/api", `import _ "` + module + `/model/store"`, ""},
		{"northbound/api", `import _ "` + module + `/apps/dhcp"`, "must not import"},
		{"model", `import _ "` + module + `/apps/pipeline"`, "must not import"},
		{"model/flow", `import _ "` + module + `/model"`, "must not import"},
		{"model/store", `import (_ "` + module + `/model/topology"; _ "gorm.io/gorm")`, ""},
		{"model/topology", `import _ "` + module + `/model/store"`, "must not import"},
		{"apps/l2", `import (_ "` + module + `/model"; _ "` + module + `/model/flow"; _ "` + module + `/model/topology"; _ "` + module + `/apps/pipeline")`, ""},
		{"apps/l2", `import _ "` + module + `/model/store"`, "must not import model/store"},
		{"apps/l2", `import _ "` + module + `/southbound/nicira"`, "must not import"},
		{"apps/l2", `import "net"; var ip net.IP; func f(net []int) int { return len(net) }`, ""},
		{"apps/l2", `import "net"; var c, err = net.Dial("tcp", "")`, "must not know net.Dial"},
		{"apps/l2", `import sock "net"; var l sock.Listener`, "must not know net.Listener"},
		{"apps/l2", `import _ "net/http"`, "must not know net/http"},
		{"apps/l2", `import _ "net/netip"`, ""},
		{"apps/l2", `import _ "gorm.io/gorm"`, "stays within model/store"},
		{"apps/l2", `import "time"; var d = time.Second; func f(now time.Time) bool { return now.After(now) }`, ""},
		{"apps/l2", `import "time"; var d = time.Now()`, "clock"},
		{"apps/l2", `import clock "time"; var d = clock.Now()`, "clock"},
		{"apps/l2", `func f() { go f() }`, "goroutine"},
		{"southbound/openflow", `import (_ "` + module + `/model/flow"; _ "` + module + `/southbound/nicira"; _ "github.com/netrack/openflow/ofp")`, ""},
		{"southbound/openflow", `import _ "` + module + `/model"`, "must not import model"},
		{"southbound/ovsdb", `import _ "github.com/netrack/openflow/ofp"`, "stays within southbound/openflow and southbound/nicira"},
		{"controller/reconcile", `import (_ "` + module + `/southbound/openflow"; _ "` + module + `/apps/l2"; _ "` + module + `/northbound/admin")`, ""},
		{"controller/reconcile", `import _ "github.com/netrack/openflow"`, "stays within"},
		{"controller/planckd", `import _ "` + module + `/tests/lab"`, "must not import tests/lab"},
		{"controller/planckd", `import _ "` + module + `/tools/bench"`, "must not import tools/bench"},
		{"plugins/x", ``, "in no part of the layout"},
		{"tests/lab", `import _ "` + module + `/southbound/openflow"`, ""},
	} {
		fset := token.NewFileSet()
		file, err := parser.ParseFile(fset, "x.go", "package x\n"+c.source, 0)
		if err != nil {
			t.Fatalf("%s: %v", c.source, err)
		}
		got := strings.Join(violations(c.pkg, file, fset), "\n")
		if c.want == "" && got != "" || !strings.Contains(got, c.want) {
			t.Errorf("%s with %s: %q, expected %q", c.pkg, c.source, got, c.want)
		}
	}
}
