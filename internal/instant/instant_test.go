package instant_test

import (
	"math"
	"testing"
	"time"

	"github.com/warder-go/warder/internal/instant"
)

func TestOf(t *testing.T) {
	for _, row := range []struct {
		name string
		time time.Time
		want instant.Instant
	}{
		{"no time", time.Time{}, 0},
		{"the year 1970 is not none", time.Unix(0, 0), 1},
		{"before 1970", time.Unix(-5, 0), 1},
		{"a time", time.Unix(5, 7), 5_000_000_007},
		{"a time that does not fit", time.Unix(253402300799, 0), math.MaxInt64},
	} {
		if got := instant.Of(row.time); got != row.want {
			t.Errorf("%s: got %d, want %d", row.name, got, row.want)
		}
	}
	if now := time.Now(); !instant.Of(now).Time().Equal(now) || !instant.Of(time.Time{}).Time().IsZero() {
		t.Error("Time does not return the time")
	}
}

// RFC 7519 §4.1.4: a token must not be accepted "on or after" exp.
func TestHasPassed(t *testing.T) {
	expiry := time.Unix(1000, 0)
	for _, row := range []struct {
		name   string
		now    time.Time
		leeway time.Duration
		want   bool
	}{
		{"before", expiry.Add(-1), 0, false},
		{"at the time", expiry, 0, true},
		{"within the leeway", expiry.Add(time.Second - 1), time.Second, false},
		{"at the end of the leeway", expiry.Add(time.Second), time.Second, true},
	} {
		if got := instant.Of(expiry).HasPassed(row.now, row.leeway); got != row.want {
			t.Errorf("%s: got %v", row.name, got)
		}
	}
	if instant.Of(time.Time{}).HasPassed(expiry, 0) {
		t.Error("none has passed")
	}
}
