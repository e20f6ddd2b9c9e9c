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

// TestHostile covers a list of bad inputs and attacks, which was collected before the first
// version and is not part of the repository. The name of a row begins with the number of its
// input in that list, or with "own" and a number if the list does not contain it. The numbers
// only show that no input was forgotten: the test fails if one has no row and no reason in
// omitted.
func TestHostile(t *testing.T) {
	if fips140.Enforced() {
		t.Skip("in FIPS mode no signature verifies with an exponent of 3 (103), salts are always as long as the hash (104), and synctest bubbles gather no entropy (own 102)")
	}
	sections := []struct {
		name string
		runs []func(*hostile)
	}{
		{"header", []func(*hostile){hostileHeader}},
		{"jws", []func(*hostile){hostileJWS, hostileExpiry}},
		{"algorithm", []func(*hostile){hostileAlgorithm, hostileKeys}},
		{"jose", []func(*hostile){hostileJOSE}},
		{"claims", []func(*hostile){hostileClaims}},
		{"cache", []func(*hostile){hostileCache, hostileCacheLimits, hostileHeap, hostileSharedCaller, hostileVerifierPanics}},
		{"proof", []func(*hostile){hostileProofFields, hostileProofClaims, hostileBoundTokens, hostileNonces, hostileProofCost, hostileCertificates}},
		{"response", []func(*hostile){hostileResponse}},
		{"log", []func(*hostile){hostileMetricLabels, hostileLogInjection, hostilePrinted, hostileErrors}},
		{"runtime", []func(*hostile){hostileCanceledRequest, hostileInvalidSignatures, hostileCacheMemory, hostileSlowHandler, hostileReplace, hostileGoroutines, hostileHookPanics, hostileZeroResource, hostileClock}},
		{"own", []func(*hostile){ownHeader, ownHandledRequest, ownJSON, ownNumbers, ownOrder, ownCallerIDs, ownCache, ownKeys, ownPublic}},
		{"own configuration", []func(*hostile){ownConfig, ownConfigErrors, ownCopies, ownOpaque, ownVerifier}},
	}
	rows, ran := &rowRecorder{names: map[string]bool{}}, 0
	for _, s := range sections {
		t.Run(s.name, func(t *testing.T) {
			ran++
			for _, run := range s.runs { // each in a bubble with a fake clock that starts in the year 2000
				synctest.Test(t, func(t *testing.T) { run(&hostile{t, rows}) })
			}
		})
	}
	t.Run("wire", func(t *testing.T) { // sockets and processes need the real clock
		ran++
		for _, run := range []func(*hostile){hostileWire, hostileHostsOverHTTP, hostileResponseWriter, hostileFIPS, ownWire, ownProcess} {
			run(&hostile{t, rows})
		}
	})
	if ran == len(sections)+1 { // -run did not select only some sections
		rows.checkComplete(t)
	}
}

// omitted are the numbers without a row, and why.
var omitted = map[string]string{
	"164": "warder does not check acr and max_age (RFC 9470)",
}

// hostile is the test of one section.
type hostile struct {
	*testing.T
	rows *rowRecorder
}

// rowRecorder stores the names of the rows that ran.
type rowRecorder struct{ names map[string]bool }

var rowName = regexp.MustCompile(`^((?:own )?\d+) \S`)

func (l *rowRecorder) add(t *testing.T, name string) {
	t.Helper()
	if !rowName.MatchString(name) || l.names[name] {
		t.Errorf("row %q: the name does not begin with a number, or is a duplicate", name)
	}
	l.names[name] = true
}

// checkComplete fails if a number of the list is neither covered nor omitted.
func (l *rowRecorder) checkComplete(t *testing.T) {
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
	for _, numbers := range [][2]int{{1, 164}, {219, 280}} {
		for n := numbers[0]; n <= numbers[1]; n++ {
			expected = append(expected, strconv.Itoa(n))
		}
	}
	for n := range own {
		expected = append(expected, "own "+strconv.Itoa(n+1))
	}
	for _, number := range expected {
		if _, isOmitted := omitted[number]; covered[number] == isOmitted {
			t.Errorf("number %s: has rows: %v, is in omitted: %v", number, covered[number], isOmitted)
		}
		delete(covered, number)
	}
	if len(covered) > 0 {
		t.Errorf("numbers that are not in the list, or that follow a gap: %q", slices.Sorted(maps.Keys(covered)))
	}
	if own < 60 {
		t.Errorf("%d numbers with \"own\", want at least 60", own)
	}
}

// expect records one row and compares got with want.
func (h *hostile) expect(name string, got, want any) {
	h.Helper()
	h.rows.add(h.T, name)
	if !reflect.DeepEqual(got, want) {
		h.Errorf("%s:\n got %+v\nwant %+v", name, got, want)
	}
}

// fixture returns a fixture with loaded keys.
func (h *hostile) fixture(change func(*resource.Config, *jwks.Config)) *fixture {
	h.Helper()
	return withLoadedKeys(newFixture(h.T, withTokenHeader(h, change)))
}

// fixtureWith returns a fixture with loaded keys, whose issuer signs with these algorithms.
func (h *hostile) fixtureWith(algorithms []string, change func(*resource.Config, *jwks.Config)) *fixture {
	h.Helper()
	issuer, err := resourcetest.NewIssuer(resourcetest.Config{Algorithms: algorithms})
	if err != nil {
		h.Fatal(err)
	}
	h.Cleanup(issuer.Close)
	return withLoadedKeys(newFixtureWith(h.T, issuer, withTokenHeader(h, change)))
}

// tokenField is a field of Credentials.TokenHeaders in the fixtures of TestHostile.
const tokenField = "X-Token"

// withTokenHeader makes the first issuer verify tokens in a header field too.
func withTokenHeader(h *hostile, change func(*resource.Config, *jwks.Config)) func(*resource.Config, *jwks.Config) {
	return func(c *resource.Config, keys *jwks.Config) {
		if change != nil {
			change(c, keys)
		}
		if c.Issuers[0].Verifier == nil {
			verifier, err := jwks.New(*keys)
			if err != nil {
				h.Fatal(err)
			}
			c.Issuers[0].Verifier = verifier
		}
		if c.Issuers[0].Tenants == nil && c.Credentials.TokenHeaders == nil {
			c.Credentials.TokenHeaders = map[string]resource.Issuer{tokenField: c.Issuers[0]}
		}
	}
}

// withLoadedKeys loads the keys of f.
func withLoadedKeys(f *fixture) *fixture {
	f.t.Helper()
	if err := f.res.Ready(f.t.Context()); err != nil {
		f.t.Fatal(err)
	}
	return f
}

// tokenRow is a token, the answer to it and the reason in the log.
type tokenRow struct {
	name   string
	token  string
	want   answer
	reason resource.Reason
}

// Short names of the reasons in rows.
const (
	reasonMalformedRequest  = resource.ReasonMalformedRequest
	reasonMalformed         = resource.ReasonTokenMalformed
	reasonTooMany           = resource.ReasonClaimsTooMany
	reasonTooLarge          = resource.ReasonTokenTooLarge
	reasonOpaque            = resource.ReasonOpaqueUnsupported
	reasonAlgorithm         = resource.ReasonAlgorithmRefused
	reasonKeyUnknown        = resource.ReasonKeyUnknown
	reasonSignature         = resource.ReasonSignatureInvalid
	reasonTokenType         = resource.ReasonTokenType
	reasonIssuerUnknown     = resource.ReasonIssuerUnknown
	reasonAudience          = resource.ReasonAudience
	reasonClaimMissing      = resource.ReasonClaimMissing
	reasonExpired           = resource.ReasonExpired
	reasonNotYetValid       = resource.ReasonNotYetValid
	reasonLifetime          = resource.ReasonLifetime
	reasonSenderConstrained = resource.ReasonSenderConstrained
	reasonScope             = resource.ReasonInsufficientScope
)

// checkTokens sends the token of each row as a Bearer token and in a header field, and searches
// the log and the metrics for it. The resource has one issuer.
func (h *hostile) checkTokens(f *fixture, rows []tokenRow) {
	h.Helper()
	h.checkBearerTokens(f, rows)
	for _, row := range rows {
		h.checkTokenHeader(f, row)
	}
}

// checkBearerTokens is checkTokens for a resource with several issuers.
func (h *hostile) checkBearerTokens(f *fixture, rows []tokenRow) {
	h.Helper()
	for _, row := range rows {
		f.log.take()
		h.expect(row.name, f.bearer(row.token), row.want)
		text := f.log.take()
		if got := loggedReason(text); got != row.reason {
			h.Errorf("%s: reason\n got %q\nwant %q", row.name, got, row.reason)
		}
		h.checkNoToken(row.name, row.token, text)
	}
	if rows != nil {
		h.checkNoToken("metrics", rows[len(rows)-1].token, f.metrics())
	}
}

// checkTokenHeader sends the token of a row in a header field. The answer must be the same, except
// that it speaks of a credential. The reason differs if the token names another issuer.
func (h *hostile) checkTokenHeader(f *fixture, row tokenRow) {
	h.Helper()
	want, reason := ofOtherCredential(row.want), row.reason
	switch {
	case row.token == "": // an empty field is malformed
		want, reason = malformed, reasonMalformedRequest
	case reason == reasonIssuerUnknown:
		reason = resource.ReasonIssuerMismatch
	}
	got := f.with(tokenField, row.token)
	text := f.log.take()
	if got != want {
		h.Errorf("%s, in a header field:\n got %+v\nwant %+v", row.name, got, want)
	}
	if got := loggedReason(text); got != reason {
		h.Errorf("%s, in a header field: reason\n got %q\nwant %q", row.name, got, reason)
	}
	h.checkNoToken(row.name+", in a header field", row.token, text)
}

var reasonInLog = regexp.MustCompile(`"msg":"request rejected","reason":"([a-z_]*)"`)

func loggedReason(text string) resource.Reason {
	if found := reasonInLog.FindStringSubmatch(text); found != nil {
		return resource.Reason(found[1])
	}
	return ""
}

// checkNoToken fails if text contains the token or a segment of it.
func (h *hostile) checkNoToken(where, token, text string) {
	h.Helper()
	for _, part := range append(strings.Split(token, "."), token) {
		if len(part) >= 12 && strings.Contains(text, part) { // a shorter segment can occur by chance
			h.Errorf("%s: the text contains a part of the token: %q in\n%s", where, part, text)
		}
	}
}

// claim mints a token in which one claim has a JSON value, written as it is. "" removes the claim.
func (f *fixture) claim(name, json string) string {
	return f.token(resourcetest.Token{Claims: map[string]any{name: resourcetest.Raw(json)}})
}

// param does the same for one parameter of the JOSE header.
func (f *fixture) param(name, json string) string {
	return f.token(resourcetest.Token{Header: map[string]any{name: resourcetest.Raw(json)}})
}

// validHeader returns the header of a valid token, without the closing brace.
func (f *fixture) validHeader() string {
	return fmt.Sprintf(`{"alg":"ES256","typ":"at+jwt","kid":%q`, f.issuer.SigningKeyID("ES256"))
}

// validPayload returns the claims of a valid token, without the closing brace.
func (f *fixture) validPayload() string {
	now := time.Now().Unix()
	return fmt.Sprintf(`{"iss":%q,"sub":"alice","aud":%q,"client_id":"c","jti":"j","iat":%d,"exp":%d`,
		f.issuer.Identifier(), identifier, now-60, now+240)
}

// signed returns a token with exactly this header and payload, signed by the issuer.
func (f *fixture) signed(header, payload string) string {
	return f.issuer.Token(resourcetest.Token{RawHeader: []byte(header), RawPayload: []byte(payload)})
}

// metrics returns the text that a scrape of the resource returns.
func (f *fixture) metrics() string {
	f.t.Helper()
	registry, recorder := prometheus.NewRegistry(), httptest.NewRecorder()
	registry.MustRegister(f.res.Metrics())
	promhttp.HandlerFor(registry, promhttp.HandlerOpts{ErrorHandling: promhttp.HTTPErrorOnError}).ServeHTTP(recorder, httptest.NewRequest("GET", "/metrics", nil))
	return recorder.Body.String()
}

// stubVerifier is a Verifier that calls a function.
type stubVerifier struct {
	issuer string
	verify func(context.Context, *resource.Token) (*resource.Claims, error)
}

func (v stubVerifier) Issuer() string { return v.issuer }

func (v stubVerifier) Verify(ctx context.Context, t *resource.Token) (*resource.Claims, error) {
	return v.verify(ctx, t)
}

// denyID returns Hooks.Revocations that revokes the token with this jti.
func denyID(jti string) resource.Revocations {
	return resource.RevocationFunc(func(_ context.Context, c *resource.Caller) (bool, error) { return c.TokenID() == jti, nil })
}

// lacking returns the answer to a valid token without the required scopes.
func lacking(scopes string) answer {
	const text = "The access token lacks a scope that this request needs"
	return answer{403, `Bearer resource_metadata="` + metadataURL + `", scope="` + scopes + `", error="insufficient_scope", error_description="` + text + `"`,
		`{"error":"insufficient_scope","error_description":"` + text + `"}` + "\n"}
}

// hinting returns the 401 with the scope parameter in its challenge.
func withScopeHint(a answer, scopes string) answer {
	a.challenge = strings.Replace(a.challenge, metadataURL+`"`, metadataURL+`", scope="`+scopes+`"`, 1)
	return a
}

// storeCaller returns an inner handler that stores the caller in to.
func storeCaller(to **resource.Caller) http.HandlerFunc {
	return func(w http.ResponseWriter, req *http.Request) {
		*to, _ = resource.FromContext(req.Context())
		w.WriteHeader(http.StatusOK)
	}
}
