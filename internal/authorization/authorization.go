// Package authorization reads the Authorization header field. It does not check the characters of
// a token or its length.
package authorization

import "strings"

// Kind says what the Authorization header field has.
type Kind int

const (
	Bearer      Kind = iota // a token with the scheme Bearer (RFC 6750 §2.1)
	DPoP                    // a token with the scheme DPoP (RFC 9449 §7.1)
	None                    // no field, or an empty one
	NoToken                 // Bearer or DPoP without a token, as some clients send before their first login
	OtherScheme             // something with neither scheme
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
	value := values[0]
	rest, ok := cutScheme(value, "Bearer")
	if !ok {
		if rest, ok = cutScheme(value, "DPoP"); !ok {
			return value, OtherScheme
		}
		kind = DPoP
	}
	if text = strings.TrimLeft(rest, " "); text == "" { // 1*SP in both grammars
		return "", NoToken
	}
	return text, kind
}

// cutScheme removes a scheme. It is case-insensitive and ends at the first blank (RFC 9110 §11.1).
// The length is compared too, so that no letter outside ASCII folds to one of the scheme.
func cutScheme(value, scheme string) (rest string, ok bool) {
	if len(value) < len(scheme) || value[:len(scheme)] != scheme && !strings.EqualFold(value[:len(scheme)], scheme) {
		return "", false
	}
	rest = value[len(scheme):]
	return rest, rest == "" || rest[0] == ' ' || rest[0] == '\t'
}
