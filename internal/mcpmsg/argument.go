package mcpmsg

import (
	"strings"
	"unicode"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/warder-go/warder/internal/strictjson"
)

// StringArgument returns an argument that is a string. ok is false if the arguments could be read
// in another way: if they are not an object, if a name is duplicate or cannot be decoded, and if
// another name is similar, because the reader behind may be lenient. Names inside nested objects
// do not count.
func (m *Message) StringArgument(name string) (value string, ok bool) {
	found, similar, folded := false, 0, foldName(name)
	err := strictjson.Members(m.Arguments, func(other string, given jsontext.Value) (err error) {
		if other == name {
			found = true
			value, err = strictjson.String(given)
		}
		if foldName(other) == folded {
			similar++
		}
		return err
	})
	return value, found && similar == 1 && err == nil
}

// foldName returns the same text for names that differ only in case, or in characters other than
// letters and digits: readers take env for Env, " env", "env\u0000" or e-n-v, and envName for
// env_name.
func foldName(name string) string {
	return strings.Map(func(c rune) rune {
		if unicode.IsLetter(c) || unicode.IsDigit(c) {
			return c
		}
		return -1
	}, strictjson.FoldCase(name))
}
