package providertest_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/warder-go/warder/introspect"
	"github.com/warder-go/warder/jwks"
	"github.com/warder-go/warder/nethttp"
	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/resourcetest"
)

const (
	identifier  = "https://mcp.example.com/mcp"
	metadataURL = "https://mcp.example.com/.well-known/oauth-protected-resource/mcp"
)

// verifiers makes them, with the provider of a fixture on the other side.
type verifiers struct {
	t         *testing.T
	transport http.RoundTripper
	logger    *slog.Logger
	secret    string
}

func (v verifiers) jwks(c jwks.Config) resource.Verifier {
	v.t.Helper()
	c.Transport, c.Logger = v.transport, v.logger
	verifier, err := jwks.New(c)
	if err != nil {
		v.t.Fatal(err)
	}
	return verifier
}

func (v verifiers) introspect(c introspect.Config) resource.Verifier {
	v.t.Helper()
	c.Transport, c.Logger = v.transport, v.logger
	verifier, err := introspect.New(c)
	if err != nil {
		v.t.Fatal(err)
	}
	return verifier
}

// server is the provider: its documents under their real addresses, and at its endpoint
// what it says of each token.
type server struct {
	t     *testing.T
	f     *fixture
	about *sample // it is asked about
	token string  // of that
}

func (s *server) RoundTrip(req *http.Request) (*http.Response, error) {
	w := httptest.NewRecorder()
	w.Header().Set("Content-Type", "application/json")
	address := "https://" + req.URL.Host + req.URL.Path
	switch {
	case req.Method == http.MethodPost && address == s.f.Endpoint:
		s.answer(w, req)
	case req.Method == http.MethodGet && s.f.Documents[address] != nil:
		_, _ = w.Write(s.f.document(s.t, address))
	default:
		w.WriteHeader(http.StatusNotFound)
	}
	return w.Result(), nil
}

func (s *server) answer(w http.ResponseWriter, req *http.Request) {
	if err := req.ParseForm(); err != nil {
		s.t.Error(err)
	}
	if asked := req.Form.Get("token") + req.Form.Get("access_token"); asked != s.token || s.about.Answer == nil {
		s.t.Errorf("%s: asked about another token, or there is no answer", s.about.What)
		return
	}
	if s.about.Status != 0 {
		w.WriteHeader(s.about.Status)
	}
	_, _ = w.Write(s.about.Answer)
}

func newResource(t *testing.T, name string, provider *server, log io.Writer) *resource.Resource {
	t.Helper()
	logger := slog.New(slog.NewJSONHandler(log, nil))
	with := verifiers{t, provider, logger, "a-secret-that-no-log-shows"}
	c := configurations[name](with)
	c.Identifier, c.Logger = identifier, logger
	if name == "keycloak" {
		c.Metadata.ScopesSupported = []string{"mcp:read", "mcp:admin"}
	}
	res, err := resource.New(c)
	if err != nil {
		t.Fatal(err)
	}
	return res
}

// The time in the bubble is that of the fixtures: a minute after their tokens were
// issued.
func TestProviders(t *testing.T) {
	for name := range configurations {
		t.Run(name, func(t *testing.T) {
			f := load(t, name)
			mint, err := resourcetest.NewIssuer(resourcetest.Config{})
			if err != nil {
				t.Fatal(err)
			}
			defer mint.Close()
			synctest.Test(t, func(t *testing.T) {
				var log bytes.Buffer
				provider := &server{t: t, f: &f}
				res := newResource(t, name, provider, &log)
				for _, s := range f.Cases {
					log.Reset()
					provider.about, provider.token = &s, s.token(t, mint)
					check(t, res, &s, provider.token, &log)
				}
			})
		})
	}
}

func check(t *testing.T, res *resource.Resource, s *sample, token string, log *bytes.Buffer) {
	t.Helper()
	req := httptest.NewRequest(http.MethodPost, identifier, nil)
	req.Header.Set("Authorization", "Bearer "+token)
	w := httptest.NewRecorder()
	caller := "nobody"
	nethttp.Middleware(res)(http.HandlerFunc(func(_ http.ResponseWriter, req *http.Request) {
		c, _ := resource.FromContext(req.Context())
		caller = fmt.Sprintf("%s %q %q %q %q %q", c.Issuer(), c.Subject(), c.ClientID(), c.Scopes(), c.AllScopes(), c.Roles())
	})).ServeHTTP(w, req)
	got := fmt.Sprintf("%d %s %s", w.Code, w.Header().Get("WWW-Authenticate"), caller)
	if want := s.want(res); got != want {
		t.Errorf("%s (-want +got)\n- %s\n+ %s\nlog %s", s.What, want, got, log)
	}
	if s.Refused == nil {
		return
	}
	var line struct{ Reason, Got, Want string }
	if err := json.Unmarshal(log.Bytes(), &line); err != nil {
		t.Errorf("%s: log is %s, error %v", s.What, log, err)
		return
	}
	if r := s.Refused; line.Reason != r.Reason || line.Got != r.Got || line.Want != r.Want {
		t.Errorf("%s: log (-want +got)\n- %q\n+ %q", s.What, []string{r.Reason, r.Got, r.Want}, []string{line.Reason, line.Got, line.Want})
	}
	if strings.Contains(log.String(), token[len(token)/2:]) || strings.Contains(log.String(), "secret-that") {
		t.Errorf("%s: the token or the secret is in the log", s.What)
	}
}

// want is the status, the whole challenge, and the caller.
func (s *sample) want(res *resource.Resource) string {
	if a := s.Accepted; a != nil {
		all, issuer := a.AllScopes, a.Issuer
		if all == nil {
			all = a.Scopes
		}
		if iss, ok := s.Claims["iss"].(string); issuer == "" && ok {
			issuer = iss
		} else if issuer == "" {
			issuer = res.Metadata().AuthorizationServers[0]
		}
		return fmt.Sprintf("200  %s %q %q %q %q %q", issuer, a.Subject, a.Client, a.Scopes, all, a.Roles)
	}
	const begin = `Bearer resource_metadata="` + metadataURL + `", scope="`
	switch s.Refused.Reason {
	case "insufficient_scope":
		return "403 " + begin + s.Refused.Scope + `", error="insufficient_scope", error_description="The access token lacks a scope that this request needs" nobody`
	case "expired":
		return "401 " + begin + scopeOf(res) + `", error="invalid_token", error_description="The access token expired" nobody`
	}
	return "401 " + begin + scopeOf(res) + `", error="invalid_token", error_description="The access token is invalid" nobody`
}

// scopeOf is what the resource asks for on every request.
func scopeOf(res *resource.Resource) string {
	scope, _, _ := strings.Cut(strings.Join(res.Metadata().ScopesSupported, " "), " ")
	return scope
}
