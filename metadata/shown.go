package metadata

import (
	"net/url"
	"strconv"
	"strings"
)

// shown quotes a URL for an error: without its user name and password, and no
// longer than a log line should be, since a server may have sent it.
func shown(raw string) string {
	u, err := url.Parse(raw)
	switch {
	case err == nil && u.User != nil:
		u.User = url.User("xxxxx")
		raw = u.String()
	case err != nil && strings.Contains(raw, "@"):
		return "(not shown, it may hold a password)"
	}
	return strconv.Quote(clip(raw))
}

func clip(s string) string {
	const limit = 256
	if len(s) <= limit {
		return s
	}
	return strings.ToValidUTF8(s[:limit], "") + "..."
}
