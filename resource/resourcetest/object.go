package resourcetest

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
)

// Raw is JSON text that is put into a document as it stands, right or wrong:
// Raw("1e400"), or Raw(`1,"exp":2`) for a member that comes twice.
type Raw string

// Remove as the value of a member takes the member away.
const Remove = Raw("")

type member struct {
	name  string
	value any
}

// object is a JSON object in the order in which it is written.
type object []member

// with returns a copy with members replaced, removed or added at the end.
func (o object) with(changes map[string]any) object {
	out := slices.Clone(o)
	for _, name := range slices.Sorted(maps.Keys(changes)) {
		value := changes[name]
		at := slices.IndexFunc(out, func(m member) bool { return m.name == name })
		switch {
		case value == Remove && at >= 0:
			out = slices.Delete(out, at, at+1)
		case value == Remove:
		case at >= 0:
			out[at].value = value
		default:
			out = append(out, member{name, value})
		}
	}
	return out
}

// encode writes the object, its Raw values as they are. A value that no JSON
// can express is a mistake of the test: it panics.
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
		panic(fmt.Sprintf("resourcetest: %T is no JSON value, use Raw: %v", value, err))
	}
	return string(text)
}
