package introspect_test

import (
	"testing"
	"time"

	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/resourcetest"
)

func TestNegativeCache(t *testing.T) { // 10 s, and only definitive rejections
	inBubble(t, nil, func(fx *fixture) {
		const token = "not-yet-known"
		request := func(what string, status int, reason resource.Reason, calls int) {
			fx.Helper()
			fx.expect(what, token, status, reason)
			if fx.calls() != calls {
				fx.Errorf("%s: got %d calls, want %d", what, fx.calls(), calls)
			}
		}
		request("first request", 401, resource.ReasonInactive, 1)
		fx.token(resourcetest.Token{Text: token, Lifetime: time.Hour})
		time.Sleep(10*time.Second - time.Nanosecond)
		request("cached, although the token has become active", 401, resource.ReasonInactive, 1)
		time.Sleep(time.Nanosecond)
		request("10 s later", 200, "", 2)
	})
}

func TestNegativeCacheSizeLimit(t *testing.T) { // the least recently used entry is evicted first
	inBubble(t, nil, func(fx *fixture) {
		fx.issuer.Reset()
		for i := range 10_000 {
			fx.request(unknownToken(i))
		}
		for _, row := range []struct {
			name  string
			token string
			calls int
		}{
			{"first token is cached", unknownToken(0), 0},
			{"one more token evicts the second", unknownToken(10_000), 1},
			{"first token is still cached", unknownToken(0), 0},
			{"second token is not cached", unknownToken(1), 1},
		} {
			before := fx.calls()
			if got := fx.request(row.token); got.status != 401 || fx.calls()-before != row.calls {
				fx.Errorf("%s: got %d with %d calls, want 401 with %d", row.name, got.status, fx.calls()-before, row.calls)
			}
		}
	})
}
