package securityevents_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/warder-go/warder/jwks"
	"github.com/warder-go/warder/resource/resourcetest"
	"github.com/warder-go/warder/resource/revocation"
	"github.com/warder-go/warder/resource/securityevents"
)

// TestMain generates a key outside of the bubbles of synctest. In FIPS mode the first random
// number takes real time, which a bubble does not have.
func TestMain(m *testing.M) {
	if _, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
		panic(err)
	}
	os.Exit(m.Run())
}

const (
	endpoint = "https://mcp.example.test/security-events"
	audience = "client/stream"
)

// store records the entries that a receiver adds.
type store struct {
	mu      sync.Mutex
	entries []revocation.Entry
	calls   int
	fail    error
	before  func(context.Context) // called in Add
}

func (s *store) Add(ctx context.Context, entries ...revocation.Entry) error {
	if s.before != nil {
		s.before(ctx)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls++
	if s.fail == nil {
		s.entries = append(s.entries, entries...)
	}
	return s.fail
}

// take returns the entries, and removes them.
func (s *store) take() []revocation.Entry {
	s.mu.Lock()
	defer s.mu.Unlock()
	taken := s.entries
	s.entries, s.calls = nil, 0
	return taken
}

var errStore = errors.New("the store is out of order")

// fixture is a receiver with an issuer that sends the events.
type fixture struct {
	t        *testing.T
	issuer   *resourcetest.Issuer
	receiver *securityevents.Receiver
	store    *store
	log      *syncBuffer
}

type syncBuffer struct {
	mu   sync.Mutex
	text strings.Builder
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

// take returns the log, and clears it.
func (b *syncBuffer) take() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	text := b.text.String()
	b.text.Reset()
	return text
}

func newIssuer(t testing.TB, algorithms ...string) *resourcetest.Issuer {
	t.Helper()
	issuer, err := resourcetest.NewIssuer(resourcetest.Config{Audience: audience, Algorithms: algorithms})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(issuer.Close)
	return issuer
}

func newKeys(t testing.TB, issuer *resourcetest.Issuer, algorithms ...string) *jwks.Verifier {
	t.Helper()
	keys, err := jwks.New(jwks.Config{Issuer: issuer.Identifier(), Transport: issuer.Transport(), Algorithms: algorithms, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

// newFixture returns a fixture. change can be nil.
func newFixture(t *testing.T, change func(*securityevents.Config)) *fixture {
	t.Helper()
	return newFixtureOf(t, newIssuer(t), change)
}

func newFixtureOf(t *testing.T, issuer *resourcetest.Issuer, change func(*securityevents.Config)) *fixture {
	t.Helper()
	f := &fixture{t: t, issuer: issuer, store: new(store), log: new(syncBuffer)}
	config := securityevents.Config{Keys: newKeys(t, issuer), Audience: []string{audience}, Revocations: f.store,
		Logger: slog.New(slog.NewTextHandler(f.log, nil))}
	if change != nil {
		change(&config)
	}
	receiver, err := securityevents.New(config)
	if err != nil {
		t.Fatal(err)
	}
	f.receiver = receiver
	return f
}

// answer is a response.
type answer struct {
	status int
	body   string
	header http.Header
}

func (f *fixture) send(req *http.Request) answer {
	f.t.Helper()
	w := httptest.NewRecorder()
	f.receiver.ServeHTTP(w, req)
	body, err := io.ReadAll(w.Result().Body)
	if err != nil {
		f.t.Error(err)
	}
	return answer{w.Code, string(body), w.Result().Header}
}

// push delivers a token.
func (f *fixture) push(token string) answer {
	f.t.Helper()
	return f.send(resourcetest.PushRequest(context.Background(), endpoint, token, ""))
}

// deliver makes an event and delivers it.
func (f *fixture) deliver(e resourcetest.SecurityEvent) answer {
	f.t.Helper()
	return f.push(f.issuer.SecurityEvent(e))
}

// result returns the only result that was counted since the last call.
func (f *fixture) result(before map[string]float64) (name string) {
	f.t.Helper()
	for result, n := range counts(f.t, f.receiver) {
		if n != before[result] {
			name += result
		}
	}
	return name
}

// counts returns the values of the series by result.
func counts(t *testing.T, c prometheus.Collector) map[string]float64 {
	t.Helper()
	registry := prometheus.NewPedanticRegistry()
	if err := registry.Register(c); err != nil {
		t.Fatal(err)
	}
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]float64{}
	for _, family := range families {
		for _, m := range family.GetMetric() {
			for _, label := range m.GetLabel() {
				if label.GetName() == "result" {
					all[label.GetValue()] = m.GetCounter().GetValue()
				}
			}
		}
	}
	return all
}

// badRequest returns the body of an error.
func badRequest(code, description string) string {
	return `{"err":"` + code + `","description":"` + description + `"}`
}

// Bodies of errors (RFC 8935 §2.3).
var (
	malformedBody = badRequest("invalid_request", "The body is not one signed security event token in compact serialization")
	typeBody      = badRequest("invalid_request", "The typ header of the token is not secevent+jwt")
	claimBody     = badRequest("invalid_request", "A required claim is missing, or the token has a claim that security event tokens must not have")
	timeBody      = badRequest("invalid_request", "The token is too old, has expired, or is from the future")
	eventBody     = badRequest("invalid_request", "An event or its subject is malformed")
	algorithmBody = badRequest("invalid_key", "The algorithm of the signature is not allowed")
	keyBody       = badRequest("invalid_key", "The issuer does not publish the key of the signature")
	signatureBody = badRequest("authentication_failed", "The signature is invalid")
	issuerBody    = badRequest("invalid_issuer", "The iss claim is not the issuer that this receiver accepts")
	audienceBody  = badRequest("invalid_audience", "The aud claim does not name this receiver")
)

func seconds(t time.Time) int64 { return t.Unix() }
