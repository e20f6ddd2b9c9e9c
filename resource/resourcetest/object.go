package resourcetest

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
)

// Raw is text that is inserted into a JSON document unchanged, even if it is invalid, such as
// Raw("1e400"), or Raw(`1,"exp":2`) for a duplicate member.
type Raw string

// Remove is the value of a member to remove.
const Remove = Raw("")

type member struct {
	name  string
	value any
}

// object is a JSON object with ordered members.
type object []member

// get returns the value of a member.
func (o object) get(name string) (any, bool) {
	i := slices.IndexFunc(o, func(m member) bool { return m.name == name })
	if i < 0 {
		return nil, false
	}
	return o[i].value, true
}

// with returns a copy with members replaced, removed or added at the end.
func (o object) with(changes map[string]any) object {
	out := slices.Clone(o)
	for _, name := range slices.Sorted(maps.Keys(changes)) {
		value := changes[name]
		i := slices.IndexFunc(out, func(m member) bool { return m.name == name })
		switch {
		case value == Remove && i >= 0:
			out = slices.Delete(out, i, i+1)
		case value == Remove:
		case i >= 0:
			out[i].value = value
		default:
			out = append(out, member{name, value})
		}
	}
	return out
}

// encode returns the object as JSON, with Raw values unchanged. It panics for a value that cannot
// be encoded as JSON, which is a mistake in the test.
func (o object) encode() Raw {
	var out strings.Builder
	for i, m := range o {
		if i > 0 {
			out.WriteByte(',')
		}
		out.WriteString(encode(m.name) + ":" + encode(m.value))
	}
	return Raw("{" + out.String() + "}")
}

func encode(value any) string {
	switch v := value.(type) {
	case Raw:
		return string(v)
	case object:
		return string(v.encode())
	}
	text, err := json.Marshal(value, json.Deterministic(true))
	if err != nil {
		panic(fmt.Sprintf("resourcetest: %T cannot be encoded as JSON, use Raw: %v", value, err))
	}
	return string(text)
}
