package check_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/check"
	"github.com/warder-go/warder/resource/config"
	"github.com/warder-go/warder/resource/resourcetest"
)

// Mistakes in a Config are errors without the token, and not findings.
func TestInvalidConfig(t *testing.T) {
	text := config.Config{Text: []byte("authorization: {}"), Environ: []string{}}
	for _, row := range []struct {
		name   string
		config check.Config
		want   string
	}{
		{"no configuration", check.Config{}, "check: Config.File, Config.Text: set exactly one of them"},
		{"two configurations", check.Config{Config: config.Config{File: "a", Text: []byte("b")}}, "check: Config.File, Config.Text: set exactly one of them"},
		{"a negative time", check.Config{Config: text, Timeout: -1}, "check: Timeout: must not be negative"},
		{"a token with white space", check.Config{Config: text, Token: "Bearer secret-token"}, "check: Token: is not one access token: write the token alone, without Bearer and white space"},
		{"a token with a line break", check.Config{Config: text, Token: "secret-token\n"}, "check: Token: is not one access token: write the token alone, without Bearer and white space"},
		{"a long token", check.Config{Config: text, Token: strings.Repeat("a", 1<<18+1)}, "check: Token: is longer than 262144 bytes"},
	} {
		if report, err := check.Run(t.Context(), row.config); err == nil || err.Error() != row.want || report.Findings != nil {
			t.Errorf("%s: got %+v and %v, want %q", row.name, report, err, row.want)
		}
	}
}

// A Config is printed without the token.
func TestConfigHidesToken(t *testing.T) {
	c := check.Config{Config: config.Config{File: "a.yaml"}, Token: "secret-token"}
	encoded, err := c.MarshalText()
	if err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprintf("%v %+v %#v %s %s", c, c, c, c.LogValue(), encoded); strings.Contains(got, "secret") {
		t.Errorf("got %s, want no token", got)
	}
}

// If ctx ends, Run returns its error. If Config.Timeout ends, the report says what is missing.
func TestTimeLimits(t *testing.T) {
	d := deploy(t, resourcetest.Config{})
	d.public = true
	c := d.start()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := check.Run(ctx, c); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want the error of the context", err)
	}
	c.Timeout = time.Nanosecond
	report, err := check.Run(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"time_over timeout", "not_checked issuer ISSUER", "not_checked authorization_servers", "not_checked token", "not_checked public URL"}
	if got := d.problems(report, check.SeverityError, check.SeverityWarning, check.SeverityNotChecked); !slices.Equal(got, want) {
		t.Errorf("(-want +got)\n- %q\n+ %q", want, got)
	}
}

// A token is not sent over http to a host that is not a loopback host, also with allow_http.
func TestTokenIsNotSentOverHTTP(t *testing.T) {
	d := deploy(t, resourcetest.Config{})
	d.url, d.public = "http://mcp.example.test/mcp", true
	d.lines = []string{"  allow_http: true", "  authorization_servers: [ISSUER]"}
	d.token = d.issuer.Token(resourcetest.Token{Audience: d.url})
	var leaked atomic.Int64
	d.change = func(c *check.Config) {
		c.Transport = roundTripper(func(r *http.Request) (*http.Response, error) {
			if strings.Contains(r.Header.Get("Authorization"), d.token) {
				leaked.Add(1)
			}
			recorded := httptest.NewRecorder()
			d.front.Config.Handler.ServeHTTP(recorded, r)
			return recorded.Result(), nil
		})
	}
	report, err := check.Run(t.Context(), d.start())
	if err != nil {
		t.Fatal(err)
	}
	if got := d.problems(report, check.SeverityError, check.SeverityNotChecked); leaked.Load() != 0 || !slices.Contains(got, "not_checked tools") || !report.Has(check.IDTokenAccepted) {
		t.Errorf("got %d requests with the token and %q, want none", leaked.Load(), got)
	}
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// The token and the secrets are sent to no other host than the configuration says.
func TestWhereSecretsGo(t *testing.T) {
	d := deploy(t, resourcetest.Config{})
	d.public, d.token, d.lines = true, d.validToken(""), clientLines
	var with []string
	d.proxy = func(server http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if strings.Contains(r.Header.Get("Authorization"), d.token) {
				with = append(with, r.Method+" "+r.URL.Path)
			}
			server.ServeHTTP(w, r)
		})
	}
	if _, err := check.Run(t.Context(), d.start()); err != nil {
		t.Fatal(err)
	}
	want := []string{"POST /mcp", "POST /mcp", "POST /mcp", "DELETE /mcp"} // initialize, initialized, tools/list, the end
	if !slices.Equal(with, want) {
		t.Errorf("got the token in %q, want %q", with, want)
	}
	for _, r := range d.issuer.Requests(resourcetest.Any) {
		if strings.Contains(r.URI+fmt.Sprint(r.Header, r.Form), d.token) {
			t.Errorf("the issuer got the token of a JWT that is verified by keys: %s", r.URI)
		}
	}
}

// A server with endless pages, and one that repeats secrets, cannot fill a report.
func TestHostileServers(t *testing.T) {
	d := deploy(t, resourcetest.Config{})
	d.public, d.token = true, d.validToken("")
	d.lines = append([]string{"  tool_scopes: {none: [mcp:x]}"}, clientLines...)
	pages := 0
	d.mcp = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body := make([]byte, 1000)
		n, _ := r.Body.Read(body)
		w.Header().Set("Content-Type", "application/json")
		if strings.Contains(string(body[:n]), "tools/list") {
			pages++
			fmt.Fprintf(w, `{"jsonrpc":"2.0","id":1,"result":{"tools":[{"name":"t%d"}],"nextCursor":"more"}}`, pages)
			return
		}
		fmt.Fprint(w, `{"jsonrpc":"2.0","id":1,"result":{"protocolVersion":"`+strings.Repeat("x", 9000)+`"}}`)
	})
	d.issuer.Fail(resourcetest.Introspection, resourcetest.Failure{Status: 401, Body: []byte(`{"error":"test-secret"}`), Header: http.Header{"Content-Type": {"text/test-secret"}}})
	report, err := check.Run(t.Context(), d.start())
	if err != nil {
		t.Fatal(err)
	}
	if pages != 20 {
		t.Errorf("got %d pages, want 20", pages)
	}
	if got, want := d.problems(report, check.SeverityError, check.SeverityWarning), []string{"introspection_credentials ISSUER/introspect"}; !slices.Equal(got, want) {
		t.Errorf("(-want +got)\n- %q\n+ %q", want, got)
	}
	for _, f := range report.Findings {
		if text := f.Subject + f.Seen + f.Fix; strings.Contains(text, "test-secret") || len(text) > 3100 {
			t.Errorf("got %s, want no secret and a short text", text)
		}
	}
}

// A server that chooses the names of its tools cannot make the check take long. The path of a file can
// have any bytes.
func TestHostileNames(t *testing.T) {
	d := deploy(t, resourcetest.Config{})
	d.public, d.token, d.lines = true, d.validToken(""), []string{"  tool_scopes: {delete_file: []}"}
	d.mcp = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprintf(w, `{"jsonrpc":"2.0","id":1,"result":{"protocolVersion":"2025-11-25","tools":[{"name":"delete_file_%s"}%s,{"name":"delete_fil"}]}}`, strings.Repeat("x", 1<<20), strings.Repeat(`,{"name":"x"}`, 1000))
	})
	report, err := check.Run(t.Context(), d.start())
	if err != nil {
		t.Fatal(err)
	}
	at := slices.IndexFunc(report.Findings, func(f check.Finding) bool { return f.ID == check.IDToolUnknown })
	if at < 0 || strings.Contains(report.Findings[at].Fix, "delete_fil ") || len(report.Findings[at].Fix) > 100 {
		t.Errorf("got %d: %+v, want a short text without the 1002nd tool", at, report.Findings)
	}
	report.File = "\xff.yaml"
	if got, err := report.MarshalJSON(); err != nil || !strings.HasPrefix(string(got), "{\"file\":\"\uFFFD.yaml\"") {
		t.Errorf("got %s and %v", got, err)
	}
}

// Secrets are not in a report, also if the issuer repeats them, and if they are in files.
func TestRepeatedSecrets(t *testing.T) {
	for name, lines := range map[string][]string{
		"in the configuration": {"  client_id: test-client", "  client_secret: the-secret"},
		"in files":             {"  client_id: test-client", "  client_secret_file: secret"},
	} {
		t.Run(name, func(t *testing.T) {
			d := deploy(t, resourcetest.Config{})
			d.files, d.lines = map[string]string{"secret": "the-secret\n"}, lines
			d.issuer.SetJWKS([]byte(`{"keys":[{"kty":"RSA","kid":"the-secret","n":"AQAB","e":"AQAB"}]}`))
			report, err := check.Run(t.Context(), d.start())
			if err != nil {
				t.Fatal(err)
			}
			if got := d.problems(report, check.SeverityWarning); !slices.Equal(got, []string{"key_skipped ISSUER key [redacted]"}) {
				t.Errorf("got %q", got)
			}
		})
	}
}

// Texts of servers are on one line, without control characters.
func TestTextsArePrintable(t *testing.T) {
	d := deploy(t, resourcetest.Config{})
	d.public = true
	d.proxy = changing(nil, onStatus(401, func(w *httptest.ResponseRecorder) {
		w.Header()["Www-Authenticate"] = []string{"Bearer realm=\"\u202e" + strings.Repeat("x", 5000) + "\""}
	}))
	report, err := check.Run(t.Context(), d.start())
	if err != nil {
		t.Fatal(err)
	}
	at := slices.IndexFunc(report.Findings, func(f check.Finding) bool { return f.ID == check.IDPublicChallengeDiffers })
	if at < 0 {
		t.Fatalf("got %+v, want a challenge that differs", report.Findings)
	}
	if seen := report.Findings[at].Seen; strings.Contains(seen, "\u202e") || len(seen) > 1003 || !strings.HasSuffix(seen, "...") {
		t.Errorf("got %q, want at most 1000 printable bytes and an ellipsis", seen)
	}
}

// Only the first issuers and the first URLs are looked at, and the report says so.
func TestBounds(t *testing.T) {
	d := deploy(t, resourcetest.Config{})
	d.public = true
	d.lines = []string{"  additional_resource_server_urls: ["}
	for n := range 9 {
		d.lines[0] += fmt.Sprintf("SERVER/x%d, ", n)
	}
	d.lines[0] += "]"
	d.lines = append(d.lines, "  authorization_servers: [ISSUER]", "  additional_issuers:")
	for n := range 33 {
		d.lines = append(d.lines, fmt.Sprintf("    - {issuer_url: urn:x:%d, jwks_uri: ISSUER/jwks}", n))
	}
	report, err := check.Run(t.Context(), d.start())
	if err != nil {
		t.Fatal(err)
	}
	got := d.problems(report, check.SeverityNotChecked)
	if !slices.Contains(got, "not_checked additional_issuers") || !slices.Contains(got, "not_checked additional_resource_server_urls") {
		t.Errorf("got %q, want that some issuers and URLs are not checked", got)
	}
	if n := d.issuer.Count(resourcetest.JWKS); n != 32 {
		t.Errorf("got %d requests for keys, want 32", n)
	}
}

// The observers of a program are not notified of the decisions of a check.
func TestNoObservers(t *testing.T) {
	d := deploy(t, resourcetest.Config{})
	d.public, d.token = true, d.validToken("")
	completed := 0
	d.change = func(c *check.Config) {
		c.Config.Complete = func(settings *resource.Config) {
			completed++
			settings.Hooks.Observers = []resource.Observer{failingObserver{t}}
			settings.Metadata.ResourceName = "set by the program"
		}
	}
	report, err := check.Run(t.Context(), d.start())
	if err != nil {
		t.Fatal(err)
	}
	if want := "public_metadata_differs SERVER/.well-known/oauth-protected-resource/mcp"; completed != 1 || !slices.Contains(d.problems(report, check.SeverityError), want) {
		t.Errorf("got %d calls and %+v, want one call, and %s because the server has no name", completed, report, want)
	}
}

type failingObserver struct{ t *testing.T }

func (o failingObserver) Observe(context.Context, resource.Event) {
	o.t.Error("an observer was notified of a decision of the check")
}

// Many findings of one severity do not displace those of another.
func TestManyFindings(t *testing.T) {
	d := deploy(t, resourcetest.Config{})
	d.public, d.token = true, d.validToken("")
	d.lines = []string{"  tool_scopes:"}
	for n := range 1100 {
		d.lines = append(d.lines, fmt.Sprintf("    hidden%d: [mcp:admin]", n))
	}
	d.proxy = changing(nil, func(_ string, w *httptest.ResponseRecorder) { w.Header().Set("Date", "Mon, 02 Jan 2006 15:04:05 GMT") })
	report, err := check.Run(t.Context(), d.start())
	if err != nil {
		t.Fatal(err)
	}
	if n := report.Count(check.SeverityNotChecked); n != 1000 {
		t.Errorf("got %d findings that are not checked, want 1000", n)
	}
	if got, want := d.problems(report, check.SeverityError, check.SeverityWarning), []string{"clock_skew SERVER"}; !slices.Equal(got, want) {
		t.Errorf("(-want +got)\n- %q\n+ %q", want, got)
	}
}

// Err has a line for each error, and none for warnings.
func TestErr(t *testing.T) {
	report := check.Report{Findings: []check.Finding{
		{ID: check.IDIssuerTLS, Severity: check.SeverityError, Subject: "https://a.example", Seen: "seen", Fix: "set ca_file"},
		{ID: check.IDKeysUnusable, Severity: check.SeverityError, Subject: "https://b.example", Seen: "none", Fix: "publish one"},
		{ID: check.IDLoginPKCE, Severity: check.SeverityWarning, Subject: "https://b.example", Seen: "x", Fix: "y"},
	}}
	const want = "check: issuer_tls: https://a.example: seen: set ca_file\nkeys_unusable: https://b.example: none: publish one"
	if err := report.Err(); err == nil || err.Error() != want {
		t.Errorf("(-want +got)\n- %s\n+ %v", want, err)
	}
	report.Findings = report.Findings[2:]
	if err := report.Err(); err != nil {
		t.Errorf("got %v for a warning, want nil", err)
	}
}
