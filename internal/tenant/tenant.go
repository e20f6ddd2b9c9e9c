// Package tenant reads issuer patterns: identifiers of authorization servers that have
// many tenants, each with an issuer identifier of its own that differs in one segment of
// the path.
package tenant

import (
	"errors"
	"strings"
)

// Slot stands in a pattern where each identifier has the tenant, as in the documents and
// key sets of Microsoft Entra.
const Slot = "{tenantid}"

// MaxBytes bounds the tenant in an issuer identifier.
const MaxBytes = 128

// IsPattern reports whether an issuer is a pattern, sound or not. No identifier is one:
// braces don't occur in a URL (RFC 3986 §2).
func IsPattern(issuer string) bool { return strings.ContainsAny(issuer, "{}") }

// Check says what is wrong with where a pattern has its slot. Whether the rest is an
// issuer identifier shows when the slot is filled, see [Fill].
func Check(pattern string) error {
	before, after, found := strings.Cut(pattern, Slot)
	switch {
	case !found || IsPattern(before+after):
		return errors.New("must have " + Slot + " exactly once, and no other braces")
	case strings.Count(before, "/") < 3 || !strings.HasSuffix(before, "/") || after != "" && after[0] != '/':
		return errors.New(Slot + " must be a whole segment of the path")
	}
	return nil
}

// Fill returns the identifier of a tenant.
func Fill(pattern, tenant string) string { return strings.Replace(pattern, Slot, tenant, 1) }

// Of returns the tenant for which the pattern spells the issuer. All but the slot
// compares exactly.
func Of(pattern, issuer string) (tenant string, ok bool) {
	before, after, isPattern := strings.Cut(pattern, Slot)
	tenant, hasBefore := strings.CutPrefix(issuer, before)
	tenant, hasAfter := strings.CutSuffix(tenant, after)
	if !isPattern || !hasBefore || !hasAfter || !IsName(tenant) {
		return "", false
	}
	return tenant, true
}

// IsName reports whether text can be a tenant in an issuer identifier: letters, digits,
// "-", "_" and ".", with a letter or digit in front.
func IsName(text string) bool {
	for i := range len(text) {
		c := text[i]
		alphanumeric := 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
		if !alphanumeric && (i == 0 || c != '-' && c != '_' && c != '.') {
			return false
		}
	}
	return text != "" && len(text) <= MaxBytes
}

// Overlap reports whether one issuer can be spelled by both of two sound patterns.
func Overlap(a, b string) bool {
	as, bs := strings.Split(a, "/"), strings.Split(b, "/")
	if len(as) != len(bs) {
		return false
	}
	for i := range as {
		same := as[i] == bs[i] || as[i] == Slot && IsName(bs[i]) || bs[i] == Slot && IsName(as[i])
		if !same {
			return false
		}
	}
	return true
}
