package regularfile_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/warder-go/warder/internal/regularfile"
)

func TestRead(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	pipe := filepath.Join(dir, "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Skipf("Skipped: this system has no named pipes: %v", err)
	}
	link := filepath.Join(dir, "link")
	if err := os.Symlink(write("target", "text"), link); err != nil {
		t.Skipf("Skipped: this system has no symbolic links: %v", err)
	}
	for _, row := range []struct{ name, path, want string }{
		{"empty", write("empty", ""), ""},
		{"of the limit", write("full", "12345678"), "12345678"},
		{"a link to a file", link, "text"},
		{"over the limit", write("large", "123456789"), "! is larger than 8 bytes"},
		{"a directory", dir, "! is not a regular file"},
		{"a pipe", pipe, "! is not a regular file"},
		{"a device", "/dev/null", "! is not a regular file"},
		{"missing", filepath.Join(dir, "missing"), "! no such file or directory"},
		{"below a file", filepath.Join(dir, "full", "x"), "! not a directory"},
	} {
		content, err := regularfile.Read(row.path, 8)
		got := string(content)
		if err != nil {
			got += "! " + err.Error()
		}
		if got != row.want {
			t.Errorf("%s: got %q, want %q", row.name, got, row.want)
		}
		if _, tooLarge := errors.AsType[*regularfile.TooLargeError](err); tooLarge != strings.Contains(row.want, "larger") {
			t.Errorf("%s: got a TooLargeError: %t", row.name, tooLarge)
		}
	}
}
