package strictjson

import (
	"bytes"
	"errors"

	"github.com/go-json-experiment/json/jsontext"
)

// Errors of the value readers.
var (
	ErrNotString  = errors.New("is not a string")
	ErrNotStrings = errors.New("is not an array of strings")
	ErrNotBool    = errors.New("is not a boolean")
)

// String returns the text of value, which must be a JSON string.
func String(value jsontext.Value) (string, error) {
	if value.Kind() != '"' {
		return "", ErrNotString
	}
	text, err := jsontext.AppendUnquote(nil, value)
	if err != nil {
		return "", ErrSyntax
	}
	return string(text), nil
}

// Bool returns value, which must be the JSON literal true or false.
func Bool(value jsontext.Value) (bool, error) {
	switch value.Kind() {
	case 't':
		return true, nil
	case 'f':
		return false, nil
	}
	return false, ErrNotBool
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

// Elements calls element for each element of value, which must be an array.
func Elements(value jsontext.Value, element func(jsontext.Value) error) error {
	if value.Kind() != '[' {
		return errors.New("is not an array")
	}
	d := decoders.Get().(*decoder)
	defer d.release()
	d.buf = *bytes.NewBuffer(value)
	d.Reset(&d.buf)
	if _, err := d.ReadToken(); err != nil {
		return readError(err)
	}
	for d.PeekKind() != ']' {
		v, err := d.ReadValue()
		if err != nil {
			return readError(err)
		}
		if err := element(v); err != nil {
			return err
		}
	}
	return nil
}
