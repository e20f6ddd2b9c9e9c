package introspect_test

import (
	"bytes"
	"context"
	"fmt"
	"iter"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/warder-go/warder/introspect"
	"github.com/warder-go/warder/nethttp"
	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/resourcetest"
)

const identifier = "https://mcp.example.test/mcp"

// A fixture is an issuer and a resource that introspects every token, usually in a
// synctest bubble: with a fake clock and without sockets. Calls take 20 ms unless a test
// changes the endpoint.
type fixture struct {
	*testing.T
	issuer   *resourcetest.Issuer
	verifier *introspect.Verifier
	res      *resource.Resource
	handler  http.Handler
	log      *logBuffer

	mu         sync.Mutex
	sentTokens map[string]bool // none of them may be in a log, a metric or printed text
}

// A logBuffer is a log that can be read while other goroutines write to it.
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

func (b *logBuffer) reset() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.text.Reset()
}

// A configFunc changes the configurations before the fixture is built.
type configFunc func(*resource.Config, *introspect.Config)

// inBubble runs test in a synctest bubble, which also fails if a goroutine is left running.
func inBubble(t *testing.T, configure configFunc, test func(fx *fixture)) {
	t.Helper()
	inBubbleWithIssuer(t, resourcetest.Config{Lifetime: time.Hour}, configure, test)
}

func inBubbleWithIssuer(t *testing.T, of resourcetest.Config, configure configFunc, test func(fx *fixture)) {
	t.Helper()
	issuer, err := resourcetest.NewIssuer(of)
	if err != nil {
		t.Fatal(err)
	}
	defer issuer.Close()
	synctest.Test(t, func(t *testing.T) {
		fx := newFixture(t, issuer, configure)
		fx.endpointWorks()
		test(fx)
		fx.checkNoSecretWritten()
		time.Sleep(10 * time.Second) // the longest duration of a call, which must leave nothing running
	})
}

func newFixture(t *testing.T, issuer *resourcetest.Issuer, configure configFunc) *fixture {
	t.Helper()
	fx := &fixture{T: t, issuer: issuer, log: new(logBuffer), sentTokens: map[string]bool{}}
	logger := slog.New(slog.NewJSONHandler(fx.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	verifierConfig := introspect.Config{
		Issuer: issuer.Identifier(), Endpoint: issuer.URL(resourcetest.Introspection), Transport: issuer.Transport(), Logger: logger,
		Auth: introspect.ClientAuth{ClientID: resourcetest.DefaultClientID, ClientSecret: resourcetest.DefaultClientSecret},
	}
	config := resource.Config{Identifier: identifier, Logger: logger, Limits: resource.Limits{LogPerSecond: -1}}
	config.Opaque = new(resource.Issuer)
	if configure != nil {
		configure(&config, &verifierConfig)
	}
	var err error
	if fx.verifier, err = introspect.New(verifierConfig); err != nil {
		t.Fatal(err)
	}
	config.Opaque.Verifier = fx.verifier
	if fx.res, err = resource.New(config); err != nil {
		t.Fatal(err)
	}
	fx.handler = nethttp.Middleware(fx.res)(http.HandlerFunc(func(rw http.ResponseWriter, req *http.Request) {
		caller, _ := resource.FromContext(req.Context())
		rw.Header().Set("X-Test-Caller", caller.ID())
	}))
	return fx
}

// endpointWorks makes the endpoint answer normally, after 20 ms.
func (fx *fixture) endpointWorks() {
	fx.issuer.Fail(resourcetest.Introspection, resourcetest.Failure{Delay: 20 * time.Millisecond})
}

func (fx *fixture) endpointFails(f resourcetest.Failure) {
	fx.issuer.Fail(resourcetest.Introspection, f)
}

// endpointAnswers makes the endpoint answer every request with 200 and json.
func (fx *fixture) endpointAnswers(json string) {
	fx.endpointFails(resourcetest.Failure{Body: []byte(json)})
}

// calls returns the number of calls to the endpoint.
func (fx *fixture) calls() int { return fx.issuer.Count(resourcetest.Introspection) }

// token issues an opaque token.
func (fx *fixture) token(t resourcetest.Token) string { return fx.issuer.OpaqueToken(t) }

// tokenWithClaim issues an opaque token. In the answer about it the member name is json.
func (fx *fixture) tokenWithClaim(name, json string) string {
	return fx.token(resourcetest.Token{Claims: map[string]any{name: resourcetest.Raw(json)}})
}

// A response is the response to a request. Only expect sets reason, from the log.
type response struct {
	status     int
	reason     resource.Reason
	retryAfter string
	caller     string
	took       time.Duration
}

func (fx *fixture) request(token string) response {
	return fx.requestWithContext(fx.Context(), token)
}

// requestWithContext sends a request whose client disconnects when ctx ends.
func (fx *fixture) requestWithContext(ctx context.Context, token string) response {
	fx.mu.Lock()
	fx.sentTokens[token] = true
	fx.mu.Unlock()
	req := httptest.NewRequestWithContext(ctx, http.MethodPost, identifier, nil)
	req.Header.Set("Authorization", "Bearer "+token)
	recorder, began := httptest.NewRecorder(), time.Now()
	fx.handler.ServeHTTP(recorder, req)
	got := response{status: recorder.Code, retryAfter: recorder.Header().Get("Retry-After"), caller: recorder.Header().Get("X-Test-Caller"), took: time.Since(began)}
	if (got.status == 503) != (got.retryAfter != "" && got.retryAfter != "0") {
		fx.Errorf("status %d with Retry-After %q", got.status, got.retryAfter)
	}
	if strings.Contains(recorder.Header().Get("WWW-Authenticate"), "invalid_token") != (got.status == 401) {
		fx.Errorf("status %d with challenge %q", got.status, recorder.Header().Get("WWW-Authenticate"))
	}
	return got
}

// rejectionMessage is the message of the log record for a rejected request.
const rejectionMessage = "request rejected"

var reasonInLog = regexp.MustCompile(`"msg":"` + rejectionMessage + `","reason":"([a-z_0-9]*)"`)

// expect sends one request and compares the status and, for a rejection, the reason in the
// log.
func (fx *fixture) expect(what, token string, status int, reason resource.Reason) response {
	fx.Helper()
	fx.log.reset()
	got := fx.request(token)
	if found := reasonInLog.FindAllStringSubmatch(fx.log.String(), -1); len(found) == 1 {
		got.reason = resource.Reason(found[0][1])
	}
	if got.status != status || got.reason != reason {
		fx.Errorf("%s: got %d %q, want %d %q (at %s)\n%s", what, got.status, got.reason, status, reason, time.Now().Format("15:04:05.000"), fx.log)
	}
	fx.checkNoSecretWritten()
	return got
}

// requestAll sends one request for each token, all at the same time, and counts the
// statuses.
func (fx *fixture) requestAll(tokens []string) (statuses map[int]int, slowest time.Duration) {
	statuses = map[int]int{}
	var mu sync.Mutex
	var all sync.WaitGroup
	for _, token := range tokens {
		all.Go(func() {
			got := fx.request(token)
			mu.Lock()
			defer mu.Unlock()
			statuses[got.status]++
			slowest = max(slowest, got.took)
		})
	}
	all.Wait()
	return statuses, slowest
}

func repeat(n int, token func(i int) string) (tokens []string) {
	for i := range n {
		tokens = append(tokens, token(i))
	}
	return tokens
}

// unknownToken returns a token that the issuer has not issued.
func unknownToken(i int) string { return fmt.Sprintf("junk-token-%06d", i) }

func summary(statuses map[int]int) string {
	var parts []string
	for _, status := range []int{200, 401, 403, 500, 503} {
		if n := statuses[status]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d×%d", n, status))
		}
	}
	return strings.Join(parts, " ")
}

// checkNoSecretWritten searches the log, the metrics and the printed verifier for tokens
// and secrets.
func (fx *fixture) checkNoSecretWritten() {
	fx.Helper()
	written := fx.log.String() + fx.metrics() + fmt.Sprintf("%v %+v %#v %s", fx.verifier, fx.verifier, fx.verifier, fx.verifier)
	fx.mu.Lock()
	defer fx.mu.Unlock()
	words := map[string]bool{} // with many tokens, a search for each one takes too long
	for word := range wordsOf(written) {
		words[word] = true
	}
	many := len(fx.sentTokens) > 100
	for token := range fx.sentTokens {
		for part := range strings.SplitSeq(token, ".") {
			if len(part) >= 12 && (words[part] || !many && strings.Contains(written, part)) {
				fx.Fatalf("a part of a token was written: %q in\n%s", part, written)
			}
		}
	}
	for _, secret := range []string{resourcetest.DefaultClientSecret, "dGVzdC1jbGllbnQ6dGVzdC1zZWNyZXQ"} {
		if strings.Contains(written, secret) {
			fx.Fatalf("the secret was written: %s", written)
		}
	}
}

// wordsOf yields the longest runs of characters that segments of tokens consist of.
func wordsOf(text string) iter.Seq[string] {
	return strings.FieldsFuncSeq(text, func(c rune) bool {
		return c != '-' && c != '_' && (c < '0' || c > '9') && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z')
	})
}

// metrics returns the text of a scrape.
func (fx *fixture) metrics() string {
	fx.Helper()
	registry, recorder := prometheus.NewRegistry(), httptest.NewRecorder()
	registry.MustRegister(fx.res.Metrics())
	promhttp.HandlerFor(registry, promhttp.HandlerOpts{ErrorHandling: promhttp.HTTPErrorOnError}).ServeHTTP(recorder, httptest.NewRequest("GET", "/metrics", nil))
	if recorder.Code != http.StatusOK {
		fx.Fatalf("the scrape failed: %s", recorder.Body)
	}
	return recorder.Body.String()
}

// metric returns the value in the first line that begins with name.
func (fx *fixture) metric(name string) (value string) {
	fx.Helper()
	for line := range strings.Lines(fx.metrics()) {
		if strings.HasPrefix(line, name) {
			return strings.TrimSpace(line[strings.LastIndex(line, " "):])
		}
	}
	fx.Errorf("no metric %s", name)
	return ""
}

// outcomes returns the number of calls for each outcome that occurred.
func (fx *fixture) outcomes() string {
	var parts []string
	for line := range strings.Lines(fx.metrics()) {
		if found := outcomeLine.FindStringSubmatch(line); found != nil && found[2] != "0" {
			parts = append(parts, found[1]+"="+found[2])
		}
	}
	return strings.Join(parts, " ")
}

var outcomeLine = regexp.MustCompile(`^warder_introspection_calls_total\{.*outcome="([a-z_0-9]+)".*\} (\d+)`)
