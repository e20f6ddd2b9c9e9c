package interop_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/warder-go/warder/introspect"
	"github.com/warder-go/warder/jwks"
	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/onbehalf"
)

// An onBehalfServer is a protectedServer whose handler calls another protectedServer on behalf of the
// caller. With an accepted request its outcome is that of the other server, or describes the error.
type onBehalfServer struct {
	*protectedServer
	exchanger *onbehalf.Exchanger
}

// newOnBehalfServer returns a server that calls the server at the URL, which is the only target.
func newOnBehalfServer(t *testing.T, c resource.Config, exchange onbehalf.Config, address string) *onBehalfServer {
	t.Helper()
	exchange.Logger = slog.New(slog.DiscardHandler)
	for n := range exchange.Targets {
		exchange.Targets[n].Name, exchange.Targets[n].Origins = "second", []string{strings.TrimSuffix(address, "/mcp")}
	}
	e, err := onbehalf.New(exchange)
	if err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Transport: e.Transport("second", nil)}
	c.Credentials.HoldTokens = true
	return &onBehalfServer{exchanger: e, protectedServer: protect(t, c, http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		out, err := http.NewRequestWithContext(req.Context(), http.MethodGet, address, nil)
		if err != nil {
			panic(err)
		}
		res, err := client.Do(out)
		if err != nil {
			_, _ = io.WriteString(w, describeExchangeError(err))
			return
		}
		defer res.Body.Close()
		w.WriteHeader(res.StatusCode)
		_, _ = io.Copy(w, res.Body)
	}), (*httptest.Server).Start)}
}

// describeExchangeError returns the kind, the detail and the code of an error.
func describeExchangeError(err error) string {
	own, ok := errors.AsType[*onbehalf.Error](err)
	if !ok {
		return err.Error()
	}
	return exchangeError(own.Kind, own.Detail, own.Code)
}

func exchangeError(kind onbehalf.Kind, detail, code string) string {
	return fmt.Sprintf("%s detail=%q code=%q", kind, detail, code)
}

// failedExchange is the outcome of onBehalfServer.send for an accepted request without an exchanged token.
func failedExchange(kind onbehalf.Kind, detail, code string) string {
	return "200 " + exchangeError(kind, detail, code)
}

// exchange returns the caller of a token, and the token that is issued in exchange.
func (s *onBehalfServer) exchange(token string) (*resource.Caller, *onbehalf.Token) {
	s.t.Helper()
	caller, refusal := authenticate(s.t, s.res, token)
	if refusal != nil {
		s.t.Fatalf("the token was rejected: %s", refusal.Reason)
	}
	issued, err := s.exchanger.Token(s.t.Context(), caller, "second")
	if err != nil {
		s.t.Fatal(err)
	}
	return caller, issued
}

// exchangeClient registers a client that may exchange tokens for identifier.
func (p *provider) exchangeClient(id, method string) introspect.ClientAuth {
	p.t.Helper()
	more := map[string]any{"grant_types": []string{"urn:ietf:params:oauth:grant-type:token-exchange"}}
	p.command(map[string]any{"exchange": map[string]string{"client": id, "resource": identifier}})
	if method != introspect.PrivateKeyJWT {
		return p.resourceServer(id, method, more)
	}
	signer, jwk := newKey(p.t, "ES256")
	more["jwks"], more["token_endpoint_auth_signing_alg"] = map[string]any{"keys": []any{jwk}}, "ES256"
	auth := p.resourceServer(id, method, more)
	auth.Signer, auth.Algorithm, auth.KeyID = signer, "ES256", "ES256"
	return auth
}

// exchangeConfig returns a configuration with one target.
func (p *provider) exchangeConfig(auth introspect.ClientAuth, target onbehalf.Target) onbehalf.Config {
	return onbehalf.Config{Issuer: p.issuer, Auth: auth, Targets: []onbehalf.Target{target}}
}

// TestOnBehalf exchanges tokens of a user (RFC 8693) for tokens for a second server behind warder.
// Both servers verify JWTs, or introspect opaque tokens.
func TestOnBehalf(t *testing.T) {
	for _, format := range []string{"jwt", "opaque"} {
		t.Run(format, func(t *testing.T) {
			p := startProvider(t)
			p.registerApp()
			p.registerResource(providerResource{ID: identifier, Format: format, Alg: "ES256"})
			p.registerResource(providerResource{ID: otherIdentifier, Format: format, Alg: "ES256"})
			auth := p.resourceServer("rs", introspect.ClientSecretBasic, nil)
			config := func() resource.Config {
				if format == "opaque" {
					return p.introspectionConfig(t, introspect.Config{Auth: auth, AnswerTTL: -1}, resource.Issuer{})
				}
				return p.jwtConfig(t, jwks.Config{})
			}
			other := config()
			other.Identifier = otherIdentifier
			second := newProtectedServer(t, other)
			(&onBehalfRun{t, p, format + ", exchange: ", second, config}).run()
		})
	}
}

// onBehalfRun is TestOnBehalf with one format of tokens.
type onBehalfRun struct {
	t      *testing.T
	p      *provider
	prefix string
	second *protectedServer
	config func() resource.Config
}

func (r *onBehalfRun) server(auth introspect.ClientAuth, target onbehalf.Target) *onBehalfServer {
	r.t.Helper()
	return newOnBehalfServer(r.t, r.config(), r.p.exchangeConfig(auth, target), r.second.url)
}

func (r *onBehalfRun) check(what, want, got string) {
	r.t.Helper()
	check(r.t, r.prefix+what, want, got)
}

func (r *onBehalfRun) run() {
	target := onbehalf.Target{Resources: []string{otherIdentifier}, Scopes: []string{"mcp:read"}}
	user := r.p.userTokens(identifier).Access
	var basic introspect.ClientAuth
	for _, method := range []string{introspect.ClientSecretPost, introspect.PrivateKeyJWT, introspect.ClientSecretBasic} {
		basic = r.p.exchangeClient("server-"+method, method)
		want := fmt.Sprintf(`200 sub="alice" client="server-%s" scope="mcp:read"`, method)
		r.check("token of a user, "+method, want, r.server(basic, target).send(user))
	}
	s := r.server(basic, target)
	_, issued := s.exchange(user)
	r.check("the token for the second server, at the first", invalid(resource.ReasonAudience), s.send(issued.AccessToken()))
	r.check("the user's token, at the second server", invalid(resource.ReasonAudience), r.second.send(user))
	r.check("token of a client", failedExchange(onbehalf.KindSubjectRefused, "", "invalid_request"), s.send(r.p.clientToken(identifier)))
	r.refusals(user, basic, target)
	r.ends(s)
}

// refusals tests what the issuer refuses.
func (r *onBehalfRun) refusals(user string, basic introspect.ClientAuth, target onbehalf.Target) {
	wrong := basic
	wrong.ClientSecret = rand.Text()
	r.check("wrong client secret", failedExchange(onbehalf.KindClientRefused, "credentials", "invalid_client"), r.server(wrong, target).send(user))
	unable := r.p.resourceServer("unable", introspect.ClientSecretBasic, nil)
	r.check("client without the grant type", failedExchange(onbehalf.KindSubjectRefused, "", "invalid_request"), r.server(unable, target).send(user))
	foreign := r.p.exchangeClient("foreign", introspect.ClientSecretBasic)
	r.p.command(map[string]any{"exchange": map[string]string{"client": "foreign", "resource": otherIdentifier}})
	r.check("client of another server", failedExchange(onbehalf.KindSubjectRefused, "", "invalid_request"), r.server(foreign, target).send(user))
	unknown := onbehalf.Target{Resources: []string{"https://unknown.example.com/mcp"}}
	r.check("unknown resource", failedExchange(onbehalf.KindTargetRefused, "", "invalid_target"), r.server(basic, unknown).send(user))
	wider := target
	wider.Scopes = []string{"mcp:read", "mcp:write"}
	r.check("scope that the user has not granted", failedExchange(onbehalf.KindScopeRefused, "", "invalid_scope"), r.server(basic, wider).send(user))
}

// ends tests callers whose token ends.
func (r *onBehalfRun) ends(s *onBehalfServer) {
	if strings.HasPrefix(r.prefix, "opaque") {
		token := r.p.userTokens(identifier).Access
		caller, _ := s.exchange(token)
		r.p.revoke(token)
		r.check("caller whose token was revoked", exchangeError(onbehalf.KindEnded, string(resource.ReasonInactive), ""), s.attempt(caller))
	}
	r.p.registerResource(providerResource{ID: identifier, Format: strings.TrimSuffix(r.prefix, ", exchange: "), Alg: "ES256", TTL: 2})
	caller, issued := s.exchange(r.p.userTokens(identifier).Access)
	waitUntil(r.t.Context(), time.Now().Add(3*time.Second)) // exp is in whole seconds
	r.check("caller whose token has expired", exchangeError(onbehalf.KindEnded, string(resource.ReasonExpired), ""), s.attempt(caller))
	r.check("expiry of the exchanged token: not after that of the user's", "true", fmt.Sprint(issued.Expiry().Before(time.Now())))
}

// attempt returns the error of an exchange for a caller.
func (s *onBehalfServer) attempt(caller *resource.Caller) string {
	s.t.Helper()
	if _, err := s.exchanger.Token(context.Background(), caller, "second"); err != nil {
		return describeExchangeError(err)
	}
	return "a token"
}
