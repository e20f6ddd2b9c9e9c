package logging

import (
	"net/url"
	"strings"
)

const maxName = 63 // bytes of a name without a scheme that is shown

const redacted = "(not shown, it may contain a password)"

// RedactURL returns a URL for logs and errors: it replaces query and fragment, which can contain
// secrets. The text does not need to be a valid URL. If it has an at sign, it can contain a
// password, whose place is uncertain because a password can contain any character. The same is
// true of text that is not a URL with a host. Then RedactURL shows only http or https and a
// placeholder. It shows a name without a scheme, which is a usual mistake, if the name cannot be
// a generated secret: it has only lower-case letters, dots and hyphens.
func RedactURL(text string) string {
	if len(text) <= maxName && strings.Trim(text, "abcdefghijklmnopqrstuvwxyz.-") == "" {
		return text
	}
	shown, end := text, ""
	if at := strings.IndexAny(text, "?#"); at >= 0 {
		shown, end = text[:at], text[at:at+1]+"..."
	}
	u, err := url.Parse(shown)
	if err == nil && u.Scheme != "" && u.Host != "" && !strings.Contains(text, "@") && !strings.Contains(text, "%40") {
		return shown + end
	}
	for _, scheme := range []string{"https://", "http://"} {
		if len(text) >= len(scheme) && strings.EqualFold(text[:len(scheme)], scheme) {
			return scheme + redacted
		}
	}
	return redacted
}
