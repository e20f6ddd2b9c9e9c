package adaptertest_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/resourcetest"
)

const (
	dpopPointer = `DPoP resource_metadata="https://mcp.example.test` + wellKnown + `/mcp"`
	dpopAlgs    = `, algs="ES256"`
	proofFault  = `, error="invalid_dpop_proof", error_description="The DPoP proof is missing or invalid"`
	nonceFault  = `, error="use_dpop_nonce", error_description="The DPoP proof must have a nonce of this server"`
)

func acceptDPoP(c *resource.Config) {
	c.Credentials.DPoP = resource.DPoP{Tokens: resource.BindingAccepted, Algorithms: []string{"ES256"}}
}

func requireNonce(c *resource.Config) {
	acceptDPoP(c)
	c.Credentials.DPoP.RequireNonce = true
}

// proven returns a request with a proof.
func proven(key *resourcetest.ProofKey, token, nonce string) *http.Request {
	req := httptest.NewRequest(http.MethodPost, identifier, strings.NewReader("{}"))
	req.Header.Set("Authorization", "DPoP "+token)
	req.Header.Set("DPoP", key.Proof(resourcetest.Proof{Method: req.Method, URL: identifier, Token: token, Nonce: nonce}))
	return req
}

// response is the status, the challenges and the fields that belong to DPoP.
func response(h http.Handler, req *http.Request) (text string, header http.Header) {
	recorder := httptest.NewRecorder()
	h.ServeHTTP(recorder, req)
	header = recorder.Header()
	return fmt.Sprint(recorder.Code, " ", strings.Join(header.Values("WWW-Authenticate"), " | ")), header
}

// RFC 9449 §7.1, §11.1
func TestProofs(t *testing.T) {
	onEachAdapter(t, func(t *testing.T, a adapter) {
		issuer, key := newIssuer(t), resourcetest.NewProofKey("")
		token := issuer.Token(resourcetest.Token{Audience: identifier, ProofKey: key, Subject: "alice"})
		var seen http.Header
		h := a.handler(newResource(t, issuer, acceptDPoP), http.HandlerFunc(func(_ http.ResponseWriter, req *http.Request) { seen = req.Header }))
		req := proven(key, token, "")
		if got, header := response(h, req.Clone(t.Context())); got != "200 " || header.Get("DPoP-Nonce") != "" {
			t.Fatalf("a proof: got %s, %v", got, header)
		}
		if seen.Get("Authorization") != "" || seen.Get("DPoP") != "" {
			t.Errorf("the handler got %v", seen)
		}
		want := "401 " + pointer + " | " + dpopPointer + proofFault + dpopAlgs
		if got, header := response(h, req.Clone(t.Context())); got != want || header.Get("Cache-Control") != "no-store" {
			t.Errorf("the same proof again:\n got %s\nwant %s", got, want)
		}
		req.Header.Del("DPoP")
		if got, _ := response(h, req); got != want {
			t.Errorf("no proof:\n got %s\nwant %s", got, want)
		}
	})
}

// RFC 9449 §8.2, §9: a nonce is required, and a new one is sent before the old one ends.
func TestNonces(t *testing.T) {
	for _, a := range adapters {
		t.Run(a.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				issuer, key := newIssuer(t), resourcetest.NewProofKey("")
				token := issuer.Token(resourcetest.Token{Audience: identifier, ProofKey: key, Lifetime: time.Hour})
				h := a.handler(newResource(t, issuer, requireNonce), http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
				required := "401 " + pointer + " | " + dpopPointer + nonceFault + dpopAlgs
				got, header := response(h, proven(key, token, ""))
				nonce := header.Get("DPoP-Nonce")
				if got != required || nonce == "" {
					t.Fatalf("no nonce: got %s, %v", got, header)
				}
				if got, header := response(h, proven(key, token, nonce)); got != "200 " || header.Get("DPoP-Nonce") != "" {
					t.Errorf("a new nonce: got %s, %v", got, header)
				}
				time.Sleep(4 * time.Minute)
				got, header = response(h, proven(key, token, nonce))
				next := header.Get("DPoP-Nonce")
				if got != "200 " || next == "" || next == nonce || header.Get("Cache-Control") != "no-store" {
					t.Errorf("a nonce near its end: got %s, %v", got, header)
				}
				time.Sleep(2 * time.Minute)
				if got, header := response(h, proven(key, token, nonce)); got != required || header.Get("DPoP-Nonce") == "" {
					t.Errorf("a nonce that has ended: got %s, %v", got, header)
				}
				if got, _ := response(h, proven(key, token, next)); got != "200 " {
					t.Errorf("the next nonce: got %s", got)
				}
			})
		})
	}
}

// A bound token can be required for a route by the rules of the resource, and Require does not
// need another proof.
func TestProofsAndRequire(t *testing.T) {
	onEachAdapter(t, func(t *testing.T, a adapter) {
		issuer, key := newIssuer(t), resourcetest.NewProofKey("")
		res := newResource(t, issuer, acceptDPoP)
		h := a.routes([]*resource.Resource{res}, map[string]route{"/mcp": {
			guards: []guard{{res: res}, {res: res}, {res: res, scopes: []string{"read"}}},
			next:   http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}),
		}})
		token := func(scope string) string {
			return issuer.Token(resourcetest.Token{Audience: identifier, ProofKey: key, Scope: scope})
		}
		if got, _ := response(h, proven(key, token("read"), "")); got != "200 " {
			t.Errorf("mounted twice, and Require: got %s", got)
		}
		want := "403 " + pointer + `, scope="read" | ` + dpopPointer + `, scope="read", error="insufficient_scope", ` +
			`error_description="The access token lacks a scope that this request needs"` + dpopAlgs
		if got, _ := response(h, proven(key, token("other"), "")); got != want {
			t.Errorf("Require:\n got %s\nwant %s", got, want)
		}
	})
}

// RFC 9728 §2
func TestMetadataOfBoundTokens(t *testing.T) {
	const both = `"dpop_signing_alg_values_supported":["ES256"]`
	for _, row := range []struct {
		name   string
		change func(*resource.Config)
		want   []string
	}{
		{"off", func(*resource.Config) {}, nil},
		{"accepted", acceptDPoP, []string{both}},
		{"required", func(c *resource.Config) {
			acceptDPoP(c)
			c.Credentials.DPoP.Tokens = resource.BindingRequired
		}, []string{both, `"dpop_bound_access_tokens_required":true`}},
		{"required by the only issuer", func(c *resource.Config) {
			acceptDPoP(c)
			c.Issuers[0].DPoP = resource.BindingRequired
		}, []string{both, `"dpop_bound_access_tokens_required":true`}},
		{"certificates", func(c *resource.Config) { c.Credentials.Certificates.Tokens = resource.BindingAccepted }, []string{`"tls_client_certificate_bound_access_tokens":true`}},
	} {
		onEachAdapter(t, func(t *testing.T, a adapter) {
			h := a.handler(newResource(t, newIssuer(t), row.change), http.NotFoundHandler())
			recorder := httptest.NewRecorder()
			h.ServeHTTP(recorder, httptest.NewRequest(http.MethodGet, wellKnown+"/mcp", nil))
			var got []string
			for _, member := range []string{both, `"dpop_bound_access_tokens_required":true`, `"tls_client_certificate_bound_access_tokens":true`} {
				if strings.Contains(recorder.Body.String(), member) {
					got = append(got, member)
				}
			}
			if !slices.Equal(got, row.want) {
				t.Errorf("%s: got %q, want %q", row.name, got, row.want)
			}
		})
	}
}
