// Package strictjson is the only reader of JSON that comes from outside.
//
// It reads one object and hands over the members that the caller knows. It
// refuses what readers disagree about: duplicate names at any depth (also when
// one is spelled with escapes), invalid UTF-8 and lone surrogates, a byte order
// mark, a second value or anything else behind the first, nesting deeper than
// [MaxDepth], more names than [MaxNames], and a name that differs from a known one
// only in case (RFC 7519 §7.3 and RFC 7515 §5.3 compare names exactly; a reader
// further in might not). The readers of values refuse null and every other type
// than the one they are for.
//
// Errors never repeat the input: they name the known member or the offset.
package strictjson

import (
	"errors"
	"fmt"

	"github.com/go-json-experiment/json/jsontext"
)

// Limits of a document, whatever its size.
const (
	MaxDepth = 64      // nested objects and arrays, the outermost included
	MaxNames = 1 << 14 // members of an object and of those around it, whose names are held to find duplicates
)

// Errors that Object wraps; callers branch on none of them, tests do.
var (
	ErrDuplicate = errors.New("duplicate member name")
	ErrCase      = errors.New("member name differs only in case from")
	ErrDepth     = fmt.Errorf("nested deeper than %d", MaxDepth)
	ErrNames     = fmt.Errorf("more than %d members in an object and those around it", MaxNames)
	ErrNotObject = errors.New("not a JSON object")
	ErrTrailing  = errors.New("data behind the object")
	ErrSyntax    = errors.New("malformed JSON")
)

// Object reads data, which must be exactly one JSON object, and calls member for
// each member whose name is in known, in the order of the document. Other members
// are checked and skipped. value aliases data. An error from member ends the reading
// and is returned with the member's name.
//
// Member may be called before something is found wrong further on: what it was told
// counts only if Object returns nil.
//
// Object does not modify data and is safe for concurrent use.
func Object(data []byte, known *Names, member func(name string, value jsontext.Value) error) error {
	return scan(data, func(r *reader) error {
		if r.PeekKind() == '{' {
			_, err := r.object(known, member)
			return err
		}
		if _, err := r.ReadValue(); err != nil {
			return err
		}
		return ErrNotObject
	})
}

// Valid reports whether data is one strict JSON value of any kind.
func Valid(data []byte) error {
	return scan(data, func(r *reader) error {
		_, err := r.ReadValue()
		return err
	})
}

// Unmistakable is Valid for readers that match names in any case: it also refuses two
// names in one object, at any depth, that differ only in case.
func Unmistakable(data []byte) error {
	return scan(data, func(r *reader) error {
		r.fold = true
		_, err := r.value()
		return err
	})
}
