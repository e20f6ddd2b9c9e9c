// Package strictjsontest reads JSON as strictly as package strictjson promises to, but
// by other means: the standard library's reader and a walk over its tokens. Fuzz tests
// compare the two. Nothing but tests may import it.
package strictjsontest

import (
	"bytes"
	"encoding/json"
	"regexp"
	"strings"
	"unicode/utf8"
)

const maxDepth = 64

// Object returns the members of data, or false if data is not exactly one object or
// holds anything that readers disagree about: a name twice, invalid UTF-8, a lone
// surrogate, nesting deeper than 64. It knows no names, so it judges no case.
func Object(data []byte) (members map[string]json.RawMessage, ok bool) {
	if !Valid(data) || json.Unmarshal(data, &members) != nil || members == nil {
		return nil, false
	}
	return members, true
}

// Valid reports whether data is exactly one value of any kind, as strict as Object.
func Valid(data []byte) bool {
	if !utf8.Valid(data) || !json.Valid(data) {
		return false
	}
	r := reader{Decoder: json.NewDecoder(bytes.NewReader(data))}
	r.UseNumber()
	// The standard library puts U+FFFD in the place of a lone surrogate: there must
	// not be more of them than were sent.
	return r.value(0) && r.replacements == sent(string(data))
}

type reader struct {
	*json.Decoder
	replacements int
}

// value reads one value and reports whether it is strict.
func (r *reader) value(depth int) bool {
	token, err := r.Token()
	if err != nil {
		return false
	}
	switch token := token.(type) {
	case string:
		r.replacements += strings.Count(token, "\uFFFD")
	case json.Delim:
		seen := map[string]bool{}
		for r.More() {
			if token == '{' && !r.name(seen) || !r.value(depth+1) {
				return false
			}
		}
		_, err = r.Token() // the end
		return err == nil && depth < maxDepth
	}
	return true
}

func (r *reader) name(seen map[string]bool) bool {
	token, err := r.Token()
	name, ok := token.(string)
	if err != nil || !ok || seen[name] {
		return false
	}
	seen[name] = true
	r.replacements += strings.Count(name, "\uFFFD")
	return true
}

var escaped = regexp.MustCompile(`(?i)\\ufffd`)

// sent counts the replacement characters in the text of valid JSON, as such and as
// escapes. A backslash that is itself escaped begins no escape.
func sent(data string) int {
	data = strings.ReplaceAll(data, `\\`, "")
	return strings.Count(data, "\uFFFD") + len(escaped.FindAllString(data, -1))
}

// CaseVariant reports whether a member's name differs from a known one in case only,
// by Unicode's simple folding.
func CaseVariant(members map[string]json.RawMessage, known ...string) bool {
	for name := range members {
		for _, k := range known {
			if name != k && strings.EqualFold(name, k) {
				return true
			}
		}
	}
	return false
}

// String returns the member's text, whether it is there, and whether it is a string if
// it is.
func String(members map[string]json.RawMessage, name string) (text string, present, ok bool) {
	raw, present := members[name]
	if !present {
		return "", false, true
	}
	var value any
	if json.Unmarshal(raw, &value) != nil {
		return "", true, false
	}
	text, ok = value.(string)
	return text, true, ok
}
