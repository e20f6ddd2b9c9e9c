package strictjson

import (
	"bytes"
	"encoding/binary"
	"unicode/utf8"
)

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
