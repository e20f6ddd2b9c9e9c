package strictjson

import (
	"bytes"
	"errors"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

// Errors for values of the wrong type.
var (
	ErrNotString  = errors.New("is not a string")
	ErrNotStrings = errors.New("is not an array of strings")
	errNotBool    = errors.New("is not a boolean")
	errNotArray   = errors.New("is not an array")
)

// IsAbsent reports whether a member counts as absent: its value is nil, null or the empty
// string. Many servers write these for a member that they do not use. The other functions
// reject null, so a caller that tolerates it calls IsAbsent first.
func IsAbsent(value jsontext.Value) bool {
	return len(value) == 0 || string(value) == "null" || string(value) == `""`
}

// String returns the text of value, which must be a JSON string.
func String(value jsontext.Value) (string, error) {
	if value.Kind() != '"' {
		return "", ErrNotString
	}
	if end := len(value) - 1; end > 0 && value[end] == '"' && bytes.IndexByte(value, '\\') < 0 && utf8.Valid(value) {
		return string(value[1:end]), nil // fast path for strings without escapes
	}
	text, err := jsontext.AppendUnquote(nil, value)
	if err != nil {
		return "", faultOf(value)
	}
	return string(text), nil
}

// faultOf returns what is wrong with a string, without the offset, which would be that in value.
func faultOf(value jsontext.Value) error {
	s := scanner{data: value}
	if _, _, err := s.text(); err != nil {
		return errors.Unwrap(err)
	}
	return ErrSyntax
}

// Bool returns value, which must be the JSON literal true or false.
func Bool(value jsontext.Value) (bool, error) {
	switch value.Kind() {
	case 't':
		return true, nil
	case 'f':
		return false, nil
	}
	return false, errNotBool
}

// Strings returns the elements of value, which must be an array of strings.
func Strings(value jsontext.Value) ([]string, error) {
	var out []string
	err := Elements(value, func(element jsontext.Value) error {
		s, err := String(element)
		out = append(out, s)
		return err
	})
	if err != nil {
		return nil, ErrNotStrings
	}
	return out, nil
}

// Elements calls element for each element of data, which must be exactly one array. If
// element returns an error, Elements stops and returns it. Elements are checked like the
// values of an [Envelope]: element must read what it interprets with another function of
// this package.
func Elements(data []byte, element func(jsontext.Value) error) error {
	s := scanner{data: data, opaque: true}
	if s.peek() != '[' {
		return errNotArray
	}
	return s.end(s.array(element))
}
