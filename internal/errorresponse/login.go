package errorresponse

import (
	"fmt"

	"github.com/warder-go/warder/internal/scopeset"
)

// Login is the login of the user that a request needs (RFC 9470 §3). ACRValues has only the
// characters of Text and spaces between the values.
type Login struct {
	ACRValues string // separated by spaces; "" for any
	MaxAge    int64  // seconds; 0 for no limit
}

// parameters returns the parameters of the challenge.
func (l Login) parameters() (text string) {
	if l.ACRValues != "" {
		text = `, acr_values="` + l.ACRValues + `"`
	}
	if l.MaxAge > 0 {
		text += fmt.Sprintf(`, max_age="%d"`, l.MaxAge)
	}
	return text
}

// appendMembers appends the same as members of the OAuth error object. max_age is a number there.
func (l Login) appendMembers(object []byte) []byte {
	if l.ACRValues != "" {
		object = fmt.Appendf(object, `,"acr_values":"%s"`, htmlEscaper.Replace(l.ACRValues))
	}
	if l.MaxAge > 0 {
		object = fmt.Appendf(object, `,"max_age":%d`, l.MaxAge)
	}
	return object
}

// advice says with what to log in, as the end of a sentence. It names the parameters of the
// authorization request (RFC 9470 §4), for the developers of a client that does not send them.
// scopes are those of the challenge.
func (l Login) advice(scopes []string) (text string) {
	if l == (Login{}) {
		return ""
	}
	before := " with "
	if l.ACRValues != "" {
		text, before = before+"acr_values="+htmlEscaper.Replace(l.ACRValues), " and "
	}
	if l.MaxAge > 0 {
		text += fmt.Sprintf("%smax_age=%d", before, l.MaxAge)
	}
	if len(scopes) > 0 {
		text += ", and grant all of these scopes: " + htmlEscaper.Replace(scopeset.Join(scopes))
	}
	return text
}
