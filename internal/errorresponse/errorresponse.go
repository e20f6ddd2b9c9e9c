// Package errorresponse writes what clients read in a rejection: the Bearer challenge (RFC 6750
// §3, RFC 9728 §5.1), the JSON body and the JSON-RPC error. It knows no reasons: the
// texts are the caller's.
package errorresponse

import (
	"fmt"
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
	RPC         int // JSON-RPC error code for a fault in the body; otherwise 0
}

// Challenge returns a Bearer challenge. Its order and spelling suit clients that read it with
// regular expressions: every value is quoted, without spaces around "=". metadataURL
// and scopes must not contain a quote.
func (t Text) Challenge(metadataURL string, scopes []string) string {
	c := `Bearer resource_metadata="` + metadataURL + `"` // RFC 9728 §5.1
	if len(scopes) > 0 {
		c += `, scope="` + scopeset.Join(scopes) + `"` // RFC 6750 §3
	}
	if t.Code != "" { // RFC 6750 §3.1: no error where no credentials came
		c += `, error="` + t.Code + `", error_description="` + t.Description + `"`
	}
	return c
}

// Body repeats the texts of the challenge for people and programs that read bodies.
func (t Text) Body() []byte {
	switch {
	case t.RPC != 0:
		return t.RPCBody([]byte("null"))
	case t.Code == "":
		return []byte(`{"error_description":"` + t.Description + `"}` + "\n")
	}
	return []byte(`{"error":"` + t.Code + `","error_description":"` + t.Description + `"}` + "\n")
}

// RPCBody returns a JSON-RPC error. Clients of protocol 2026-07-28 assume that a server which
// answers 400 without one speaks an older protocol. id is a number or a string, as sent.
func (t Text) RPCBody(id []byte) []byte {
	return fmt.Appendf(nil, `{"jsonrpc":"2.0","id":%s,"error":{"code":%d,"message":"%s"}}`+"\n", htmlEscaper.Replace(string(id)), t.RPC, t.Description)
}

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
