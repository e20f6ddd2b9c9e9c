package strictjson

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/go-json-experiment/json/jsontext"
)

// A reader is the library's decoder, set to bytes that it reads in place.
type reader struct {
	jsontext.Decoder
	data []byte
	buf  bytes.Buffer
	fold bool // names that differ only in case are duplicates
}

var readers = sync.Pool{New: func() any { return new(reader) }}

// scan runs read on the one value in data.
func scan(data []byte, read func(*reader) error) error {
	if err := checkShape(data); err != nil {
		return err
	}
	r := readers.Get().(*reader)
	defer r.release()
	r.data, r.buf = data, *bytes.NewBuffer(data)
	r.Reset(&r.buf)
	if err := read(r); err != nil {
		return readError(err)
	}
	if _, err := r.ReadToken(); !errors.Is(err, io.EOF) {
		return ErrTrailing
	}
	return nil
}

// release drops every reference to the input before the reader is used again.
func (r *reader) release() {
	r.data, r.buf, r.fold = nil, bytes.Buffer{}, false
	r.Reset(&r.buf)
	readers.Put(r)
}

// value reads the next value. The decoder looks for duplicate names at all depths, but
// not for those that differ in case: if they matter, each object is read by itself.
func (r *reader) value() (jsontext.Value, error) {
	if r.fold {
		switch r.PeekKind() {
		case '{':
			return r.object(nil, nil)
		case '[':
			return r.array(nil)
		}
	}
	return r.ReadValue()
}

// array calls element, if there is one, for each element.
func (r *reader) array(element func(jsontext.Value) error) (jsontext.Value, error) {
	return r.inside(']', func() error {
		value, err := r.value()
		if err == nil && element != nil {
			err = element(value)
		}
		return err
	})
}

// object calls member, if there is one, for each member that is known.
func (r *reader) object(known *Names, member func(string, jsontext.Value) error) (jsontext.Value, error) {
	var folded map[string]bool
	if r.fold {
		folded = map[string]bool{}
	}
	return r.inside('}', func() error {
		name, err := r.name()
		if err != nil {
			return err
		}
		if r.fold {
			f := Fold(string(name))
			if folded[f] {
				return ErrDuplicate
			}
			folded[f] = true
		}
		if known == nil {
			_, err = r.value()
			return err
		}
		return r.member(known, name, member)
	})
}

// inside reads an array or an object, whose parts one reads, one at a time.
func (r *reader) inside(end jsontext.Kind, one func() error) (jsontext.Value, error) {
	if _, err := r.ReadToken(); err != nil {
		return nil, err
	}
	from := r.InputOffset() - 1
	for r.PeekKind() != end {
		if err := one(); err != nil {
			return nil, err
		}
	}
	if _, err := r.ReadToken(); err != nil {
		return nil, err
	}
	to := r.InputOffset()
	return r.data[from:to:to], nil
}

func (r *reader) member(known *Names, name []byte, member func(string, jsontext.Value) error) error {
	as, inner, err := known.lookup(name)
	if err != nil {
		return err
	}
	var value jsontext.Value
	if inner != nil && r.PeekKind() == '{' {
		value, err = r.object(inner, member)
	} else {
		value, err = r.value()
	}
	if err == nil && as != "" {
		if err = member(as, value); err != nil {
			err = fmt.Errorf("member %q: %w", as, err)
		}
	}
	return err
}

// name reads a member's name. The decoder refuses any other kind here, and a name that
// this object has already.
func (r *reader) name() ([]byte, error) {
	raw, err := r.ReadValue()
	if err != nil {
		return nil, err
	}
	if bytes.IndexByte(raw, '\\') < 0 {
		return raw[1 : len(raw)-1], nil
	}
	return jsontext.AppendUnquote(nil, raw)
}

// readError replaces the decoder's errors, which may quote the input.
func readError(err error) error {
	if errors.Is(err, jsontext.ErrDuplicateName) {
		return ErrDuplicate
	}
	if syntax, ok := errors.AsType[*jsontext.SyntacticError](err); ok {
		return fmt.Errorf("%w at byte %d", ErrSyntax, syntax.ByteOffset)
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return ErrSyntax
	}
	return err
}

// checkShape counts brackets and colons outside of strings. It runs before the decoder, so
// that a deep document costs one pass and no recursion, and only where there are enough
// of them at all. On text that is no JSON its answer does not matter: the decoder
// refuses that text.
func checkShape(data []byte) error {
	count := func(c byte) int { return bytes.Count(data, []byte{c}) }
	if count('{')+count('[') <= MaxDepth && count(':') <= MaxNames {
		return nil
	}
	var names [MaxDepth + 1]int // of the open objects, each with those around it
	depth, inString := 0, false
	for i := 0; i < len(data); i++ {
		switch c := data[i]; {
		case inString && c == '\\':
			i++
		case c == '"':
			inString = !inString
		case inString:
		case c == '{' || c == '[':
			if depth++; depth > MaxDepth {
				return ErrDepth
			}
			names[depth] = names[depth-1]
		case c == '}' || c == ']':
			depth = max(0, depth-1)
		case c == ':':
			if names[depth]++; names[depth] > MaxNames {
				return ErrNames
			}
		}
	}
	return nil
}
