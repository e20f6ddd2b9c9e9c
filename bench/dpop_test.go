package main

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/warder-go/warder/resource/resourcetest"
)

// sender makes the requests of the test of contenders with DPoP.
type sender struct {
	issuer      signer
	key, other  *resourcetest.ProofKey
	token       string // bound to key
	unbound     string
	otherToken  string // bound to key
	missingRead string // bound to key, without the scope
}

// with returns a request with the token and a proof that was changed.
func (s sender) with(change func(*resourcetest.Proof)) *http.Request {
	p := resourcetest.Proof{URL: audience, Token: s.token}
	change(&p)
	return s.send("DPoP "+s.token, s.key.Proof(p))
}

// url returns a request to the server whose proof has this htu.
func (s sender) url(htu string) *http.Request {
	return s.with(func(p *resourcetest.Proof) { p.Claims = map[string]any{"htu": htu} })
}

// fault returns a request whose proof has a fault. The token is bound to the key in the proof.
func (s sender) fault(name resourcetest.ProofFault) *http.Request {
	key := s.key.Faulty(name)
	token := s.issuer.boundToken(5, key.Thumbprint())
	return s.send("DPoP "+token, key.Proof(resourcetest.Proof{URL: audience, Token: token}))
}

// send returns a request with the values of Authorization and of DPoP.
func (s sender) send(authorization string, proofs ...string) *http.Request {
	req := dpopRequest()
	req.Header.Set("Authorization", authorization)
	for _, proof := range proofs {
		req.Header.Add("DPoP", proof)
	}
	return req
}

// proof returns a valid proof for a token.
func (s sender) proof(token string) string {
	return s.key.Proof(resourcetest.Proof{URL: audience, Token: token})
}

func newSender(issuer signer, alg string) sender {
	key := resourcetest.NewProofKey(alg)
	s := sender{issuer: issuer, key: key, other: resourcetest.NewProofKey(alg), unbound: issuer.token(1, 700)}
	s.token, s.otherToken = issuer.boundToken(2, key.Thumbprint()), issuer.boundToken(3, key.Thumbprint())
	c := accessToken(4, 700)
	c["cnf"], c["scope"] = claims{"jkt": key.Thumbprint()}, "mcp:write"
	s.missingRead = issuer.sign(c)
	return s
}

// A dpopRow is a kind of request and whether each contender accepts it.
type dpopRow struct {
	name         string
	request      func(s sender) *http.Request
	warder, peer bool
}

func dpopRows() []dpopRow {
	rows := append(equalDPoPRows(), differentDPoPRows()...)
	for _, name := range faultsOfPeer {
		rows = append(rows, dpopRow{string(name), func(s sender) *http.Request { return s.fault(name) }, false, true})
	}
	return rows
}

// equalDPoPRows are requests that both contenders accept, or both reject.
func equalDPoPRows() []dpopRow {
	now := time.Now
	return []dpopRow{
		{"valid proof", func(s sender) *http.Request { return s.with(func(*resourcetest.Proof) {}) }, true, true},
		{"token that is not bound, Bearer", func(s sender) *http.Request { return s.send("Bearer " + s.unbound) }, true, true},
		{"proof of 55 seconds ago", func(s sender) *http.Request {
			return s.with(func(p *resourcetest.Proof) { p.IssuedAt = now().Add(-55 * time.Second) })
		}, true, true},
		{"proof 55 seconds ahead", func(s sender) *http.Request {
			return s.with(func(p *resourcetest.Proof) { p.IssuedAt = now().Add(55 * time.Second) })
		}, true, true},
		{"proof with a nonce that nobody asked for", func(s sender) *http.Request { return s.with(func(p *resourcetest.Proof) { p.Nonce = "abc" }) }, true, true},
		{"query in the request and in htu", func(s sender) *http.Request {
			req := s.url(audience + "?a=b")
			req.URL.RawQuery = "a=b"
			return req
		}, true, true},

		{"no proof", func(s sender) *http.Request { return s.send("DPoP " + s.token) }, false, false},
		{"two proofs", func(s sender) *http.Request { return s.send("DPoP "+s.token, s.proof(s.token), s.proof(s.token)) }, false, false},
		{"proof is not a JWT", func(s sender) *http.Request { return s.send("DPoP "+s.token, "garbage") }, false, false},
		{"bound token, Bearer", func(s sender) *http.Request { return s.send("Bearer " + s.token) }, false, false},
		{"bound token, Bearer with a proof", func(s sender) *http.Request { return s.send("Bearer "+s.token, s.proof(s.token)) }, false, false},
		{"token that is not bound, DPoP", func(s sender) *http.Request { return s.send("DPoP "+s.unbound, s.proof(s.unbound)) }, false, false},
		{"missing scope", func(s sender) *http.Request { return s.send("DPoP "+s.missingRead, s.proof(s.missingRead)) }, false, false},
		{"wrong htm", func(s sender) *http.Request { return s.with(func(p *resourcetest.Proof) { p.Method = "GET" }) }, false, false},
		{"htm in lower case", func(s sender) *http.Request { return s.with(func(p *resourcetest.Proof) { p.Method = "post" }) }, false, false},
		{"htu of another host", func(s sender) *http.Request { return s.url("https://other.example.com/mcp") }, false, false},
		{"htu of another path", func(s sender) *http.Request { return s.url(audience + "/other") }, false, false},
		{"htu with the scheme http", func(s sender) *http.Request { return s.url("http://mcp.example.com/mcp") }, false, false},
		{"htu with a slash at the end", func(s sender) *http.Request { return s.url(audience + "/") }, false, false},
		{"no htu", func(s sender) *http.Request { return s.url("") }, false, false},
		{"proof of two minutes ago", func(s sender) *http.Request {
			return s.with(func(p *resourcetest.Proof) { p.IssuedAt = now().Add(-2 * time.Minute) })
		}, false, false},
		{"proof two minutes ahead", func(s sender) *http.Request {
			return s.with(func(p *resourcetest.Proof) { p.IssuedAt = now().Add(2 * time.Minute) })
		}, false, false},
		{"no jti", func(s sender) *http.Request {
			return s.with(func(p *resourcetest.Proof) { p.Claims = map[string]any{"jti": resourcetest.Remove} })
		}, false, false},
		{"no ath", func(s sender) *http.Request { return s.send("DPoP "+s.token, s.proof("")) }, false, false},
		{"ath of another token", func(s sender) *http.Request { return s.send("DPoP "+s.token, s.proof(s.otherToken)) }, false, false},
		{"proof of another key", func(s sender) *http.Request {
			return s.send("DPoP "+s.token, s.other.Proof(resourcetest.Proof{URL: audience, Token: s.token}))
		}, false, false},
		{"false signature", func(s sender) *http.Request {
			return s.with(func(p *resourcetest.Proof) { p.Signer = newSigner(s.issuer.alg, "").private })
		}, false, false},
		{"typ JWT", func(s sender) *http.Request {
			return s.with(func(p *resourcetest.Proof) { p.Header = map[string]any{"typ": "JWT"} })
		}, false, false},
		{"alg none", func(s sender) *http.Request {
			return s.with(func(p *resourcetest.Proof) { p.Header = map[string]any{"alg": "none"} })
		}, false, false},
		{"no jwk", func(s sender) *http.Request {
			return s.with(func(p *resourcetest.Proof) { p.Header = map[string]any{"jwk": resourcetest.Remove} })
		}, false, false},
	}
}

// differentDPoPRows are requests that one contender accepts and the other one rejects.
func differentDPoPRows() []dpopRow {
	return []dpopRow{
		{"htu with a query", func(s sender) *http.Request { return s.url(audience + "?a=b") }, true, false},
		{"htu with a fragment", func(s sender) *http.Request { return s.url(audience + "#a") }, true, false},
		{"htu with the default port", func(s sender) *http.Request { return s.url("https://mcp.example.com:443/mcp") }, true, false},
		{"htu with a host in upper case", func(s sender) *http.Request { return s.url("https://MCP.example.com/mcp") }, true, false},
		{"htu with a percent-encoded letter", func(s sender) *http.Request { return s.url("https://mcp.example.com/%6dcp") }, true, false},
		{"request with a query, htu without", func(s sender) *http.Request {
			req := s.url(audience)
			req.URL.RawQuery = "a=b"
			return req
		}, true, false},
		{"alg Ed25519 (RFC 9864)", func(s sender) *http.Request {
			return newSender(s.issuer, "EdDSA").with(func(p *resourcetest.Proof) { p.Header = map[string]any{"alg": "Ed25519"} })
		}, true, false},
		{"alg RS256", func(s sender) *http.Request {
			return newSender(s.issuer, "RS256").with(func(*resourcetest.Proof) {})
		}, false, true},
	}
}

// faultsOfPeer are faults of proofs that warder rejects and the peer accepts. The test does not say
// what both do with the other faults that package resourcetest can make.
var faultsOfPeer = []resourcetest.ProofFault{
	"typ twice", "typ JWT, then the right one", "TYP for typ", "alg of another curve", "alg twice",
	"zip", "jku beside jwk", "x5u beside jwk", "x5c beside jwk",
	"JWK for jwk", "jwk twice", "jwk of another key, then the right one", "jwk with kty twice",
	"jwk with x of another key, then the right one", "jwk with KTY for kty", "jwk with x padded",
	"jwk of small order", "jwk with the private EC key", "jwk with the private Ed25519 key",
	"jwk with the private RSA key", "jwk with the member k",
	"payload not UTF-8", "too large", "jti of 257 bytes", "jti twice", "nonce null",
	"iat too old, then the right one", "ath of another token, then the right one", "ATH for ath",
	"htm twice", "htm of another method, then the right one", "HTM for htm",
	"htu twice", "htu of another host, then the right one", "HTU for htu",
}

// RFC 9449 §11.1: warder accepts a proof once. The peer has no check for that.
func TestDPoPReplays(t *testing.T) {
	key := newSigner("ES256", "k1")
	server := newKeyServer(key)
	defer server.Close()
	for n, c := range dpopContenders() {
		h := c.make(t.Context(), server.URL, protectedHandler)
		req := newSender(key, "ES256").with(func(*resourcetest.Proof) {})
		got := []int{serveStatus(h, req), serveStatus(h, req)}
		if want := [][]int{{200, 401}, {200, 200}}[n]; !slices.Equal(got, want) {
			t.Errorf("%s: got %v, want %v", c.name, got, want)
		}
	}
}

// The section has a table for each measurement, and each target has a result.
func TestDPoPSection(t *testing.T) {
	r := measureDPoP(t.Context(), plan{tokens: 20, rounds: 1})
	text := dpopSection(r).text
	if targets := dpopTargets(r); len(targets) != 14 || strings.Count(text, "\n### ") != 14 {
		t.Errorf("got %d targets and this section, want 14 targets and 14 tables:\n%s", len(targets), text)
	}
}

// Both contenders accept and reject the same requests, except those of differentDPoPRows.
func TestDPoPContendersAgree(t *testing.T) {
	for _, alg := range dpopAlgorithms {
		key := newSigner(alg, "k1")
		server := newKeyServer(key)
		defer server.Close()
		s := newSender(key, alg)
		for n, c := range dpopContenders() {
			h := c.make(t.Context(), server.URL, protectedHandler)
			for _, row := range dpopRows() {
				w := httptest.NewRecorder()
				h.ServeHTTP(w, row.request(s))
				want := []bool{row.warder, row.peer}[n]
				if w.Code != http.StatusOK && !isRejection(w.Code) || (w.Code == http.StatusOK) != want {
					t.Errorf("%s, %s, %s: got %d %s, want it to be accepted: %v", c.name, alg, row.name, w.Code, strings.TrimSpace(w.Body.String()), want)
				}
			}
		}
	}
}
