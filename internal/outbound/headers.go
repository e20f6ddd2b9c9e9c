package outbound

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Freshness returns how long the server calls its answer fresh (RFC 9111 §4.2.1),
// less its Age: by max-age, else by Expires and Date. No-store, no-cache and what
// can't be read give zero, as RFC 9111 §4.2.1 advises. It returns nil if the server
// says nothing. The caller clamps what it gets.
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
		return new(time.Duration(0)) // RFC 9111 §5.3: "0" and the like are in the past
	}
	date, err := http.ParseTime(header.Get("Date"))
	if err != nil {
		return nil
	}
	return new(max(expires.Sub(date), 0))
}

// RetryAfter returns how long the server asks to wait (RFC 9110 §10.2.3), 0 if it
// does not. The caller caps what it gets.
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

// seconds reads delta-seconds (RFC 9111 §1.2.2); what is too large is ten years.
func seconds(text string) (time.Duration, bool) {
	if text == "" || strings.Trim(text, "0123456789") != "" {
		return 0, false
	}
	const most = 10 * 365 * 24 * 3600
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n > most {
		n = most
	}
	return time.Duration(n) * time.Second, true
}
