package outbound

import (
	"errors"
	"io"
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
// Authorization header, or a secret in the form of the request. A Transport of the program may
// return an error that quotes the request.
func withoutCredentials(err error, req *http.Request) error {
	text := err.Error()
	for _, secret := range secretsOf(req) {
		if secret != "" && (strings.Contains(text, secret) || strings.Contains(text, url.QueryEscape(secret))) {
			return errCredentials
		}
	}
	return err
}

// secretParameters are the parameters of forms whose values are secrets (RFC 6749 §2.3.1, RFC 7521
// §4.2, RFC 7662 §2.1).
var secretParameters = []string{"token", "client_secret", "client_assertion"}

// secretsOf returns the secrets in a request.
func secretsOf(req *http.Request) (secrets []string) {
	if fields := strings.Fields(req.Header.Get("Authorization")); len(fields) > 0 {
		secrets = append(secrets, fields[len(fields)-1])
	}
	if req.GetBody == nil {
		return secrets
	}
	body, err := req.GetBody()
	if err != nil {
		return secrets
	}
	defer body.Close()
	text, _ := io.ReadAll(body)
	form, _ := url.ParseQuery(string(text))
	for _, name := range secretParameters {
		secrets = append(secrets, form[name]...)
	}
	return secrets
}
