package metadata

import (
	"net/url"
	"strconv"
	"strings"
)

// quoteURL quotes a URL for an error. It removes the user name and password, and truncates
// the URL after 256 bytes, because a server may have sent it.
func quoteURL(raw string) string {
	u, err := url.Parse(raw)
	switch {
	case err == nil && u.User != nil:
		u.User = url.User("xxxxx")
		raw = u.String()
	case err != nil && strings.Contains(raw, "@"):
		return "(not shown, it may contain a password)"
	}
	return strconv.Quote(truncate(raw))
}

func truncate(s string) string {
	const limit = 256
	if len(s) <= limit {
		return s
	}
	return strings.ToValidUTF8(s[:limit], "") + "..."
}
