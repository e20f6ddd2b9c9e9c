// Package repotest tests the repository itself: that packages import each other only as
// docs/architecture.md shows, and that the documents agree with the code.
package repotest_test

import (
	"go/build"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const (
	root   = "../.."
	module = "github.com/warder-go/warder"
)

// files returns the files of the repository whose names end in suffix, as paths from the
// root with forward slashes. It leaves out what Go ignores (names that begin with a dot or
// an underscore, testdata).
func files(t *testing.T, suffix string) (found []string) {
	t.Helper()
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := entry.Name()
		if entry.IsDir() && path != root && (name[0] == '.' || name[0] == '_' || name == "testdata") {
			return filepath.SkipDir
		}
		if entry.Type().IsRegular() && strings.HasSuffix(name, suffix) {
			relative, err := filepath.Rel(root, path)
			if err != nil {
				return err
			}
			found = append(found, filepath.ToSlash(relative))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(found) == 0 {
		t.Fatalf("no file name ends in %q", suffix)
	}
	return found
}

// goFiles returns the Go files that are compiled here, without those that a build tag
// excludes.
func goFiles(t *testing.T) []string {
	t.Helper()
	return slices.DeleteFunc(files(t, ".go"), func(path string) bool {
		dir, name := filepath.Split(filepath.Join(root, path))
		ok, err := build.Default.MatchFile(dir, name)
		if err != nil {
			t.Fatal(err)
		}
		return !ok
	})
}

func read(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(root, path))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// trimmed returns the lines of text without indentation.
func trimmed(text string) []string {
	lines := strings.Split(text, "\n")
	for i := range lines {
		lines[i] = strings.TrimSpace(lines[i])
	}
	return lines
}

// after returns the lines of text that follow the first occurrence of run, and whether there
// is one.
func after(text, run []string) ([]string, bool) {
	for i := range len(text) - len(run) + 1 {
		if slices.Equal(text[i:i+len(run)], run) {
			return text[i+len(run):], true
		}
	}
	return nil, false
}
