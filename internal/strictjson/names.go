package strictjson

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Names is a fixed set of member names that a reader knows. It is made once, by
// [NewNames], and safe for concurrent use.
type Names struct {
	known map[string]name // by the exact name, and by the name with case folded

	outer string // a member
	inner *Names // what is known inside of it
}

type name struct {
	exact string // how it is spelled
	as    string // what it is handed over as
}

// NewNames returns the set of the given names. Two names that differ only in case
// are a mistake of the program and panic.
func NewNames(names ...string) *Names {
	n := &Names{known: make(map[string]name)}
	for _, exact := range names {
		f := Fold(exact)
		if other, ok := n.known[f]; ok {
			panic(fmt.Sprintf("strictjson: names %q and %q differ only in case", other.exact, exact))
		}
		n.known[f] = name{exact, exact}
		n.known[exact] = n.known[f]
	}
	return n
}

// Within returns the set with what is known inside of the object that the member is:
// its members are handed over before it, in the same reading, as "member.name".
func (n *Names) Within(member string, names ...string) *Names {
	if n.known[member].exact != member {
		panic(fmt.Sprintf("strictjson: %q is not in the set", member))
	}
	inner := NewNames(names...)
	for key, found := range inner.known {
		inner.known[key] = name{found.exact, member + "." + found.exact}
	}
	return &Names{n.known, member, inner}
}

// lookup returns what a member is handed over as, "" if its name is not in the set, and
// what is known inside of it. It refuses a name that differs from a known one in case
// only.
func (n *Names) lookup(text []byte) (as string, inner *Names, err error) {
	found, ok := n.known[string(text)]
	if !ok && !isLowerASCII(text) { // the others are folded as they are
		found, ok = n.known[Fold(string(text))]
	}
	switch {
	case !ok:
		return "", nil, nil
	case found.exact != string(text):
		return "", nil, fmt.Errorf("%w %q", ErrCase, found.exact)
	case n.inner != nil && found.exact == n.outer:
		return found.as, n.inner, nil
	}
	return found.as, nil, nil
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
