package resource

import (
	"slices"
	"strings"

	"github.com/warder-go/warder/internal/claimset"
	"github.com/warder-go/warder/internal/tokentype"
)

// setIdentity compiles where the subject is found and which tokens belong to clients.
func (b *builder) setIdentity(where string, i *issuer) {
	b.setSubjectClaim(where+".SubjectClaim", i)
	b.checkTokenTypes(where+".TokenTypes", i.config.TokenTypes)
	b.checkHeaderTypes(where+".HeaderTypes", i)
	condition := i.config.ClientTokens
	if condition == nil {
		return
	}
	if condition.SubjectIsClient == (condition.Claim != "") || (condition.Claim == "") != (condition.Value == "") {
		b.mistakes.Addf("%s.ClientTokens: set either Claim and Value, or SubjectIsClient", where)
	}
	where += ".ClientTokens.Claim"
	switch claim := condition.Claim; {
	case claimset.IsInUserTokens(claim):
		b.mistakes.Addf("%s: %q is also in tokens of users; name a claim that only tokens of clients have with this value", where, claim)
	case claim != "" && claim == i.config.ScopeClaim:
		b.mistakes.Addf("%s: %q holds scopes, which clients of users request too", where, claim)
	default:
		i.clientClaim = b.parsePath(where, claim)
	}
}

func (b *builder) setSubjectClaim(where string, i *issuer) {
	given, claim := i.config, i.config.SubjectClaim
	used := []string{given.ScopeClaim, given.RoleClaim}
	if given.ClientTokens != nil {
		used = append(used, given.ClientTokens.Claim)
	}
	if given.Tenants != nil {
		used = append(used, given.Tenants.Claim)
	}
	switch {
	case claimset.IsShared(claim):
		b.mistakes.Addf("%s: %q does not identify a user; name a claim whose value belongs to one user only", where, claim)
	case claim != "" && slices.Contains(used, claim):
		b.mistakes.Addf("%s: %q does not identify a user: another setting of the issuer uses it", where, claim)
	default:
		i.subjectClaim = b.parsePath(where, claim)
	}
}

func (b *builder) checkTokenTypes(where string, names []string) {
	for n, name := range names {
		switch {
		case name == "":
			b.mistakes.Addf("%s[%d]: empty", where, n)
		case tokentype.IsOther(name):
			b.mistakes.Addf("%s[%d]: %q is the type of other tokens, which are not for resources", where, n, name)
		}
	}
}

func (b *builder) checkHeaderTypes(where string, i *issuer) {
	names := i.config.HeaderTypes
	if names != nil && i.strict {
		b.mistakes.Addf("%s: StrictRFC9068 is set, and RFC 9068 §2.1 requires the typ at+jwt", where)
	}
	b.checkTokenTypes(where, names)
	for n, name := range names {
		if !isMediaType(name) {
			b.mistakes.Addf("%s[%d]: %q is not a typ, which is a media type such as JOSE (RFC 7515 §4.1.9); patterns are not supported", where, n, name)
		}
	}
}

// isMediaType reports whether text has only characters of media types (RFC 6838 §4.2).
func isMediaType(text string) bool {
	return strings.Trim(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789!#$&-^_.+/") == ""
}
