package strictjson

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/go-json-experiment/json/jsontext"
)

// reader is a jsontext.Decoder that reads data in place, without copying it.
type reader struct {
	jsontext.Decoder
	data []byte
	buf  bytes.Buffer
	fold bool // names that differ only in case are duplicates
}

var readers = sync.Pool{New: func() any { return new(reader) }}

// scan calls read with a reader of data and checks that data is exactly one value.
func scan(data []byte, read func(*reader) error) error {
	if err := checkLimits(data); err != nil {
		return err
	}
	r := readers.Get().(*reader)
	defer r.release()
	r.data, r.buf = data, *bytes.NewBuffer(data)
	r.Reset(&r.buf)
	if err := read(r); err != nil {
		return safeError(err)
	}
	if _, err := r.ReadToken(); !errors.Is(err, io.EOF) {
		return ErrTrailing
	}
	return nil
}

// release returns the reader to the pool, without references to the input.
func (r *reader) release() {
	r.data, r.buf, r.fold = nil, bytes.Buffer{}, false
	r.Reset(&r.buf)
	readers.Put(r)
}

// value reads the next value. The decoder finds duplicate names at all depths, but not
// names that differ only in case. If fold is set, value therefore reads each nested object
// with the method object.
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

// array reads an array. It calls element for each element; element may be nil.
func (r *reader) array(element func(jsontext.Value) error) (jsontext.Value, error) {
	return r.composite(']', func() error {
		value, err := r.value()
		if err == nil && element != nil {
			err = element(value)
		}
		return err
	})
}

// object reads an object. It calls member for each member whose name is in known. If
// known is nil, member may be nil.
func (r *reader) object(known *Names, member func(string, jsontext.Value) error) (jsontext.Value, error) {
	var folded map[string]bool
	if r.fold {
		folded = map[string]bool{}
	}
	return r.composite('}', func() error {
		name, err := r.name()
		if err != nil {
			return err
		}
		if r.fold {
			f := FoldCase(string(name))
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

// composite reads an array or an object up to end. It calls readOne for each element or
// member, and returns the whole text.
func (r *reader) composite(end jsontext.Kind, readOne func() error) (jsontext.Value, error) {
	if _, err := r.ReadToken(); err != nil {
		return nil, err
	}
	from := r.InputOffset() - 1
	for r.PeekKind() != end {
		if err := readOne(); err != nil {
			return nil, err
		}
	}
	if _, err := r.ReadToken(); err != nil {
		return nil, err
	}
	to := r.InputOffset()
	return r.data[from:to:to], nil
}

// member reads the value of the member name, and calls member if the name is in known.
func (r *reader) member(known *Names, name []byte, member func(string, jsontext.Value) error) error {
	reported, nested, err := known.lookup(name)
	if err != nil {
		return err
	}
	var value jsontext.Value
	if nested != nil && r.PeekKind() == '{' {
		value, err = r.object(nested, member)
	} else {
		value, err = r.value()
	}
	if err == nil && reported != "" {
		if err = member(reported, value); err != nil {
			err = fmt.Errorf("member %q: %w", reported, err)
		}
	}
	return err
}

// name reads the name of a member. In this position the decoder itself rejects values that
// are not strings and duplicate names.
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

// safeError replaces errors of the decoder, because they may quote the input.
func safeError(err error) error {
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

// checkLimits checks MaxDepth and MaxNames by counting brackets and colons outside of
// strings. It runs before the decoder, so that a deeply nested document costs one pass and
// no recursion. It skips the pass if data has too few brackets and colons to exceed a
// limit. The result for malformed JSON does not matter: the decoder rejects it.
func checkLimits(data []byte) error {
	count := func(c byte) int { return bytes.Count(data, []byte{c}) }
	if count('{')+count('[') <= MaxDepth && count(':') <= MaxNames {
		return nil
	}
	var names [MaxDepth + 1]int // by depth: members of the open object and its enclosing objects
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
