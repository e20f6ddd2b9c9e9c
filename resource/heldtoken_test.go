package resource_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/warder-go/warder/internal/heldtoken"
	"github.com/warder-go/warder/jwks"
	"github.com/warder-go/warder/nethttp"
	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/resourcetest"
)

func holdTokens(c *resource.Config, _ *jwks.Config) { c.Credentials.HoldTokens = true }

// held returns the held token of the caller in a context; "" if there is none.
func held(t testing.TB, ctx context.Context) string {
	t.Helper()
	caller, _ := resource.FromContext(ctx)
	token, err := caller.HeldToken(ctx)
	if err != nil && !errors.Is(err, resource.ErrNoHeldToken) {
		t.Errorf("got error %v, want ErrNoHeldToken", err)
	}
	return heldtoken.Raw(token.Token)
}

// The caller of each request has the token of this request, also if the caller is cached, and if the
// middleware is mounted twice.
func TestHeldToken(t *testing.T) {
	f := newFixture(t, holdTokens)
	var got, nested string
	f.inner = func(_ http.ResponseWriter, req *http.Request) {
		got = held(t, req.Context())
		if req.Header.Get("Authorization") != "" {
			t.Error("the handler gets the token")
		}
		nethttp.Middleware(f.res)(http.HandlerFunc(func(_ http.ResponseWriter, req *http.Request) { nested = held(t, req.Context()) })).
			ServeHTTP(httptest.NewRecorder(), req)
	}
	for range 2 { // the second time with a cached caller
		for _, subject := range []string{"alice", "bob"} {
			token := f.token(resourcetest.Token{Subject: subject})
			for range 2 {
				if f.bearer(token); got != token || nested != token {
					t.Errorf("%s: the caller does not hold the token of the request, or the nested one does not", subject)
				}
			}
		}
	}
}

// A bound token is held too. The check in HeldToken needs no new proof.
func TestHeldTokenIsBound(t *testing.T) {
	f := newFixture(t, func(c *resource.Config, _ *jwks.Config) {
		c.Credentials.HoldTokens, c.Credentials.DPoP.Tokens = true, resource.BindingAccepted
	})
	f.unexplained = true // a proof can be used once
	var got string
	f.inner = func(_ http.ResponseWriter, req *http.Request) { got = held(t, req.Context()) }
	key := resourcetest.NewProofKey("ES256")
	token := f.token(resourcetest.Token{ProofKey: key})
	req := httptest.NewRequest(http.MethodPost, identifier, nil)
	key.SetProof(req, token)
	if f.send(req); got != token {
		t.Error("the caller does not hold its token")
	}
}

// Observers keep callers for longer than a request. Their callers hold no token.
func TestObserversGetNoHeldToken(t *testing.T) {
	observer := new(eventRecorder)
	f := newFixture(t, func(c *resource.Config, _ *jwks.Config) {
		c.Credentials.HoldTokens, c.Hooks.Observers = true, []resource.Observer{observer}
	})
	f.inner = func(w http.ResponseWriter, req *http.Request) {
		nethttp.Require(f.res, "admin")(http.NotFoundHandler()).ServeHTTP(httptest.NewRecorder(), req)
		w.WriteHeader(http.StatusOK)
	}
	f.bearer(f.token(resourcetest.Token{}))
	events := observer.take()
	for _, e := range events {
		if _, err := e.Caller.HeldToken(context.Background()); !errors.Is(err, resource.ErrNoHeldToken) || e.Caller.Subject() != "alice" {
			t.Errorf("%s: the caller of the event holds a token: %v", e.Result, err)
		}
	}
	if len(events) != 2 {
		t.Errorf("got %d events, want one for the request and one for the requirement", len(events))
	}
}

// WithoutHeldToken changes nothing but the token.
func TestWithoutHeldToken(t *testing.T) {
	f := newFixture(t, holdTokens)
	f.inner = func(_ http.ResponseWriter, req *http.Request) {
		ctx := resource.WithoutHeldToken(req.Context())
		if held(t, ctx) != "" || resource.WithoutHeldToken(ctx) != ctx {
			t.Error("the caller still holds its token, or the context is changed twice")
		}
		caller, _ := resource.FromContext(req.Context())
		bare, ok := resource.FromContext(ctx)
		if !ok || !bare.Verified() || bare.ID() != caller.ID() {
			t.Error("the caller is another one")
		}
		if resource.ConnectionContext(ctx) != resource.ConnectionContext(req.Context()) {
			t.Error("the context of the connection is another one")
		}
		if refusal := f.res.Permit(ctx, bare, resource.Operation{Method: "tools/list"}); refusal != nil {
			t.Errorf("the operation is not permitted: %+v", refusal)
		}
	}
	for _, method := range []string{http.MethodPost, http.MethodGet} { // GET opens a stream
		req := httptest.NewRequest(method, identifier, nil)
		req.Header.Set("Authorization", "Bearer "+f.token(resourcetest.Token{}))
		f.send(req)
	}
	if ctx := context.Background(); resource.WithoutHeldToken(ctx) != ctx {
		t.Error("a context without a request is changed")
	}
}

// HeldToken decides by the current configuration.
func TestHeldTokenAfterReplace(t *testing.T) {
	for _, row := range []struct {
		name   string
		change func(*resource.Config, *jwks.Config)
		reason resource.Reason // "": still good
	}{
		{"the same", holdTokens, ""},
		{"without HoldTokens", func(*resource.Config, *jwks.Config) {}, ""},
		{"a scope that the token lacks", func(c *resource.Config, _ *jwks.Config) { c.Scopes = []string{"admin"} }, resource.ReasonInsufficientScope},
		{"a condition that the caller does not meet", func(c *resource.Config, _ *jwks.Config) {
			c.Credentials.Conditions = []resource.Condition{{Claim: "org", Equals: "x"}}
		}, resource.ReasonCondition},
		{"a shorter lifetime", func(c *resource.Config, _ *jwks.Config) { c.Limits.MaxLifetime = time.Second }, resource.ReasonLifetime},
	} {
		f := newFixture(t, holdTokens)
		var caller *resource.Caller
		f.inner = func(_ http.ResponseWriter, req *http.Request) { caller, _ = resource.FromContext(req.Context()) }
		f.bearer(f.token(resourcetest.Token{}))
		if err := f.res.Replace(newFixtureWith(t, f.issuer, row.change).res); err != nil {
			t.Fatal(err)
		}
		_, err := caller.HeldToken(context.Background())
		own, ok := errors.AsType[*resource.Error](err)
		if row.reason == "" && err != nil || row.reason != "" && (!ok || own.Reason != row.reason || own.RetryAfter != 0) {
			t.Errorf("%s: got error %v, want reason %q", row.name, err, row.reason)
		}
	}
}

// An outage is not the end of a token.
func TestHeldTokenInOutage(t *testing.T) {
	for _, row := range []struct {
		name    string
		revoked resource.RevocationFunc
		reason  resource.Reason
	}{
		{"revocations are not known", func(context.Context, *resource.Caller) (bool, error) { return false, errors.New("down") }, resource.ReasonRevocationsUnavailable},
		{"a panic", func(context.Context, *resource.Caller) (bool, error) { panic("x") }, resource.ReasonInternalError},
	} {
		down := false
		f := newFixture(t, func(c *resource.Config, _ *jwks.Config) {
			c.Credentials.HoldTokens = true
			c.Hooks.Revocations = resource.RevocationFunc(func(ctx context.Context, caller *resource.Caller) (bool, error) {
				if down {
					return row.revoked(ctx, caller)
				}
				return false, nil
			})
		})
		var caller *resource.Caller
		f.inner = func(_ http.ResponseWriter, req *http.Request) { caller, _ = resource.FromContext(req.Context()) }
		f.bearer(f.token(resourcetest.Token{}))
		down = true
		_, err := caller.HeldToken(context.Background())
		if own, ok := errors.AsType[*resource.Error](err); !ok || own.Reason != row.reason || own.RetryAfter <= 0 {
			t.Errorf("%s: got error %v, want %s with RetryAfter", row.name, err, row.reason)
		}
	}
}

// A caller and a held token do not print the token.
func TestHeldTokenDoesNotPrint(t *testing.T) {
	f := newFixture(t, holdTokens)
	token, text := f.token(resourcetest.Token{}), ""
	f.inner = func(_ http.ResponseWriter, req *http.Request) {
		caller, _ := resource.FromContext(req.Context())
		found, err := caller.HeldToken(req.Context())
		encoded, _ := caller.MarshalJSON()
		text = fmt.Sprintf("%v %+v %#v %v %+v %#v %v %+v %#v %s", caller, caller, caller, *caller, *caller, *caller, found, found, err, encoded)
	}
	f.bearer(token)
	if signature := token[strings.LastIndexByte(token, '.')+1:]; text == "" || strings.Contains(text, signature) {
		t.Error("the token is printed")
	}
}
