package strictjson

import (
	"bytes"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

// Names is a fixed set of member names that a reader knows. It is made once, by
// [NewNames], and safe for concurrent use.
type Names struct {
	exact  map[string]string // name -> the same name, so that a look-up by bytes allocates nothing
	folded map[string]string // name with case folded -> name
}

// NewNames returns the set of the given names. Two names that differ only in case
// are a mistake of the program and panic.
func NewNames(names ...string) *Names {
	n := &Names{exact: make(map[string]string), folded: make(map[string]string)}
	for _, name := range names {
		f := Fold(name)
		if other, ok := n.folded[f]; ok {
			panic(fmt.Sprintf("strictjson: names %q and %q differ only in case", other, name))
		}
		n.exact[name], n.folded[f] = name, name
	}
	return n
}

// lookup finds the name that raw, a JSON string, spells. It refuses one that
// differs from a known name in case only.
func (n *Names) lookup(raw jsontext.Value) (name string, known bool, err error) {
	text := raw[1 : len(raw)-1]
	if bytes.IndexByte(text, '\\') >= 0 {
		text, err = jsontext.AppendUnquote(nil, raw)
		if err != nil {
			return "", false, ErrSyntax
		}
	}
	if name, known = n.exact[string(text)]; known {
		return name, true, nil
	}
	var near string
	if isLowerASCII(text) { // the usual case, without an allocation
		near = n.folded[string(text)]
	} else {
		near = n.folded[Fold(string(text))]
	}
	if near != "" {
		return "", false, fmt.Errorf("%w %q", ErrCase, near)
	}
	return "", false, nil
}

// Fold maps names that differ only in case, by Unicode's simple folding, to one
// spelling: "KID", "kid" and "\u212Aid" (with the Kelvin sign) are one name.
func Fold(name string) string { return strings.Map(foldRune, name) }

func isLowerASCII(name []byte) bool {
	for _, c := range name {
		if c >= utf8.RuneSelf || 'A' <= c && c <= 'Z' {
			return false
		}
	}
	return true
}

// foldRune returns one rune for all that fold together: the lower-case ASCII
// letter if there is one among them, else the smallest.
func foldRune(r rune) rune {
	least := r
	for next := unicode.SimpleFold(r); next != r; next = unicode.SimpleFold(next) {
		least = min(least, next)
	}
	if 'A' <= least && least <= 'Z' {
		least += 'a' - 'A'
	}
	return least
}
