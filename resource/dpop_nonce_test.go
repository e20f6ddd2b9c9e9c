package resource_test

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/warder-go/warder/jwks"
	"github.com/warder-go/warder/nethttp"
	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/resourcetest"
)

func requireNonce(keys ...[]byte) func(*resource.Config, *jwks.Config) {
	return func(c *resource.Config, k *jwks.Config) {
		acceptDPoP(c, k)
		c.Credentials.DPoP.RequireNonce, c.Credentials.DPoP.NonceKeys = true, keys
	}
}

// nonceTest sends requests with one key and token.
type nonceTest struct {
	*fixture
	key   *resourcetest.ProofKey
	token string
}

func newNonceTest(f *fixture) nonceTest {
	key := resourcetest.NewProofKey("")
	return nonceTest{f, key, f.token(resourcetest.Token{ProofKey: key, Lifetime: 24 * time.Hour})}
}

func (n nonceTest) with(nonce string) proven {
	n.t.Helper()
	return n.sendProof(proofWith(n.key, n.token, resourcetest.Proof{Nonce: nonce}))
}

// refused compares the response to a proof without a valid nonce, and returns the new one.
func (n nonceTest) refused(name, nonce string) string {
	n.t.Helper()
	got := n.with(nonce)
	if len(got.nonce) != 32 || got.nonce == nonce {
		n.t.Errorf("%s: nonce %q", name, got.nonce)
	}
	want := refusedDPoP(401, needsNonce)
	want.nonce = got.nonce
	n.expectProof(name, got, want)
	n.expectProofReason(name, resource.ReasonDPoPNonce)
	return got.nonce
}

// RFC 9449 §8.2, §9: the life of a nonce. A missing, an old and a forged nonce get the same answer.
func TestNonces(t *testing.T) {
	inBubble(t, requireNonce(), func(t *testing.T, f *fixture) {
		n := newNonceTest(f)
		nonce := n.refused("no nonce", "")
		n.expectProof("the nonce", n.with(nonce), provenAccepted)
		n.expectProof("the nonce again, in another proof", n.with(nonce), provenAccepted)
		for name, forged := range map[string]string{
			"another character": strings.Repeat("A", 31) + "B",
			"shorter":           nonce[:31],
			"longer":            nonce + "A",
			"another end":       nonce[:30] + "__",
			"another time":      "AQ" + "BBBBBB" + nonce[8:],
			"a space":           nonce[:31] + " ",
			"padding":           nonce + "=",
		} {
			n.refused(name, forged)
		}
		time.Sleep(150*time.Second - 1)
		n.expectProof("just before half of its life", n.with(nonce), provenAccepted)
		time.Sleep(1)
		got := n.with(nonce)
		next := got.nonce
		if got.status != 200 || len(next) != 32 || next == nonce {
			t.Fatalf("at half of its life: %+v", got)
		}
		n.expectProof("the next nonce", n.with(next), provenAccepted)
		time.Sleep(150*time.Second - 1)
		if got := n.with(nonce); got.status != 200 || got.nonce == "" || got.nonce == next {
			t.Errorf("just before its end: %+v", got)
		}
		time.Sleep(1)
		n.refused("at its end", nonce)
		n.expectProof("the next nonce is still valid", f.sendProof(proofWith(n.key, n.token, resourcetest.Proof{Nonce: next})), proven{200, nil, n.with(next).nonce})
	})
}

// RFC 9449 §4.3, number 10: the nonce is checked behind everything that a forged proof fails, and
// a proof without a nonce is not remembered.
func TestOrderOfNonces(t *testing.T) {
	f := newFixture(t, requireNonce())
	n := newNonceTest(f)
	f.expectProof("a forged proof without a nonce", f.sendProof(proofWith(n.key, n.token, resourcetest.Proof{Signer: signerOf(t)})), refusedDPoP(401, invalidProof))
	f.expectProof("no proof", f.sendProof(func() *http.Request {
		req := proofWith(n.key, n.token, resourcetest.Proof{})
		req.Header.Del("DPoP")
		return req
	}()), refusedDPoP(401, invalidProof))
	f.expectProof("an invalid token", f.sendProof(proofWith(n.key, f.token(resourcetest.Token{ProofKey: n.key, Fault: resourcetest.WrongSignature}), resourcetest.Proof{})), refusedDPoP(401, invalidToken))
	nonce := n.refused("without a nonce", "")
	f.sendProof(proofWith(n.key, n.token, resourcetest.Proof{ID: "a"}))
	f.expectProof("the same jti with a nonce", f.sendProof(proofWith(n.key, n.token, resourcetest.Proof{ID: "a", Nonce: nonce})), provenAccepted)
	f.expectProof("a replay with a nonce", f.sendProof(proofWith(n.key, n.token, resourcetest.Proof{ID: "a", Nonce: nonce})), refusedDPoP(401, invalidProof))
	f.expectProof("a bearer token needs no nonce", f.sendProof(bearerRequest(f.token(resourcetest.Token{}))), provenAccepted)
	f.expectProof("a client without credentials gets no nonce", f.sendProof(post(identifier)), refusedBearer(401, ""))
}

// The whole response with a nonce (RFC 9449 §9), and that with the next one.
func TestResponsesWithNonce(t *testing.T) {
	inBubble(t, func(c *resource.Config, k *jwks.Config) {
		requireNonce()(c, k)
		c.Credentials.DPoP.Tokens = resource.BindingRequired
	}, func(t *testing.T, f *fixture) {
		n := newNonceTest(f)
		got := f.whole(proofWith(n.key, n.token, resourcetest.Proof{}))
		_, rest, _ := strings.Cut(got, "Dpop-Nonce: ")
		nonce, _, _ := strings.Cut(rest, "\n")
		f.expectWhole("refused", got, "401\nCache-Control: no-store\nContent-Length: 97\nContent-Type: application/json\nDpop-Nonce: "+nonce+
			"\nWww-Authenticate: DPoP "+pointer+needsNonce+algs+"\nX-Content-Type-Options: nosniff\n\n"+
			`{"error":"use_dpop_nonce","error_description":"The DPoP proof must have a nonce of this server"}`+"\n")
		f.expectWhole("accepted", f.whole(proofWith(n.key, n.token, resourcetest.Proof{Nonce: nonce})), "200")
		time.Sleep(200 * time.Second)
		f.inner = func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("X-Inner", "a") }
		got = f.whole(proofWith(n.key, n.token, resourcetest.Proof{Nonce: nonce}))
		_, rest, _ = strings.Cut(got, "Dpop-Nonce: ")
		next, _, _ := strings.Cut(rest, "\n")
		f.expectWhole("accepted, with the next nonce", got, "200\nCache-Control: no-store\nDpop-Nonce: "+next+"\nX-Inner: a")
		f.expectWhole("the next nonce", f.whole(proofWith(n.key, n.token, resourcetest.Proof{Nonce: next})), "200\nX-Inner: a")
		// The handler decides about caching, if it says something.
		f.inner = func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Cache-Control", "private") }
		if got := f.whole(proofWith(n.key, n.token, resourcetest.Proof{Nonce: nonce})); !strings.Contains(got, "Cache-Control: private\nDpop-Nonce: ") {
			t.Errorf("a handler with Cache-Control: %s", got)
		}
	})
}

// A nonce of one process is accepted by another with the same keys, in any order of them.
func TestNonceKeys(t *testing.T) {
	a, b := bytes.Repeat([]byte("a"), 32), bytes.Repeat([]byte("b"), 32)
	first := newFixture(t, requireNonce(a))
	n := newNonceTest(first)
	nonce := n.refused("no nonce", "")
	for _, row := range []struct {
		name     string
		keys     [][]byte
		accepted bool
		next     bool // the response has the next nonce
	}{
		{"the same key", [][]byte{a}, true, false},
		{"a new key behind it", [][]byte{a, b}, true, false},
		{"a new key in front of it", [][]byte{b, a}, true, true},
		{"only the new key", [][]byte{b}, false, true},
		{"a key of the process", nil, false, true},
	} {
		f := newFixtureWith(t, first.issuer, requireNonce(row.keys...))
		got := f.sendProof(proofWith(n.key, n.token, resourcetest.Proof{Nonce: nonce}))
		if (got.status == 200) != row.accepted || (got.nonce != "") != row.next {
			t.Errorf("%s: %+v", row.name, got)
		}
	}
	// Replace keeps the key of the process, so that clients need no new nonce.
	f := newFixtureWith(t, first.issuer, requireNonce())
	n.fixture = f
	nonce = n.refused("a key of the process", "")
	if err := f.res.Replace(newFixtureWith(t, f.issuer, requireNonce()).res); err != nil {
		t.Fatal(err)
	}
	f.expectProof("after Replace", n.with(nonce), provenAccepted)
}

// The client of resourcetest repeats its request with the nonce.
func TestClientWithNonces(t *testing.T) {
	f := newFixture(t, requireNonce())
	n := newNonceTest(f)
	server := httptest.NewTLSServer(nethttp.Middleware(f.res)(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(204) })))
	defer server.Close()
	own := newFixtureWith(t, f.issuer, func(c *resource.Config, k *jwks.Config) {
		requireNonce()(c, k)
		c.Identifier = server.URL + "/mcp"
	})
	server.Config.Handler = nethttp.Middleware(own.res)(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(204) }))
	token := f.token(resourcetest.Token{ProofKey: n.key, Audience: server.URL + "/mcp"})
	client := &http.Client{Transport: n.key.Transport(server.Client().Transport, func() string { return token })}
	for range 3 {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL+"/mcp?a=b", strings.NewReader("{}"))
		if err != nil {
			t.Fatal(err)
		}
		response, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = response.Body.Close()
		if response.StatusCode != 204 {
			t.Errorf("got %d", response.StatusCode)
		}
	}
	if log := own.log.take(); strings.Count(log, `"reason":"dpop_nonce"`) != 1 || strings.Count(log, `"reason"`) != 1 {
		t.Errorf("want one rejection, got the log %s", log)
	}
}
