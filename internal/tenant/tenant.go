// Package tenant implements issuer patterns. A pattern describes the issuer identifiers of an
// authorization server with many tenants. The identifiers differ in one segment of the path.
package tenant

import (
	"errors"
	"strings"
)

// Placeholder is the placeholder for the tenant in a pattern. Documents and key sets of Microsoft
// Entra use the same text.
const Placeholder = "{tenantid}"

// MaxBytes is the maximum length of a tenant in an issuer identifier.
const MaxBytes = 128

// IsPattern reports whether text in a configuration is meant as a pattern, valid or not. No
// issuer identifier is a pattern: a URL cannot contain braces (RFC 3986 §2).
func IsPattern(issuer string) bool { return strings.ContainsAny(issuer, "{}") }

// Check returns an error if the pattern does not have exactly one slot, or if the slot is not
// a segment of the path. It does not check the rest: use [Fill] and check the identifier.
func Check(pattern string) error {
	before, after, found := strings.Cut(pattern, Placeholder)
	switch {
	case !found || IsPattern(before+after):
		return errors.New("must have " + Placeholder + " exactly once, and no other braces")
	case strings.Count(before, "/") < 3 || !strings.HasSuffix(before, "/") || after != "" && after[0] != '/':
		return errors.New(Placeholder + " must be a whole segment of the path")
	}
	return nil
}

// Fill returns the issuer identifier of a tenant.
func Fill(pattern, tenant string) string { return strings.Replace(pattern, Placeholder, tenant, 1) }

// Match returns the tenant in an issuer identifier. ok is false if the issuer does not match the
// pattern. Everything outside the slot must be equal byte for byte.
func Match(pattern, issuer string) (tenant string, ok bool) {
	before, after, isPattern := strings.Cut(pattern, Placeholder)
	tenant, hasBefore := strings.CutPrefix(issuer, before)
	tenant, hasAfter := strings.CutSuffix(tenant, after)
	if !isPattern || !hasBefore || !hasAfter || !IsName(tenant) {
		return "", false
	}
	return tenant, true
}

// IsName reports whether text can be a tenant in an issuer identifier: letters, digits, "-",
// "_" and ".", beginning with a letter or digit.
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

// Overlap reports whether an issuer can match both of two valid patterns.
func Overlap(a, b string) bool {
	as, bs := strings.Split(a, "/"), strings.Split(b, "/")
	if len(as) != len(bs) {
		return false
	}
	for i := range as {
		compatible := as[i] == bs[i] || as[i] == Placeholder && IsName(bs[i]) || bs[i] == Placeholder && IsName(as[i])
		if !compatible {
			return false
		}
	}
	return true
}
