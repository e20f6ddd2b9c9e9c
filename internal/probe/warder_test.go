package probe_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/warder-go/warder/internal/probe"
	"github.com/warder-go/warder/resource/resourcetest"
)

// warder passes every check: with a test issuer all checks are made.
func TestWarder(t *testing.T) {
	for _, row := range []struct {
		name, path    string
		notApplicable []string
	}{
		{"a path", "/mcp", nil},
		{"a deeper path", "/public/mcp", nil},
		{"a trailing slash", "/mcp/", nil},
		{"no path", "", []string{"metadata-root"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			s := start(t, row.path, nil)
			report := run(t, s.withKey())
			wantIDs(t, report, nil, probe.Fail, probe.Warn, probe.NotChecked)
			wantIDs(t, report, row.notApplicable, probe.NotApplicable)
			if len(report.Results) != len(probe.Checks()) {
				t.Errorf("got %d results for %d checks", len(report.Results), len(probe.Checks()))
			}
		})
	}
}

// issued are the checks that need the key of a test issuer.
var issued = []string{
	"expired-token", "no-exp", "not-yet-valid", "other-audience", "audience-prefix", "no-audience", "other-issuer", "wrong-type", "unknown-crit", "bound-token", "query-token",
}

// Without a valid token, rows that need one are not checked.
func TestWithoutToken(t *testing.T) {
	s := start(t, "/mcp", nil)
	report := run(t, probe.Config{URL: s.url})
	wantIDs(t, report, nil, probe.Fail, probe.Warn)
	wantIDs(t, report, append([]string{"valid-token", "scheme-case", "session-delete", "tampered-token"}, issued...), probe.NotChecked)
}

// A valid token is a positive control, but its mistakes cannot be made.
func TestWithToken(t *testing.T) {
	s := start(t, "/mcp", nil)
	s.issuer.SetJWKS(nil)
	token := s.issuer.Token(resourcetest.Token{Audience: s.url, Scope: "tools"})
	report := run(t, probe.Config{URL: s.url, Token: token})
	wantIDs(t, report, nil, probe.Fail, probe.Warn)
	wantIDs(t, report, issued, probe.NotChecked)
	text, err := report.JSON()
	if err != nil {
		t.Fatal(err)
	}
	if part := strings.Split(token, ".")[1]; strings.Contains(string(text), part[:12]) {
		t.Error("the report contains a part of the token")
	}
}

// A token that the server does not accept shows nothing about the rows that need a valid one.
func TestInvalidControl(t *testing.T) {
	s := start(t, "/mcp", nil)
	cfg := s.withKey()
	cfg.Key = newKey(t)
	report := run(t, cfg)
	wantIDs(t, report, []string{"valid-token"}, probe.Fail, probe.Warn)
	wantIDs(t, report, append([]string{"scheme-case", "session-delete", "tampered-token"}, issued...), probe.NotChecked)
}

// A server that cannot verify a token answers with 503, which is neither an acceptance nor a
// rejection. warder does so if unknown keys make it fetch keys too often.
func TestUnavailable(t *testing.T) {
	for _, row := range []struct {
		name         string
		retryAfter   string
		failed, open []string
	}{
		{"503 with Retry-After", "5", nil, []string{"attacker-jku"}},
		{"503 without Retry-After", "", []string{"attacker-jku"}, nil},
	} {
		t.Run(row.name, func(t *testing.T) {
			s := start(t, "/mcp", changed(func(_ *site, r *http.Request, w *httptest.ResponseRecorder) {
				if tokenOf(r).header["jku"] != nil {
					w.Code = http.StatusServiceUnavailable
					w.Header().Set("Retry-After", row.retryAfter)
				}
			}))
			report := run(t, s.withKey())
			wantIDs(t, report, row.failed, probe.Fail, probe.Warn)
			wantIDs(t, report, row.open, probe.NotChecked)
		})
	}
}

// A server that limits the rate of requests has not rejected the token.
func TestRateLimit(t *testing.T) {
	s := start(t, "/mcp", badToken(func(t token) bool { return t.header["jku"] != nil }, 429))
	report := run(t, s.withKey())
	wantIDs(t, report, nil, probe.Fail, probe.Warn)
	wantIDs(t, report, []string{"attacker-jku"}, probe.NotChecked)
}

// Metadata at a private address, which the probe does not request, can exist.
func TestBlockedMetadata(t *testing.T) {
	s := start(t, "/mcp", func(s *site, next http.Handler) http.Handler {
		elsewhere := challenge(func(c string) string {
			return strings.Replace(c, s.origin+pathInserted, "https://10.0.0.1/metadata", 1)
		})
		return elsewhere(s, metadataStatus(404, pathInserted, rootPath)(s, next))
	})
	report := run(t, s.withKey())
	wantIDs(t, report, nil, probe.Fail, probe.Warn)
	wantIDs(t, report, []string{"challenge-metadata-document", "metadata-found"}, probe.NotChecked)
}

// Without a valid token, it cannot be seen whether a server compares Origin.
func TestOriginWithoutToken(t *testing.T) {
	s := start(t, "/mcp", ignoresOrigin)
	report := run(t, probe.Config{URL: s.url})
	wantIDs(t, report, nil, probe.Fail, probe.Warn)
	wantIDs(t, report, append([]string{"foreign-origin", "valid-token", "scheme-case", "session-delete", "tampered-token"}, issued...), probe.NotChecked)
}

// The query of the URL can be a secret, and is not printed, also if the server repeats it.
func TestQueryIsNotPrinted(t *testing.T) {
	for name, wrong := range map[string]middleware{
		"no metadata":          metadataStatus(404, pathInserted, rootPath),
		"in the metadata":      member(`/mcp","auth`, `/mcp?key=s3cret","auth`),
		"in the challenge":     challenge(func(c string) string { return strings.Replace(c, `/mcp", scope`, `/mcp?key=s3cret", scope`, 1) }),
		"in the body of a 401": body("text/plain", "bad key: s3cret\n"),
	} {
		t.Run(name, func(t *testing.T) {
			s := start(t, "/mcp", wrong)
			text, err := run(t, probe.Config{URL: s.url + "?key=s3cret"}).JSON()
			if err != nil {
				t.Fatal(err)
			}
			if strings.Contains(string(text), "s3cret") {
				t.Errorf("the report contains the query:\n%s", text)
			}
		})
	}
}
