package condition

import (
	"errors"
	"fmt"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/warder-go/warder/internal/strictjson"
)

// value is a wanted value. A string is compared byte for byte after its JSON escapes are decoded.
// Whole numbers and booleans are compared as JSON text: 1.0 and 1e0 do not equal 1, and no number
// loses precision.
type value struct {
	text   string
	isText bool // a string
}

// valuesOf compiles values. A value that no claim can have, and a duplicate, are errors.
func valuesOf(given []any) (all []value, err error) {
	if len(given) == 0 {
		return nil, errors.New("empty; name at least one value")
	}
	seen := map[value]bool{}
	for _, g := range given {
		v, err := valueOf(g)
		switch {
		case err != nil:
			return nil, err
		case seen[v]:
			return nil, fmt.Errorf("duplicate value %s", v)
		}
		seen[v] = true
		all = append(all, v)
	}
	return all, nil
}

func valueOf(given any) (value, error) {
	switch g := given.(type) {
	case string:
		if g == "" {
			return value{}, errors.New("an empty string counts as an absent claim, which never passes")
		}
		return value{text: g, isText: true}, nil
	case bool:
		return value{text: strconv.FormatBool(g)}, nil
	case int:
		return value{text: strconv.Itoa(g)}, nil
	case int64:
		return value{text: strconv.FormatInt(g, 10)}, nil
	}
	return value{}, fmt.Errorf("%v is of type %T; use a string, a bool, an int or an int64", given, given)
}

func (v value) equals(given jsontext.Value) bool {
	if !v.isText {
		return string(given) == v.text
	}
	text, err := strictjson.String(given)
	return err == nil && text == v.text
}

// String returns the value as JSON would show it.
func (v value) String() string {
	if v.isText {
		return strconv.Quote(v.text)
	}
	return v.text
}
