package strictjson

import (
	"bytes"
	"errors"
	"io"

	"github.com/go-json-experiment/json/jsontext"
)

// Glimpse returns the values of all members with this name, spelled exactly, in a
// document that [Object] has refused. It returns nil unless the document is one JSON
// object in syntax; duplicate names, invalid Unicode and deep nesting don't matter.
//
// It is for telling what has gone wrong. Nothing may be granted by what it returns.
func Glimpse(data []byte, name string) (values []jsontext.Value) {
	d := jsontext.NewDecoder(bytes.NewReader(data), jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
	if d.PeekKind() != '{' {
		return nil
	}
	if _, err := d.ReadToken(); err != nil {
		return nil
	}
	for d.PeekKind() != '}' {
		key, err := d.ReadToken()
		if err != nil {
			return nil
		}
		matches := key.String() == name
		value, err := d.ReadValue()
		if err != nil {
			return nil
		}
		if matches {
			values = append(values, value.Clone())
		}
	}
	if _, err := d.ReadToken(); err != nil {
		return nil
	}
	if _, err := d.ReadToken(); !errors.Is(err, io.EOF) {
		return nil
	}
	return values
}
