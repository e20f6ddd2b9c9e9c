package strictjson

import "github.com/go-json-experiment/json/jsontext"

// MaxOpaqueDepth is the depth of a value that [Envelope] and [Elements] do not interpret,
// its enclosing objects and arrays included. It is the limit of encoding/json.
const MaxOpaqueDepth = 10_000

// Envelope is like [Object] for a message that is passed on. It applies the rules of
// Object to the names of the members, those of a nested object in known included, but not
// to the values. A value follows RFC 8259. It may have lone surrogates, duplicate names
// and a depth of [MaxOpaqueDepth]. Its UTF-8 must be valid.
//
// The caller must read each value that it interprets with another function of this
// package, such as [String] or Object.
func Envelope(data []byte, known *Names, member func(name string, value jsontext.Value) error) error {
	s := scanner{data: data, opaque: true}
	return s.end(s.wholeObject(known, member))
}

// Members is like [Envelope] for an object whose members are not known. It calls member for each
// one, except for one with an empty name. It does not reject names that differ only in case.
func Members(data []byte, member func(name string, value jsontext.Value) error) error {
	return Envelope(data, anyNames, member)
}

// anyNames reports every member.
var anyNames = &Names{}

// skipValue reads a value of an envelope. It needs no recursion, and one byte of memory for
// each open object and array.
func (s *scanner) skipValue() error {
	var open []byte // the closing brackets of the open objects and arrays
	for {
		closes, err := s.skipStart(len(open))
		if err != nil {
			return err
		}
		if closes != 0 {
			open = append(open, closes)
			continue
		}
		if open, err = s.skipEnds(open); err != nil || len(open) == 0 {
			return err
		}
	}
}

// skipStart reads a scalar, an empty object or an empty array, or the start of another
// object or array, an object's first name included. It returns the closing bracket of what
// it has opened, and 0 if it has read a whole value.
func (s *scanner) skipStart(open int) (closes byte, err error) {
	switch c := s.peek(); c {
	case '{', '[':
		closes = c + 2 // in ASCII, '}' and ']'
	default:
		return 0, s.scalar()
	}
	if s.depth+open == MaxOpaqueDepth && !s.lenient {
		return 0, s.fail(errOpaqueDepth)
	}
	s.pos++
	if s.skipByte(closes) {
		return 0, nil
	}
	if closes == '}' {
		err = s.skipName()
	}
	return closes, err
}

// skipEnds reads what follows a value: closing brackets, and a comma if an object or an array
// is still open, with the name of the next member. It returns what is still open.
func (s *scanner) skipEnds(open []byte) ([]byte, error) {
	for len(open) > 0 {
		closes := open[len(open)-1]
		if s.skipByte(closes) {
			open = open[:len(open)-1]
			continue
		}
		if !s.skipByte(',') {
			return nil, s.unexpected()
		}
		if closes == '}' {
			return open, s.skipName()
		}
		return open, nil
	}
	return nil, nil
}

// skipName reads the name of a member and the colon behind it.
func (s *scanner) skipName() error {
	if s.peek() != '"' {
		return s.unexpected()
	}
	if _, _, err := s.text(); err != nil {
		return err
	}
	if !s.skipByte(':') {
		return s.unexpected()
	}
	return nil
}
