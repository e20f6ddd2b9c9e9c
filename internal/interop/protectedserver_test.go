package interop_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/warder-go/warder/introspect"
	"github.com/warder-go/warder/jwks"
	"github.com/warder-go/warder/nethttp"
	"github.com/warder-go/warder/resource"
)

// ours is the resource of these tests, another one a neighbour at the same issuer.
const (
	ours    = "https://mcp.example.com/mcp"
	another = "https://another.example.com/mcp"
)

// check compares and adds a row to the table.
func check(t *testing.T, what, want, got string) {
	t.Helper()
	if got != want {
		t.Errorf("%s:\n got %s\nwant %s", what, got, want)
	}
	row(t, rowsVariable, what, want, got)
}

// A site is a server that warder protects. Questions to one come one after another.
type site struct {
	t      *testing.T
	res    *resource.Resource
	url    string
	logged *lockedBuffer
}

func newSite(t *testing.T, c resource.Config) *site {
	t.Helper()
	s := &site{t: t, logged: &lockedBuffer{}}
	c.Identifier, c.Scopes = ours, []string{"mcp:read"}
	c.Logger, c.LogPerSecond = slog.New(slog.NewJSONHandler(s.logged, nil)), -1 // each answer has its record
	var err error
	if s.res, err = resource.New(c); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(nethttp.Handler(s.res, http.HandlerFunc(whoami)))
	t.Cleanup(server.Close)
	s.url = server.URL + "/mcp"
	return s
}

func whoami(w http.ResponseWriter, req *http.Request) {
	caller, _ := resource.FromContext(req.Context())
	fmt.Fprintf(w, "sub=%q client=%q scope=%q", caller.Subject(), caller.ClientID(), strings.Join(caller.Scopes(), " "))
}

// What the site answers to those who are let in: the client by itself (an opaque token
// has no sub then, a JWT has the client's, RFC 9068 §2.2), and the user.
const (
	letsClient    = `200 sub="" client="app" scope="mcp:read"`
	letsClientJWT = `200 sub="app" client="app" scope="mcp:read"`
	letsUser      = `200 sub="alice" client="app" scope="mcp:read"`
)

var errorParameter = regexp.MustCompile(`^Bearer resource_metadata="[^"]+", scope="mcp:read", (error="\w+")`)

// ask sends a request with the token and says in one line what came of it: the status
// and, of a refusal, the challenge's error, the reason in the log, and whether the
// client was told when to come again.
func (s *site) ask(token string) string {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), patience)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	before := len(s.logged.String())
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	defer res.Body.Close()
	var body bytes.Buffer
	if _, err := body.ReadFrom(res.Body); err != nil {
		s.t.Fatal(err)
	}
	if res.StatusCode == http.StatusOK {
		return "200 " + body.String()
	}
	said := strconv.Itoa(res.StatusCode)
	if found := errorParameter.FindStringSubmatch(res.Header.Get("WWW-Authenticate")); found != nil {
		said += " " + found[1]
	}
	if seconds, err := strconv.Atoi(res.Header.Get("Retry-After")); err == nil && seconds > 0 {
		said += " Retry-After"
	}
	var record struct{ Reason string }
	if err := json.Unmarshal([]byte(s.logged.String()[before:]), &record); err != nil {
		s.t.Fatalf("log: %v\n%s", err, s.logged)
	}
	return said + " (" + record.Reason + ")"
}

// How refusals look.
func invalid(reason resource.Reason) string {
	return `401 error="invalid_token" (` + string(reason) + ")"
}

func unavailable(reason resource.Reason) string { return "503 Retry-After (" + string(reason) + ")" }

// until asks again and again, at intervals, until the answer is the one wanted, and
// returns the different answers in their order.
func (s *site) until(want string, limit time.Duration, question func() string) string {
	s.t.Helper()
	var seen []string
	for end := time.Now().Add(limit); ; {
		answer := question()
		if len(seen) == 0 || seen[len(seen)-1] != answer {
			seen = append(seen, answer)
		}
		if answer == want || time.Now().After(end) {
			return strings.Join(seen, ", then ")
		}
		pause(s.t.Context(), time.Now().Add(200*time.Millisecond))
	}
}

// recovers asks until the token gets the answer wanted, and returns that, or all
// answers if another one than 503 with Retry-After came before it: nobody may be told
// that a good token is bad.
func recovers(t *testing.T, s *site, want, token string) string {
	t.Helper()
	all := s.until(want, patience, func() string { return s.ask(token) })
	answers := strings.Split(all, ", then ")
	for _, answer := range answers[:len(answers)-1] {
		if !strings.HasPrefix(answer, "503 Retry-After (") {
			return all
		}
	}
	return answers[len(answers)-1]
}

// jwtSite accepts JWTs by their signatures.
func (p *provider) jwtSite(t *testing.T, c jwks.Config) *site {
	t.Helper()
	c.Issuer, c.Logger = p.issuer, slog.New(slog.DiscardHandler)
	v, err := jwks.New(c)
	if err != nil {
		t.Fatal(err)
	}
	return newSite(t, resource.Config{Leeway: -1, Issuers: []resource.Issuer{{Verifier: v}}})
}

// opaqueSite asks the provider about tokens.
func (p *provider) opaqueSite(t *testing.T, c introspect.Config, issuer resource.Issuer) *site {
	t.Helper()
	c.Issuer, c.Logger = p.issuer, slog.New(slog.DiscardHandler)
	v, err := introspect.New(c)
	if err != nil {
		t.Fatal(err)
	}
	issuer.Verifier = v
	return newSite(t, resource.Config{Leeway: -1, MaxTokenBytes: resource.MaxMaxTokenBytes, Opaque: &issuer})
}
