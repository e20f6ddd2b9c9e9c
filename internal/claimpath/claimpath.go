// Package claimpath finds a claim in a JSON object of claims, by its name or by a JSON
// Pointer (RFC 6901).
package claimpath

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/warder-go/warder/internal/strictjson"
)

// Path leads to a claim by the names of object members. Each name is compared exactly. If the first
// name is that of a registered claim, a member whose name differs from it only in case makes the
// object unreadable. All other names are private: such a member is another claim. Nil matches
// nothing.
type Path []*strictjson.Names

// Name returns the path of a claim at the top of the object.
func Name(name string) Path { return Path(nil).with(name) }

// with returns the path with one more step.
func (p Path) with(name string) Path {
	if len(p) == 0 && slices.Contains(registered, name) {
		return Path{strictjson.NewNames(name)}
	}
	return append(p, strictjson.NewNames().WithPrivate(name))
}

// Parse reads the name of a claim, or a JSON Pointer, which begins with a slash. It
// returns nil for an empty text. The errors are predicates, to follow the quoted text.
func Parse(text string) (p Path, err error) {
	if text == "" {
		return nil, nil
	}
	steps := []string{text}
	if rest, ok := strings.CutPrefix(text, "/"); ok {
		if steps, err = pointerSteps(rest); err != nil {
			return nil, err
		}
	}
	for _, step := range steps {
		if step == "" {
			return nil, errors.New("has an empty step")
		}
		p = p.with(step)
	}
	return p, nil
}

// pointerSteps splits a JSON Pointer without its first slash. A pointer of one step is
// rejected, unless the name itself begins with a slash: there is one way to write a path.
func pointerSteps(pointer string) ([]string, error) {
	steps := strings.Split(pointer, "/")
	for n, step := range steps {
		if strings.Contains(strings.NewReplacer("~0", "", "~1", "").Replace(step), "~") {
			return nil, errors.New("has a ~ that is neither ~0 nor ~1 (RFC 6901 §3)")
		}
		steps[n] = strings.NewReplacer("~1", "/", "~0", "~").Replace(step)
	}
	if len(steps) == 1 && !strings.HasPrefix(steps[0], "/") {
		return nil, fmt.Errorf("is one claim: write %q", steps[0])
	}
	return steps, nil
}

// Find returns the value of the claim; nil if it is absent. A claim or an object on the path
// that is null or an empty string counts as absent. An error means that an object on the path
// cannot be read.
func (p Path) Find(object []byte) (jsontext.Value, error) {
	value, err := p.last(object)
	if err != nil || strictjson.IsAbsent(value) {
		return nil, err
	}
	return value, nil
}

// IsEmptyString reports whether the claim is present and an empty string.
func (p Path) IsEmptyString(object []byte) bool {
	value, err := p.last(object)
	return err == nil && string(value) == `""`
}

// last is like Find, but the claim itself can be null or an empty string.
func (p Path) last(object []byte) (jsontext.Value, error) {
	value := jsontext.Value(object)
	for n, names := range p {
		if n > 0 && strictjson.IsAbsent(value) {
			return nil, nil
		}
		var found jsontext.Value
		err := strictjson.Object(value, names, func(_ string, v jsontext.Value) error {
			found = v
			return nil
		})
		if value = found; err != nil {
			return nil, err
		}
	}
	return value, nil
}

// Value returns the value of the claim; nil if it is absent or cannot be read.
func (p Path) Value(object []byte) jsontext.Value {
	value, _ := p.Find(object)
	return value
}

// Text returns the claim if it is a string, otherwise "".
func (p Path) Text(object []byte) string {
	text, _ := strictjson.String(p.Value(object))
	return text
}
