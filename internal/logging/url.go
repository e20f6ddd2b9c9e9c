package logging

import (
	"net/url"
	"strings"
)

// RedactURL returns a URL for logs and errors: it replaces user information, query and fragment,
// which can contain secrets. The text does not need to be a valid URL. RedactURL returns a
// placeholder if a malformed text may contain a password.
func RedactURL(text string) string {
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
