package strictjson

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"
	"sync"
	"unicode/utf8"

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

func (s *scanner) literal(word string) error {
	if !bytes.HasPrefix(s.data[s.at:], []byte(word)) {
		return s.syntax()
	}
	s.at += len(word)
	return nil
}

func (s *scanner) number() error {
	s.take('-')
	if !s.take('0') && !s.digits() {
		return s.syntax()
	}
	if s.take('.') && !s.digits() {
		return s.syntax()
	}
	if s.take('e') || s.take('E') {
		if !s.take('+') {
			s.take('-')
		}
		if !s.digits() {
			return s.syntax()
		}
	}
	return nil
}

func (s *scanner) digits() bool {
	from := s.at
	for c := s.next(); '0' <= c && c <= '9'; c = s.next() {
		s.at++
	}
	return s.at > from
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

// text reads a string and reports whether anything in it is escaped.
func (s *scanner) text() (escaped bool, err error) {
	s.at++
	for s.at < len(s.data) {
		s.plain()
		switch c := s.next(); {
		case c == '"':
			s.at++
			return escaped, nil
		case c == '\\':
			if escaped = true; !s.escape() {
				return true, s.syntax()
			}
		case c < ' ':
			return escaped, s.syntax()
		case c < utf8.RuneSelf:
			s.at++
		default:
			r, size := utf8.DecodeRune(s.data[s.at:])
			if r == utf8.RuneError && size == 1 {
				return escaped, s.syntax()
			}
			s.at += size
		}
	}
	return escaped, s.syntax()
}

// plain passes over eight bytes at a time, as long as all of them are printable ASCII
// without quote and backslash. What is one of these, or above, has its highest bit set
// by one of the differences; a borrow can only add to them.
func (s *scanner) plain() {
	const ones, high = 0x0101010101010101, 0x8080808080808080
	for s.at+8 <= len(s.data) {
		x := binary.LittleEndian.Uint64(s.data[s.at:])
		if (x|(x-ones*' ')|((x^ones*'"')-ones)|((x^ones*'\\')-ones))&high != 0 {
			return
		}
		s.at += 8
	}
}

// escape reads an escape sequence; one for half of a surrogate pair needs the other.
func (s *scanner) escape() bool {
	s.at++
	c := s.next()
	s.at++
	if c != 'u' {
		return bytes.IndexByte([]byte(`"\/bfnrt`), c) >= 0
	}
	unit, ok := s.hex()
	switch {
	case !ok || unit>>10 == 0xDC00>>10:
		return false
	case unit>>10 != 0xD800>>10:
		return true
	case !s.take('\\') || !s.take('u'):
		return false
	}
	unit, ok = s.hex()
	return ok && unit>>10 == 0xDC00>>10
}

// hex reads four hexadecimal digits.
func (s *scanner) hex() (unit int, ok bool) {
	for range 4 {
		c := s.next()
		switch {
		case '0' <= c && c <= '9':
			unit = unit<<4 | int(c-'0')
		case 'a' <= c|0x20 && c|0x20 <= 'f':
			unit = unit<<4 | int(c|0x20-'a'+10)
		default:
			return 0, false
		}
		s.at++
	}
	return unit, true
}
