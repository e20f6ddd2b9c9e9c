// Package errorresponse writes what clients read in a rejection: the challenges (RFC 6750 §3, RFC
// 9449 §7.1, RFC 9728 §5.1), the OAuth error object and the JSON-RPC error. It knows no reasons: the
// texts are the caller's.
package errorresponse

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/warder-go/warder/internal/scopeset"
)

// Text is what a rejection says. Nothing in it comes from a request. It has only the characters
// %x20-21 / %x23-5B / %x5D-7E (RFC 6750 §3).
type Text struct {
	Code        string // error parameter (RFC 6750 §3.1); "" for none
	Description string
	Advice      string // what a person can do, as a sentence; "" for none
	RPC         int    // code of the JSON-RPC error
	Login       Login  // which login is required; the zero value for none
}

// Schemes are the authorization schemes of challenges.
type Schemes struct {
	Bearer bool
	DPoP   string // the algorithms of proofs, separated by spaces (RFC 9449 §7.1); "": not offered
}

// Challenges returns a challenge for each scheme, Bearer first, because some clients read only the
// first one. The error is in one of them: that of the scheme DPoP if the request has used it or
// if no other scheme is offered (RFC 9449 §7.2), otherwise that of Bearer.
func (t Text) Challenges(metadataURL string, scopes []string, s Schemes, usedDPoP bool) (all []string) {
	inDPoP := s.DPoP != "" && (usedDPoP || !s.Bearer)
	if s.Bearer {
		all = append(all, "Bearer "+t.parameters(metadataURL, scopes, !inDPoP))
	}
	if s.DPoP != "" {
		all = append(all, "DPoP "+t.parameters(metadataURL, scopes, inDPoP)+`, algs="`+s.DPoP+`"`)
	}
	return all
}

// parameters returns the parameters of a challenge. Their order and spelling suit clients that
// read them with regular expressions: every value is quoted, without spaces around "=".
// metadataURL and scopes must not contain a quote.
func (t Text) parameters(metadataURL string, scopes []string, withError bool) string {
	c := `resource_metadata="` + metadataURL + `"` // RFC 9728 §5.1
	if len(scopes) > 0 {
		c += `, scope="` + scopeset.Join(scopes) + `"` // RFC 6750 §3
	}
	if withError && t.Code != "" { // RFC 6750 §3.1: no error where no credentials came
		c += `, error="` + t.Code + `", error_description="` + t.Description + `"` + t.Login.parameters()
	}
	return c
}

// Object returns the OAuth error object. It repeats the texts of the challenge for people and
// programs that read bodies.
func (t Text) Object() []byte { return append(t.object(nil), '\n') }

// object returns the OAuth error object, with the scopes, if any.
func (t Text) object(scopes []string) []byte {
	o := []byte{'{'}
	if t.Code != "" {
		o = fmt.Appendf(o, `"error":"%s",`, t.Code)
	}
	o = fmt.Appendf(o, `"error_description":"%s"`, t.Description)
	if len(scopes) > 0 {
		o = fmt.Appendf(o, `,"scope":"%s"`, htmlEscaper.Replace(scopeset.Join(scopes)))
	}
	return append(t.Login.appendMembers(o), '}')
}

// RPCError returns a JSON-RPC error response. id is a number or a string, as sent; nil: null.
//
// The message is the description and the advice. For insufficient_scope, the scopes follow. For a
// required login, the login and the scopes follow. If the code is outside of the range that
// JSON-RPC reserves, the data is the OAuth error object with the scopes of the challenge. The codes
// in that range are about messages and sessions, and not about OAuth.
//
// Clients of protocol 2026-07-28 assume that a server which answers 400 without a JSON-RPC error
// speaks an older protocol.
func (t Text) RPCError(id []byte, scopes []string) []byte {
	if id == nil {
		id = []byte("null")
	}
	message := t.Description
	if t.Advice != "" {
		message += ". " + t.Advice + t.Login.advice(scopes)
	}
	if t.Code == insufficientScope && len(scopes) > 0 {
		message += ": " + htmlEscaper.Replace(scopeset.Join(scopes))
	}
	body := fmt.Appendf(nil, `{"jsonrpc":"2.0","id":%s,"error":{"code":%d,"message":"%s"`, htmlEscaper.Replace(string(id)), t.RPC, message)
	if !isReserved(t.RPC) {
		body = append(append(body, `,"data":`...), t.object(scopes)...)
	}
	return append(body, "}}\n"...)
}

// insufficientScope is the error parameter for missing scopes (RFC 6750 §3.1).
const insufficientScope = "insufficient_scope"

// isReserved reports whether JSON-RPC 2.0 reserves an error code (section 5.1).
func isReserved(code int) bool { return code >= -32768 && code <= -32000 }

// htmlEscaper escapes the characters of JSON strings that have a meaning in HTML, as
// encoding/json does.
var htmlEscaper = strings.NewReplacer("<", `\u003c`, ">", `\u003e`, "&", `\u0026`, "\u2028", `\u2028`, "\u2029", `\u2029`)

// PutChallenges puts challenges in front of the WWW-Authenticate values that h has already,
// because many clients read only the first value. Those values are kept, in their order, also
// if the name is spelled in another case. A second call changes nothing.
func PutChallenges(h http.Header, challenges []string) {
	if len(challenges) == 0 {
		return
	}
	values := slices.Clone(challenges)
	for _, other := range takeChallenges(h) {
		if !slices.Contains(challenges, other) {
			values = append(values, other)
		}
	}
	h["Www-Authenticate"] = values
}

// Challenges returns the WWW-Authenticate values of h, whatever the spelling of the name.
func Challenges(h http.Header) []string { return takeChallenges(maps.Clone(h)) }

// KeepChallenges removes the WWW-Authenticate values from h for which keep returns false. It
// returns the values that are left and the schemes of those that were removed. A value in which
// one challenge follows another is one value.
func KeepChallenges(h http.Header, keep func(challenge string) bool) (kept, removed []string) {
	for _, value := range takeChallenges(h) {
		if keep(value) {
			kept = append(kept, value)
		} else {
			removed = append(removed, schemeOf(value))
		}
	}
	if len(kept) > 0 {
		h["Www-Authenticate"] = kept
	}
	return kept, removed
}

// schemeOf returns the letters, digits and hyphens at the beginning of a challenge. What follows
// can be a secret, even directly.
func schemeOf(challenge string) string {
	rest := strings.TrimLeft(challenge, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-")
	return challenge[:len(challenge)-len(rest)]
}

// takeChallenges removes the WWW-Authenticate values from h and returns them, those under the
// canonical name first. The names of fields are case-insensitive (RFC 9110 §5.1), but code that
// assigns to h directly can use another spelling, which net/http also sends.
func takeChallenges(h http.Header) []string {
	const name = "Www-Authenticate"
	values := h[name]
	delete(h, name)
	var spellings []string
	for other := range h {
		if len(other) == len(name) && strings.EqualFold(other, name) {
			spellings = append(spellings, other)
		}
	}
	slices.Sort(spellings)
	for _, other := range spellings {
		values = append(slices.Clip(values), h[other]...)
		delete(h, other)
	}
	return values
}
