package metadata

import (
	"strconv"
	"strings"

	"github.com/warder-go/warder/internal/logging"
)

// quoteURL quotes a URL for an error, without the parts that can contain secrets. It
// truncates the URL after 256 bytes, because a server may have sent it.
func quoteURL(raw string) string { return strconv.Quote(truncate(logging.RedactURL(raw))) }

// quoteText quotes text for an error, and a URL like quoteURL.
func quoteText(text string) string {
	if strings.Contains(text, "://") {
		return quoteURL(text)
	}
	return strconv.Quote(text)
}

func truncate(s string) string {
	const limit = 256
	if len(s) <= limit {
		return s
	}
	return strings.ToValidUTF8(s[:limit], "") + "..."
}
