package outbound

import (
	"errors"
	"net/url"
	"strings"
)

// Redact returns a URL for logs and errors: it replaces user information, query and fragment,
// which can contain secrets. The text does not need to be a valid URL. Redact returns a
// placeholder if a malformed text may contain a password.
func Redact(text string) string {
	end := ""
	if at := strings.IndexAny(text, "?#"); at >= 0 {
		text, end = text[:at], text[at:at+1]+"..."
	}
	u, err := url.Parse(text)
	switch {
	case err == nil && u.Host != "" && u.User != nil:
		u.User = url.User("xxxxx")
		text = u.String()
	case err == nil && u.Host != "":
	case strings.Contains(text, "@"):
		return "(not shown, it may contain a password)"
	}
	return text + end
}

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
