package resource_test

import (
	"fmt"
	"log"
	"log/slog"
	"net/http"
	"net/http/httptest"

	"github.com/warder-go/warder/jwks"
	"github.com/warder-go/warder/nethttp"
	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/resourcetest"
)

// Values of the deployment. The audience of Cloudflare Access is the application's AUD tag. That
// of Google's Identity-Aware Proxy names the backend service.
const (
	cloudflareTeam     = "https://example.cloudflareaccess.com"
	cloudflareAudience = "4714c1358e65fe4b408ad6d432a5f878f08194bdb4752441fd56faefa9b2b6f2"
	iapIssuer          = "https://cloud.google.com/iap"
	iapKeys            = "https://www.gstatic.com/iap/verify/public_key-jwk"
	iapAudience        = "/projects/123456789012/global/backendServices/8765432109876543210"
)

// newBehindProxies returns a resource that accepts the tokens that Cloudflare Access and
// Identity-Aware Proxy add to each request, besides those of its own authorization server. A
// request with two of them is rejected.
func newBehindProxies(transport http.RoundTripper) (*resource.Resource, error) {
	own, err := jwks.New(jwks.Config{Issuer: "https://auth.example.com", Transport: transport})
	if err != nil {
		return nil, err
	}
	access, err := jwks.New(jwks.Config{Issuer: cloudflareTeam, URL: cloudflareTeam + "/cdn-cgi/access/certs", Algorithms: []string{"RS256"}, Transport: transport})
	if err != nil {
		return nil, err
	}
	iap, err := jwks.New(jwks.Config{Issuer: iapIssuer, URL: iapKeys, Algorithms: []string{"ES256"}, Transport: transport})
	if err != nil {
		return nil, err
	}
	return resource.New(resource.Config{
		Identifier: "https://mcp.example.com/mcp",
		Issuers:    []resource.Issuer{{Verifier: own}},
		Credentials: resource.Credentials{TokenHeaders: map[string]resource.Issuer{
			"Cf-Access-Jwt-Assertion":  {Verifier: access, Audiences: []string{cloudflareAudience}},
			"X-Goog-Iap-Jwt-Assertion": {Verifier: iap, Audiences: []string{iapAudience}},
		}},
		Logger: slog.New(slog.DiscardHandler),
	})
}

// Tokens that a proxy in front of the server adds to each request.
func ExampleCredentials_tokenHeaders() {
	cloudflare, google, transport := fakeProxies()
	res, err := newBehindProxies(transport)
	if err != nil {
		log.Fatal(err)
	}
	handler := nethttp.Handler(res, http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		caller, _ := resource.FromContext(req.Context())
		fmt.Fprintln(w, caller.Subject(), "by", caller.Credential())
	}))
	send := func(field, value string) {
		req := httptest.NewRequest(http.MethodPost, "https://mcp.example.com/mcp", nil)
		req.Header.Set(field, value)
		response := httptest.NewRecorder()
		handler.ServeHTTP(response, req)
		fmt.Print(response.Code, " ", response.Body)
	}
	ofAccess := cloudflare.Token(resourcetest.Token{
		Subject: "7335d417-61da-459d-899c-0a01c76a2f94", Header: map[string]any{"typ": "JWT"},
		Claims: map[string]any{"type": "app", "email": "user@example.com", "identity_nonce": "6ei69kawdKzMIAPF", "country": "US"},
	})
	ofIAP := google.Token(resourcetest.Token{
		Subject: "accounts.google.com:117712345678901234567", Header: map[string]any{"typ": "JWT"},
		Claims: map[string]any{"email": "user@example.com", "hd": "example.com", "google": map[string]any{"access_levels": []string{}}},
	})
	send("Cf-Access-Jwt-Assertion", ofAccess)
	send("X-Goog-Iap-Jwt-Assertion", ofIAP)
	send("X-Goog-Iap-Jwt-Assertion", ofAccess)
	send("Authorization", "Bearer "+ofAccess)
	send("Cf-Access-Jwt-Assertion", cloudflare.Token(resourcetest.Token{Audience: "the AUD tag of another application"}))
	fmt.Println(res.Metadata().AuthorizationServers)
	// Output:
	// 200 7335d417-61da-459d-899c-0a01c76a2f94 by Cf-Access-Jwt-Assertion
	// 200 accounts.google.com:117712345678901234567 by X-Goog-Iap-Jwt-Assertion
	// 401 {"error":"invalid_token","error_description":"The credential is invalid"}
	// 401 {"error":"invalid_token","error_description":"The access token is invalid"}
	// 401 {"error":"invalid_token","error_description":"The credential is invalid"}
	// [https://auth.example.com]
}

// roundTrip is a function that implements http.RoundTripper.
type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// fakeProxies returns issuers in place of the real ones, and the transport to their keys.
func fakeProxies() (cloudflare, google *resourcetest.Issuer, transport http.RoundTripper) {
	issuer := func(identifier, audience, algorithm string) *resourcetest.Issuer {
		i, err := resourcetest.NewIssuer(resourcetest.Config{Issuer: identifier, Audience: audience, Algorithms: []string{algorithm}})
		if err != nil {
			log.Fatal(err)
		}
		return i
	}
	cloudflare, google = issuer(cloudflareTeam, cloudflareAudience, "RS256"), issuer(iapIssuer, iapAudience, "ES256")
	return cloudflare, google, roundTrip(func(r *http.Request) (*http.Response, error) {
		from := map[string]*resourcetest.Issuer{cloudflareTeam + "/cdn-cgi/access/certs": cloudflare, iapKeys: google}[r.URL.String()]
		recorder := httptest.NewRecorder()
		if from == nil {
			http.NotFound(recorder, r)
		} else {
			from.ServeHTTP(recorder, httptest.NewRequest(http.MethodGet, from.URL(resourcetest.JWKS), nil))
		}
		return recorder.Result(), nil
	})
}
