package probe_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/warder-go/warder/internal/privatekey"
	"github.com/warder-go/warder/internal/probe"
)

// Every check is violated by a server of the tests, so no check passes whatever it gets.
func TestEachCheckCanFail(t *testing.T) {
	elsewhere := []string{"valid-token", "endpoint-https"} // TestInvalidControl, TestUnencrypted
	violated := elsewhere
	for _, row := range wrongServers {
		violated = append(violated, row.want...)
	}
	for _, row := range wrongIssuers {
		violated = append(violated, row.want...)
	}
	seen := map[string]bool{}
	for _, c := range probe.Checks() {
		if !slices.Contains(violated, c.ID) {
			t.Errorf("no server of the tests violates %s", c.ID)
		}
		if seen[c.ID] {
			t.Errorf("duplicate ID %s", c.ID)
		}
		seen[c.ID] = true
	}
}

// http is a violation on a host that is not a loopback host. The IPv4-mapped address is the loopback
// interface, but clients do not recognize it.
func TestUnencrypted(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(server.Close)
	url := strings.Replace(server.URL, "127.0.0.1", "[::ffff:127.0.0.1]", 1)
	report := run(t, probe.Config{URL: url, AllowHTTP: true})
	wantIDs(t, report, []string{"endpoint-https", "no-token-post", "metadata-found", "empty-bearer", "two-tokens", "other-scheme", "rejected-status", "foreign-origin"}, probe.Fail)
}

func TestMistakes(t *testing.T) {
	for _, row := range []struct {
		name string
		cfg  probe.Config
		want string
	}{
		{"no URL", probe.Config{}, "the URL must be absolute, such as https://mcp.example.com/mcp"},
		{"no scheme", probe.Config{URL: "mcp.example.com"}, "the URL must be absolute, such as https://mcp.example.com/mcp"},
		{"another scheme", probe.Config{URL: "ftp://mcp.example.com"}, "the URL must be absolute, such as https://mcp.example.com/mcp"},
		{"a password", probe.Config{URL: "https://u:p@mcp.example.com"}, "the URL must not have a user name, a password or a fragment"},
		{"a fragment", probe.Config{URL: "https://mcp.example.com#x"}, "the URL must not have a user name, a password or a fragment"},
		{"http", probe.Config{URL: "http://mcp.example.com"}, "http is for loopback hosts only: use https, or allow http, which sends tokens unencrypted"},
		{"two tokens", probe.Config{URL: "https://mcp.example.com", Token: "a b"}, "the token is not one access token of at most 16384 bytes"},
		{"a long token", probe.Config{URL: "https://mcp.example.com", Token: strings.Repeat("a", 16<<10+1)}, "the token is not one access token of at most 16384 bytes"},
		{"a key without an issuer", probe.Config{URL: "https://mcp.example.com", Key: newKey(t)}, "the key of a test issuer needs its issuer identifier, which is a URL"},
		{"a key of another algorithm", probe.Config{URL: "https://mcp.example.com", Issuer: "https://as.example.com", Key: privatekey.Key{Signer: newKey(t).Signer, Algorithm: "RS256"}}, "the key of the test issuer does not fit an algorithm that is supported"},
		{"a token and a key", probe.Config{URL: "https://mcp.example.com", Issuer: "https://as.example.com", Key: newKey(t), Token: "a"}, "give a token or the key of a test issuer, not both"},
		{"an origin with a path", probe.Config{URL: "https://mcp.example.com", Origin: "https://app.example.com/"}, "the origin must be as browsers send it, such as https://app.example.com"},
		{"an origin without a scheme", probe.Config{URL: "https://mcp.example.com", Origin: "app.example.com"}, "the origin must be as browsers send it, such as https://app.example.com"},
		{"a URL as a host", probe.Config{URL: "https://mcp.example.com", AllowHosts: []string{"https://as.internal"}}, `allowed hosts[0]: "https://as.internal" is not a host name: use one such as auth.internal, without scheme, port and wildcard`},
	} {
		t.Run(row.name, func(t *testing.T) {
			if _, err := probe.New(row.cfg); err == nil || err.Error() != row.want {
				t.Errorf("got %v, want %s", err, row.want)
			}
		})
	}
}

// Hosts that the server names are not requested if their addresses are private, unless the user has
// allowed them. No connection is attempted.
func TestPrivateAuthorizationServer(t *testing.T) {
	private := metadataText(func(text string) string {
		return strings.Replace(text, `"authorization_servers":["`, `"authorization_servers":["https://10.0.0.1","`, 1)
	})
	s := start(t, "/mcp", private)
	report := run(t, s.withKey())
	wantIDs(t, report, nil, probe.Fail, probe.Warn)
	wantIDs(t, report, []string{"as-metadata"}, probe.NotChecked)
}

// Of many authorization servers, four are looked at.
func TestManyAuthorizationServers(t *testing.T) {
	s := start(t, "/mcp", func(s *site, next http.Handler) http.Handler {
		as := fmt.Sprintf("%q", s.issuer.Identifier())
		return member(`"authorization_servers":[`+as, `"authorization_servers":[`+strings.TrimSuffix(strings.Repeat(as+",", 5), ","))(s, next)
	})
	report := run(t, s.withKey())
	wantIDs(t, report, nil, probe.Fail, probe.Warn)
	wantIDs(t, report, []string{"as-metadata"}, probe.NotChecked)
}

// A body is read up to 256 KiB, so a larger document is incomplete.
func TestLargeMetadata(t *testing.T) {
	for _, row := range []struct {
		name string
		size int // of white space
		want []string
	}{{"just small enough", 250 << 10, nil}, {"too large", 256 << 10, []string{"metadata-json"}}} {
		t.Run(row.name, func(t *testing.T) {
			large := metadataText(func(text string) string { return strings.Repeat(" ", row.size) + text })
			wantIDs(t, run(t, start(t, "/mcp", large).withKey()), row.want, probe.Fail, probe.Warn)
		})
	}
}

func TestUnreachable(t *testing.T) {
	server := httptest.NewServer(nil)
	server.Close()
	p, err := probe.New(probe.Config{URL: server.URL})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.Run(t.Context()); err == nil || !strings.HasPrefix(err.Error(), "the server cannot be reached: outbound: connect: POST ") {
		t.Errorf("got %v", err)
	}
}

func TestCanceled(t *testing.T) {
	p, err := probe.New(probe.Config{URL: start(t, "/mcp", nil).url})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := p.Run(ctx); err == nil || err.Error() != "not finished: context canceled" {
		t.Errorf("got %v", err)
	}
}

// Text of the server is printable and limited, and has no parts of tokens.
func TestHostileText(t *testing.T) {
	hostile := presented(func(string) string { return "" })
	reflect := changed(func(_ *site, r *http.Request, w *httptest.ResponseRecorder) {
		if w.Code == 401 {
			w.Header().Set("Content-Type", "text/plain")
			w.Body.Reset()
			fmt.Fprintf(w.Body, "\x1b[31mred\x1b[0m\r\nseen %s%s", tokenOf(r).raw, strings.Repeat("x", 1000))
		}
	})
	s := start(t, "/mcp", func(s *site, next http.Handler) http.Handler { return reflect(s, hostile(s, next)) })
	report := run(t, s.withKey())
	wantIDs(t, report, []string{"error-body", "reflection", "rejected-challenge"}, probe.Fail, probe.Warn)
	for _, r := range report.Results {
		if strings.ContainsAny(r.Seen, "\x1b\r\n") || len(r.Seen) > 260 {
			t.Errorf("%s: %q", r.ID, r.Seen)
		}
	}
}

// Sessions that the probe has opened are ended with the token that opened them.
func TestSessionsEnd(t *testing.T) {
	var mu sync.Mutex
	open := map[string]bool{}
	s := start(t, "/mcp", changed(func(_ *site, r *http.Request, w *httptest.ResponseRecorder) {
		mu.Lock()
		defer mu.Unlock()
		if id := w.Header().Get("Mcp-Session-Id"); id != "" && w.Code == 200 {
			open[id] = true
		}
		if r.Method == "DELETE" && w.Code == 204 {
			delete(open, r.Header.Get("Mcp-Session-Id"))
		}
	}))
	wantIDs(t, run(t, s.withKey()), nil, probe.Fail, probe.Warn, probe.NotChecked)
	mu.Lock()
	defer mu.Unlock()
	if len(open) != 0 {
		t.Errorf("%d sessions are open", len(open))
	}
}
