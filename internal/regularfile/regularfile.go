// Package regularfile reads regular files up to a maximum size.
package regularfile

import (
	"errors"
	"fmt"
	"io"
	"os"
)

// TooLargeError is the error for a file over the limit.
type TooLargeError struct{ Limit int } // in bytes

func (e *TooLargeError) Error() string { return fmt.Sprintf("is larger than %d bytes", e.Limit) }

// Read returns the content of a regular file of at most limit bytes. Other files are errors,
// because opening a pipe could block forever. Errors contain neither the path, which the caller
// adds, nor any of the content. The error for a larger file is a *[TooLargeError].
func Read(path string, limit int) ([]byte, error) {
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
	content, err := io.ReadAll(io.LimitReader(file, int64(limit)+1))
	if err != nil {
		return nil, cause(err)
	}
	if len(content) > limit {
		return nil, &TooLargeError{limit}
	}
	return content, nil
}

// cause removes the path from an error.
func cause(err error) error {
	if e, ok := errors.AsType[*os.PathError](err); ok {
		return e.Err
	}
	return err
}
