// Package strictjsontest is a second implementation of the rules of package strictjson. It
// uses the tokens of the standard library's decoder. Fuzz tests compare the two. Only
// tests may import it.
package strictjsontest

import (
	"bytes"
	"encoding/json"
	"regexp"
	"strings"
	"unicode/utf8"
)

const maxDepth = 64

// Object returns the members of data. It returns false if data is not exactly one object,
// or if it has a duplicate name, invalid UTF-8, a lone surrogate or nesting deeper than
// 64. It does not check names for case variants: see [CaseVariant].
func Object(data []byte) (members map[string]json.RawMessage, ok bool) {
	if !Valid(data) || json.Unmarshal(data, &members) != nil || members == nil {
		return nil, false
	}
	return members, true
}

// Valid reports whether data is exactly one value of any kind, by the rules of Object.
func Valid(data []byte) bool {
	if !utf8.Valid(data) || !json.Valid(data) {
		return false
	}
	r := reader{Decoder: json.NewDecoder(bytes.NewReader(data))}
	r.UseNumber()
	// The standard library replaces a lone surrogate by U+FFFD: the decoder must not
	// return more of these than data contains.
	return r.value(0) && r.replacements == countReplacements(string(data))
}

type reader struct {
	*json.Decoder
	replacements int // U+FFFD in the decoded strings
}

// value reads one value and reports whether it is valid.
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
		_, err = r.Token() // the closing bracket
		return err == nil && depth < maxDepth
	}
	return true
}

// name reads the name of a member and reports whether it is not yet in seen.
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

// countReplacements counts U+FFFD in the text of valid JSON, both literal and escaped. An
// escaped backslash does not begin an escape.
func countReplacements(data string) int {
	data = strings.ReplaceAll(data, `\\`, "")
	return strings.Count(data, "\uFFFD") + len(escaped.FindAllString(data, -1))
}

// CaseVariant reports whether a member's name differs from a known one only in case, by
// Unicode's simple folding.
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

// String returns the text of a member and whether the member is present. ok is false if it
// is present but not a string.
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
