// Package strictjson reads JSON that other processes wrote. The other packages of this
// module use it instead of a JSON library.
//
// [Object] reads one object and passes the members with known names to its caller. It
// rejects documents that JSON readers interpret differently:
//   - duplicate member names at any depth, also where one of them is written with escapes
//   - a name that differs from a known one only in case; RFC 7519 §7.3 and RFC 7515 §5.3
//     compare names exactly, but a later reader of the same document might not. The
//     names of [Names.WithPrivate] are an exception
//   - invalid UTF-8, lone surrogates and a byte order mark
//   - data after the first value
//   - nesting deeper than [MaxDepth] and more member names than [MaxNames]
//
// [Envelope] reads an object whose values are passed on. It is as strict about the names of
// the members, but not about the values.
//
// The functions that read values, such as [String], reject null and every other type
// than the one in their name.
//
// Errors never quote the input. They contain the name of a known member or a byte
// offset.
package strictjson

import (
	"errors"
	"fmt"

	"github.com/go-json-experiment/json/jsontext"
)

// Limits of a document of any size.
const (
	MaxDepth = 64      // nested objects and arrays, the outermost included
	MaxNames = 1 << 14 // members of an object and its enclosing objects; finding duplicates needs their names in memory
)

// Errors that Object wraps. Only tests distinguish them.
var (
	ErrDuplicate = errors.New("duplicate member name")
	ErrCase      = errors.New("member name differs only in case from")
	ErrDepth     = fmt.Errorf("nested deeper than %d", MaxDepth)
	ErrNames     = fmt.Errorf("more than %d members in an object and its enclosing objects", MaxNames)
	ErrNotObject = errors.New("not a JSON object")
	ErrTrailing  = errors.New("data after the JSON value")
	ErrSyntax    = errors.New("malformed JSON")

	errTruncated   = fmt.Errorf("%w: unexpected end", ErrSyntax)
	errUTF8        = fmt.Errorf("%w: invalid UTF-8", ErrSyntax)
	errEscape      = fmt.Errorf("%w: invalid escape sequence", ErrSyntax)
	errSurrogate   = fmt.Errorf("%w: lone surrogate", ErrSyntax)
	errControl     = fmt.Errorf("%w: control character in a string", ErrSyntax)
	errOpaqueDepth = fmt.Errorf("nested deeper than %d", MaxOpaqueDepth)
)

// Object reads data, which must be exactly one JSON object. It calls member for each
// member whose name is in known, in the order of the document. It checks the other
// members and skips them. The value that member gets aliases data. If member returns an
// error, Object stops and returns that error with the member's name.
//
// Object may call member before it finds an error later in data: the caller must discard
// the members if Object returns an error.
//
// Object does not modify data. It is safe for concurrent use.
func Object(data []byte, known *Names, member func(name string, value jsontext.Value) error) error {
	s := scanner{data: data}
	return s.end(s.wholeObject(known, member))
}

// wholeObject reads an object. Another value is an error.
func (s *scanner) wholeObject(known *Names, member func(name string, value jsontext.Value) error) error {
	if s.peek() == '{' {
		return s.object(known, member)
	}
	if _, err := s.value(); err != nil {
		return err
	}
	return ErrNotObject
}

// Valid returns nil if data is exactly one JSON value of any kind. It applies the rules of
// Object, except the one about case variants of known names.
func Valid(data []byte) error {
	s := scanner{data: data}
	_, err := s.value()
	return s.end(err)
}

// ValidIgnoringCase is like Valid for data that a case-insensitive reader will read later: it
// also rejects two names in one object, at any depth, that differ only in case.
func ValidIgnoringCase(data []byte) error {
	s := scanner{data: data, ignoreCase: true}
	_, err := s.value()
	return s.end(err)
}
