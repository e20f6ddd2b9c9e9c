package secretfile_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/warder-go/warder/internal/secretfile"
)

func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestReadReturnsTheContentWithoutOneLineBreak(t *testing.T) {
	for _, test := range []struct{ name, content, want string }{
		{"no line break", "s3cret", "s3cret"},
		{"a line feed", "s3cret\n", "s3cret"},
		{"a line break of Windows", "s3cret\r\n", "s3cret"},
		{"spaces belong to the secret", " s3 cret \n", " s3 cret "},
		{"text outside ASCII", "schlüssel\n", "schlüssel"},
		{"as large as permitted", strings.Repeat("x", secretfile.MaxBytes), strings.Repeat("x", secretfile.MaxBytes)},
	} {
		t.Run(test.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "secret")
			write(t, path, test.content)
			if got, err := secretfile.New(path).Read(); got != test.want || err != nil {
				t.Errorf("got %q, %v; want %q", got, err, test.want)
			}
		})
	}
}

func TestReadRejectsOtherFiles(t *testing.T) {
	for _, test := range []struct{ name, content, want string }{
		{"empty", "", "is empty"},
		{"a line break only", "\n", "is empty"},
		{"a line break of Windows only", "\r\n", "is empty"},
		{"two lines", "s3cret\nother", "has more than one line"},
		{"an empty line after the secret", "s3cret\n\n", "has more than one line"},
		{"an empty line before the secret", "\ns3cret", "has more than one line"},
		{"a carriage return at the end", "s3cret\r", "has more than one line"},
		{"a carriage return inside", "s3cret\rx", "has more than one line"},
		{"a NUL byte", "s3cret\x00", "contains a NUL byte"},
		{"one byte too large", strings.Repeat("s3cret", secretfile.MaxBytes)[:secretfile.MaxBytes+1], "is larger than 65536 bytes"},
	} {
		t.Run(test.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "secret")
			write(t, path, test.content)
			got, err := secretfile.New(path).Read()
			if want := fmt.Sprintf("secret file %q: %s", path, test.want); err == nil || err.Error() != want || got != "" {
				t.Errorf("got %q, %v; want error %q", got, err, want)
			}
		})
	}
}

func TestReadNamesThePathOfAFileThatCannotBeRead(t *testing.T) {
	dir := t.TempDir()
	for path, want := range map[string]string{
		filepath.Join(dir, "missing"): "no such file or directory",
		dir:                           "is not a regular file",
		"":                            "no such file or directory",
	} {
		_, err := secretfile.New(path).Read()
		if want := fmt.Sprintf("secret file %q: %s", path, want); err == nil || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}

// A rotation can keep the size and the modification time of the file, and Kubernetes changes
// the symbolic link of a directory.
func TestReadNoticesEachRotation(t *testing.T) {
	dir := t.TempDir()
	for _, version := range []string{"v1", "v2"} {
		if err := os.Mkdir(filepath.Join(dir, version), 0o700); err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(dir, version, "token"), "secret-"+version)
	}
	link := filepath.Join(dir, "data")
	if err := os.Symlink("v1", link); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(filepath.Join(dir, "v1", "token"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(filepath.Join(dir, "v2", "token"), info.ModTime(), info.ModTime()); err != nil {
		t.Fatal(err)
	}
	file := secretfile.New(filepath.Join(link, "token"))
	if got, err := file.Read(); got != "secret-v1" || err != nil {
		t.Fatalf("got %q, %v", got, err)
	}
	if err := os.Symlink("v2", link+".new"); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(link+".new", link); err != nil {
		t.Fatal(err)
	}
	if got, err := file.Read(); got != "secret-v2" || err != nil {
		t.Errorf("got %q, %v; want the new secret", got, err)
	}
	if err := os.Remove(link); err != nil {
		t.Fatal(err)
	}
	if got, err := file.Read(); got != "" || err == nil {
		t.Errorf("got %q, %v after the file was removed; want an error", got, err)
	}
}

func TestAFileDoesNotContainTheSecret(t *testing.T) {
	path := filepath.Join(t.TempDir(), "token")
	write(t, path, "s3cret\n")
	file := secretfile.New(path)
	if _, err := file.Read(); err != nil {
		t.Fatal(err)
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x"} {
		if text := fmt.Sprintf(verb, file) + fmt.Sprintf(verb, *file); strings.Contains(text, "s3cret") || strings.Contains(text, "733363726574") {
			t.Errorf("%s prints %s", verb, text)
		}
	}
	if file.Path() != path {
		t.Errorf("path %q", file.Path())
	}
}

func TestReadIsSafeForConcurrentUse(t *testing.T) {
	path := filepath.Join(t.TempDir(), "token")
	write(t, path, "s3cret\n")
	file := secretfile.New(path)
	var readers sync.WaitGroup
	for range 8 {
		readers.Go(func() {
			if got, err := file.Read(); got != "s3cret" || err != nil {
				t.Errorf("got %q, %v", got, err)
			}
		})
	}
	readers.Wait()
}

func TestReadAllReturnsSeveralLines(t *testing.T) {
	path := filepath.Join(t.TempDir(), "key.pem")
	for _, test := range []struct{ name, content, want string }{
		{"several lines", "a\nb\n\n", ""},
		{"empty", "", "is empty"},
		{"one byte too large", strings.Repeat("s3cret", secretfile.MaxBytes)[:secretfile.MaxBytes+1], "is larger than 65536 bytes"},
	} {
		write(t, path, test.content)
		got, err := secretfile.New(path).ReadAll()
		if test.want == "" {
			if string(got) != test.content || err != nil {
				t.Errorf("%s: got %q, %v", test.name, got, err)
			}
			continue
		}
		if want := fmt.Sprintf("secret file %q: %s", path, test.want); err == nil || err.Error() != want || got != nil {
			t.Errorf("%s: got %q, %v; want error %q", test.name, got, err, want)
		}
	}
	if got, err := secretfile.New(filepath.Dir(path)).ReadAll(); err == nil || got != nil {
		t.Errorf("a directory: got %q, %v", got, err)
	}
}
