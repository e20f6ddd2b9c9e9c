package onbehalf_test

import (
	"context"
	"errors"
	"strconv"
	"testing"

	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/onbehalf"
	"github.com/warder-go/warder/resource/resourcetest"
)

// Mistakes of a program result in errors that say what to change.
func TestErrorsOfPrograms(t *testing.T) {
	noOrigins := onbehalf.Target{Name: "mail", Audiences: []string{"mail"}}
	for _, row := range []struct {
		name, target, url, want string
		ctx                     func(context.Context) context.Context
		change                  func(*config)
	}{
		{name: "HoldTokens is not set", want: `onbehalf: target "calendar": no_token: resource: the caller holds no access token: set Credentials.HoldTokens; in a tool of the Go SDK use the caller of req.Extra`,
			change: func(c *config) { c.resource.Credentials.HoldTokens = false }},
		{name: "context without a caller", want: `onbehalf: target "calendar": no_token: the context has no accepted caller: use that of the request or WithCaller: resource: the caller holds no access token`,
			ctx: func(context.Context) context.Context { return context.Background() }},
		{name: "unknown target", target: "calender", want: `onbehalf: unknown_target: Config.Targets has "calendar", "mail"`},
		{name: "URL of another server", url: "https://other.example.test/?secret", want: `Target.Origins has "https://calendar.example.test"`},
		{name: "target without origins", target: "mail", want: `onbehalf: target "mail": other_origin: the target has no origins: set Target.Origins`},
		{name: "other issuer", want: `onbehalf: target "calendar": other_issuer: the caller's issuer is "https://auth.example.test", and Config.Issuer is "https://other.example.test": make an exchanger for each issuer; API keys cannot be exchanged`,
			change: func(c *config) { c.onbehalf.Issuer = "https://other.example.test" }},
	} {
		if row.target == "" {
			row.target = "calendar"
		}
		if row.url == "" {
			row.url = calendar
		} else {
			row.want = `onbehalf: target "calendar": other_origin: the request is not for an origin of the target: ` + row.want
		}
		inBubble(t, func(c *config) {
			c.onbehalf.Targets = append(c.onbehalf.Targets, noOrigins)
			if row.change != nil {
				row.change(c)
			}
		}, func(f *fixture) {
			ctx := f.accept(f.token("alice")).Context()
			if row.ctx != nil {
				ctx = row.ctx(ctx)
			}
			_, err := f.exchanger.Transport(row.target, nil).RoundTrip(newRequest(ctx, row.url))
			f.checkText(row.name, err, row.want)
			if own, ok := errors.AsType[*onbehalf.Error](err); ok && (own.Kind == onbehalf.KindNoToken) != errors.Is(err, resource.ErrNoHeldToken) {
				f.Errorf("%s: only no_token wraps resource.ErrNoHeldToken", row.name)
			}
		})
	}
}

// An error lists ten targets at most.
func TestErrorsAreShort(t *testing.T) {
	inBubble(t, func(c *config) {
		c.onbehalf.Targets = nil
		for n := range 12 {
			c.onbehalf.Targets = append(c.onbehalf.Targets, onbehalf.Target{Name: strconv.Itoa(10 + n), Scopes: []string{"a"}})
		}
	}, func(f *fixture) {
		_, err := f.get(f.caller(f.token("alice")))
		f.checkText("many targets", err, `onbehalf: unknown_target: Config.Targets has "10", "11", "12", "13", "14", "15", "16", "17", "18", "19", and 2 more`)
	})
}

// Error answers say what to check at the issuer.
func TestErrorsOfIssuers(t *testing.T) {
	for _, row := range []struct{ code, want string }{
		{"invalid_request", `subject_refused: error "invalid_request" of the issuer: check at the issuer that this client may exchange tokens and may use the target, and that the caller's token and its session are still good`},
		{"access_denied", `subject_refused: error "access_denied" of the issuer: check that the caller's token was issued for this client: the issuer can require its client ID in aud`},
		{"invalid_target", `target_refused: error "invalid_target" of the issuer: check Audiences, Resources and Scopes of the target, and that this client may use it at the issuer`},
		{"invalid_scope", `scope_refused: error "invalid_scope" of the issuer: check Target.Scopes, and that this client and the user may have them at the issuer`},
		{"unsupported_grant_type", `client_refused (credentials): error "unsupported_grant_type" of the issuer: the endpoint rejects our credentials: check Auth, method client_secret_basic: POST https://auth.example.test/token: status 400, content type "application/json", error unsupported_grant_type: the issuer does not support the grant, or not for this client: check Target.Grant`},
		{"unauthorized_client", `client_refused (credentials): error "unauthorized_client" of the issuer: the endpoint rejects our credentials: check Auth, method client_secret_basic: POST https://auth.example.test/token: status 400, content type "application/json", error unauthorized_client: the client may also lack the permission to exchange tokens (RFC 6749 §5.2)`},
	} {
		inBubble(t, nil, func(f *fixture) {
			f.issuer.SetExchange(resourcetest.Exchange{Error: row.code})
			_, err := f.get(f.caller(f.token("alice")))
			f.checkText(row.code, err, `onbehalf: target "calendar": `+row.want)
		})
	}
}

func (f *fixture) checkText(name string, err error, want string) {
	f.Helper()
	if err == nil || err.Error() != want {
		f.Errorf("%s:\n got %v\nwant %s", name, err, want)
	}
}
