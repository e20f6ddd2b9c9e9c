package strictjson

import (
	"encoding/binary"
	"unicode/utf16"
	"unicode/utf8"
)

// text reads a string. It returns the string with its quotes, and whether it has escapes.
func (s *scanner) text() (raw []byte, escaped bool, err error) {
	from := s.pos
	s.pos++ // the quote
	for {
		s.skipOrdinary()
		if s.pos == len(s.data) {
			return nil, false, s.unexpected()
		}
		switch c := s.data[s.pos]; {
		case c == '"':
			s.pos++
			return s.data[from:s.pos], escaped, nil
		case c == '\\':
			escaped = true
			if err := s.escape(); err != nil {
				return nil, false, err
			}
		case c < ' ':
			return nil, false, s.fail(errControl)
		default:
			_, size := utf8.DecodeRune(s.data[s.pos:])
			if size == 1 && !s.lenient { // RuneError, or the text ends inside a character
				return nil, false, s.fail(errUTF8)
			}
			s.pos += size
		}
	}
}

// skipOrdinary skips ASCII characters that stand for themselves in a string, eight at a time
// where it can.
func (s *scanner) skipOrdinary() {
	for s.pos+8 <= len(s.data) && areOrdinary(binary.LittleEndian.Uint64(s.data[s.pos:])) {
		s.pos += 8
	}
	for s.pos < len(s.data) && isOrdinary[s.data[s.pos]] {
		s.pos++
	}
}

// areOrdinary reports whether all bytes of a word are in isOrdinary. Each term has the highest
// bit of a byte set if a byte is a control character, a quote or a backslash; the last one
// if it is not ASCII. Where a lower byte has a bit set, the bits of higher ones can be wrong.
func areOrdinary(word uint64) bool {
	const ones, high = 0x0101010101010101, 0x8080808080808080
	quote, backslash := word^ones*'"', word^ones*'\\'
	special := (word - ones*' ') | (quote - ones) | (backslash - ones) | word
	return special&high == 0
}

// isOrdinary has the ASCII characters that stand for themselves in a string.
var isOrdinary = func() (table [256]bool) {
	for c := ' '; c < utf8.RuneSelf; c++ {
		table[c] = c != '"' && c != '\\'
	}
	return table
}()

// escape reads an escape sequence. A lone surrogate is an error, except in opaque values.
func (s *scanner) escape() error {
	if s.pos+1 >= len(s.data) {
		s.pos = len(s.data)
		return s.unexpected()
	}
	switch s.data[s.pos+1] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		s.pos += 2
		return nil
	case 'u':
	default:
		return s.brokenEscape()
	}
	first, ok := s.codeUnit(s.pos)
	if !ok {
		return s.brokenEscape()
	}
	if !utf16.IsSurrogate(first) || s.opaque {
		s.pos += escapeLength
		return nil
	}
	second, ok := s.codeUnit(s.pos + escapeLength)
	if !ok || utf16.DecodeRune(first, second) == utf8.RuneError {
		return s.fail(errSurrogate)
	}
	s.pos += 2 * escapeLength
	return nil
}

// brokenEscape reads a backslash and the character behind it, which is not a quote, if broken
// escapes are tolerated. Otherwise it is an error.
func (s *scanner) brokenEscape() error {
	if !s.lenient {
		return s.fail(errEscape)
	}
	s.pos++ // the character can be of several bytes, which text reads
	return nil
}

const escapeLength = len(`\u0000`)

// codeUnit decodes the Unicode escape, with four hexadecimal digits, that begins at a position.
func (s *scanner) codeUnit(at int) (unit rune, ok bool) {
	if at+escapeLength > len(s.data) || s.data[at] != '\\' || s.data[at+1] != 'u' {
		return 0, false
	}
	for _, c := range s.data[at+2 : at+escapeLength] {
		unit <<= 4
		switch {
		case isDigit(c):
			unit |= rune(c - '0')
		case 'a' <= c && c <= 'f', 'A' <= c && c <= 'F':
			unit |= rune(c&^0x20-'A') + 10
		default:
			return 0, false
		}
	}
	return unit, true
}

// number reads a number (RFC 8259 §6).
func (s *scanner) number() error {
	s.accept('-', '-')
	if !s.accept('0', '0') && !s.digits() {
		return s.unexpected()
	}
	if s.accept('.', '.') && !s.digits() {
		return s.unexpected()
	}
	if s.accept('e', 'E') {
		s.accept('+', '-')
		if !s.digits() {
			return s.unexpected()
		}
	}
	return nil
}

// accept reads the next byte if it is one of the two.
func (s *scanner) accept(a, b byte) bool {
	ok := s.pos < len(s.data) && (s.data[s.pos] == a || s.data[s.pos] == b)
	if ok {
		s.pos++
	}
	return ok
}

// digits reads at least one digit.
func (s *scanner) digits() bool {
	from := s.pos
	for s.pos < len(s.data) && isDigit(s.data[s.pos]) {
		s.pos++
	}
	return s.pos > from
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

// literal reads true, false or null.
func (s *scanner) literal(word string) error {
	for i := range len(word) {
		if s.pos >= len(s.data) || s.data[s.pos] != word[i] {
			return s.unexpected()
		}
		s.pos++
	}
	return nil
}
