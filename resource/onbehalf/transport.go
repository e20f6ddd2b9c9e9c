package onbehalf

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/warder-go/warder/internal/weborigin"
	"github.com/warder-go/warder/resource"
)

type callerKey struct{}

// WithCaller returns a context whose requests are sent on behalf of the caller. It is for handlers
// whose ctx is not that of the request, such as tools of the official MCP Go SDK: there the caller is
// in req.Extra. It overrides the caller of the accepted request. A nil caller means no caller.
//
// Do not call it for the context of a request that the SDK will handle: in a stateful session, the
// tools of later requests would inherit the caller of the request that opened the session.
func WithCaller(ctx context.Context, caller *resource.Caller) context.Context {
	return context.WithValue(ctx, callerKey{}, caller)
}

// callerOf returns the caller in a context; nil if there is none.
func callerOf(ctx context.Context) *resource.Caller {
	if caller, ok := ctx.Value(callerKey{}).(*resource.Caller); ok {
		return caller
	}
	caller, _ := resource.FromContext(ctx)
	return caller
}

// Transport returns a transport that sends requests to a target, each with a token on behalf of the
// caller in its context: that of [WithCaller], otherwise that of [resource.FromContext]. base sends
// the requests; nil is http.DefaultTransport. base sees the token.
//
// The token is sent only to the origins of the target (Target.Origins). For every other URL the
// transport returns an [*Error] with KindOtherOrigin, and sends nothing. An http.Client calls its
// transport again for each redirect, so a redirect to another origin fails too.
//
// The transport sets Authorization in a copy of the request, in place of a field that is there. It
// does not use another token if the target answers 401.
func (e *Exchanger) Transport(target string, base http.RoundTripper) http.RoundTripper {
	if base == nil {
		base = http.DefaultTransport //nolint:forbidigo // for the requests of the program, as in http.Client
	}
	return &transport{e, target, base}
}

type transport struct {
	exchanger *Exchanger
	target    string
	base      http.RoundTripper
}

// RoundTrip sends the request with a token.
func (t *transport) RoundTrip(req *http.Request) (*http.Response, error) {
	token, err := t.token(req)
	if err != nil {
		if req.Body != nil {
			_ = req.Body.Close() // as RoundTripper requires
		}
		return nil, err
	}
	out := req.Clone(req.Context())
	if out.Header == nil {
		out.Header = http.Header{}
	}
	for name := range out.Header {
		if strings.EqualFold(name, "Authorization") { // net/http would send other spellings too
			delete(out.Header, name)
		}
	}
	out.Header.Set("Authorization", "Bearer "+token.AccessToken())
	return t.base.RoundTrip(out)
}

// isFor reports whether a request is for an origin of the target. A server can use the Host field,
// which can differ from the URL, to choose another site.
func (t *target) isFor(req *http.Request) bool {
	u := req.URL
	if u == nil || u.Opaque != "" || u.User != nil || !slices.Contains(t.origins, weborigin.Of(u)) {
		return false
	}
	return req.Host == "" || slices.Contains(t.origins, weborigin.Of(&url.URL{Scheme: u.Scheme, Host: req.Host}))
}

func (t *transport) token(req *http.Request) (*Token, error) {
	engine := t.exchanger.engine.Load()
	if to := engine.targets[t.target]; to != nil && !to.isFor(req) {
		return nil, engine.failed(to, &Error{Kind: KindOtherOrigin, Err: to.otherOrigin()})
	}
	return engine.token(req.Context(), callerOf(req.Context()), t.target)
}
