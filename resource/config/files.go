package config

import (
	"crypto/sha256"
	"fmt"
	"hash"
	"path/filepath"
	"strings"

	"github.com/warder-go/warder/internal/regularfile"
	"github.com/warder-go/warder/internal/secretfile"
)

// files reads files and hashes everything that it reads, including errors. Equal digests
// mean equal inputs.
type files struct {
	dir  string // base of relative paths
	hash hash.Hash
}

func newFiles(config string) *files {
	return &files{filepath.Dir(config), sha256.New()}
}

// path returns the path for a name in the configuration.
func (f *files) path(name string) string {
	if filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(f.dir, name)
}

// digest returns the digest of everything read so far.
func (f *files) digest() string { return string(f.hash.Sum(nil)) }

// read returns the content of a regular file of at most maxFileBytes.
func (f *files) read(path string) ([]byte, error) {
	body, err := regularfile.Read(path, maxFileBytes)
	f.hash.Write(fmt.Appendf(nil, "%q %d %v\n", path, len(body), err))
	f.hash.Write(body)
	return body, err
}

// readRotated returns the secret in a file that a verifier reads again for each use. The digest
// includes the error, but not the secret, so that a rotated secret is not a change.
func (f *files) readRotated(path string) (string, error) {
	secret, err := secretfile.New(path).Read()
	f.hash.Write(fmt.Appendf(nil, "%q %v\n", path, err))
	return secret, err
}

// note hashes an error about a file that a verifier reads.
func (f *files) note(err error) { _, _ = fmt.Fprintf(f.hash, "%v\n", err) }

// withPath returns the text of an error with the path of the file that it is about.
func withPath(err error, path string) string {
	if text := err.Error(); strings.Contains(text, path) {
		return text
	}
	return fmt.Sprintf("file %q: %s", path, err)
}
