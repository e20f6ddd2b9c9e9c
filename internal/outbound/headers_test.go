package outbound_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/warder-go/warder/internal/outbound"
)

func TestRetryAfter(t *testing.T) {
	now := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	for _, row := range []struct {
		name, value string
		want        time.Duration
	}{
		{"absent", "", 0},
		{"seconds (RFC 9110 §10.2.3)", "120", 2 * time.Minute},
		{"a date", "Fri, 20 Nov 2026 12:01:00 GMT", time.Minute},
		{"a date in the past", "Fri, 20 Nov 2026 11:00:00 GMT", 0},
		{"negative", "-5", 0},
		{"a sign", "+5", 0},
		{"a fraction", "1.5", 0},
		{"words", "soon", 0},
	} {
		header := http.Header{}
		if row.value != "" {
			header.Set("Retry-After", row.value)
		}
		wantEqual(t, row.name, outbound.RetryAfter(header, now), row.want)
	}
	if got := outbound.RetryAfter(http.Header{"Retry-After": {"99999999999999999999"}}, now); got < 24*time.Hour {
		t.Errorf("a number that overflows every integer type (-want +got)\n- a day or more\n+ %v", got)
	}
}

func TestFreshness(t *testing.T) {
	const date = "Fri, 20 Nov 2026 12:00:00 GMT"
	for _, row := range []struct {
		name   string
		header http.Header
		want   string
	}{
		{"no field", http.Header{}, "none"},
		{"max-age (RFC 9111 §5.2.2.1)", http.Header{"Cache-Control": {"public, Max-Age=600"}}, "10m0s"},
		{"max-age in quotes", http.Header{"Cache-Control": {`max-age="600"`}}, "10m0s"},
		{"max-age in a second field line", http.Header{"Cache-Control": {"public", "max-age=600"}}, "10m0s"},
		{"max-age minus Age (RFC 9111 §4.2.3)", http.Header{"Cache-Control": {"max-age=600"}, "Age": {"60"}}, "9m0s"},
		{"Age above max-age", http.Header{"Cache-Control": {"max-age=600"}, "Age": {"700"}}, "0s"},
		{"max-age and Expires", http.Header{"Cache-Control": {"max-age=60"}, "Expires": {"Fri, 20 Nov 2026 13:00:00 GMT"}, "Date": {date}}, "1m0s"},
		{"max-age=0", http.Header{"Cache-Control": {"max-age=0"}}, "0s"},
		{"no-store", http.Header{"Cache-Control": {"no-store"}}, "0s"},
		{"no-cache and max-age", http.Header{"Cache-Control": {"no-cache, max-age=600"}}, "0s"},
		{"s-maxage, which is for shared caches", http.Header{"Cache-Control": {"s-maxage=600"}}, "none"},
		{"Expires and Date", http.Header{"Expires": {"Fri, 20 Nov 2026 12:05:00 GMT"}, "Date": {date}}, "5m0s"},
		{"Expires in the past", http.Header{"Expires": {"Fri, 20 Nov 2026 11:00:00 GMT"}, "Date": {date}}, "0s"},
	} {
		got := "none"
		if d := outbound.Freshness(row.header); d != nil {
			got = d.String()
		}
		wantEqual(t, row.name, got, row.want)
	}
}
