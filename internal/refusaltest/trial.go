package refusaltest

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"net/textproto"
	"strings"
	"time"

	"github.com/warder-go/warder/jwks"
	"github.com/warder-go/warder/nethttp"
	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/resourcetest"
)

const (
	mcpPath       = "/mcp"
	identifier    = "https://mcp.example.test" + mcpPath
	pointer       = `Bearer resource_metadata="https://mcp.example.test/.well-known/oauth-protected-resource/mcp"`
	keyField      = "X-Key"
	otherKeyField = "X-Other-Key"
	tokenLifetime = 48 * time.Hour
	maxTokenBytes = 2000
	maxBodyBytes  = 1000
	session       = "session-1"
)

// An Adapter protects next with res, and then with a requirement of the scopes, if there are
// any.
type Adapter func(res *resource.Resource, scopes []string, next http.Handler) http.Handler

// trial is one case that is tried with one adapter.
type trial struct {
	way     way
	issuer  *resourcetest.Issuer
	handler http.Handler
	events  []resource.Event
	reached bool // the handler
	asked   int  // calls of the issuer's verifier

	// The last request. Faults change it.
	method, path, body, padding string
	header                      http.Header
	extra                       http.Header // added to header after the credential
	token                       resourcetest.Token
	suffix                      string // of the credential
	verdict                     string // of the verifiers of opaque tokens and header credentials
	scopes                      string
	plan, acr                   string // claims
	require                     []string
	possession

	// What happens before the last request. Faults change it.
	foreign, outage, pending, withdraw, revoked bool
	revocationsError                            error
	sleep                                       time.Duration
	opens                                       bool // the handler opens a session
}

func callTool(name string) string {
	return `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"` + name + `"}}`
}

func (c *trial) set(name, value string) {
	c.header[textproto.CanonicalMIMEHeaderKey(name)] = []string{value}
}

// publicBytes is the longest body of a public operation, for public operations.
func (c *trial) publicBytes() int {
	if c.way == public {
		return 64 << 10
	}
	return 0
}

// Run sends the request of the case to a new server with the adapter. It returns an error that
// describes a response other than the one that the table demands. It must run in a
// testing/synctest bubble.
func (c Case) Run(adapter Adapter) error {
	issuer, err := resourcetest.NewIssuer(resourcetest.Config{Audience: identifier, Lifetime: tokenLifetime})
	if err != nil {
		return err
	}
	defer issuer.Close()
	t := &trial{way: c.way, issuer: issuer, method: http.MethodPost, path: mcpPath, body: callTool("echo"), verdict: "valid", scopes: "base", plan: "paid", acr: "silver",
		header: http.Header{"Content-Type": {"application/json"}}, token: resourcetest.Token{Claims: map[string]any{"org": "acme"}, Header: map[string]any{}}}
	switch c.way {
	case public:
		t.body = callTool("search")
	case boundJWT:
		t.key, t.token.ProofKey = clientKey(), clientKey()
	case newJWT, cachedJWT, opaque, header: // a bearer token
	}
	for _, f := range c.faults {
		f.apply(t)
	}
	if err := t.serve(adapter); err != nil {
		return err
	}
	credential, err := t.prepare()
	if err != nil {
		return err
	}
	got := t.last(credential)
	if want := c.want(); got != want || t.reached {
		return fmt.Errorf("handler reached: %v\n got %d %s %s\nwant %d %s %s", t.reached,
			got.status, got.reason, got.challenge, want.status, want.reason, want.challenge)
	}
	if c.way == cachedJWT && t.sleep == 0 && t.asked > 0 {
		return errors.New("the token was not in the cache")
	}
	return nil
}

// serve builds the server.
func (c *trial) serve(adapter Adapter) error {
	quiet := slog.New(slog.DiscardHandler)
	keys, err := jwks.New(jwks.Config{Issuer: c.issuer.Identifier(), Transport: c.issuer.Transport(), Logger: quiet})
	if err != nil {
		return err
	}
	config := resource.Config{
		Identifier: identifier, Identifiers: []string{"https://mcp.example.test/other"}, Logger: quiet, Scopes: []string{"base"},
		Issuers: []resource.Issuer{{Verifier: countingVerifier{keys, c}, UnavailableScopes: []string{"rare"}}},
		Opaque:  &resource.Issuer{Verifier: stubVerifier{c}, UnavailableScopes: []string{"rare"}},
		Credentials: resource.Credentials{
			Headers:      map[string]resource.HeaderVerifier{keyField: stubVerifier{c}, otherKeyField: stubVerifier{c}},
			HeaderClaims: map[string]resource.HeaderClaim{"X-Org": {Claim: "org"}},
			Conditions:   []resource.Condition{{Claim: "plan", Equals: "paid"}},
			Certificates: resource.ClientCertificates{Tokens: resource.BindingAccepted, Field: certificateField, Format: resource.CertificateRFC9440, Proxies: []netip.Prefix{netip.MustParsePrefix("192.0.2.1/32")}},

			Authentication: resource.Authentication{ACRValues: []string{"silver", "gold"}},
		},
		Operations: resource.Operations{
			Tools:      map[string][]string{"echo": {}, "delete": {"admin"}, "archive": {"rare"}, "third": {}},
			Arguments:  []resource.ArgumentRule{{Tool: "deploy", Argument: "env", Values: map[string][]string{"dev": nil}, Others: resource.RejectOtherValues}},
			Conditions: resource.OperationConditions{Tools: map[string][]resource.Condition{"purge": {{Claim: "org", Equals: "other"}}}},

			Authentication: resource.OperationAuthentication{Tools: map[string]resource.Authentication{"transfer": {ACRValues: []string{"gold"}, MaxAge: time.Minute}}},

			Undeclared: resource.DenyUndeclared, Public: []string{"initialize"}, PublicTools: []string{"search"}, Stateless: true,
		},
		Limits: resource.Limits{MaxTokenBytes: maxTokenBytes, MaxBodyBytes: maxBodyBytes, CacheTTL: 4 * tokenLifetime},
		Hooks: resource.Hooks{
			Observers:   []resource.Observer{observer{c}},
			Revocations: resource.RevocationFunc(func(context.Context, *resource.Caller) (bool, error) { return c.revoked, c.revocationsError }),
		},
	}
	if c.way == boundJWT {
		c.configure(&config)
	}
	res, err := resource.New(config)
	if err != nil {
		return err
	}
	bound := nethttp.BindSessions(res, nethttp.SessionConfig{Logger: quiet})(
		http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			c.reached = true
			if c.opens {
				w.Header().Set("Mcp-Session-Id", session)
			}
		}))
	c.handler = adapter(res, c.require, bound)
	return nil
}

// prepare makes the credential of the last request, and brings the issuer and the cache to the
// state that the request finds.
func (c *trial) prepare() (credential string, err error) {
	revoked, revocationsError, pending := c.revoked, c.revocationsError, c.pending
	c.revoked, c.revocationsError = false, nil // until the last request
	defer func() {
		c.revoked, c.revocationsError = revoked, revocationsError
		c.events, c.reached, c.asked = nil, false, 0
	}()
	if c.foreign {
		if err := c.openSession(); err != nil {
			return "", err
		}
	}
	switch c.way {
	case public:
		return "", nil
	case opaque, header:
		return "secret-" + c.verdict + c.suffix, nil
	case cachedJWT, newJWT, boundJWT: // below
	}
	c.token.Scope, c.token.Claims["plan"], c.token.Claims["acr"] = c.scopes, c.plan, c.acr
	if pending { // use up the budget for fetches
		for i := range 4 {
			unknown := c.issuer.Token(resourcetest.Token{Scope: "base", Header: map[string]any{"kid": fmt.Sprint("unknown-", i)}})
			c.send(http.MethodPost, mcpPath, callTool("echo"), http.Header{"Authorization": {"Bearer " + unknown}})
		}
		c.token.Header["kid"] = "unknown"
	}
	token := c.issuer.Token(c.token)
	if c.way == cachedJWT {
		if status := c.use(token); status != 200 && status != 403 && c.acr == "silver" {
			return "", fmt.Errorf("the valid token got %d", status)
		}
	}
	if c.outage {
		c.issuer.Fail(resourcetest.JWKS, resourcetest.Failure{Refuse: true})
	}
	if c.withdraw {
		gone := c.issuer.SigningKeyID("")
		c.issuer.Rotate("")
		c.issuer.Withdraw(gone)
	}
	if c.sleep > 0 {
		time.Sleep(c.sleep)         //nolint:forbidigo // runs in a synctest bubble
		c.use(token)                // starts a refresh
		time.Sleep(5 * time.Second) //nolint:forbidigo // runs in a synctest bubble
	}
	return token + c.suffix, nil
}

// openSession opens a session as another caller, whose credential is of another kind, so that the
// keys are not fetched for it before the last request.
func (c *trial) openSession() error {
	scopes, plan, acr, token := c.scopes, c.plan, c.acr, "secret-valid"
	if c.way == opaque || c.way == header {
		token = c.issuer.Token(resourcetest.Token{Scope: "base extra", Subject: "bob", Claims: map[string]any{"plan": "paid", "acr": "silver"}})
	}
	c.scopes, c.plan, c.acr, c.opens = "base extra", "paid", "silver", true
	defer func() { c.scopes, c.plan, c.acr, c.opens = scopes, plan, acr, false }()
	if c.use(token); !c.reached {
		return errors.New("the session was not opened")
	}
	return nil
}

// use sends a request with a token in which nothing else is wrong.
func (c *trial) use(token string) (status int) {
	return c.send(http.MethodPost, mcpPath, callTool("echo"), http.Header{"Content-Type": {"application/json"}, "Authorization": {"Bearer " + token}}).status
}

// last sends the last request.
func (c *trial) last(credential string) outcome {
	if c.way == boundJWT {
		c.setProof(credential)
	}
	sent := c.header.Clone()
	switch c.way {
	case public, boundJWT:
	case header:
		sent[keyField] = []string{credential}
	case newJWT, cachedJWT, opaque:
		sent["Authorization"] = []string{"Bearer " + credential}
	}
	for name, values := range c.extra {
		sent[name] = append(sent[name], values...)
	}
	response := c.send(c.method, c.path, c.body+c.padding, sent)
	o := outcome{status: response.status, challenge: strings.Join(response.header.Values("WWW-Authenticate"), "\n")}
	for _, e := range c.events {
		if e.Reason != "" {
			o.reason += e.Reason // two refusals of one request would show as two words
		}
	}
	return o
}
