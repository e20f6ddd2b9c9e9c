package valkey

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
)

// maxPasswordBytes limits the size of a password file.
const maxPasswordBytes = 64 << 10

// credentials authenticate connections to servers of one kind. It is always used by pointer, so
// that printing a struct that contains it prints an address.
type credentials struct {
	username string
	password func(context.Context) (string, error) // nil: no password
}

// newCredentials returns the credentials of a function or a file. Both can be empty.
func newCredentials(username, path string, function func(context.Context) (string, error)) *credentials {
	c := &credentials{username: username}
	switch {
	case function != nil:
		c.password = func(ctx context.Context) (string, error) { return callPasswordFunc(ctx, function) }
	case path != "":
		c.password = func(context.Context) (string, error) { return readPassword(path) }
	}
	return c
}

// protect is deferred around functions in Config. It makes a panic an error, because in a goroutine of
// the store it would end the process. The error does not contain the value of the panic, which can be a
// secret.
func protect(err *error) {
	if recover() != nil {
		*err = errors.New("a function in the configuration panicked")
	}
}

// callPasswordFunc calls a function of the program. Its error is not passed on, because it can
// contain a secret.
func callPasswordFunc(ctx context.Context, function func(context.Context) (string, error)) (password string, err error) {
	defer protect(&err)
	password, err = function(ctx)
	switch {
	case err != nil:
		return "", errors.New("PasswordFunc returned an error")
	case password == "":
		return "", errors.New("PasswordFunc returned an empty password")
	}
	return password, nil
}

// readPassword returns the one line of a file. An error contains the path and never the content.
func readPassword(path string) (string, error) {
	password, err := passwordIn(path)
	if err != nil {
		return "", fmt.Errorf("password file %q: %w", path, err)
	}
	return password, nil
}

func passwordIn(path string) (string, error) {
	content, err := readRegular(path)
	if err != nil {
		return "", err
	}
	line, ok := bytes.CutSuffix(content, []byte("\n"))
	if ok {
		line = bytes.TrimSuffix(line, []byte("\r"))
	}
	switch {
	case len(line) == 0:
		return "", errors.New("is empty")
	case bytes.ContainsAny(line, "\r\n\x00"):
		return "", errors.New("has more than one line, or a NUL byte")
	}
	return string(line), nil
}

// readRegular reads a regular file. Opening a pipe could block forever.
func readRegular(path string) ([]byte, error) {
	switch info, err := os.Stat(path); {
	case err != nil:
		return nil, withoutPath(err)
	case !info.Mode().IsRegular():
		return nil, errors.New("is not a regular file")
	}
	file, err := os.Open(path) //nolint:gosec // G304: the operator configures the path
	if err != nil {
		return nil, withoutPath(err)
	}
	defer file.Close()
	content, err := io.ReadAll(io.LimitReader(file, maxPasswordBytes+1))
	switch {
	case err != nil:
		return nil, withoutPath(err)
	case len(content) > maxPasswordBytes:
		return nil, fmt.Errorf("is larger than %d bytes", maxPasswordBytes)
	}
	return content, nil
}

func withoutPath(err error) error {
	if e, ok := errors.AsType[*os.PathError](err); ok {
		return e.Err
	}
	return err
}
