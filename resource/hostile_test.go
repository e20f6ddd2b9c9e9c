package resource_test

import (
	"context"
	"crypto/fips140"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/warder-go/warder/jwks"
	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/resourcetest"
)

// TestHostile walks the list of bad inputs and attacks. The name of a row begins
// with its number in the list, or with "own" and a number for what the list lacks.
// In the end every number must have been met, or stand in notHere.
func TestHostile(t *testing.T) {
	if fips140.Enforced() {
		t.Skip("in FIPS mode an exponent of 3 verifies nothing (103), salts are made as long as the hash (104), and a bubble gathers no entropy (own 102)")
	}
	sections := []struct {
		name string
		runs []func(*hostile)
	}{
		{"header", []func(*hostile){hostileHeader}},
		{"jws", []func(*hostile){hostileJWS, hostileTimes}},
		{"algorithm", []func(*hostile){hostileAlgorithm, hostileKeys}},
		{"jose", []func(*hostile){hostileJOSE}},
		{"claims", []func(*hostile){hostileClaims}},
		{"memory", []func(*hostile){hostileMemory, hostileFlood, hostileHeap, hostileShared, hostilePanicking}},
		{"response", []func(*hostile){hostileResponse}},
		{"log", []func(*hostile){hostileLabels, hostileInjection, hostilePrinted, hostileErrors}},
		{"running", []func(*hostile){hostileCancelled, hostileParallel, hostileBounded, hostileSlowHandler, hostileGoroutines, hostileFunctions, hostileNothing, hostileClock}},
		{"own", []func(*hostile){ownHeader, ownHandedOn, ownJSON, ownNumbers, ownOrder, ownNames, ownMemory, ownKeys, ownPublic}},
		{"own configuration", []func(*hostile){ownConfig, ownMistakes, ownCopies, ownOpaque, ownVerifier}},
	}
	ledger, ran := &ledger{names: map[string]bool{}}, 0
	for _, s := range sections {
		t.Run(s.name, func(t *testing.T) {
			ran++
			for _, run := range s.runs { // each with a clock of its own, in the year 2000
				synctest.Test(t, func(t *testing.T) { run(&hostile{t, ledger}) })
			}
		})
	}
	t.Run("wire", func(t *testing.T) { // sockets and processes need the real one
		ran++
		for _, run := range []func(*hostile){hostileWire, hostileHostsOnTheWire, hostileWriter, hostileFIPS, ownWire, ownProcess} {
			run(&hostile{t, ledger})
		}
	})
	if ran == len(sections)+1 { // not with -run for a part of it
		ledger.check(t)
	}
}

// notHere are the numbers without a row, and why.
var notHere = map[string]string{
	"164": "step-up by acr and max_age (RFC 9470) does not exist",
	"266": "there is no tracing",
	"272": "there is no reload: a new configuration makes a new Resource",
}

// hostile is one section's test.
type hostile struct {
	*testing.T
	ledger *ledger
}

// ledger knows which rows ran.
type ledger struct{ names map[string]bool }

var rowName = regexp.MustCompile(`^((?:own )?\d+) \S`)

func (l *ledger) enter(t *testing.T, name string) {
	t.Helper()
	if !rowName.MatchString(name) || l.names[name] {
		t.Errorf("row %q: its name begins with no number, or stands twice", name)
	}
	l.names[name] = true
}

func (l *ledger) check(t *testing.T) {
	covered := map[string]bool{}
	for name := range l.names {
		covered[rowName.FindStringSubmatch(name)[1]] = true
	}
	own := 0
	for number := range covered {
		if strings.HasPrefix(number, "own ") {
			own++
		}
	}
	var expected []string
	for _, numbers := range [][2]int{{1, 164}, {219, 232}, {249, 280}} {
		for n := numbers[0]; n <= numbers[1]; n++ {
			expected = append(expected, strconv.Itoa(n))
		}
	}
	for n := range own {
		expected = append(expected, "own "+strconv.Itoa(n+1))
	}
	for _, number := range expected {
		if _, absent := notHere[number]; covered[number] == absent {
			t.Errorf("number %s: has rows: %v, is in notHere: %v", number, covered[number], absent)
		}
		delete(covered, number)
	}
	if len(covered) > 0 {
		t.Errorf("numbers that are not of this list, or leave a gap: %q", slices.Sorted(maps.Keys(covered)))
	}
	if own < 60 {
		t.Errorf("%d cases of our own, want 60 at least", own)
	}
}

// expect is one row: got must be want.
func (h *hostile) expect(name string, got, want any) {
	h.Helper()
	h.ledger.enter(h.T, name)
	if !reflect.DeepEqual(got, want) {
		h.Errorf("%s:\n got %+v\nwant %+v", name, got, want)
	}
}

// fixture has keys loaded already.
func (h *hostile) fixture(change func(*resource.Config, *jwks.Config)) *fixture {
	h.Helper()
	return warm(newFixture(h.T, change))
}

// fixtureWith is fixture for an issuer with keys of these algorithms.
func (h *hostile) fixtureWith(algorithms []string, change func(*resource.Config, *jwks.Config)) *fixture {
	h.Helper()
	issuer, err := resourcetest.NewIssuer(resourcetest.Config{Algorithms: algorithms})
	if err != nil {
		h.Fatal(err)
	}
	h.Cleanup(issuer.Close)
	return warm(newFixtureWith(h.T, issuer, change))
}

func warm(f *fixture) *fixture {
	f.t.Helper()
	if err := f.res.Ready(f.t.Context()); err != nil {
		f.t.Fatal(err)
	}
	return f
}

// A tokenRow is a token, what the client is told and, for the log, why.
type tokenRow struct {
	name   string
	token  string
	want   answer
	reason resource.Reason
}

// Reasons, short enough for a row.
const (
	whyRequest = resource.ReasonMalformedRequest
	whyForm    = resource.ReasonTokenMalformed
	whyOpaque  = resource.ReasonOpaqueUnsupported
	whyAlg     = resource.ReasonAlgorithmRefused
	whyKey     = resource.ReasonKeyUnknown
	whySig     = resource.ReasonSignatureInvalid
	whyType    = resource.ReasonTokenType
	whyNoIss   = resource.ReasonIssuerUnknown
	whyAud     = resource.ReasonAudience
	whyMissing = resource.ReasonClaimMissing
	whyExpired = resource.ReasonExpired
	whyEarly   = resource.ReasonNotYetValid
	whyLife    = resource.ReasonLifetime
	whyBound   = resource.ReasonSenderConstrained
	whyScope   = resource.ReasonInsufficientScope
)

// walk sends the token of each row, and looks for it in all that was written.
func (h *hostile) walk(f *fixture, rows []tokenRow) {
	h.Helper()
	for _, row := range rows {
		f.log.take()
		h.expect(row.name, f.bearer(row.token), row.want)
		text := f.log.take()
		if got := loggedReason(text); got != row.reason {
			h.Errorf("%s: reason\n got %q\nwant %q", row.name, got, row.reason)
		}
		h.noTrace(row.name, row.token, text)
	}
	if rows != nil {
		h.noTrace("metrics", rows[len(rows)-1].token, f.metrics())
	}
}

var reasonInLog = regexp.MustCompile(`"msg":"request refused","reason":"([a-z_]*)"`)

func loggedReason(text string) resource.Reason {
	if found := reasonInLog.FindStringSubmatch(text); found != nil {
		return resource.Reason(found[1])
	}
	return ""
}

// noTrace fails if the text holds the token or a segment of it.
func (h *hostile) noTrace(where, token, text string) {
	h.Helper()
	for _, part := range append(strings.Split(token, "."), token) {
		if len(part) >= 12 && strings.Contains(text, part) { // a shorter one may stand anywhere
			h.Errorf("%s: a part of the token was written: %q in\n%s", where, part, text)
		}
	}
}

// claim mints a token with one claim changed to JSON as it stands; "" removes it.
func (f *fixture) claim(name, json string) string {
	return f.token(resourcetest.Token{Claims: map[string]any{name: resourcetest.Raw(json)}})
}

// param does the same with one parameter of the JOSE header.
func (f *fixture) param(name, json string) string {
	return f.token(resourcetest.Token{Header: map[string]any{name: resourcetest.Raw(json)}})
}

// goodHeader and goodPayload are those of a good token, up to their last brace.
func (f *fixture) goodHeader() string {
	return fmt.Sprintf(`{"alg":"ES256","typ":"at+jwt","kid":%q`, f.issuer.SigningKeyID("ES256"))
}

func (f *fixture) goodPayload() string {
	now := time.Now().Unix()
	return fmt.Sprintf(`{"iss":%q,"sub":"alice","aud":%q,"client_id":"c","jti":"j","iat":%d,"exp":%d`,
		f.issuer.Identifier(), identifier, now-60, now+240)
}

// signed signs these very texts.
func (f *fixture) signed(header, payload string) string {
	return f.issuer.Token(resourcetest.Token{RawHeader: []byte(header), RawPayload: []byte(payload)})
}

// metrics is what a scrape of the resource gets.
func (f *fixture) metrics() string {
	f.t.Helper()
	registry, recorder := prometheus.NewRegistry(), httptest.NewRecorder()
	registry.MustRegister(f.res.Metrics())
	promhttp.HandlerFor(registry, promhttp.HandlerOpts{ErrorHandling: promhttp.HTTPErrorOnError}).ServeHTTP(recorder, httptest.NewRequest("GET", "/metrics", nil))
	return recorder.Body.String()
}

// A voucher is a Verifier made of a function.
type voucher struct {
	issuer string
	verify func(context.Context, *resource.Token) (*resource.Claims, error)
}

func (v voucher) Issuer() string { return v.issuer }

func (v voucher) Verify(ctx context.Context, t *resource.Token) (*resource.Claims, error) {
	return v.verify(ctx, t)
}

// denyID revokes the token with this jti.
func denyID(jti string) func(context.Context, *resource.Caller) bool {
	return func(_ context.Context, c *resource.Caller) bool { return c.TokenID() == jti }
}

// lacking is the answer to a good token without the scopes that are needed.
func lacking(scopes string) answer {
	const text = "The access token lacks a scope that this request needs"
	return answer{403, `Bearer resource_metadata="` + metadataURL + `", scope="` + scopes + `", error="insufficient_scope", error_description="` + text + `"`,
		`{"error":"insufficient_scope","error_description":"` + text + `"}` + "\n"}
}

// hinting is a 401 with a scope to ask for.
func hinting(a answer, scopes string) answer {
	a.challenge = strings.Replace(a.challenge, metadataURL+`"`, metadataURL+`", scope="`+scopes+`"`, 1)
	return a
}

// keepCaller is an inner handler that says who called.
func keepCaller(to **resource.Caller) http.HandlerFunc {
	return func(w http.ResponseWriter, req *http.Request) {
		*to, _ = resource.FromContext(req.Context())
		w.WriteHeader(http.StatusOK)
	}
}
