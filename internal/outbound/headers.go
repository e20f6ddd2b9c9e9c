package outbound

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Freshness returns the freshness lifetime of a response (RFC 9111 §4.2.1) minus its Age.
// It uses max-age, or else Expires and Date. It returns zero for no-store, no-cache and
// values that it cannot parse, as RFC 9111 §4.2.1 advises, and nil if the response does not
// state a lifetime. It does not limit the result: the caller must.
func Freshness(header http.Header) *time.Duration {
	var fresh *time.Duration
	for directive := range strings.SplitSeq(strings.Join(header.Values("Cache-Control"), ","), ",") {
		name, value, _ := strings.Cut(strings.ToLower(strings.TrimSpace(directive)), "=")
		switch name {
		case "no-store", "no-cache":
			return new(time.Duration(0))
		case "max-age":
			maxAge, _ := seconds(strings.Trim(value, `"`))
			age, _ := seconds(header.Get("Age"))
			fresh = new(max(maxAge-age, 0))
		}
	}
	if fresh != nil || header.Get("Expires") == "" {
		return fresh
	}
	expires, err := http.ParseTime(header.Get("Expires"))
	if err != nil {
		return new(time.Duration(0)) // RFC 9111 §5.3: "0" and other invalid dates are in the past
	}
	date, err := http.ParseTime(header.Get("Date"))
	if err != nil {
		return nil
	}
	return new(max(expires.Sub(date), 0))
}

// RetryAfter returns the wait that the Retry-After field requests (RFC 9110 §10.2.3), or 0
// if it is absent or malformed. It does not limit the result: the caller must.
func RetryAfter(header http.Header, now time.Time) time.Duration {
	value := header.Get("Retry-After")
	if wait, ok := seconds(value); ok {
		return wait
	}
	at, err := http.ParseTime(value)
	if err != nil {
		return 0
	}
	return max(at.Sub(now), 0)
}

// seconds parses delta-seconds (RFC 9111 §1.2.2). It limits the result to ten years.
func seconds(text string) (time.Duration, bool) {
	if text == "" || strings.Trim(text, "0123456789") != "" {
		return 0, false
	}
	const limit = 10 * 365 * 24 * 3600
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n > limit {
		n = limit
	}
	return time.Duration(n) * time.Second, true
}
