package resource_test

import (
	"bytes"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/warder-go/warder/jwks"
	"github.com/warder-go/warder/nethttp"
	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/resourcetest"
)

const (
	identifier  = "https://mcp.example.test/mcp"
	metadataURL = "https://mcp.example.test/.well-known/oauth-protected-resource/mcp"
)

// fixture is a resource with one issuer, behind the net/http middleware. Requests do not use
// sockets.
type fixture struct {
	t      testing.TB
	issuer *resourcetest.Issuer
	res    *resource.Resource
	log    *logBuffer // log of the resource and its keys
	inner  http.HandlerFunc
	tokens map[string]string // by subject, see tokenOf

	unexplained bool // send does not compare the decision with Explain
}

// logBuffer is a log buffer that is safe for concurrent use.
type logBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (j *logBuffer) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.Write(p)
}

// take returns the log since the previous call and clears it.
func (j *logBuffer) take() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	defer j.text.Reset()
	return j.text.String()
}

func newFixture(t testing.TB, change func(*resource.Config, *jwks.Config)) *fixture {
	t.Helper()
	issuer, err := resourcetest.NewIssuer(resourcetest.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(issuer.Close)
	return newFixtureWith(t, issuer, change)
}

func newFixtureWith(t testing.TB, issuer *resourcetest.Issuer, change func(*resource.Config, *jwks.Config)) *fixture {
	t.Helper()
	log := new(logBuffer)
	logger := slog.New(slog.NewJSONHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	keys := jwks.Config{Issuer: issuer.Identifier(), Transport: issuer.Transport(), Logger: logger}
	config := resource.Config{Identifier: identifier, Issuers: make([]resource.Issuer, 1), Logger: logger, Limits: resource.Limits{LogPerSecond: -1}}
	if change != nil {
		change(&config, &keys)
	}
	if config.Issuers[0].Verifier == nil {
		verifier, err := jwks.New(keys)
		if err != nil {
			t.Fatal(err)
		}
		config.Issuers[0].Verifier = verifier
	}
	res, err := resource.New(config)
	if err != nil {
		t.Fatal(err)
	}
	f := &fixture{t: t, issuer: issuer, res: res, log: log}
	f.inner = func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) }
	return f
}

// answer is a response as the client sees it.
type answer struct {
	status    int
	challenge string
	body      string
}

// authorize sends a request with these Authorization header lines through the middleware.
func (f *fixture) authorize(authorization ...string) answer {
	f.t.Helper()
	req := httptest.NewRequest(http.MethodPost, identifier, nil)
	if len(authorization) > 0 {
		req.Header["Authorization"] = authorization
	}
	return f.send(req)
}

// token mints a token that is a minute old by default, older than the keys that a test fetches.
// So tokens with an unknown kid get 401, however many there are.
func (f *fixture) token(t resourcetest.Token) string {
	if t.IssuedAt.IsZero() {
		t.IssuedAt = time.Now().Add(-time.Minute)
	}
	return f.issuer.Token(t)
}

func (f *fixture) bearer(token string) answer {
	f.t.Helper()
	return f.authorize("Bearer " + token)
}

func (f *fixture) send(req *http.Request) answer {
	f.t.Helper()
	explained := f.explain(req)
	recorder, called := httptest.NewRecorder(), false
	nethttp.Middleware(f.res)(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		called = true
		f.inner(w, req)
	})).ServeHTTP(recorder, req)
	result := recorder.Result()
	if called != (result.StatusCode == http.StatusOK) {
		f.t.Errorf("status %d, inner handler called: %v", result.StatusCode, called)
	}
	explained(recorder, called)
	return answerOf(f.t, result)
}

func answerOf(t testing.TB, result *http.Response) answer {
	t.Helper()
	challenges := result.Header.Values("WWW-Authenticate")
	if len(challenges) > 1 {
		t.Errorf("%d challenges: %q", len(challenges), challenges)
	}
	body, err := io.ReadAll(result.Body)
	if err != nil {
		t.Error(err)
	}
	return answer{result.StatusCode, result.Header.Get("WWW-Authenticate"), string(body)}.withObject()
}

var scopeParameter = regexp.MustCompile(`, scope="([^"]*)"`)

// withObject returns the answer with the OAuth error object as its body, whether the request got
// that or a JSON-RPC error with the same content. It checks that both agree. TestRPCErrors
// compares whole JSON-RPC errors.
func (a answer) withObject() answer {
	var body struct {
		Error struct {
			Code    int
			Message string
			Data    *struct {
				Error       string `json:"error,omitempty"`
				Description string `json:"error_description"`
				Scope       string `json:"scope,omitempty"`
				ACRValues   string `json:"acr_values,omitempty"`
				MaxAge      int    `json:"max_age,omitempty"`
			}
		}
	}
	if json.Unmarshal([]byte(a.body), &body) != nil || body.Error.Data == nil {
		return a
	}
	object, scope := *body.Error.Data, ""
	if found := scopeParameter.FindStringSubmatch(a.challenge); found != nil {
		scope = found[1]
	}
	if body.Error.Code != a.status || object.Scope != scope || !strings.HasPrefix(body.Error.Message, object.Description+". ") {
		return a
	}
	object.Scope = ""
	text, err := json.Marshal(object)
	if err != nil {
		return a
	}
	a.body = string(text) + "\n"
	return a
}

// The possible answers without scopes.
var (
	accepted      = answer{status: http.StatusOK}
	noCredentials = answer{401, `Bearer resource_metadata="` + metadataURL + `"`, `{"error_description":"Authorization is required"}` + "\n"}
	malformed     = answer{400, `Bearer resource_metadata="` + metadataURL + `", error="invalid_request", error_description="The credentials are malformed, or more than one"`, `{"error":"invalid_request","error_description":"The credentials are malformed, or more than one"}` + "\n"}
	invalid       = answer{401, `Bearer resource_metadata="` + metadataURL + `", error="invalid_token", error_description="The access token is invalid"`, `{"error":"invalid_token","error_description":"The access token is invalid"}` + "\n"}
	expired       = answer{401, `Bearer resource_metadata="` + metadataURL + `", error="invalid_token", error_description="The access token expired"`, `{"error":"invalid_token","error_description":"The access token expired"}` + "\n"}
	unavailable   = answer{503, "", `{"error_description":"The access token cannot be checked at the moment"}` + "\n"}
	failed        = answer{500, "", `{"error_description":"The request could not be authorized"}` + "\n"}
)

func (f *fixture) expect(name string, got, want answer) {
	f.t.Helper()
	if got != want {
		f.t.Errorf("%s:\n got %+v\nwant %+v", name, got, want)
	}
}
