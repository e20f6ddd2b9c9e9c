// Package strictjson is the only reader of JSON that comes from outside.
//
// It reads one object and hands over the members that the caller knows. It
// refuses what readers disagree about: duplicate names at any depth (also when
// one is spelled with escapes), invalid UTF-8 and lone surrogates, a byte order
// mark, a second value or anything else behind the first, nesting deeper than
// [MaxDepth], and a name that differs from a known one only in case (RFC 7519 §7.3
// and RFC 7515 §5.3 compare names exactly; a reader further in might not). The
// readers of values refuse null and every other type than the one they are for.
//
// Errors never repeat the input: they name the known member or the offset.
package strictjson

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/go-json-experiment/json/jsontext"
)

// MaxDepth is how deep objects and arrays may be nested, the outermost included.
const MaxDepth = 64

// Errors that Object wraps; callers branch on none of them, tests do.
var (
	ErrDuplicate = errors.New("duplicate member name")
	ErrCase      = errors.New("member name differs only in case from")
	ErrDepth     = fmt.Errorf("nested deeper than %d", MaxDepth)
	ErrNotObject = errors.New("not a JSON object")
	ErrTrailing  = errors.New("data behind the object")
	ErrSyntax    = errors.New("malformed JSON")
)

// Object reads data, which must be exactly one JSON object, and calls member for
// each member whose name is in known, in the order of the document. Other members
// are checked for syntax and skipped. value aliases data. An error from member
// ends the reading and is returned with the member's name.
//
// Object does not modify data and is safe for concurrent use.
func Object(data []byte, known *Names, member func(name string, value jsontext.Value) error) error {
	if !depthAtMost(data, MaxDepth) {
		return ErrDepth
	}
	d := decoders.Get().(*decoder)
	defer d.release()
	d.buf = *bytes.NewBuffer(data)
	d.Reset(&d.buf)
	if d.PeekKind() != '{' {
		if _, err := d.ReadValue(); err != nil {
			return readError(err)
		}
		return ErrNotObject
	}
	if _, err := d.ReadToken(); err != nil {
		return readError(err)
	}
	for d.PeekKind() != '}' {
		if err := d.member(known, member); err != nil {
			return err
		}
	}
	if _, err := d.ReadToken(); err != nil {
		return readError(err)
	}
	if _, err := d.ReadToken(); err != io.EOF {
		return ErrTrailing
	}
	return nil
}

func (d *decoder) member(known *Names, member func(string, jsontext.Value) error) error {
	raw, err := d.ReadValue() // a name; the decoder refuses any other kind here
	if err != nil {
		return readError(err)
	}
	name, isKnown, err := known.lookup(raw)
	if err != nil {
		return err
	}
	if !isKnown {
		if err := d.SkipValue(); err != nil {
			return readError(err)
		}
		return nil
	}
	value, err := d.ReadValue()
	if err != nil {
		return readError(err)
	}
	if err := member(name, value); err != nil {
		return fmt.Errorf("member %q: %w", name, err)
	}
	return nil
}

// Valid reports whether data is one strict JSON value of any kind.
func Valid(data []byte) error {
	if !depthAtMost(data, MaxDepth) {
		return ErrDepth
	}
	d := decoders.Get().(*decoder)
	defer d.release()
	d.buf = *bytes.NewBuffer(data)
	d.Reset(&d.buf)
	if err := d.SkipValue(); err != nil {
		return readError(err)
	}
	if _, err := d.ReadToken(); err != io.EOF {
		return ErrTrailing
	}
	return nil
}

type decoder struct {
	jsontext.Decoder
	buf bytes.Buffer
}

var decoders = sync.Pool{New: func() any { return new(decoder) }}

// release drops every reference to the input before the decoder is used again.
func (d *decoder) release() {
	d.buf = bytes.Buffer{}
	d.Reset(&d.buf)
	decoders.Put(d)
}

// readError replaces the decoder's error, which may quote the input.
func readError(err error) error {
	if errors.Is(err, jsontext.ErrDuplicateName) {
		return ErrDuplicate
	}
	var syntax *jsontext.SyntacticError
	if errors.As(err, &syntax) {
		return fmt.Errorf("%w at byte %d", ErrSyntax, syntax.ByteOffset)
	}
	return ErrSyntax
}

// depthAtMost counts brackets outside of strings. It runs before the parser, so
// that a deep document costs one pass and no recursion. On text that is no JSON
// its answer does not matter: the parser refuses that text.
func depthAtMost(data []byte, limit int) bool {
	depth, inString := 0, false
	for i := 0; i < len(data); i++ {
		switch c := data[i]; {
		case inString && c == '\\':
			i++
		case c == '"':
			inString = !inString
		case inString:
		case c == '{' || c == '[':
			if depth++; depth > limit {
				return false
			}
		case c == '}' || c == ']':
			depth--
		}
	}
	return true
}
