package main

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/warder-go/warder/internal/secretfile"
)

// readToken reads a token from the file of -token, or from standard input for "-". It returns "" if
// file is "". Errors do not quote the token.
func readToken(in io.Reader, file string) (string, error) {
	if file == "" {
		return "", nil
	}
	if file != "-" {
		token, err := secretfile.New(file).Read()
		if err != nil {
			return "", fmt.Errorf("-token: %w", err)
		}
		return token, nil
	}
	token, err := readInput(in)
	if err != nil {
		return "", fmt.Errorf("-token: %w", err)
	}
	return token, nil
}

// readInput returns a token from standard input. Errors do not quote it.
func readInput(in io.Reader) (string, error) {
	body, err := io.ReadAll(io.LimitReader(in, secretfile.MaxBytes+1))
	switch {
	case err != nil:
		return "", errors.New("standard input cannot be read")
	case len(body) > secretfile.MaxBytes:
		return "", fmt.Errorf("standard input has more than %d bytes", secretfile.MaxBytes)
	}
	token := strings.TrimRight(string(body), "\r\n")
	if token == "" {
		return "", errors.New("standard input is empty")
	}
	return token, nil
}
