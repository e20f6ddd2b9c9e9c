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

// verifiers creates verifiers that are connected to the provider of a fixture.
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

// provider is a RoundTripper that plays the authorization server. It serves the documents
// of the fixture at their real URLs, and the answer of the current case at the endpoint.
type provider struct {
	t       *testing.T
	fixture *fixture
	current *tokenCase
	token   string // of the current case
}

func (p *provider) RoundTrip(req *http.Request) (*http.Response, error) {
	w := httptest.NewRecorder()
	w.Header().Set("Content-Type", "application/json")
	url := "https://" + req.URL.Host + req.URL.Path
	switch {
	case req.Method == http.MethodPost && url == p.fixture.Endpoint:
		p.serveAnswer(w, req)
	case req.Method == http.MethodGet && p.fixture.Documents[url] != nil:
		_, _ = w.Write(p.fixture.document(p.t, url))
	default:
		w.WriteHeader(http.StatusNotFound)
	}
	return w.Result(), nil
}

func (p *provider) serveAnswer(w http.ResponseWriter, req *http.Request) {
	if err := req.ParseForm(); err != nil {
		p.t.Error(err)
	}
	if token := req.Form.Get("token") + req.Form.Get("access_token"); token != p.token || p.current.Answer == nil {
		p.t.Errorf("%s: the request has another token, or the case has no answer", p.current.Name)
		return
	}
	if p.current.Status != 0 {
		w.WriteHeader(p.current.Status)
	}
	_, _ = w.Write(p.current.Answer)
}

func newResource(t *testing.T, name string, p *provider, log io.Writer) *resource.Resource {
	t.Helper()
	logger := slog.New(slog.NewJSONHandler(log, nil))
	with := verifiers{t, p, logger, "a-secret-that-no-log-shows"}
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

// The clock of the synctest bubble matches the fixtures: their tokens were issued one
// minute earlier.
func TestProviders(t *testing.T) {
	for name := range configurations {
		t.Run(name, func(t *testing.T) {
			f := load(t, name)
			issuer, err := resourcetest.NewIssuer(resourcetest.Config{})
			if err != nil {
				t.Fatal(err)
			}
			defer issuer.Close()
			synctest.Test(t, func(t *testing.T) {
				var log bytes.Buffer
				p := &provider{t: t, fixture: &f}
				res := newResource(t, name, p, &log)
				for _, s := range f.Cases {
					log.Reset()
					p.current, p.token = &s, s.token(t, issuer)
					check(t, res, &s, p.token, &log)
				}
			})
		})
	}
}

func check(t *testing.T, res *resource.Resource, s *tokenCase, token string, log *bytes.Buffer) {
	t.Helper()
	req := httptest.NewRequest(http.MethodPost, identifier, nil)
	req.Header.Set("Authorization", "Bearer "+token)
	w := httptest.NewRecorder()
	caller := "no caller"
	nethttp.Middleware(res)(http.HandlerFunc(func(_ http.ResponseWriter, req *http.Request) {
		c, _ := resource.FromContext(req.Context())
		caller = fmt.Sprintf("%s %q %q %q %q %q", c.Issuer(), c.Subject(), c.ClientID(), c.Scopes(), c.AllScopes(), c.Roles())
	})).ServeHTTP(w, req)
	got := fmt.Sprintf("%d %s %s", w.Code, w.Header().Get("WWW-Authenticate"), caller)
	if want := s.want(res); got != want {
		t.Errorf("%s (-want +got)\n- %s\n+ %s\nlog %s", s.Name, want, got, log)
	}
	if s.Rejected == nil {
		return
	}
	var line struct{ Reason, Got, Want string }
	if err := json.Unmarshal(log.Bytes(), &line); err != nil {
		t.Errorf("%s: invalid log record %s: %v", s.Name, log, err)
		return
	}
	if r := s.Rejected; line.Reason != r.Reason || line.Got != r.Got || line.Want != r.Want {
		t.Errorf("%s: log (-want +got)\n- %q\n+ %q", s.Name, []string{r.Reason, r.Got, r.Want}, []string{line.Reason, line.Got, line.Want})
	}
	if strings.Contains(log.String(), token[len(token)/2:]) || strings.Contains(log.String(), "secret-that") {
		t.Errorf("%s: the token or the secret is in the log", s.Name)
	}
}

// want returns the expected status, challenge and caller.
func (s *tokenCase) want(res *resource.Resource) string {
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
	const prefix = `Bearer resource_metadata="` + metadataURL + `", scope="`
	scope := s.Rejected.Scope
	if scope == "" {
		scope = scopeOf(res)
	}
	switch s.Rejected.Reason {
	case "insufficient_scope":
		return "403 " + prefix + scope + `", error="insufficient_scope", error_description="The access token lacks a scope that this request needs" no caller`
	case "expired":
		return "401 " + prefix + scope + `", error="invalid_token", error_description="The access token expired" no caller`
	}
	return "401 " + prefix + scope + `", error="invalid_token", error_description="The access token is invalid" no caller`
}

// scopeOf returns the scope that the resource requires for every request.
func scopeOf(res *resource.Resource) string {
	scope, _, _ := strings.Cut(strings.Join(res.Metadata().ScopesSupported, " "), " ")
	return scope
}
