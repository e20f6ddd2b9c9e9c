package resource_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"

	"github.com/warder-go/warder/jwks"
	"github.com/warder-go/warder/nethttp"
	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/resourcetest"
)

// hostileMetricLabels covers the first part of section 11 of the list, metrics and logs, together
// with the functions below. It tests that no value from a client creates a metric series.
func hostileMetricLabels(h *hostile) {
	f := h.fixture(nil)
	zeros := func([]byte) []byte { return make([]byte, 64) }
	series := func() int { return strings.Count(f.metrics(), "\n") }
	before := series()
	for i := range 10_000 {
		f.bearer(f.forge("ES256", fmt.Sprint("kid-", i), zeros))
	}
	for i := range 300 {
		text := fmt.Sprint("x", i)
		for _, token := range []string{f.claim("iss", quoted(text)), f.claim("sub", quoted(text)), f.claim("aud", quoted(text)), f.param("alg", quoted(text)), f.param("typ", quoted(text)), f.claim("client_id", quoted(text)), text} {
			f.bearer(token)
		}
	}
	h.expect("263 number of series after 10,000 kids and 300 of each other value", series(), before)
}

// hostileLogInjection tests that each rejection writes one log record, which is short and printable.
func hostileLogInjection(h *hostile) {
	f := h.fixture(func(c *resource.Config, _ *jwks.Config) { c.Scopes = []string{"read"} })
	longText := strings.Repeat("\u00e9", 5000)
	for name, text := range map[string]string{
		"line breaks": "a\r\nlevel=ERROR\u0085\u2028\u2029", "ANSI": "\x1b[2J\x1b]0;x\x07\u009b31m", "NUL": "\x00", "bidi": "\u202e\u2066\u200f",
		"invisible": "\u200b\u00ad\ufeff\U000e0041", "long text": longText, "cut inside a character": "x" + longText, "JSON": `","reason":"none","x":"`,
	} {
		for _, token := range []string{
			f.claim("iss", quoted(text)), f.claim("aud", quoted(text)), f.claim("sub", quoted(text)), f.claim("scope", quoted(text)),
			f.claim("client_id", quoted(text)), f.claim("jti", quoted(text)), f.param("typ", quoted(text)), f.param("kid", quoted(text)), f.param("alg", quoted(text)),
		} {
			f.bearer(token)
		}
		written := f.log.take()
		unprintable := strings.ContainsFunc(strings.ReplaceAll(written, "\n", ""), func(c rune) bool { return c < ' ' || c > '~' && c != '\u00e9' && c != '§' })
		h.expect("264 "+name+": only printable text", unprintable || regexp.MustCompile(`\\[^"\\]`).MatchString(written), false)
		var longest int
		for line := range strings.Lines(written) {
			record := map[string]any{}
			if err := json.Unmarshal([]byte(line), &record); err != nil {
				h.Errorf("264 %s: %v: %s", name, err, line)
			}
			for _, value := range record {
				longest = max(longest, len(fmt.Sprint(value)))
			}
		}
		h.expect("264 "+name+": no value above 260 bytes", longest <= 260, true)
		h.expect("264 "+name+": one record per rejection", strings.Count(written, "\n"), 9)
	}

	var caller *resource.Caller
	f = h.fixture(nil)
	f.inner = storeCaller(&caller)
	f.bearer(f.claim("sub", quoted("a\r\nlevel=ERROR\x1b[2J")))
	out := new(logBuffer)
	slog.New(slog.NewTextHandler(out, nil)).Info("x", "caller", caller)
	h.expect("264 Caller in a log record", strings.Count(out.take(), "\n"), 1)
	h.expect("264 Caller printed, with line breaks in sub", strings.ContainsAny(fmt.Sprintf("%v %+v %s", caller, caller, caller), "\r\n\x1b"), false)
}

// checkPrinted prints values with every verb and encoder, and fails if the text contains the token or
// a segment of it.
func (h *hostile) checkPrinted(name, token string, values ...any) {
	h.Helper()
	var out bytes.Buffer
	logger := slog.New(slog.NewJSONHandler(&out, nil))
	for _, v := range values {
		fmt.Fprintf(&out, "%v|%+v|%#v|%s|%q|%x|%d\n", v, v, v, v, v, v, v)
		logger.Info("x", "v", v)
		slog.New(slog.NewTextHandler(&out, nil)).Info("x", "v", v)
		text, err := json.Marshal(v)
		fmt.Fprintln(&out, string(text), err)
		if err, ok := v.(error); ok {
			for ; err != nil; err = errors.Unwrap(err) {
				fmt.Fprintf(&out, "%v %+v %#v\n", err, err, err)
			}
		}
	}
	text, found := out.String(), false
	for _, part := range append(strings.Split(token, "."), token) {
		found = found || strings.Contains(text, part) || strings.Contains(text, fmt.Sprintf("%x", part)) || strings.Contains(text, standard(part))
	}
	h.expect(name, found, false)
}

// hostilePrinted prints every value that could contain a token.
func hostilePrinted(h *hostile) {
	var seen *resource.Token
	var jws any
	var config resource.Config
	var keys jwks.Config
	var events eventLog
	f := h.fixture(func(c *resource.Config, k *jwks.Config) {
		verifier, err := jwks.New(*k)
		if err != nil {
			h.Fatal(err)
		}
		c.Issuers[0].Verifier = stubVerifier{k.Issuer, func(ctx context.Context, t *resource.Token) (*resource.Claims, error) {
			seen, jws = t, t.JWS()
			return verifier.Verify(ctx, t)
		}}
		c.Hooks.Observers = []resource.Observer{&events}
		config, keys = *c, *k
	})
	keys.Transport = nil // it belongs to the test issuer, which stores the tokens that it issued
	req := httptest.NewRequest("POST", identifier, nil)
	valid, forged := f.token(resourcetest.Token{}), f.token(resourcetest.Token{Fault: resourcetest.WrongSignature})
	req.Header.Set("Authorization", "Bearer "+valid)
	decision, refused := f.res.Authenticate(req)
	if refused != nil {
		h.Fatal(refused.Err)
	}
	h.checkPrinted("264 Token that a verifier gets, printed", valid, seen, *seen, []*resource.Token{seen}, struct{ T *resource.Token }{seen})
	h.checkPrinted("264 Claims that a verifier gets, printed", valid, seen.Claims(), *seen.Claims())
	h.checkPrinted("264 JWS that a verifier gets, printed", valid, jws)
	h.checkPrinted("264 Decision, printed", valid, decision, decision.Caller, decision.Request, decision.Request.Header, decision.Request.Context())
	h.checkPrinted("264 Resource and its configuration, printed", valid, f.res, config, keys, config.Issuers[0])
	req.Header.Set("Authorization", "Bearer "+forged)
	_, refused = f.res.Authenticate(req)
	h.checkPrinted("264 Refusal, printed", forged, refused, *refused, refused.Err)
	req.Header.Set("Authorization", "Bearer "+valid+"=")
	_, refused = f.res.Authenticate(req)
	h.checkPrinted("264 Refusal of a malformed token, printed", valid, refused, *refused, refused.Err)
	req.Header.Set("Authorization", "Bearer "+valid+" x")
	_, refused = f.res.Authenticate(req)
	h.checkPrinted("264 Refusal of a malformed header, printed", valid, refused, *refused, refused.Err)
	// Package otelwarder sets span attributes from the Event only. TestEvents of that package
	// compares them.
	h.expect("266 number of Events, from which span attributes are set", len(events), 4)
	for i, result := range []string{"accepted", "invalid signature", "malformed token", "malformed header"} {
		token := valid
		if i == 1 {
			token = forged
		}
		h.checkPrinted("266 Event of a decision, printed: "+result, token, events[i], &events[i])
	}
	h.checkNoToken("264 the log of these requests", valid, f.log.take())
}

// eventLog is an Observer that stores the events of sequential requests.
type eventLog []resource.Event

func (l *eventLog) Observe(_ context.Context, e resource.Event) { *l = append(*l, e) }

// hostileErrors tests that no error text of a library or of another server reaches a client.
func hostileErrors(h *hostile) {
	const secret = "dial tcp 10.0.0.7:443: password=hunter2"
	var verify func(t *resource.Token) error
	f := h.fixture(func(c *resource.Config, k *jwks.Config) {
		c.Issuers[0].Verifier = stubVerifier{k.Issuer, func(_ context.Context, t *resource.Token) (*resource.Claims, error) { return nil, verify(t) }}
	})
	tok := f.token(resourcetest.Token{})
	for _, row := range []struct {
		name   string
		verify func(*resource.Token) error
		want   answer
	}{
		{"265 error of another library", func(*resource.Token) error { return errors.New(secret) }, invalid},
		{"265 unavailable", func(*resource.Token) error {
			return &resource.Error{Reason: resource.ReasonVerifierUnavailable, Err: errors.New(secret)}
		}, unavailable},
		{"265 inactive", func(*resource.Token) error {
			return &resource.Error{Reason: resource.ReasonInactive, Err: errors.New(secret)}
		}, invalid},
		{"265 expired, reported by the verifier", func(*resource.Token) error {
			return &resource.Error{Reason: resource.ReasonExpired, Err: errors.New(secret)}
		}, expired},
		{"265 a reason that verifiers cannot use", func(*resource.Token) error {
			return &resource.Error{Reason: resource.ReasonInsufficientScope, Err: errors.New(secret)}
		}, failed},
		{"265 unknown reason", func(*resource.Token) error { return &resource.Error{Reason: "x"} }, failed},
		{"265 no claims and no error", func(*resource.Token) error { return nil }, failed},
		{"265 deadline exceeded", func(*resource.Token) error { return fmt.Errorf("%s: %w", secret, context.DeadlineExceeded) }, unavailable},
	} {
		verify = row.verify
		h.expect(row.name, f.bearer(tok), row.want)
	}
	for name, value := range map[string]func(*resource.Token) any{
		"274 panic with the token":             func(t *resource.Token) any { return t.Raw() },
		"274 panic with an error of the token": func(t *resource.Token) any { return errors.New(t.Raw()) },
		"274 panic with nil":                   func(*resource.Token) any { return nil },
		"274 panic with http.ErrAbortHandler":  func(*resource.Token) any { return http.ErrAbortHandler },
	} {
		verify = func(t *resource.Token) error { panic(value(t)) }
		f.log.take()
		h.expect(name, f.bearer(tok), failed)
		h.checkNoToken(name, tok, f.log.take())
	}

	plain := h.fixture(nil)
	handler := nethttp.Middleware(plain.res)(http.HandlerFunc(emptyHandler))
	ask := func(token string) reply {
		req := httptest.NewRequest("POST", identifier, nil)
		req.Header.Set("Authorization", "Bearer "+token)
		return replyOf(handler, req)
	}
	for name, token := range map[string]string{
		"267 unknown kid": plain.param("kid", `"x"`), "267 invalid signature": plain.token(resourcetest.Token{Fault: resourcetest.WrongSignature}),
		"267 alg none": plain.param("alg", `"none"`), "267 unknown issuer": plain.claim("iss", `"x"`), "267 not a JWT": "x",
	} {
		h.expect(name+": same answer and header fields", ask(token), rejectionReply(invalid))
	}
}
