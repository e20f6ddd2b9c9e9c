package valkey

import (
	"context"
	"errors"

	"github.com/warder-go/warder/internal/secretfile"
)

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
		file := secretfile.New(path)
		c.password = func(context.Context) (string, error) { return file.Read() }
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
