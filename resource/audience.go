package resource

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// patternCharacters appear in patterns and, besides "*", in no URI (RFC 3986 §2). An operator
// who writes one into an audience expects that it matches several.
const patternCharacters = "*{}<>|^`\"\\"

// checkAudience rejects audiences that are mistakes.
func (b *builder) checkAudience(where string, i *issuer, audience string) {
	pattern := strings.IndexFunc(audience, func(c rune) bool {
		return strings.ContainsRune(patternCharacters, c) || unicode.IsSpace(c) || unicode.IsControl(c)
	})
	switch {
	case audience == "":
		b.mistakes.Addf("%s: empty; there is no way to accept any audience", where)
	case audience == i.id || isTenantOf(i.id, audience):
		b.mistakes.Addf("%s: %q is the issuer itself, whose tokens for itself are not for this resource", where, audience)
	case pattern >= 0 && !i.config.LiteralAudiences:
		c, _ := utf8.DecodeRuneInString(audience[pattern:])
		b.mistakes.Addf("%s: %q looks like a pattern, but audiences are compared byte for byte: name each one; LiteralAudiences allows %q", where, audience, c)
	}
}
