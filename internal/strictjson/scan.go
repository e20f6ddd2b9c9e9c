package strictjson

import (
	"fmt"

	"github.com/go-json-experiment/json/jsontext"
)

// scanner reads one JSON text (RFC 8259) from data, without copying it.
type scanner struct {
	data  []byte
	pos   int // of the next byte
	depth int // open objects and arrays
	names int // members of the open object and its enclosing objects

	ignoreCase bool // names that differ only in case are duplicates
	opaque     bool // values are read with skipValue
	lenient    bool // strings can have invalid UTF-8 and broken escapes, and nesting has no limit
}

// end returns err, or an error if there is something behind the value that was read.
func (s *scanner) end(err error) error {
	if err != nil {
		return err
	}
	if s.skipSpace(); s.pos < len(s.data) {
		return s.fail(ErrTrailing)
	}
	return nil
}

// fail adds the offset of the next byte to an error.
func (s *scanner) fail(err error) error { return fmt.Errorf("%w at byte %d", err, s.pos) }

// unexpected is the error for a byte that the grammar does not allow, or for the end.
func (s *scanner) unexpected() error {
	if s.pos >= len(s.data) {
		return s.fail(errTruncated)
	}
	return s.fail(ErrSyntax)
}

// peek returns the next byte that is not white space, and 0 at the end. The grammar allows
// no NUL.
func (s *scanner) peek() byte {
	s.skipSpace()
	if s.pos < len(s.data) {
		return s.data[s.pos]
	}
	return 0
}

func (s *scanner) skipSpace() {
	for s.pos < len(s.data) {
		switch s.data[s.pos] {
		case ' ', '\t', '\r', '\n':
			s.pos++
		default:
			return
		}
	}
}

// skipByte skips white space and c. It reports whether c was there.
func (s *scanner) skipByte(c byte) bool {
	if s.peek() != c {
		return false
	}
	s.pos++
	return true
}

// value reads the next value and returns its text.
func (s *scanner) value() (jsontext.Value, error) {
	c := s.peek()
	from := s.pos
	var err error
	switch {
	case s.opaque:
		err = s.skipValue()
	case c == '{':
		err = s.object(nil, nil)
	case c == '[':
		err = s.array(nil)
	default:
		err = s.scalar()
	}
	return s.data[from:s.pos:s.pos], err
}

// scalar reads a string, a number or a literal.
func (s *scanner) scalar() error {
	switch c := s.peek(); {
	case c == '"':
		_, _, err := s.text()
		return err
	case c == '-', isDigit(c):
		return s.number()
	case c == 't':
		return s.literal("true")
	case c == 'f':
		return s.literal("false")
	case c == 'n':
		return s.literal("null")
	}
	return s.unexpected()
}

// array reads an array. It calls element for each element; element may be nil.
func (s *scanner) array(element func(jsontext.Value) error) error {
	if err := s.open(); err != nil {
		return err
	}
	for first := true; ; first = false {
		if more, err := s.more(first, ']'); err != nil || !more {
			return err
		}
		value, err := s.value()
		if err == nil && element != nil {
			err = element(value)
		}
		if err != nil {
			return err
		}
	}
}

// object reads an object. It calls member for each member whose name is in known. If
// known is nil, member may be nil.
func (s *scanner) object(known *Names, member func(string, jsontext.Value) error) error {
	if err := s.open(); err != nil {
		return err
	}
	var seen nameSet
	enclosing := s.names
	for first := true; ; first = false {
		if more, err := s.more(first, '}'); err != nil || !more {
			s.names = enclosing
			return err
		}
		start := s.pos
		name, err := s.name(&seen)
		if err != nil {
			return err
		}
		if known == nil {
			if _, err := s.value(); err != nil {
				return err
			}
			continue
		}
		reported, nested, err := known.lookup(name)
		if err != nil {
			return fmt.Errorf("%w at byte %d", err, start)
		}
		if err := s.member(reported, nested, member); err != nil {
			return err
		}
	}
}

// open reads the opening bracket of an object or an array.
func (s *scanner) open() error {
	if s.depth == MaxDepth {
		return s.fail(ErrDepth)
	}
	s.depth++
	s.pos++
	return nil
}

// more reads the comma before an element or a member, which the first one does not have, or
// the closing bracket. It reports whether another element or member follows.
func (s *scanner) more(first bool, end byte) (bool, error) {
	switch {
	case s.skipByte(end):
		s.depth--
		return false, nil
	case first || s.skipByte(','):
		s.skipSpace()
		return true, nil
	}
	return false, s.unexpected()
}

// member reads a value and calls member with it if the name is known.
func (s *scanner) member(reported string, nested *Names, member func(string, jsontext.Value) error) error {
	var value jsontext.Value
	var err error
	if nested != nil && s.peek() == '{' {
		from := s.pos
		err = s.object(nested, member)
		value = s.data[from:s.pos:s.pos]
	} else {
		value, err = s.value()
	}
	if err == nil && reported != "" {
		if err = member(reported, value); err != nil {
			err = fmt.Errorf("member %q: %w", reported, err)
		}
	}
	return err
}

// name reads the name of a member and the colon behind it. seen has the names of the same
// object.
func (s *scanner) name(seen *nameSet) ([]byte, error) {
	start := s.pos
	if s.peek() != '"' {
		return nil, s.unexpected()
	}
	raw, escaped, err := s.text()
	if err != nil {
		return nil, err
	}
	name := raw[1 : len(raw)-1]
	if escaped {
		if name, err = jsontext.AppendUnquote(nil, raw); err != nil { // text has checked it, except for lone surrogates
			return nil, fmt.Errorf("%w at byte %d", errSurrogate, start)
		}
	}
	if s.names++; s.names > MaxNames {
		return nil, s.fail(ErrNames)
	}
	key := name
	if s.ignoreCase {
		key = []byte(FoldCase(string(name)))
	}
	if !seen.add(key) {
		return nil, fmt.Errorf("%w at byte %d", ErrDuplicate, start)
	}
	if !s.skipByte(':') {
		return nil, s.unexpected()
	}
	return name, nil
}
