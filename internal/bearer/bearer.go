// Package bearer reads the Authorization header field. It does not check the characters of a token
// or its length.
package bearer

import "strings"

// Kind says what the Authorization header field has.
type Kind int

const (
	Token       Kind = iota // a token with the scheme Bearer
	None                    // no field, or an empty one
	NoToken                 // Bearer without a token, which some clients send before their first login
	OtherScheme             // something without the scheme Bearer
	Several                 // several fields; servers differ in which one they use
)

// Read reads the values of the Authorization header field. text is the token, or the whole value
// for OtherScheme; otherwise it is "".
func Read(values []string) (text string, kind Kind) {
	switch {
	case len(values) > 1:
		return "", Several
	case len(values) == 0 || values[0] == "":
		return "", None
	}
	// RFC 9110 §11.1: the scheme is case-insensitive and ends at the first blank. The
	// length is compared too, so that no letter outside ASCII folds to one of Bearer.
	const scheme = "Bearer"
	value := values[0]
	if len(value) < len(scheme) || value[:len(scheme)] != scheme && !strings.EqualFold(value[:len(scheme)], scheme) {
		return value, OtherScheme
	}
	rest := value[len(scheme):]
	if rest != "" && rest[0] != ' ' && rest[0] != '\t' {
		return value, OtherScheme
	}
	if text = strings.TrimLeft(rest, " "); text == "" { // RFC 6750 §2.1: 1*SP
		return "", NoToken
	}
	return text, Token
}
