package outbound

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
)

// withoutQuery returns err without the query of u in its text. A Transport of the program may
// return an error that quotes the URL.
func withoutQuery(err error, u *url.URL) error {
	if u == nil || u.RawQuery == "" {
		return err
	}
	if wrapped, ok := errors.AsType[*url.Error](err); ok {
		err = wrapped.Err
	}
	decoded, _ := url.QueryUnescape(u.RawQuery)
	pairs := []string{u.RawQuery, "...", decoded, "..."}
	for part := range strings.FieldsFuncSeq(u.RawQuery, func(r rune) bool { return r == '&' || r == '=' }) {
		decoded, _ := url.QueryUnescape(part)
		for _, secret := range []string{part, decoded} {
			if len(secret) > 3 { // the removal of a shorter one would make the text unreadable
				pairs = append(pairs, secret, "...")
			}
		}
	}
	text := err.Error()
	if redacted := strings.NewReplacer(pairs...).Replace(text); redacted != text {
		return errors.New(redacted)
	}
	return err
}

// errCredentials replaces an error whose text contains the credentials of the request.
var errCredentials = errors.New("the transport's error is not shown, because it contains the credentials of the request")

// withoutCredentials returns err, or another error if its text contains the credentials in the
// Authorization header. A Transport of the program may return an error that quotes the header.
func withoutCredentials(err error, header http.Header) error {
	fields := strings.Fields(header.Get("Authorization"))
	if len(fields) == 0 || !strings.Contains(err.Error(), fields[len(fields)-1]) {
		return err
	}
	return errCredentials
}
