package repotest_test

import (
	"fmt"
	"go/ast"
	"go/constant"
	"go/parser"
	"go/token"
	"go/types"
	"maps"
	"net/http"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

func parse(t *testing.T, file string) *ast.File {
	t.Helper()
	parsed, err := parser.ParseFile(token.NewFileSet(), filepath.Join(root, file), nil, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	return parsed
}

// constants calls f for each constant of a file with its name, value and comment, without
// enumerations.
func constants(file *ast.File, f func(name string, value ast.Expr, comment string)) {
	for _, declaration := range file.Decls {
		group, ok := declaration.(*ast.GenDecl)
		if !ok || group.Tok != token.CONST {
			continue
		}
		for _, spec := range group.Specs {
			if v, ok := spec.(*ast.ValueSpec); ok && len(v.Values) == 1 && !isIota(v.Values[0]) {
				f(v.Names[0].Name, v.Values[0], strings.TrimSpace(v.Comment.Text()))
			}
		}
	}
}

func isIota(value ast.Expr) bool {
	name, ok := value.(*ast.Ident)
	return ok && name.Name == "iota"
}

// statuses returns the status for each Reason constant of resource/reason.go.
func statuses(t *testing.T, file *ast.File) map[string]int {
	t.Helper()
	numbers := map[string]int{
		"StatusBadRequest": http.StatusBadRequest, "StatusUnauthorized": http.StatusUnauthorized, "StatusForbidden": http.StatusForbidden,
		"StatusNotFound": http.StatusNotFound, "StatusMethodNotAllowed": http.StatusMethodNotAllowed, "StatusRequestEntityTooLarge": http.StatusRequestEntityTooLarge, "StatusUnsupportedMediaType": http.StatusUnsupportedMediaType,
		"StatusTooManyRequests": http.StatusTooManyRequests, "StatusServiceUnavailable": http.StatusServiceUnavailable, "StatusInternalServerError": http.StatusInternalServerError, "StatusBadGateway": http.StatusBadGateway,
	}
	answers, found := map[string]int{}, map[string]int{}
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.ValueSpec: // answerInvalid = outcome{http.StatusUnauthorized, …}
			if len(n.Values) == 1 {
				if literal, ok := n.Values[0].(*ast.CompositeLit); ok && len(literal.Elts) > 0 {
					if status, ok := literal.Elts[0].(*ast.SelectorExpr); ok {
						answers[n.Names[0].Name] = numbers[status.Sel.Name]
					}
				}
			}
		case *ast.KeyValueExpr: // ReasonExpired: answerExpired
			reason, isName := n.Key.(*ast.Ident)
			answer, isAnswer := n.Value.(*ast.Ident)
			if isName && isAnswer {
				found[reason.Name] = answers[answer.Name]
			}
		}
		return true
	})
	return found
}

// The table of reasons has the word, the status and the comment of each reason. The status in
// the comment is that of the answer.
func TestTableOfReasons(t *testing.T) {
	file := parse(t, "resource/reason.go")
	status := statuses(t, file)
	var facts []fact
	constants(file, func(name string, value ast.Expr, comment string) {
		if literal, ok := value.(*ast.BasicLit); ok && strings.HasPrefix(name, "Reason") {
			said, meaning, _ := strings.Cut(comment, ": ")
			if said != strconv.Itoa(status[name]) {
				t.Errorf("%s is answered with %d; its comment has %q", name, status[name], said)
			}
			facts = append(facts, fact{cells: []string{code(strings.Trim(literal.Value, `"`)), said, meaning}})
		}
	})
	checkTable(t, "reason", facts)
	for i := range facts {
		facts[i] = fact{facts[i].cells[:1], "say what to do"}
	}
	checkTable(t, "reason that rises", facts)
}

func code(text string) string { return "`" + text + "`" }

// limit is a constant that is a number or a time.
type limit struct {
	value   any // time.Duration or int64
	comment string
}

// timeOnly imports the constants of package time, and nothing else, because no limit depends
// on other imports.
type timeOnly struct{}

func (timeOnly) Import(name string) (*types.Package, error) {
	pkg := types.NewPackage(name, path.Base(name))
	if name == "time" {
		duration := types.NewTypeName(token.NoPos, pkg, "Duration", nil)
		named := types.NewNamed(duration, types.Typ[types.Int64], nil)
		pkg.Scope().Insert(duration)
		for unit, size := range map[string]time.Duration{"Nanosecond": time.Nanosecond, "Microsecond": time.Microsecond,
			"Millisecond": time.Millisecond, "Second": time.Second, "Minute": time.Minute, "Hour": time.Hour} {
			pkg.Scope().Insert(types.NewConst(token.NoPos, pkg, unit, named, constant.MakeInt64(int64(size))))
		}
	}
	pkg.MarkComplete()
	return pkg, nil
}

// limitName matches the constants that are limits, exported or not: their names begin with
// Max, Min or Default, or end in the name of a time.
var limitName = regexp.MustCompile(`^(?:[mM]ax|[mM]in|[dD]efault)[A-Z]|(?:Interval|TTL|Limit|Lifetime|Timeout|Budget|Retry|Wait|Skew|Period|Time|After)$`)

// notLimits are constants with such names that do not limit anything that a user can reach.
var notLimits = []string{
	"tokencache.maxShards", "resource.maxExpiry", "resource.maxUndecidedChecks", "jose.maxDate", "jose.maxCachedSegmentBytes",
	"mcpmsg.maxFirstRead", "nethttp.maxFirstEvent", "revocation.minSweepEntries", "scopeset.maxScanned", "config.minRedacted",
	"bench.scenarioTimeout", "apikey.maxYears", "check.minRedacted",
}

// limits returns all limits, with names such as "keyset.maxKeys".
func limits(t *testing.T) map[string]limit {
	t.Helper()
	sources := map[string][]*ast.File{}
	comments := map[string]string{}
	fset := token.NewFileSet()
	for _, name := range goFiles(t) {
		if dir := path.Dir(name); !strings.HasSuffix(name, "_test.go") && !isAuxiliary(dir) {
			file, err := parser.ParseFile(fset, filepath.Join(root, name), nil, parser.ParseComments)
			if err != nil {
				t.Fatal(err)
			}
			sources[dir] = append(sources[dir], file)
			constants(file, func(constant string, _ ast.Expr, comment string) { comments[path.Base(dir)+"."+constant] = comment })
		}
	}
	found := map[string]limit{}
	for dir, syntax := range sources {
		config := types.Config{Importer: timeOnly{}, IgnoreFuncBodies: true, Error: func(error) {}}
		pkg, _ := config.Check(dir, fset, syntax, nil) // with errors: most imports are empty
		for _, name := range pkg.Scope().Names() {
			c, ok := pkg.Scope().Lookup(name).(*types.Const)
			if !ok || !limitName.MatchString(name) || slices.Contains(notLimits, path.Base(dir)+"."+name) || c.Val().Kind() != constant.Int {
				continue
			}
			n, _ := constant.Int64Val(c.Val())
			name = path.Base(dir) + "." + name
			switch kind := c.Type().(type) {
			case *types.Basic:
				found[name] = limit{n, comments[name]}
			case *types.Named:
				if kind.Obj().Name() == "Duration" { // others are enumerations
					found[name] = limit{time.Duration(n), comments[name]}
				}
			}
		}
	}
	return found
}

// format writes a limit with its unit.
func format(name string, value any) string {
	if d, ok := value.(time.Duration); ok {
		switch {
		case d%time.Hour == 0:
			return fmt.Sprintf("%d h", d/time.Hour)
		case d%time.Minute == 0:
			return fmt.Sprintf("%d min", d/time.Minute)
		case d%time.Second == 0:
			return fmt.Sprintf("%d s", d/time.Second)
		}
		return fmt.Sprintf("%d ms", d/time.Millisecond)
	}
	n, _ := value.(int64)
	switch {
	case strings.HasSuffix(name, "Bits"):
		return fmt.Sprintf("%d bits", n)
	case !strings.HasSuffix(name, "Bytes"):
		text := strconv.FormatInt(n, 10)
		switch {
		case n >= 1_000_000:
			text = fmt.Sprintf("%d,%03d,%03d", n/1_000_000, n/1000%1000, n%1000)
		case n >= 10_000:
			text = fmt.Sprintf("%d,%03d", n/1000, n%1000)
		}
		return text
	case n%(1<<20) == 0:
		return fmt.Sprintf("%d MiB", n>>20)
	case n%(1<<10) == 0:
		return fmt.Sprintf("%d KiB", n>>10)
	}
	return fmt.Sprintf("%d bytes", n)
}

// The table of pipeline steps has those of the comment in resource/authenticate.go.
func TestTableOfSteps(t *testing.T) {
	var want []string
	for _, line := range strings.Split(read(t, "resource/authenticate.go"), "\n") {
		if step := stepLine.FindStringSubmatch(line); step != nil {
			want = append(want, step[1])
		}
	}
	var got []string
	for _, cells := range table(t, "step").cells {
		got = append(got, cells[0])
	}
	if len(want) < 9 || !slices.Equal(got, want) {
		t.Errorf("\n got %q\nwant %q, at least nine", got, want)
	}
}

var stepLine = regexp.MustCompile(`^//\t(\d+ \w+(?: \w+)*) {2,}`)

// The table of limits has each limit of the code with its value.
func TestTableOfLimits(t *testing.T) {
	all := limits(t)
	if len(all) < 40 {
		t.Errorf("found only %d limits", len(all))
	}
	var facts []fact
	for _, name := range slices.Sorted(maps.Keys(all)) {
		facts = append(facts, fact{[]string{code(name), format(name, all[name].value)}, all[name].comment})
	}
	checkTable(t, "limit", facts)
}

var seriesName = regexp.MustCompile(`"(warder_[a-z_]+)"`)

// The table of series has all series of the code.
func TestTableOfSeries(t *testing.T) {
	names := map[string]bool{}
	for _, file := range goFiles(t) {
		if strings.HasSuffix(file, "_test.go") || isAuxiliary(path.Dir(file)) {
			continue
		}
		for _, match := range seriesName.FindAllStringSubmatch(read(t, file), -1) {
			names[code(match[1])] = true
		}
	}
	var facts []fact
	for _, name := range slices.Sorted(maps.Keys(names)) {
		facts = append(facts, fact{[]string{name}, "say its labels | and what it counts"})
	}
	checkTable(t, "series", facts)
	for i := range facts {
		facts[i].proposal = "say what to do"
	}
	checkTable(t, "series to watch", facts)
}

// The table of results of security events has all results.
func TestTableOfEventResults(t *testing.T) {
	var facts []fact
	constants(parse(t, "resource/securityevents/outcome.go"), func(name string, value ast.Expr, _ string) {
		if literal, ok := value.(*ast.BasicLit); ok && strings.HasPrefix(name, "result") {
			facts = append(facts, fact{[]string{code(strings.Trim(literal.Value, `"`))}, "say the response | and what it means"})
		}
	})
	if len(facts) < 20 {
		t.Errorf("found only %d results", len(facts))
	}
	checkTable(t, "result of an event", facts)
}
