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
	exact  map[string]string // name -> what it is handed over as, so that a look-up by bytes allocates nothing
	folded map[string]string // name with case folded -> name

	outer string // a member
	inner *Names // what is known inside of it
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

// Within returns the set with what is known inside of the object that the member is:
// its members are handed over before it, in the same reading, as "member.name".
func (n *Names) Within(member string, names ...string) *Names {
	if n.exact[member] != member {
		panic(fmt.Sprintf("strictjson: %q is not in the set", member))
	}
	inner := NewNames(names...)
	for name := range inner.exact {
		inner.exact[name] = member + "." + name
	}
	return &Names{n.exact, n.folded, member, inner}
}

// lookup returns what a member is handed over as, "" if its name is not in the set, and
// what is known inside of it. It refuses a name that differs from a known one in case
// only.
func (n *Names) lookup(text []byte) (as string, inner *Names, err error) {
	if as, ok := n.exact[string(text)]; ok {
		if n.inner != nil && as == n.outer {
			return as, n.inner, nil
		}
		return as, nil, nil
	}
	var near string
	if isLowerASCII(text) { // the usual case, without an allocation
		near = n.folded[string(text)]
	} else {
		near = n.folded[Fold(string(text))]
	}
	if near != "" {
		return "", nil, fmt.Errorf("%w %q", ErrCase, near)
	}
	return "", nil, nil
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
