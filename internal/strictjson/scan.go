package strictjson

import (
	"bytes"
	"fmt"
	"slices"
	"sync"

	"github.com/go-json-experiment/json/jsontext"
)

// A scanner reads JSON from the front to the back and looks at every byte once: the
// body of each request goes through it. Fuzz tests compare it with two other readers.
type scanner struct {
	data  []byte
	at    int
	depth int
	fold  bool     // names that differ only in case are duplicates
	names [][]byte // of the objects that are open, unescaped
}

var scanners = sync.Pool{New: func() any { return new(scanner) }}

// scan runs read on the one value in data.
func scan(data []byte, read func(*scanner) error) error {
	s := scanners.Get().(*scanner)
	defer s.release()
	s.data = data
	s.space()
	if err := read(s); err != nil {
		return err
	}
	if s.space(); s.at < len(s.data) {
		return ErrTrailing
	}
	return nil
}

// release drops every reference to the input before the scanner is used again.
func (s *scanner) release() {
	names := s.names[:0]
	clear(names[:cap(names)])
	if cap(names) > 1024 {
		names = nil
	}
	*s = scanner{names: names}
	scanners.Put(s)
}

func (s *scanner) syntax() error { return fmt.Errorf("%w at byte %d", ErrSyntax, s.at) }

func (s *scanner) space() {
	for s.at < len(s.data) {
		switch s.data[s.at] {
		case ' ', '\t', '\r', '\n':
			s.at++
		default:
			return
		}
	}
}

// next returns the byte at hand, 0 at the end: no value begins with it.
func (s *scanner) next() byte {
	if s.at < len(s.data) {
		return s.data[s.at]
	}
	return 0
}

func (s *scanner) take(c byte) bool {
	if s.next() != c {
		return false
	}
	s.at++
	return true
}

func (s *scanner) value() error {
	switch c := s.next(); c {
	case '{':
		return s.object(nil, nil)
	case '[':
		return s.array(nil)
	case '"':
		_, err := s.text()
		return err
	case 't':
		return s.literal("true")
	case 'f':
		return s.literal("false")
	case 'n':
		return s.literal("null")
	default:
		return s.number()
	}
}

// array calls element, if there is one, for each element.
func (s *scanner) array(element func(jsontext.Value) error) error {
	if s.depth++; s.depth > MaxDepth {
		return ErrDepth
	}
	s.at++
	s.space()
	for more := !s.take(']'); more; {
		from := s.at
		if err := s.value(); err != nil {
			return err
		}
		if element != nil {
			if err := element(s.data[from:s.at:s.at]); err != nil {
				return err
			}
		}
		s.space()
		if more = !s.take(']'); more && !s.take(',') {
			return s.syntax()
		}
		s.space()
	}
	s.depth--
	return nil
}

// object calls member, if there is one, for each member that is known.
func (s *scanner) object(known *Names, member func(string, jsontext.Value) error) error {
	if s.depth++; s.depth > MaxDepth {
		return ErrDepth
	}
	s.at++
	s.space()
	first := len(s.names)
	for more := !s.take('}'); more; {
		if err := s.member(known, member); err != nil {
			return err
		}
		s.space()
		if more = !s.take('}'); more && !s.take(',') {
			return s.syntax()
		}
		if more {
			s.space()
		}
	}
	if !distinct(s.names[first:]) {
		return ErrDuplicate
	}
	s.names = s.names[:first]
	s.depth--
	return nil
}

func (s *scanner) member(known *Names, member func(string, jsontext.Value) error) error {
	name, err := s.name()
	if err != nil {
		return err
	}
	if s.space(); !s.take(':') {
		return s.syntax()
	}
	s.space()
	if known == nil {
		return s.value()
	}
	as, inner, err := known.lookup(name)
	if err != nil {
		return err
	}
	from := s.at
	if inner != nil && s.next() == '{' {
		err = s.object(inner, member)
	} else {
		err = s.value()
	}
	if err == nil && as != "" {
		if err = member(as, s.data[from:s.at:s.at]); err != nil {
			err = fmt.Errorf("member %q: %w", as, err)
		}
	}
	return err
}

// name reads a member's name, to be compared with others.
func (s *scanner) name() ([]byte, error) {
	if s.next() != '"' {
		return nil, s.syntax()
	}
	from := s.at
	escaped, err := s.text()
	if err != nil {
		return nil, err
	}
	name := s.data[from+1 : s.at-1]
	if escaped {
		if name, err = jsontext.AppendUnquote(nil, s.data[from:s.at]); err != nil {
			return nil, s.syntax()
		}
	}
	compared := name
	if s.fold && !isLowerASCII(name) {
		compared = []byte(Fold(string(name)))
	}
	s.names = append(s.names, compared)
	return name, nil
}

// distinct reports whether no two names are the same. It may put them in another order.
func distinct(names [][]byte) bool {
	if len(names) > 16 {
		slices.SortFunc(names, bytes.Compare)
		for i := range names[1:] {
			if bytes.Equal(names[i], names[i+1]) {
				return false
			}
		}
		return true
	}
	for i, name := range names {
		for _, other := range names[:i] {
			if bytes.Equal(name, other) {
				return false
			}
		}
	}
	return true
}
