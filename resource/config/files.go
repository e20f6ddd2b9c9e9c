package config

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"path/filepath"
)

// files reads files and keeps a sum of all that was read, failures included: two readings
// with one sum found the same.
type files struct {
	dir string // what relative names start from
	sum hash.Hash
}

func newFiles(config string) *files {
	return &files{filepath.Dir(config), sha256.New()}
}

// path is where a name that stands in the configuration leads.
func (f *files) path(name string) string {
	if filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(f.dir, name)
}

// read returns the text of a regular file of at most MaxFileBytes.
func (f *files) read(path string) ([]byte, error) {
	body, err := readFile(path)
	f.sum.Write(fmt.Appendf(nil, "%q %d %v\n", path, len(body), err))
	f.sum.Write(body)
	return body, err
}

// readFile opens nothing that could make it wait, such as a pipe.
func readFile(path string) ([]byte, error) {
	switch info, err := os.Stat(path); {
	case err != nil:
		return nil, cause(err)
	case !info.Mode().IsRegular():
		return nil, errors.New("is not a regular file")
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, cause(err)
	}
	defer file.Close()
	body, err := io.ReadAll(io.LimitReader(file, MaxFileBytes+1))
	if err != nil {
		return nil, cause(err)
	}
	if len(body) > MaxFileBytes {
		return nil, fmt.Errorf("is over %d bytes", MaxFileBytes)
	}
	return body, nil
}

// cause leaves out the path, which is said once.
func cause(err error) error {
	if e, ok := errors.AsType[*os.PathError](err); ok {
		return e.Err
	}
	return err
}
