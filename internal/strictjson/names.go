package strictjson

import (
	"fmt"
	"maps"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Names is a fixed set of member names for [Object]. [NewNames] makes it. It is safe for
// concurrent use.
type Names struct {
	known map[string]knownName // by the exact name and by the case-folded name

	nestedIn string // the member whose object has known members too; "" for none
	nested   *Names // the names of those members
}

type knownName struct {
	exact    string // the only accepted spelling
	reported string // the name that Object passes to its caller
	private  bool   // case variants are other names: see WithPrivate
}

// NewNames returns the set of the given names. It panics if two names are equal or differ
// only in case.
func NewNames(names ...string) *Names {
	n := &Names{known: make(map[string]knownName)}
	for _, exact := range names {
		folded := FoldCase(exact)
		if other, ok := n.known[folded]; ok {
			panic(fmt.Sprintf("strictjson: names %q and %q differ only in case", other.exact, exact))
		}
		n.known[folded] = knownName{exact: exact, reported: exact}
		n.known[exact] = n.known[folded]
	}
	return n
}

// WithPrivate returns a copy of the set that also has names that no specification registers. Only
// the exact spelling is known. A name that differs from it in case is another name, which issuers
// use for something else. WithPrivate panics if two names of the set differ only in case.
func (n *Names) WithPrivate(names ...string) *Names {
	private := NewNames(names...)
	for key, found := range private.known {
		if other, ok := n.known[key]; ok {
			panic(fmt.Sprintf("strictjson: names %q and %q differ only in case", other.exact, found.exact))
		}
		found.private = true
		private.known[key] = found
	}
	maps.Copy(private.known, n.known)
	return &Names{private.known, n.nestedIn, n.nested}
}

// WithNested returns a copy of the set that also has names of members of a nested object, the
// value of member. In the same pass, Object reports them as "member.name", before it
// reports member. WithNested panics if member is not in the set.
func (n *Names) WithNested(member string, names ...string) *Names {
	if n.known[member].exact != member {
		panic(fmt.Sprintf("strictjson: %q is not in the set", member))
	}
	nested := NewNames(names...)
	for key, found := range nested.known {
		nested.known[key] = knownName{exact: found.exact, reported: member + "." + found.exact}
	}
	return &Names{n.known, member, nested}
}

// lookup returns the name that Object reports for a member, or "" if the member is not in
// the set, and the names that are known inside its value. It returns ErrCase for a name
// that differs from a known one only in case, unless the known one is private.
func (n *Names) lookup(text []byte) (reported string, nested *Names, err error) {
	if n == anyNames {
		return string(text), nil, nil
	}
	found, ok := n.known[string(text)]
	if !ok && !isLowerASCII(text) { // folding does not change lower-case ASCII
		found, ok = n.known[FoldCase(string(text))]
	}
	switch {
	case !ok, found.private && found.exact != string(text):
		return "", nil, nil
	case found.exact != string(text):
		return "", nil, fmt.Errorf("%w %q", ErrCase, found.exact)
	case n.nested != nil && found.exact == n.nestedIn:
		return found.reported, n.nested, nil
	}
	return found.reported, nil, nil
}

// FoldCase returns the same text for all names that differ only in case, by Unicode's simple
// case folding: "KID", "kid" and "\u212Aid" (with the Kelvin sign) become "kid".
func FoldCase(name string) string { return strings.Map(FoldRune, name) }

func isLowerASCII(name []byte) bool {
	for _, c := range name {
		if c >= utf8.RuneSelf || 'A' <= c && c <= 'Z' {
			return false
		}
	}
	return true
}

// FoldRune returns one representative of the runes that are equal under case folding: the
// lower-case ASCII letter if they include one, otherwise the smallest rune.
func FoldRune(r rune) rune {
	least := r
	for next := unicode.SimpleFold(r); next != r; next = unicode.SimpleFold(next) {
		least = min(least, next)
	}
	if 'A' <= least && least <= 'Z' {
		least += 'a' - 'A'
	}
	return least
}
