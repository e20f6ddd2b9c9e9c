package onbehalf_test

import (
	"bytes"
	"context"
	"crypto/fips140"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/cryptotest"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/warder-go/warder/introspect"
	"github.com/warder-go/warder/jwks"
	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/onbehalf"
	"github.com/warder-go/warder/resource/resourcetest"
)

const (
	identifier = "https://mcp.example.test/mcp"
	calendar   = "https://calendar.example.test/api" // resource of the target "calendar"
)

// fixture is an issuer, a resource that holds tokens, and an exchanger.
type fixture struct {
	*testing.T
	issuer    *resourcetest.Issuer
	res       *resource.Resource
	exchanger *onbehalf.Exchanger
	log       *logBuffer
	secrets   []string // none of them may be in the log, a metric or an error
	errors    []error
}

// config is what a test can change.
type config struct {
	issuer   resourcetest.Config
	resource resource.Config
	onbehalf onbehalf.Config

	introspect bool // the resource introspects tokens
}

// logBuffer is a log buffer that is safe for concurrent use.
type logBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *logBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

// target returns the target that most tests use.
func target() onbehalf.Target {
	return onbehalf.Target{Name: "calendar", Resources: []string{calendar}, Scopes: []string{"calendar.read", "calendar.write"}}
}

// inBubble runs test in a synctest bubble, with a fake clock and without sockets.
//
// In FIPS mode, the approved generator of random numbers measures time to collect entropy, and panics in a bubble
// when goroutines need several instances of it. The numbers are independent of the clock there.
func inBubble(t *testing.T, change func(*config), test func(f *fixture)) {
	t.Helper()
	if fips140.Enforced() {
		cryptotest.SetGlobalRandom(t, 1)
	}
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, change)
		test(f)
		f.checkNoSecrets()
		time.Sleep(time.Minute) // longer than a call, which must leave nothing running
	})
}

func newFixture(t *testing.T, change func(*config)) *fixture {
	t.Helper()
	f := &fixture{T: t, log: new(logBuffer)}
	logger := slog.New(slog.NewTextHandler(f.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	c := config{
		issuer:   resourcetest.Config{Lifetime: time.Hour},
		resource: resource.Config{Identifier: identifier, Logger: logger, Credentials: resource.Credentials{HoldTokens: true}},
		onbehalf: onbehalf.Config{
			Auth:    introspect.ClientAuth{ClientID: resourcetest.DefaultClientID, ClientSecret: resourcetest.DefaultClientSecret},
			Targets: []onbehalf.Target{target()}, Logger: logger,
		},
	}
	if change != nil {
		change(&c)
	}
	var err error
	if f.issuer, err = resourcetest.NewIssuer(c.issuer); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(f.issuer.Close)
	c.resource.Issuers = []resource.Issuer{{Verifier: f.verifier(c.introspect, logger)}}
	if f.res, err = resource.New(c.resource); err != nil {
		t.Fatal(err)
	}
	if c.onbehalf.Issuer == "" {
		c.onbehalf.Issuer = f.issuer.Identifier()
	}
	if c.onbehalf.Transport == nil {
		c.onbehalf.Transport = f.issuer.Transport()
	}
	if f.exchanger, err = onbehalf.New(c.onbehalf); err != nil {
		t.Fatal(err)
	}
	f.secrets = append(f.secrets, resourcetest.DefaultClientSecret)
	return f
}

// verifier returns the verifier of the issuer.
func (f *fixture) verifier(introspects bool, logger *slog.Logger) (v resource.Verifier) {
	f.Helper()
	var err error
	if introspects {
		v, err = introspect.New(introspect.Config{
			Issuer: f.issuer.Identifier(), Transport: f.issuer.Transport(), Logger: logger,
			Auth: introspect.ClientAuth{ClientID: resourcetest.DefaultClientID, ClientSecret: resourcetest.DefaultClientSecret},
		})
	} else {
		v, err = jwks.New(jwks.Config{Issuer: f.issuer.Identifier(), Transport: f.issuer.Transport(), Logger: logger})
	}
	if err != nil {
		f.Fatal(err)
	}
	return v
}

// token returns an access token of a user for the resource.
func (f *fixture) token(subject string) string {
	token := f.issuer.Token(resourcetest.Token{Audience: identifier, Subject: subject})
	f.secrets = append(f.secrets, token, token[strings.LastIndexByte(token, '.')+1:])
	return token
}

// accept returns the accepted request with a token.
func (f *fixture) accept(token string) *http.Request {
	f.Helper()
	req := httptest.NewRequest(http.MethodPost, identifier, nil)
	req.Header.Set("Authorization", "Bearer "+token)
	d, refusal := f.res.Authenticate(req)
	if refusal != nil {
		f.Fatalf("the request was rejected: %+v", refusal)
	}
	if d.Request.Header.Get("Authorization") != "" {
		f.Fatal("the handler gets the token")
	}
	return d.Request
}

// caller returns the caller of an accepted request.
func (f *fixture) caller(token string) *resource.Caller {
	f.Helper()
	caller, ok := resource.FromContext(f.accept(token).Context())
	if !ok {
		f.Fatal("no caller")
	}
	return caller
}

// get returns a token for the target "calendar".
func (f *fixture) get(caller *resource.Caller) (*onbehalf.Token, error) {
	token, err := f.exchanger.Token(context.Background(), caller, "calendar")
	if err != nil {
		f.errors = append(f.errors, err)
	} else {
		f.secrets = append(f.secrets, token.AccessToken())
	}
	return token, err
}

// must returns a token, and the number of exchanges so far.
func (f *fixture) must(caller *resource.Caller) (string, int) {
	f.Helper()
	token, err := f.get(caller)
	if err != nil {
		f.Fatalf("got error %v, want a token", err)
	}
	return token.AccessToken(), f.exchanges()
}

func (f *fixture) exchanges() int { return f.issuer.Count(resourcetest.TokenEndpoint) }

// wantError fails the test unless err has the kind and the detail.
func (f *fixture) wantError(name string, err error, kind onbehalf.Kind, detail string) *onbehalf.Error {
	f.Helper()
	own, ok := errors.AsType[*onbehalf.Error](err)
	if !ok || own.Kind != kind || own.Detail != detail {
		f.Errorf("%s: got error %v, want %s (%s)", name, err, kind, detail)
		return new(onbehalf.Error)
	}
	return own
}

func (f *fixture) metrics() string {
	registry := prometheus.NewRegistry()
	registry.MustRegister(f.exchanger)
	w := httptest.NewRecorder()
	promhttp.HandlerFor(registry, promhttp.HandlerOpts{}).ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	return w.Body.String()
}

// checkNoSecrets fails the test if a token or secret is in an output.
func (f *fixture) checkNoSecrets() {
	f.Helper()
	output := f.log.String() + f.metrics()
	for _, err := range f.errors {
		output += fmt.Sprintf("%v %+v %#v", err, err, err)
		if own, ok := errors.AsType[*onbehalf.Error](err); ok {
			output += fmt.Sprintf("%+v", *own)
		}
	}
	for _, secret := range f.secrets {
		if strings.Contains(output, secret) {
			f.Errorf("a token or secret is in the log, in a metric or in an error")
		}
	}
}
