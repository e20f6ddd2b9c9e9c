package interop_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/modelcontextprotocol/go-sdk/auth"
	"github.com/modelcontextprotocol/go-sdk/mcp"
	"github.com/modelcontextprotocol/go-sdk/oauthex"

	"github.com/warder-go/warder/internal/privatekey"
	"github.com/warder-go/warder/internal/probe"
	"github.com/warder-go/warder/resource/resourcetest"
)

// A probedServer is an MCP server of another project, protected as its documentation shows. The
// verifier of tokens, which is a part of the application, verifies the signature, the issuer and
// the expiry. With audience, the server is also configured to verify the audience.
type probedServer struct {
	name  string // as in docs/probe.md
	start func(t *testing.T, s probeSettings) (url string)
	known []violation // in the order of the report
}

// A violation is a check that a server violates, with what it does.
type violation struct{ id, does string }

// audienceChecks are violated only without audience.
var audienceChecks = []string{"other-audience", "audience-prefix", "no-audience"}

// What several servers do.
const (
	acceptsAudience = "By default, the SDK does not compare the audience. The server accepts the token of another server"
	ignoresType     = "The SDK leaves the type of a JWT to the verifier"
	ignoresBinding  = "The SDK does not know bound tokens. The server accepts a stolen one as a bearer token"
	alwaysError     = "The challenge of a request without a token says `invalid_token`"
	noScope         = "The challenge never has a scope"
	ignoresOrigin   = "By default, the SDK does not compare `Origin`"
	optionalExpiry  = "The SDK accepts a token whose verifier reports no expiry"
)

// probeSettings are given to the programs as JSON.
type probeSettings struct {
	Issuer   string          `json:"issuer"`
	Keys     json.RawMessage `json:"keys"`
	Audience bool            `json:"audience"`

	public *ecdsa.PublicKey
}

var probedServers = []probedServer{
	{"Go SDK 1.8.0", startGoSDKServer, []violation{
		{"error-body", "The error is plain text, which is the text of the verifier's error"},
		{"metadata-preflight", "The preflight does not allow `MCP-Protocol-Version`"},
		{"other-audience", acceptsAudience}, {"audience-prefix", acceptsAudience}, {"no-audience", acceptsAudience},
		{"wrong-type", ignoresType}, {"bound-token", ignoresBinding},
		{"rejected-error", "The challenge never has an error, so a client cannot distinguish a missing token from a rejected one"},
		{"foreign-origin", ignoresOrigin},
	}},
	{"`@modelcontextprotocol/sdk` 1.32.2", startSDK1Server, []violation{
		{"challenge-no-error", alwaysError},
		{"other-audience", acceptsAudience}, {"audience-prefix", acceptsAudience}, {"no-audience", acceptsAudience},
		{"wrong-type", ignoresType}, {"bound-token", ignoresBinding},
		{"rejected-grammar", "Quotation marks of the verifier's error are not escaped in `error_description`. Clients that follow the grammar cannot read `resource_metadata` after it"},
		{"foreign-origin", ignoresOrigin},
	}},
	{"Python `mcp` 1.30.0", startPythonServer(python1Variable), append([]violation{
		{"challenge-no-error", alwaysError}, {"challenge-scope", noScope},
		{"as-issuer", "The SDK adds a slash to an issuer without a path"},
	}, pythonVerifier...)},
	{"Python `mcp` 2.3.0", startPythonServer(python2Variable), append([]violation{
		{"challenge-no-error", alwaysError}, {"challenge-scope", noScope},
	}, pythonVerifier...)},
}

// pythonVerifier are violations of both versions.
var pythonVerifier = []violation{
	{"no-exp", optionalExpiry},
	{"other-audience", acceptsAudience}, {"audience-prefix", acceptsAudience}, {"no-audience", acceptsAudience},
	{"wrong-type", ignoresType}, {"bound-token", ignoresBinding},
}

// docs/probe.md has all violations.
func TestProbeDocument(t *testing.T) {
	page, err := os.ReadFile("../../docs/probe.md")
	if err != nil {
		t.Fatal(err)
	}
	want := "| server | check | what the server does |\n|---|---|---|\n"
	for _, server := range probedServers {
		for _, v := range server.known {
			want += fmt.Sprintf("| %s | `%s` | %s |\n", server.name, v.id, v.does)
		}
	}
	if !strings.Contains(string(page), want+"\n") {
		t.Errorf("docs/probe.md does not have this table:\n%s", want)
	}
}

// The probe names exactly what is known to be wrong with the middleware of the official SDKs.
func TestProbe(t *testing.T) {
	for _, server := range probedServers {
		for _, audience := range []bool{false, true} {
			name := server.name + ", audience not verified"
			if audience {
				name = server.name + ", audience verified"
			}
			var want []string
			for _, v := range server.known {
				if !audience || !slices.Contains(audienceChecks, v.id) {
					want = append(want, v.id)
				}
			}
			t.Run(name, func(t *testing.T) {
				key, settings := newProbeKey(t)
				settings.Audience = audience
				url := server.start(t, settings)
				p, err := probe.New(probe.Config{URL: url, Issuer: settings.Issuer, Key: key})
				if err != nil {
					t.Fatal(err)
				}
				report, err := p.Run(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				for _, r := range report.Results {
					if r.Outcome == probe.Fail || r.Outcome == probe.Warn || r.Outcome == probe.NotChecked {
						t.Logf("%s: %s: %s", r.ID, r.Outcome, r.Seen)
					}
				}
				got := report.IDs(probe.Fail, probe.Warn, probe.NotChecked)
				check(t, "probe of "+name, strings.Join(want, " "), strings.Join(got, " "))
			})
		}
	}
}

// newProbeKey starts an authorization server that publishes a new key.
func newProbeKey(t *testing.T) (privatekey.Key, probeSettings) {
	t.Helper()
	signer, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	issuer := resourcetest.Start(t)
	keys := fmt.Appendf(nil, `{"keys":[%s]}`, resourcetest.JWK(&signer.PublicKey, map[string]any{"kid": "test", "alg": "ES256", "use": "sig"}))
	issuer.SetJWKS(keys)
	return privatekey.Key{Signer: signer, ID: "test"}, probeSettings{Issuer: issuer.Identifier(), Keys: keys, public: &signer.PublicKey}
}

// startGoSDKServer starts a server with auth.RequireBearerToken. The SDK has no setting for the
// audience, so the verifier verifies it.
func startGoSDKServer(t *testing.T, s probeSettings) string {
	t.Helper()
	web := httptest.NewUnstartedServer(nil)
	origin := "http://" + web.Listener.Addr().String()
	url := origin + "/mcp"
	server := mcp.NewServer(&mcp.Implementation{Name: "probed", Version: "1"}, nil)
	handler := mcp.NewStreamableHTTPHandler(func(*http.Request) *mcp.Server { return server }, nil)
	const path = "/.well-known/oauth-protected-resource/mcp"
	protect := auth.RequireBearerToken(s.verifier(url), &auth.RequireBearerTokenOptions{ResourceMetadataURL: origin + path, Scopes: []string{"tools"}})
	mux := http.NewServeMux()
	mux.Handle("/mcp", protect(handler))
	mux.Handle(path, auth.ProtectedResourceMetadataHandler(&oauthex.ProtectedResourceMetadata{
		Resource: url, AuthorizationServers: []string{s.Issuer}, ScopesSupported: []string{"tools"},
	}))
	web.Config.Handler = mux
	web.Start()
	t.Cleanup(func() { web.CloseClientConnections(); web.Close() })
	return url
}

// verifier verifies JWTs in the way of an application with one key.
func (s probeSettings) verifier(url string) auth.TokenVerifier {
	return func(_ context.Context, token string, _ *http.Request) (*auth.TokenInfo, error) {
		parts := strings.Split(token, ".")
		if len(parts) != 3 {
			return nil, fmt.Errorf("%w: not a JWT", auth.ErrInvalidToken)
		}
		var header struct {
			Alg  string
			Crit []string
		}
		var claims struct {
			Iss, Sub, Aud, Scope string
			Exp, Nbf             int64
		}
		signature, err := base64.RawURLEncoding.DecodeString(parts[2])
		for n, into := range []any{&header, &claims} {
			text, decodeErr := base64.RawURLEncoding.DecodeString(parts[n])
			if err == nil && decodeErr == nil {
				err = json.Unmarshal(text, into)
			}
		}
		digest := sha256.Sum256([]byte(parts[0] + "." + parts[1]))
		switch {
		case err != nil || header.Alg != "ES256" || header.Crit != nil || len(signature) != 64:
			return nil, fmt.Errorf("%w: malformed", auth.ErrInvalidToken)
		case !ecdsa.Verify(s.public, digest[:], new(big.Int).SetBytes(signature[:32]), new(big.Int).SetBytes(signature[32:])):
			return nil, fmt.Errorf("%w: signature", auth.ErrInvalidToken)
		case claims.Iss != s.Issuer || claims.Nbf > time.Now().Unix() || s.Audience && claims.Aud != url:
			return nil, fmt.Errorf("%w: claims", auth.ErrInvalidToken)
		}
		info := &auth.TokenInfo{Scopes: strings.Fields(claims.Scope), UserID: claims.Sub}
		if claims.Exp != 0 {
			info.Expiration = time.Unix(claims.Exp, 0)
		}
		return info, nil
	}
}

// startSDK1Server starts .ci/interop.d/server1.mjs.
func startSDK1Server(t *testing.T, s probeSettings) string {
	t.Helper()
	if os.Getenv(providerVariable) == "" {
		t.Skipf("Skipped: %s is not set. Run .ci/interop, which needs Node and npm.", providerVariable)
	}
	return serveProgram(t, "node", installed("server1.mjs"), s.argument(t))
}

// startPythonServer returns a function that starts .ci/interop.d/python/server.py with the
// interpreter that the variable names.
func startPythonServer(variable string) func(*testing.T, probeSettings) string {
	return func(t *testing.T, s probeSettings) string {
		t.Helper()
		if os.Getenv(variable) == "" {
			t.Skipf("Skipped: %s is not set. Run .ci/interop, which needs Python and pip.", variable)
		}
		return serveProgram(t, os.Getenv(variable), "../../.ci/interop.d/python/server.py", s.argument(t))
	}
}

func (s probeSettings) argument(t *testing.T) string {
	t.Helper()
	text, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
