package probe_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/warder-go/warder/internal/privatekey"
	"github.com/warder-go/warder/internal/probe"
	"github.com/warder-go/warder/jwks"
	"github.com/warder-go/warder/nethttp"
	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/resourcetest"
)

// A site is an MCP server behind warder with CORS, and its authorization server.
type site struct {
	url    string
	origin string // of url
	issuer *resourcetest.Issuer
	key    privatekey.Key // whose public key the issuer publishes
}

// A middleware makes a site wrong.
type middleware func(s *site, next http.Handler) http.Handler

// start starts a site. wrong can be nil.
func start(t *testing.T, path string, wrong middleware) *site {
	t.Helper()
	return startWithKey(t, path, newKey(t), wrong)
}

func startWithKey(t *testing.T, path string, key privatekey.Key, wrong middleware) *site {
	t.Helper()
	s := &site{issuer: resourcetest.Start(t), key: key}
	s.issuer.SetJWKS(keySet(key))
	verifier, err := jwks.New(jwks.Config{Issuer: s.issuer.Identifier(), Transport: s.issuer.Transport(), Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	web := httptest.NewUnstartedServer(nil)
	s.origin = "http://" + web.Listener.Addr().String()
	s.url = s.origin + path
	res, err := resource.New(resource.Config{
		Identifier: s.url, Issuers: []resource.Issuer{{Verifier: verifier}}, Scopes: []string{"tools"}, Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	document := nethttp.Metadata(res)
	protected := withCORS(res, nethttp.Middleware(res)(http.HandlerFunc(serveMCP)))
	var handler http.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if document.Owns(r) {
			document.ServeHTTP(w, r)
			return
		}
		protected.ServeHTTP(w, r)
	})
	if wrong != nil {
		handler = wrong(s, handler)
	}
	web.Config.Handler = handler
	web.Start()
	t.Cleanup(web.Close)
	return s
}

// serveMCP is an MCP server with sessions.
func serveMCP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPost {
		w.WriteHeader(http.StatusNoContent)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Mcp-Session-Id", rand.Text())
	fmt.Fprint(w, `{"jsonrpc":"2.0","id":1,"result":{"protocolVersion":"2025-11-25","capabilities":{},"serverInfo":{"name":"x","version":"1"}}}`)
}

// withCORS is a small CORS library.
func withCORS(res *resource.Resource, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		origin := r.Header.Get("Origin")
		if origin == "" || !res.AllowsOrigin(origin) {
			next.ServeHTTP(w, r)
			return
		}
		w.Header().Set("Access-Control-Allow-Origin", origin)
		if r.Method == http.MethodOptions && r.Header.Get("Access-Control-Request-Method") != "" {
			w.Header().Set("Access-Control-Allow-Headers", "Authorization, Content-Type, MCP-Protocol-Version")
			w.WriteHeader(http.StatusNoContent)
			return
		}
		w.Header().Set("Access-Control-Expose-Headers", "WWW-Authenticate, Mcp-Session-Id")
		next.ServeHTTP(w, r)
	})
}

func newKey(t *testing.T) privatekey.Key {
	t.Helper()
	signer, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return privatekey.Key{Signer: signer, ID: "test"}
}

// keySet returns a JWK Set with the public key.
func keySet(key privatekey.Key) []byte {
	return fmt.Appendf(nil, `{"keys":[%s]}`, resourcetest.JWK(key.Signer.Public(), map[string]any{"kid": key.ID, "use": "sig"}))
}

// withKey is a configuration with the key of the test issuer.
func (s *site) withKey() probe.Config {
	return probe.Config{URL: s.url, Issuer: s.issuer.Identifier(), Key: s.key}
}

// token returns a valid token that is signed with the key.
func (s *site) token() string {
	return s.issuer.Token(resourcetest.Token{Audience: s.url, Scope: "tools", Signer: s.key.Signer, Header: map[string]any{"kid": s.key.ID}})
}

// fetchKeys makes the server fetch the keys of the issuer.
func (s *site) fetchKeys(t *testing.T) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.url, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+s.token())
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		t.Fatalf("status %d, want 200", resp.StatusCode)
	}
}

func run(t *testing.T, cfg probe.Config) *probe.Report {
	t.Helper()
	p, err := probe.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	report, err := p.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return report
}

// wantIDs compares the checks with one of the outcomes, as a set.
func wantIDs(t *testing.T, report *probe.Report, want []string, outcomes ...probe.Outcome) {
	t.Helper()
	got := report.IDs(outcomes...)
	slices.Sort(got)
	want = slices.Sorted(slices.Values(want))
	if slices.Equal(got, want) {
		return
	}
	t.Errorf("checks with the outcomes %q (-want +got)\n- %q\n+ %q", outcomes, want, got)
	for _, r := range report.Results {
		if slices.Contains(got, r.ID) && !slices.Contains(want, r.ID) || slices.Contains(want, r.ID) && !slices.Contains(got, r.ID) {
			t.Logf("%s: %s: %s", r.ID, r.Outcome, r.Seen)
		}
	}
}

// changed returns a middleware that changes the complete response to requests.
func changed(change func(s *site, r *http.Request, response *httptest.ResponseRecorder)) middleware {
	return func(s *site, next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			r.Body = io.NopCloser(bytes.NewReader(body))
			recorder := httptest.NewRecorder()
			next.ServeHTTP(recorder, r)
			r.Body = io.NopCloser(bytes.NewReader(body))
			change(s, r, recorder)
			for name, values := range recorder.Header() {
				if name != "Content-Length" {
					w.Header()[name] = values
				}
			}
			w.WriteHeader(recorder.Code)
			_, _ = recorder.Body.WriteTo(w)
		})
	}
}

// token is what a request presents, as far as it can be read.
type token struct {
	raw            string
	header, claims map[string]any
}

func tokenOf(r *http.Request) (t token) {
	scheme, raw, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return t
	}
	t.raw = raw
	parts := strings.Split(raw, ".")
	if len(parts) != 3 {
		return t
	}
	for n, into := range []*map[string]any{&t.header, &t.claims} {
		if text, err := base64.RawURLEncoding.DecodeString(parts[n]); err == nil {
			_ = json.Unmarshal(text, into)
		}
	}
	return t
}

// accepting returns a middleware that accepts some tokens that must be rejected.
func accepting(accepts func(s *site, r *http.Request, t token) bool) middleware {
	return func(s *site, next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if accepts(s, r, tokenOf(r)) {
				serveMCP(w, r)
				return
			}
			next.ServeHTTP(w, r)
		})
	}
}
