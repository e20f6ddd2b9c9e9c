package strictjson

import (
	"bytes"
	"errors"
	"io"

	"github.com/go-json-experiment/json/jsontext"
)

// LenientMembers returns the values of all members with this name, spelled exactly, in a
// document that [Object] has rejected. It tolerates duplicate names, invalid Unicode and
// deep nesting. It returns nil if the syntax of the document is not that of one JSON
// object.
//
// Use it only to describe why a document was rejected. Do not grant anything because of
// its result.
func LenientMembers(data []byte, name string) (values []jsontext.Value) {
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
