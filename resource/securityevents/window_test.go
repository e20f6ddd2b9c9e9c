package securityevents_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/warder-go/warder/resource/resourcetest"
	"github.com/warder-go/warder/resource/securityevents"
)

// The windows of iat, exp and nbf, to the second.
func TestWindows(t *testing.T) {
	for _, setting := range []struct {
		name           string
		change         func(*securityevents.Config)
		maxAge, leeway time.Duration
	}{
		{"default", nil, 24 * time.Hour, 5 * time.Minute},
		{"short", func(c *securityevents.Config) { c.MaxAge, c.Leeway = time.Minute, time.Second }, time.Minute, time.Second},
	} {
		issuer := newIssuer(t)
		synctest.Test(t, func(t *testing.T) {
			f := newFixtureOf(t, issuer, setting.change)
			now := time.Now() // at a full second
			issued := func(d time.Duration) resourcetest.SecurityEvent {
				return resourcetest.SecurityEvent{IssuedAt: now.Add(d)}
			}
			at := func(claim string, d time.Duration) resourcetest.SecurityEvent {
				return withClaims(claims{claim: seconds(now.Add(d))})
			}
			oldest := -setting.maxAge - setting.leeway
			for _, row := range []tokenCase{
				ok("the oldest iat", issued(oldest)),
				bad("an older iat", issued(oldest-time.Second), timeBody, "time"),
				ok("the latest iat", issued(setting.leeway)),
				bad("a later iat", issued(setting.leeway+time.Second), timeBody, "time"),
				ok("exp just before its end", at("exp", -setting.leeway+time.Second)),
				bad("exp at its end", at("exp", -setting.leeway), timeBody, "time"),
				ok("the latest nbf", at("nbf", setting.leeway)),
				bad("a later nbf", at("nbf", setting.leeway+time.Second), timeBody, "time"),
			} {
				row.name = setting.name + ": " + row.name
				f.run(row)
			}
		})
	}
}
