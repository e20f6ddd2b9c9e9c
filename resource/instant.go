package resource

import (
	"math"
	"time"
)

// instant is a time in nanoseconds since 1970, 0 for none: what is remembered has to be
// small, and is looked at on every request.
type instant int64

// instantOf bends what does not fit to the ends: over for ever, or for 200 years not.
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

// over is the one meaning of expired: at the very second, plus the leeway, it is over
// (RFC 7519 §4.1.4, "on or after"). What has no exp does not expire.
func (i instant) over(now time.Time, leeway time.Duration) bool {
	return i != 0 && now.UnixNano()-int64(leeway) >= int64(i)
}
