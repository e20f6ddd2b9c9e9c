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

// A world is an issuer and a resource that asks it about every token, in a bubble
// with a clock of its own and without sockets. Calls take 20 ms unless a test says
// otherwise.
type world struct {
	*testing.T
	issuer   *resourcetest.Issuer
	verifier *introspect.Verifier
	res      *resource.Resource
	door     http.Handler
	log      *journal

	mu    sync.Mutex
	shown map[string]bool // tokens that were sent: none may turn up anywhere
}

// A journal is a log that can be read while others write to it.
type journal struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (j *journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.Write(p)
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.String()
}

func (j *journal) reset() {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.text.Reset()
}

type change func(*resource.Config, *introspect.Config)

// inWorld runs test in a bubble, which also fails if a goroutine is left behind.
func inWorld(t *testing.T, change change, test func(w *world)) {
	t.Helper()
	inWorldOf(t, resourcetest.Config{Lifetime: time.Hour}, change, test)
}

func inWorldOf(t *testing.T, of resourcetest.Config, change change, test func(w *world)) {
	t.Helper()
	issuer, err := resourcetest.NewIssuer(of)
	if err != nil {
		t.Fatal(err)
	}
	defer issuer.Close()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, issuer, change)
		w.normal()
		test(w)
		w.noSecrets()
		time.Sleep(10 * time.Second) // a call may take that long; nothing may be left after it
	})
}

func newWorld(t *testing.T, issuer *resourcetest.Issuer, change change) *world {
	t.Helper()
	w := &world{T: t, issuer: issuer, log: new(journal), shown: map[string]bool{}}
	logger := slog.New(slog.NewJSONHandler(w.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	ask := introspect.Config{
		Issuer: issuer.Identifier(), Endpoint: issuer.URL(resourcetest.Introspection), Transport: issuer.Transport(), Logger: logger,
		Auth: introspect.ClientAuth{ClientID: resourcetest.DefaultClientID, ClientSecret: resourcetest.DefaultClientSecret},
	}
	config := resource.Config{Identifier: identifier, Logger: logger, Limits: resource.Limits{LogPerSecond: -1}}
	config.Opaque = new(resource.Issuer)
	if change != nil {
		change(&config, &ask)
	}
	var err error
	if w.verifier, err = introspect.New(ask); err != nil {
		t.Fatal(err)
	}
	config.Opaque.Verifier = w.verifier
	if w.res, err = resource.New(config); err != nil {
		t.Fatal(err)
	}
	w.door = nethttp.Middleware(w.res)(http.HandlerFunc(func(rw http.ResponseWriter, req *http.Request) {
		caller, _ := resource.FromContext(req.Context())
		rw.Header().Set("X-Test-Caller", caller.ID())
	}))
	return w
}

// normal lets the endpoint work as it should, in 20 ms.
func (w *world) normal() {
	w.issuer.Fail(resourcetest.Introspection, resourcetest.Failure{Delay: 20 * time.Millisecond})
}

func (w *world) fail(f resourcetest.Failure) { w.issuer.Fail(resourcetest.Introspection, f) }

// body makes the endpoint answer 200 with this text.
func (w *world) body(json string) { w.fail(resourcetest.Failure{Body: []byte(json)}) }

func (w *world) calls() int { return w.issuer.Count(resourcetest.Introspection) }

// token mints an opaque one.
func (w *world) token(t resourcetest.Token) string { return w.issuer.OpaqueToken(t) }

// claims mints an opaque token with members of its answer changed.
func (w *world) claims(name, json string) string {
	return w.token(resourcetest.Token{Claims: map[string]any{name: resourcetest.Raw(json)}})
}

// An answer is what a request gets; reason is that of the log.
type answer struct {
	status int
	reason resource.Reason
	after  string // Retry-After
	caller string
	took   time.Duration
}

func (w *world) ask(token string) answer { return w.askWith(w.Context(), token) }

// askWith sends a request whose client goes away when ctx ends.
func (w *world) askWith(ctx context.Context, token string) answer {
	w.mu.Lock()
	w.shown[token] = true
	w.mu.Unlock()
	req := httptest.NewRequestWithContext(ctx, http.MethodPost, identifier, nil)
	req.Header.Set("Authorization", "Bearer "+token)
	recorder, began := httptest.NewRecorder(), time.Now()
	w.door.ServeHTTP(recorder, req)
	got := answer{status: recorder.Code, after: recorder.Header().Get("Retry-After"), caller: recorder.Header().Get("X-Test-Caller"), took: time.Since(began)}
	if (got.status == 503) != (got.after != "" && got.after != "0") {
		w.Errorf("status %d with Retry-After %q", got.status, got.after)
	}
	if strings.Contains(recorder.Header().Get("WWW-Authenticate"), "invalid_token") != (got.status == 401) {
		w.Errorf("status %d with challenge %q", got.status, recorder.Header().Get("WWW-Authenticate"))
	}
	return got
}

var reasonInLog = regexp.MustCompile(`"msg":"request refused","reason":"([a-z_0-9]*)"`)

// expect asks once and compares status and, for a refusal, the reason in the log.
func (w *world) expect(what, token string, status int, reason resource.Reason) answer {
	w.Helper()
	w.log.reset()
	got := w.ask(token)
	if found := reasonInLog.FindAllStringSubmatch(w.log.String(), -1); len(found) == 1 {
		got.reason = resource.Reason(found[0][1])
	}
	if got.status != status || got.reason != reason {
		w.Errorf("%s: got %d %q, want %d %q (at %s)\n%s", what, got.status, got.reason, status, reason, time.Now().Format("15:04:05.000"), w.log)
	}
	w.noSecrets()
	return got
}

// crowd asks for all tokens at once and counts the answers.
func (w *world) crowd(tokens []string) (statuses map[int]int, slowest time.Duration) {
	statuses = map[int]int{}
	var mu sync.Mutex
	var all sync.WaitGroup
	for _, token := range tokens {
		all.Go(func() {
			got := w.ask(token)
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

func junk(i int) string { return fmt.Sprintf("junk-token-%06d", i) }

func summary(statuses map[int]int) string {
	var parts []string
	for _, status := range []int{200, 401, 403, 500, 503} {
		if n := statuses[status]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d×%d", n, status))
		}
	}
	return strings.Join(parts, " ")
}

// noSecrets looks for tokens and secrets in all that is written (bad-inputs 264).
func (w *world) noSecrets() {
	w.Helper()
	written := w.log.String() + w.metrics() + fmt.Sprintf("%v %+v %#v %s", w.verifier, w.verifier, w.verifier, w.verifier)
	w.mu.Lock()
	defer w.mu.Unlock()
	words := map[string]bool{} // there may be too many tokens to look for each
	for word := range wordsOf(written) {
		words[word] = true
	}
	many := len(w.shown) > 100
	for token := range w.shown {
		for part := range strings.SplitSeq(token, ".") {
			if len(part) >= 12 && (words[part] || !many && strings.Contains(written, part)) {
				w.Fatalf("a part of a token was written: %q in\n%s", part, written)
			}
		}
	}
	for _, secret := range []string{resourcetest.DefaultClientSecret, "dGVzdC1jbGllbnQ6dGVzdC1zZWNyZXQ"} {
		if strings.Contains(written, secret) {
			w.Fatalf("the secret was written: %s", written)
		}
	}
}

// wordsOf yields the runs of those characters that segments of tokens consist of.
func wordsOf(text string) iter.Seq[string] {
	return strings.FieldsFuncSeq(text, func(c rune) bool {
		return c != '-' && c != '_' && (c < '0' || c > '9') && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z')
	})
}

// metrics is what a scrape gets.
func (w *world) metrics() string {
	w.Helper()
	registry, recorder := prometheus.NewRegistry(), httptest.NewRecorder()
	registry.MustRegister(w.res.Metrics())
	promhttp.HandlerFor(registry, promhttp.HandlerOpts{ErrorHandling: promhttp.HTTPErrorOnError}).ServeHTTP(recorder, httptest.NewRequest("GET", "/metrics", nil))
	if recorder.Code != http.StatusOK {
		w.Fatalf("the scrape failed: %s", recorder.Body)
	}
	return recorder.Body.String()
}

// metric returns the value in the line that begins with name.
func (w *world) metric(name string) (value string) {
	w.Helper()
	for line := range strings.Lines(w.metrics()) {
		if strings.HasPrefix(line, name) {
			return strings.TrimSpace(line[strings.LastIndex(line, " "):])
		}
	}
	w.Errorf("no metric %s", name)
	return ""
}

// outcomes returns how calls ended, those that are not 0.
func (w *world) outcomes() string {
	var parts []string
	for line := range strings.Lines(w.metrics()) {
		if found := outcomeLine.FindStringSubmatch(line); found != nil && found[2] != "0" {
			parts = append(parts, found[1]+"="+found[2])
		}
	}
	return strings.Join(parts, " ")
}

var outcomeLine = regexp.MustCompile(`^warder_introspection_calls_total\{.*outcome="([a-z_0-9]+)".*\} (\d+)`)
