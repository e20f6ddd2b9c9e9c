// Package grammar checks text against the grammars of the OAuth RFCs.
package grammar

import "strings"

// B64TokenChars are the characters of a b64token (RFC 6750 §2.1), without the "=" signs
// at its end.
const B64TokenChars = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~+/"

var isB64TokenChar = func() (table [256]bool) {
	for _, c := range []byte(B64TokenChars) {
		table[c] = true
	}
	return table
}()

// IsB64Token reports whether s is a b64token (RFC 6750 §2.1).
func IsB64Token(s string) bool {
	body := strings.TrimRight(s, "=")
	for i := range len(body) {
		if !isB64TokenChar[body[i]] {
			return false
		}
	}
	return body != ""
}

// IsScopeToken reports whether s is a scope-token (RFC 6749 §3.3): printable ASCII
// without space, double quote and backslash.
func IsScopeToken(s string) bool {
	for i := range len(s) {
		if c := s[i]; c <= ' ' || c > '~' || c == '"' || c == '\\' {
			return false
		}
	}
	return s != ""
}
