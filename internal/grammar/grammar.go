// Package grammar checks text against the grammars of the OAuth RFCs.
package grammar

import (
	"strings"
	"unicode/utf8"
)

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

// IsToken reports whether s can be one access token after Bearer: visible ASCII without comma,
// double quote and backslash. Every b64token is such a token. RFC 6749 §A.12 allows access tokens
// more characters than a b64token has, and servers use them. A space and a comma separate
// credentials, and a quote and a backslash are from a client that quotes the token.
func IsToken(s string) bool {
	for i := range len(s) {
		if c := s[i]; c <= ' ' || c > '~' || c == ',' || c == '"' || c == '\\' {
			return false
		}
	}
	return s != ""
}

// TrimToB64Token removes the characters at both ends of s that a b64token does not have.
func TrimToB64Token(s string) string {
	return strings.TrimFunc(s, func(r rune) bool { return r >= utf8.RuneSelf || !isB64TokenChar[r] })
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
