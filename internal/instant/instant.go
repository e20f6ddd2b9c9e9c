// Package instant has a small representation of points in time, and the one definition of expired.
package instant

import (
	"math"
	"time"
)

// Instant is a time in nanoseconds since 1970; 0 means none. It is smaller and faster to
// compare than a time.Time, which counts where many are cached.
type Instant int64

// Of maps times before 1970 to 1, and times that do not fit to the largest instant.
func Of(t time.Time) Instant {
	switch {
	case t.IsZero():
		return 0
	case t.Unix() <= 0:
		return 1
	case t.Unix() >= math.MaxInt64/int64(time.Second):
		return math.MaxInt64
	}
	return Instant(t.UnixNano())
}

// Time returns the time; the zero time for none.
func (i Instant) Time() time.Time {
	if i == 0 {
		return time.Time{}
	}
	return time.Unix(0, int64(i))
}

// HasPassed is the only definition of expired: a token expires at exactly exp plus the
// leeway (RFC 7519 §4.1.4, "on or after"). A token without exp does not expire.
func (i Instant) HasPassed(now time.Time, leeway time.Duration) bool {
	return i != 0 && now.UnixNano()-int64(leeway) >= int64(i)
}
