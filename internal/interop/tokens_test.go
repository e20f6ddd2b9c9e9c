package interop_test

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// The client that requests tokens. It may use all grant types. Its secret has characters
// that must be form-encoded for HTTP Basic (RFC 6749 §2.3.1).
const (
	appID       = "app"
	appSecret   = "s:e%c+r e/t&=~?"
	appCallback = "http://127.0.0.1/callback" // nothing listens there: the test reads the code from the redirect
)

// registerApp registers the client app. The given members of its metadata are true.
func (p *provider) registerApp(members ...string) {
	p.t.Helper()
	metadata := map[string]any{
		"client_id": appID, "client_secret": appSecret,
		"grant_types":    []string{"client_credentials", "authorization_code", "refresh_token"},
		"response_types": []string{"code"}, "redirect_uris": []string{appCallback},
	}
	for _, member := range members {
		metadata[member] = true
	}
	p.registerClient(metadata)
}

// tokens is a response of the token endpoint.
type tokens struct {
	Access  string `json:"access_token"`
	Refresh string `json:"refresh_token"`
	ID      string `json:"id_token"`
}

// clientToken requests an access token for the client itself (RFC 6749 §4.4, RFC 8707 §2).
func (p *provider) clientToken(resource string) string {
	p.t.Helper()
	return p.token(url.Values{"grant_type": {"client_credentials"}, "resource": {resource}, "scope": {"mcp:read"}}).Access
}

// userTokens requests tokens for the user alice with the code flow and PKCE. Without a
// resource they are for the provider's own endpoints.
func (p *provider) userTokens(resource string) tokens {
	p.t.Helper()
	verifier := rand.Text() + rand.Text()
	challenge := sha256.Sum256([]byte(verifier))
	query := url.Values{
		"response_type": {"code"}, "client_id": {appID}, "redirect_uri": {appCallback},
		"scope": {"openid offline_access mcp:read"}, "prompt": {"consent"},
		"code_challenge_method": {"S256"}, "code_challenge": {base64.RawURLEncoding.EncodeToString(challenge[:])},
	}
	form := url.Values{"grant_type": {"authorization_code"}, "redirect_uri": {appCallback}, "code_verifier": {verifier}}
	if resource != "" {
		query.Set("resource", resource)
		form.Set("resource", resource)
	}
	form.Set("code", p.login("alice", p.issuer+"/auth?"+query.Encode()))
	return p.token(form)
}

// refreshed requests new tokens for a resource with a refresh token.
func (p *provider) refreshed(refresh, resource string) tokens {
	p.t.Helper()
	return p.token(url.Values{"grant_type": {"refresh_token"}, "refresh_token": {refresh}, "resource": {resource}})
}

// token calls the token endpoint as the client app.
func (p *provider) token(form url.Values) (t tokens) {
	p.t.Helper()
	body := p.post("/token", form)
	if err := json.Unmarshal(body, &t); err != nil || t.Access == "" {
		p.t.Fatalf("token endpoint: got %s", body)
	}
	return t
}

// revoke revokes a token (RFC 7009) as the client app.
func (p *provider) revoke(token string) {
	p.t.Helper()
	p.post("/token/revocation", url.Values{"token": {token}})
}

func (p *provider) post(path string, form url.Values) []byte {
	p.t.Helper()
	status, body := p.tryPost(path, form)
	if status != http.StatusOK {
		p.t.Fatalf("%s: got %d %s", path, status, body)
	}
	return body
}

func (p *provider) tryPost(path string, form url.Values) (status int, body []byte) {
	p.t.Helper()
	req, err := http.NewRequestWithContext(p.t.Context(), http.MethodPost, cmp.Or(p.endpoints, p.issuer)+path, strings.NewReader(form.Encode()))
	if err != nil {
		p.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.SetBasicAuth(url.QueryEscape(appID), url.QueryEscape(appSecret))
	return fetch(p.t, cmp.Or(p.client, http.DefaultClient), req)
}

// login logs a user in and returns the authorization code.
func (p *provider) login(user, start string) (code string) {
	p.t.Helper()
	redirect, err := browse(p.t.Context(), user, start)
	if err != nil {
		p.t.Fatal(err)
	}
	return redirect.Query().Get("code")
}

func fetch(t *testing.T, client *http.Client, req *http.Request) (int, []byte) {
	t.Helper()
	ctx, cancel := context.WithTimeout(req.Context(), timeout)
	defer cancel()
	res, err := client.Do(req.WithContext(ctx))
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, body
}

// errorCode returns the error in a response of the token endpoint (RFC 6749 §5.2).
func errorCode(body []byte) string {
	var answer struct{ Error string }
	_ = json.Unmarshal(body, &answer) // an answer that is not JSON has no error code
	return answer.Error
}
