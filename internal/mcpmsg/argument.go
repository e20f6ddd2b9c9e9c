package mcpmsg

import (
	"slices"
	"unicode"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/warder-go/warder/internal/strictjson"
)

// An ArgumentName is the name of an argument that a rule is about.
type ArgumentName struct {
	name   string
	folded []rune // letters and digits, without case
	ascii  bool
}

// NewArgumentName prepares a name.
func NewArgumentName(name string) ArgumentName {
	a := ArgumentName{name: name, ascii: true}
	for _, c := range name {
		if isSignificant(c) {
			a.folded = append(a.folded, strictjson.FoldRune(c))
		}
		a.ascii = a.ascii && c < utf8.RuneSelf
	}
	return a
}

func isSignificant(c rune) bool { return unicode.IsLetter(c) || unicode.IsDigit(c) }

// foldedName is the name of an argument of a message, to compare with several names.
type foldedName struct {
	significant []rune // letters and digits, without case; no more than are needed
	ascii       bool
}

// set reads a name once. It keeps at most limit letters and digits.
func (f *foldedName) set(name string, limit int) {
	f.significant, f.ascii = f.significant[:0], true
	for _, c := range name {
		f.ascii = f.ascii && c < utf8.RuneSelf
		if len(f.significant) < limit && isSignificant(c) {
			f.significant = append(f.significant, strictjson.FoldRune(c))
		} else if len(f.significant) == limit && !f.ascii {
			return
		}
	}
}

// isSimilar reports whether a lenient reader can take other for the name: both differ only in case
// or in characters other than letters and digits, as env and Env, " env", "env\u0000" or e-n-v. A
// name with a character outside ASCII is similar to every ASCII name: readers know more spellings
// of a letter, such as a full-width one or one in a circle.
func (a *ArgumentName) isSimilar(other *foldedName) bool {
	return a.ascii && !other.ascii || slices.Equal(a.folded, other.significant)
}

// StringArguments returns the value of each named argument, which must be a string. ok is
// false if it is not, or if the arguments could be read in another way: if they are not an
// object, if the name is duplicate or cannot be decoded, or if another name is similar,
// because the reader behind may be lenient. Names inside nested objects do not count.
func (m *Message) StringArguments(names []ArgumentName) (values []string, ok []bool) {
	values, ok = make([]string, len(names)), make([]bool, len(names))
	similar := make([]int, len(names))
	longest := 0
	for n := range names {
		longest = max(longest, len(names[n].folded))
	}
	var folded foldedName
	err := strictjson.Members(m.Arguments, func(other string, given jsontext.Value) error {
		folded.set(other, longest+1)
		for n := range names {
			if other == names[n].name {
				value, err := strictjson.String(given)
				values[n], ok[n] = value, err == nil
			}
			if names[n].isSimilar(&folded) {
				similar[n]++
			}
		}
		return nil
	})
	for n := range ok {
		ok[n] = ok[n] && similar[n] == 1 && err == nil
	}
	return values, ok
}
