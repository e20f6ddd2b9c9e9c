package resourcetest_test

import (
	"encoding/base64"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/warder-go/warder/resource/resourcetest"
)

// FuzzRequests sends arbitrary requests. Every response is complete, and its status is not a
// server error, except 503 when there are too many clients.
func FuzzRequests(f *testing.F) {
	const form = "application/x-www-form-urlencoded"
	f.Add("POST", "/token", form, "", "client_id=test-client&client_secret=test-secret&grant_type=client_credentials&scope=a&resource=https://x")
	f.Add("POST", "/introspect", form, "Basic dGVzdC1jbGllbnQ6dGVzdC1zZWNyZXQ=", "token=x")
	f.Add("POST", "/revoke", form, "Basic dGVzdC1jbGllbnQ6dGVzdC1zZWNyZXQ=", "token=x")
	f.Add("POST", "/register", "application/json", "", `{"redirect_uris":["https://a/"],"client_name":"\ud800"}`)
	f.Add("GET", "/authorize?client_id=test-client&response_type=code&code_challenge_method=S256&redirect_uri=http://127.0.0.1:1/callback", "", "", "")
	f.Add("HEAD", "/.well-known/oauth-authorization-server", "", "", "")
	s, err := resourcetest.NewIssuer(resourcetest.Config{})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(s.Close)
	f.Fuzz(func(t *testing.T, method, path, kind, authorization, body string) {
		r, err := http.NewRequest(method, "https://auth.example.test"+path, strings.NewReader(body))
		if err != nil || r.URL.Host != "auth.example.test" {
			t.Skip()
		}
		r.Header = http.Header{"Content-Type": {kind}, "Authorization": {authorization}}
		response, err := s.Transport().RoundTrip(r)
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		if _, err := io.Copy(io.Discard, response.Body); err != nil || response.StatusCode >= 500 && response.StatusCode != 503 {
			t.Errorf("%s %s: status %d, %v", method, path, response.StatusCode, err)
		}
	})
}

// FuzzTokenProofs sends arbitrary DPoP proofs to the token endpoint. The response is a token or
// the error invalid_dpop_proof (RFC 9449 §5).
func FuzzTokenProofs(f *testing.F) {
	s, err := resourcetest.NewIssuer(resourcetest.Config{})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(s.Close)
	key := resourcetest.NewProofKey("")
	for _, fault := range append(resourcetest.ProofFaults(), "") {
		proof := key.Proof(resourcetest.Proof{URL: s.URL(resourcetest.TokenEndpoint), Token: "t", Fault: fault})
		if parts := strings.Split(proof, "."); len(parts) == 3 {
			f.Add(decoded(parts[0]), decoded(parts[1]), decoded(parts[2]))
		}
	}
	client := &http.Client{Transport: s.Transport()}
	f.Fuzz(func(t *testing.T, header, payload, signature []byte) {
		encode := base64.RawURLEncoding.EncodeToString
		proof := encode(header) + "." + encode(payload) + "." + encode(signature)
		_, reply, got := tokenRequest(t, client, s, credentials+"&grant_type=client_credentials", proof)
		if got != "200 DPoP" && got != "400 invalid_dpop_proof" {
			t.Errorf("got %s %v", got, reply)
		}
	})
}

// decoded decodes a segment as far as it is base64url.
func decoded(segment string) []byte {
	content, _ := base64.RawURLEncoding.DecodeString(segment)
	return content
}
