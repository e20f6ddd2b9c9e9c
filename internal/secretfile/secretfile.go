// Package secretfile reads a secret, such as a client secret or an access token, from a file.
package secretfile

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/warder-go/warder/internal/regularfile"
)

// MaxBytes is the limit for the size of a file, in bytes.
const MaxBytes = 64 << 10

// A File is a file that contains one secret and nothing else. It does not store the secret, so
// printing a File cannot print the secret. It is safe for concurrent use.
type File struct{ path string }

// New returns the File at a path. It does not read the file.
func New(path string) *File { return &File{path} }

// Path returns the path of the file.
func (f *File) Path() string { return f.path }

// Read returns the content of the file, without a line break at its end. It reads the file in
// every call, so a rotated secret takes effect with the next call. A program that rotates the
// secret must replace the file by renaming another one, as Kubernetes does: otherwise Read can
// return a part of the new secret.
//
// A file that is missing, empty, larger than [MaxBytes] or not a regular file is an error, and
// so is a file with a second line or a NUL byte. Errors contain the path and never the content.
func (f *File) Read() (string, error) {
	content, err := f.ReadAll()
	if err != nil {
		return "", err
	}
	secret, err := secretIn(content)
	if err != nil {
		return "", fmt.Errorf("secret file %q: %w", f.path, err)
	}
	return secret, nil
}

// ReadAll is like [File.Read] for a file with several lines, such as a private key. It returns
// the content unchanged, and only checks that it is not empty.
func (f *File) ReadAll() ([]byte, error) {
	content, err := regularfile.Read(f.path, MaxBytes)
	if err == nil && len(content) == 0 {
		err = errors.New("is empty")
	}
	if err != nil {
		return nil, fmt.Errorf("secret file %q: %w", f.path, err)
	}
	return content, nil
}

func secretIn(content []byte) (string, error) {
	line, ok := bytes.CutSuffix(content, []byte("\n"))
	if ok {
		line = bytes.TrimSuffix(line, []byte("\r"))
	}
	switch {
	case len(line) == 0:
		return "", errors.New("is empty")
	case bytes.ContainsAny(line, "\r\n"):
		return "", errors.New("has more than one line")
	case bytes.IndexByte(line, 0) >= 0:
		return "", errors.New("contains a NUL byte")
	}
	return string(line), nil
}
