package resource

import (
	"math"
	"time"
)

// instant is a time in nanoseconds since 1970; 0 means none. It is smaller and faster to
// compare than a time.Time, which counts because every cached caller has two.
type instant int64

// instantOf maps times before 1970 to 1, and times that do not fit to the largest instant.
func instantOf(t time.Time) instant {
	switch {
	case t.IsZero():
		return 0
	case t.Unix() <= 0:
		return 1
	case t.Unix() >= math.MaxInt64/int64(time.Second):
		return math.MaxInt64
	}
	return instant(t.UnixNano())
}

func (i instant) time() time.Time {
	if i == 0 {
		return time.Time{}
	}
	return time.Unix(0, int64(i))
}

// hasPassed is the only definition of expired: a token expires at exactly exp plus the
// leeway (RFC 7519 §4.1.4, "on or after"). A token without exp does not expire.
func (i instant) hasPassed(now time.Time, leeway time.Duration) bool {
	return i != 0 && now.UnixNano()-int64(leeway) >= int64(i)
}
