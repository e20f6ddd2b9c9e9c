package login_test

import (
	"fmt"
	"time"

	"github.com/warder-go/warder/internal/instant"
	"github.com/warder-go/warder/internal/login"
)

func Example() {
	now := time.Date(2026, time.January, 1, 12, 0, 0, 0, time.UTC)
	everyRequest := &login.Requirement{ACRValues: []string{"password", "mfa"}}
	operation := &login.Requirement{ACRValues: []string{"mfa", "hardware"}, MaxAge: 5 * time.Minute}
	needed, possible := login.Combine(everyRequest, nil, operation)
	fmt.Println(needed.Describe(30*time.Second), possible)

	for _, l := range []login.Login{
		{ACR: "mfa", Time: instant.Of(now.Add(-330 * time.Second))}, // MaxAge and the leeway
		{ACR: "mfa", Time: instant.Of(now.Add(-331 * time.Second))},
		{ACR: "mfa", Time: instant.Of(now.Add(31 * time.Second))}, // in the future
		{ACR: "password", Time: instant.Of(now)},
		{},
	} {
		fmt.Println(l.Meets(&needed, now, 30*time.Second), l.Describe(&needed, now))
	}
	// Output:
	// acr mfa, a login at most 5m0s ago, leeway 30s true
	// true acr "mfa", a login 5m30s ago
	// false acr "mfa", a login 5m31s ago
	// false acr "mfa", a login -31s ago
	// false acr "password", a login 0s ago
	// false no acr, no auth_time
}
