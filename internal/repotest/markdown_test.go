package repotest_test

import (
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// block is a fenced block of a document.
type block struct {
	document string
	line     int // of the opening fence
	language string
	lines    []string // without indentation, and without blank lines at both ends
}

// blocks splits a document into its fenced blocks and the other lines. In the latter, blank
// lines replace the blocks.
func blocks(t *testing.T, document string) (fenced []block, prose []string) {
	t.Helper()
	var open *block
	for n, line := range trimmed(read(t, document)) {
		language, fence := strings.CutPrefix(line, "```")
		switch {
		case fence && open == nil:
			open = &block{document: document, line: n + 1, language: language}
		case fence:
			open.lines = trimmed(strings.TrimSpace(strings.Join(open.lines, "\n")))
			fenced, open = append(fenced, *open), nil
		case open != nil:
			open.lines = append(open.lines, line)
		default:
			prose = append(prose, line)
			continue
		}
		prose = append(prose, "")
	}
	if open != nil {
		t.Fatalf("%s:%d: block is not closed", document, open.line)
	}
	return fenced, prose
}

// documents returns the Markdown files with their blocks in one language.
func documents(t *testing.T, language string) (found []block) {
	t.Helper()
	for _, document := range files(t, ".md") {
		fenced, _ := blocks(t, document)
		for _, b := range fenced {
			if b.language == language {
				found = append(found, b)
			}
		}
	}
	if len(found) == 0 {
		t.Fatalf("no document has a block in %q", language)
	}
	return found
}

// rowset is the rows of a table in a document.
type rowset struct {
	document   string
	start, end int // line numbers in the document
	cells      [][]string
}

// table returns the table, of all documents, whose first header cell is head.
func table(t *testing.T, head string) (found rowset) {
	t.Helper()
	for _, document := range files(t, ".md") {
		_, prose := blocks(t, document)
		for n, line := range prose {
			if !strings.HasPrefix(line, "| "+head+" |") {
				continue
			}
			if found.document != "" {
				t.Fatalf("tables of %q in %s and %s", head, found.document, document)
			}
			found = rowset{document: document, start: n + 2, end: n + 2} // a line of dashes between
			for ; found.end < len(prose) && strings.HasPrefix(prose[found.end], "|"); found.end++ {
				cells := strings.Split(strings.TrimSuffix(strings.TrimPrefix(prose[found.end], "|"), "|"), "|")
				for i := range cells {
					cells[i] = strings.TrimSpace(cells[i])
				}
				found.cells = append(found.cells, cells)
			}
		}
	}
	if len(found.cells) == 0 {
		t.Fatalf("no document has a table of %q", head)
	}
	return found
}

var update = flag.Bool("update", false, "write the tables of the documents from the code")

// fact is a row that the code determines: its first cells, and a proposal for the cell after
// them, which the author of the document can change.
type fact struct {
	cells    []string
	proposal string
}

// checkTable compares a table with the facts. The order of the rows does not matter. With
// -update it writes the table instead, and adds new rows after those of the same package.
func checkTable(t *testing.T, head string, facts []fact) {
	t.Helper()
	have := table(t, head)
	known := map[string]fact{}
	for _, f := range facts {
		known[f.cells[0]] = f
	}
	var rows [][]string
	for _, cells := range have.cells {
		f, ok := known[cells[0]]
		if !ok {
			continue
		}
		rows = append(rows, append(slices.Clone(f.cells), cells[min(len(f.cells), len(cells)):]...))
		delete(known, cells[0])
	}
	for _, f := range facts {
		if _, isNew := known[f.cells[0]]; isNew {
			rows = slices.Insert(rows, placeFor(rows, f.cells[0]), append(slices.Clone(f.cells), f.proposal))
		}
	}
	lines := strings.Split(read(t, have.document), "\n")
	var want []string
	for _, cells := range rows {
		want = append(want, strings.ReplaceAll("| "+strings.Join(cells, " | ")+" |", "|  |", "| |"))
	}
	got := lines[have.start:have.end]
	if slices.Equal(got, want) {
		return
	}
	if *update {
		text := strings.Join(slices.Concat(lines[:have.start], want, lines[have.end:]), "\n")
		if err := os.WriteFile(filepath.Join(root, have.document), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	for _, line := range got {
		if !slices.Contains(want, line) {
			t.Errorf("%s: outdated: %s", have.document, line)
		}
	}
	for _, line := range want {
		if !slices.Contains(got, line) {
			t.Errorf("%s: missing: %s", have.document, line)
		}
	}
	t.Errorf("%s: go test ./internal/repotest -update writes the table of %q", have.document, head)
}

// placeFor returns the index after the last row of the same package, or the end.
func placeFor(rows [][]string, name string) int {
	pkg, _, _ := strings.Cut(name, ".")
	for n := len(rows); n > 0; n-- {
		if strings.HasPrefix(rows[n-1][0], pkg+".") {
			return n
		}
	}
	return len(rows)
}

var (
	link       = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	codeSpan   = regexp.MustCompile("`[^`]*`")
	slugDrops  = regexp.MustCompile(`[^\p{L}\p{N} _-]`)
	headingTag = regexp.MustCompile(`^#{1,6} `)
)

// anchors returns the fragments that link to the headings of a document, as GitHub makes
// them.
func anchors(t *testing.T, document string) map[string]bool {
	t.Helper()
	found := map[string]bool{}
	_, prose := blocks(t, document)
	for _, line := range prose {
		if headingTag.MatchString(line) {
			text := strings.ToLower(headingTag.ReplaceAllString(line, ""))
			found[strings.ReplaceAll(slugDrops.ReplaceAllString(text, ""), " ", "-")] = true
		}
	}
	return found
}
