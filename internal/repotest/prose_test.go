package repotest_test

import (
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// All code in documents is compiled: each Go block is, line by line, part of a Go file.
func TestGoBlocksAreCompiled(t *testing.T) {
	var sources [][]string
	for _, file := range goFiles(t) {
		sources = append(sources, trimmed(read(t, file)))
	}
	for _, b := range documents(t, "go") {
		found := false
		for _, source := range sources {
			if _, ok := after(source, b.lines); ok {
				found = true
			}
		}
		if !found {
			t.Errorf("%s:%d: this block is in no compiled Go file:\n%s", b.document, b.line, strings.Join(b.lines, "\n"))
		}
	}
}

// transcript is the output of the quickstart, with words in place of everything that differs
// from run to run. The tests of examples/quickstart compare it with the program.
const transcript = "examples/quickstart/testdata/transcript.txt"

var cutShort = regexp.MustCompile(`[\w-]{6}\.\.\.[\w-]{4}`)

// Each console block is part of the transcript, with example addresses and token excerpts in
// place of its words. A line "..." stands for omitted lines.
func TestTranscripts(t *testing.T) {
	printed := trimmed(read(t, transcript))
	for _, b := range documents(t, "console") {
		text := strings.NewReplacer("http://127.0.0.1:8080", "http://MCP", "http://127.0.0.1:9090", "http://AUTH").Replace(strings.Join(b.lines, "\n"))
		rest := printed
		for part := range strings.SplitSeq(cutShort.ReplaceAllString(text, "SHORT"), "\n...\n") {
			behind, ok := after(rest, strings.Split(part, "\n"))
			if !ok {
				t.Errorf("%s:%d: the quickstart does not print this here:\n%s", b.document, b.line, part)
				break
			}
			rest = behind
		}
	}
}

// .ci/run runs every command that a document shows.
func TestCommandsAreRun(t *testing.T) {
	script := read(t, ".ci/run")
	for _, b := range documents(t, "sh") {
		for _, command := range b.lines {
			if command, _, _ = strings.Cut(command, "  #"); !strings.Contains(script, strings.TrimSpace(command)) && !strings.HasPrefix(command, "bash .ci/run") {
				t.Errorf("%s:%d: .ci/run does not run %q", b.document, b.line, command)
			}
		}
	}
}

// Links have targets, and another document links to each page of docs.
func TestLinks(t *testing.T) {
	found := map[string]bool{}
	for _, document := range files(t, ".md") {
		_, prose := blocks(t, document)
		for n, line := range prose {
			for _, match := range link.FindAllStringSubmatch(codeSpan.ReplaceAllString(line, ""), -1) {
				if problem := checkLink(t, document, match[1]); problem != "" {
					t.Errorf("%s:%d: link to %q: %s", document, n+1, match[1], problem)
				}
				file, _, _ := strings.Cut(match[1], "#")
				if to := path.Join(path.Dir(document), file); to != document {
					found[to] = true
				}
			}
		}
	}
	for _, document := range files(t, ".md") {
		if strings.HasPrefix(document, "docs/") && !found[document] {
			t.Errorf("%s: no other document links to it", document)
		}
	}
}

func checkLink(t *testing.T, document, target string) string {
	t.Helper()
	if strings.HasPrefix(target, "https://") {
		return ""
	}
	file, fragment, _ := strings.Cut(target, "#")
	to := document
	if file != "" {
		to = path.Join(path.Dir(document), file)
	}
	switch _, err := os.Stat(filepath.Join(root, to)); {
	case strings.Contains(target, ":"):
		return "neither https nor relative"
	case strings.HasPrefix(to, ".."):
		return "is outside the repository"
	case err != nil:
		return err.Error()
	case fragment != "" && !anchors(t, to)[fragment]:
		return "no such heading"
	}
	return ""
}
