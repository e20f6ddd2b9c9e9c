package outbound

import "net/url"

// Redact returns a URL for logs and errors: without user information, query and fragment, which
// can contain secrets.
func Redact(text string) string {
	u, err := url.Parse(text)
	if err != nil {
		return "(malformed URL)"
	}
	redacted := url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path, RawPath: u.RawPath, Opaque: u.Opaque}
	if u.RawQuery != "" {
		return redacted.String() + "?..."
	}
	return redacted.String()
}
