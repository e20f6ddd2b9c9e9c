package resource_test

import (
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/warder-go/warder/internal/keytest"
	"github.com/warder-go/warder/jwks"
	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/resourcetest"
)

func boundTo(cnf string) func(*provenRequest) {
	return func(r *provenRequest) { r.token.Claims = map[string]any{"cnf": resourcetest.Raw(cnf)} }
}

// hostileBoundTokens covers tokens that are bound to something else, or that are used as if they were
// not bound.
func hostileBoundTokens(h *hostile) {
	f := h.fixture(acceptDPoP)
	other := resourcetest.NewProofKey("")
	h.checkProofs(f, []proofRow{
		{"242 a proof of another key", func(r *provenRequest) { r.key = other }, proofOtherKey},
		{"242 a key in the header that did not sign", func(r *provenRequest) { r.proof.Signer = signerOf(h.T) }, proofSignature},
		{"242 another key of the same kind, signed by the right one", func(r *provenRequest) {
			r.proof.Header = map[string]any{"jwk": resourcetest.Raw(jwkOf(other))}
		}, proofOtherKey},
		{"242 cnf with another thumbprint", boundTo(`{"jkt":"` + other.Thumbprint() + `"}`), proofOtherKey},
		{"242 cnf with a thumbprint of zeros", boundTo(`{"jkt":"` + strings.Repeat("A", 43) + `"}`), proofOtherKey},
		{"242 cnf with a padded thumbprint", boundTo(`{"jkt":"` + other.Thumbprint() + `="}`), bindingFault},
		{"242 cnf with a short thumbprint", boundTo(`{"jkt":"AAAA"}`), bindingFault},
		{"242 cnf with a number", boundTo(`{"jkt":1}`), bindingFault},
		{"242 cnf with jkt twice", boundTo(`{"jkt":"a","jkt":"b"}`), reasonMalformed},
		{"242 cnf empty", boundTo(`{}`), bindingFault},
		{"242 cnf a string", boundTo(`"jkt"`), bindingFault},
		{"242 cnf with jwk", boundTo(`{"jwk":` + jwkOf(other) + `}`), bindingFault},
		{"242 Cnf beside cnf", func(r *provenRequest) { r.token.Claims = map[string]any{"Cnf": resourcetest.Raw(`{}`)} }, reasonMalformed},
		{"243 a bound token with the scheme Bearer (§7.2)", withScheme("Bearer"), proofScheme},
		{"243 Bearer in another case", withScheme("bEARER"), proofScheme},
		{"243 Bearer without a proof", func(r *provenRequest) { r.scheme = "Bearer"; r.header = func(x http.Header) { x.Del("DPoP") } }, proofScheme},
		{"243 Bearer and a faulty proof", func(r *provenRequest) { r.scheme, r.proof.Fault = "Bearer", "htu missing" }, proofScheme},
		{"243 both schemes", func(r *provenRequest) {
			r.several = true
			r.header = func(x http.Header) {
				x.Add("Authorization", "Bearer "+strings.TrimPrefix(x.Get("Authorization"), "DPoP "))
			}
		}, reasonMalformedRequest},
		{"244 an unbound token with the scheme DPoP (§7.1)", func(r *provenRequest) { r.token.ProofKey = nil }, proofScheme},
		{"244 an unbound token with Bearer and a proof", func(r *provenRequest) { r.token.ProofKey = nil; r.scheme = "Bearer" }, ""},
		{"244 cnf null is not bound", func(r *provenRequest) { boundTo("null")(r) }, proofScheme},
		{"244 typ DPoP without cnf", func(r *provenRequest) {
			r.scheme, r.token.ProofKey, r.token.Claims = "Bearer", nil, map[string]any{"typ": "DPoP"}
		}, bindingFault},
		{"244 DPoP, a tab and a token", withScheme("DPoP\t"), reasonMalformedRequest},
		{"244 DPoP in another case", withScheme("dPoP"), ""},
		{"244 DPoP and two spaces", withScheme("DPoP "), ""},
	})
	// A bound token in a field in which a proxy sends tokens.
	bound := f.token(resourcetest.Token{ProofKey: other})
	req := post(identifier)
	req.Header.Set(tokenField, bound)
	h.expect("243 a bound token in a header field", f.sendProof(req).status, 401)
	req = proof(other, bound)
	req.Header.Set(tokenField, bound)
	h.expect("243 a bound token in a header field too", f.sendProof(req), refusedDPoP(400, badRequest))
	// A bound token where DPoP is off.
	off := h.fixture(nil)
	h.expect("243 a bound token, DPoP off, Bearer", off.bearer(off.token(resourcetest.Token{ProofKey: other})), invalid)
	h.expect("243 a bound token, DPoP off, DPoP", off.sendProof(proof(other, off.token(resourcetest.Token{ProofKey: other}))).status, 401)
}

// jwkOf returns the public key of a proof as JSON.
func jwkOf(key *resourcetest.ProofKey) string {
	head, _, _ := strings.Cut(key.Proof(resourcetest.Proof{}), ".")
	text := string(mustDecode(head))
	return strings.TrimSuffix(text[strings.Index(text, `"jwk":`)+len(`"jwk":`):], "}")
}

// hostileNonces covers nonces.
func hostileNonces(h *hostile) {
	f := h.fixture(requireNonce())
	nonce := func(text string) func(*provenRequest) { return func(r *provenRequest) { r.proof.Nonce = text } }
	n := newNonceTest(f)
	old := n.with("").nonce
	time.Sleep(5 * time.Minute)
	h.checkProofs(f, []proofRow{
		{"245 no nonce (§9)", nonce(""), resource.ReasonDPoPNonce},
		{"245 a nonce at its end", nonce(old), resource.ReasonDPoPNonce},
		{"245 a guessed nonce", nonce(strings.Repeat("A", 32)), resource.ReasonDPoPNonce},
		{"245 a changed nonce", nonce(old[:31] + "-"), resource.ReasonDPoPNonce},
		{"245 a long nonce", nonce(strings.Repeat("n", 256)), resource.ReasonDPoPNonce},
		{"245 a nonce over the limit", nonce(strings.Repeat("n", 257)), proofMalformed},
		{"245 nonce null", claimOf("nonce", "null"), proofMalformed},
		{"245 nonce a list", claimOf("nonce", `["a"]`), proofMalformed},
		{"245 nonce twice", claimOf("nonce", `"a","nonce":"b"`), proofMalformed},
		{"245 nonce with a line break", claimOf("nonce", `"a\r\nb"`), resource.ReasonDPoPNonce},
		{"245 a forged proof gets no nonce", func(r *provenRequest) { r.proof.Signer = signerOf(h.T) }, proofSignature},
	})
}

// hostileProofCost covers proofs that are expensive.
func hostileProofCost(h *hostile) {
	f := h.fixture(acceptDPoP)
	pad := func(size int) func(*provenRequest) {
		return func(r *provenRequest) {
			token := f.token(r.token)
			r.text = token
			base := len(r.key.Proof(resourcetest.Proof{Token: token, Header: map[string]any{"x": ""}}))
			r.proof.Header = map[string]any{"x": strings.Repeat("x", (size-base)*3/4)}
		}
	}
	h.checkProofs(f, []proofRow{
		{"246 a proof below 4 KiB", pad(4000), ""},
		{"246 a proof over 4 KiB", pad(4200), proofMalformed},
		{"246 a proof of 900 KB", fieldsOf(func(x http.Header) { x.Set("DPoP", x.Get("DPoP")+strings.Repeat("A", 900_000)) }), proofMalformed},
		{"246 900 KB of dots", fieldsOf(func(x http.Header) { x.Set("DPoP", strings.Repeat(".", 900_000)) }), proofMalformed},
		{"246 an RSA key of 16,384 bits", func(r *provenRequest) {
			r.proof.Header = map[string]any{"alg": "PS256", "jwk": map[string]any{"kty": "RSA", "e": "AQAB", "n": strings.Repeat("_", 2731)}}
		}, proofMalformed},
		{"247 a further member of the key", func(r *provenRequest) {
			r.proof.Header = map[string]any{"jwk": resourcetest.Raw(strings.TrimSuffix(jwkOf(r.key), "}") + `,"kid":"a","ext":true,"use":"sig"}`)}
		}, ""},
		{"247 members of the key in another order", func(r *provenRequest) {
			r.proof.Header = map[string]any{"jwk": resourcetest.Raw(reordered(jwkOf(r.key)))}
		}, ""},
		{"247 a member of the key twice", func(r *provenRequest) {
			r.proof.Header = map[string]any{"jwk": resourcetest.Raw(strings.TrimSuffix(jwkOf(r.key), "}") + `,"kty":"EC"}`)}
		}, proofMalformed},
		{"247 jwk twice", func(r *provenRequest) {
			r.proof.Header = map[string]any{"jwk": resourcetest.Raw(jwkOf(resourcetest.NewProofKey("")) + `,"jwk":` + jwkOf(r.key))}
		}, proofMalformed},
		{"247 a member of the key in another case", func(r *provenRequest) {
			r.proof.Header = map[string]any{"jwk": resourcetest.Raw(strings.TrimSuffix(jwkOf(r.key), "}") + `,"X":"AA"}`)}
		}, proofMalformed},
	})
	// 300 keys in turn, each with its own token, do not grow the cache beyond its limit.
	small := h.fixture(func(c *resource.Config, k *jwks.Config) { acceptDPoP(c, k); c.Limits.CacheEntries = 64 })
	statuses := map[int]int{}
	for range 300 {
		key := resourcetest.NewProofKey("")
		statuses[small.sendProof(proof(key, small.token(resourcetest.Token{ProofKey: key}))).status]++
	}
	h.expect("246 300 keys, a cache of 64 tokens", fmt.Sprint(statuses, " ", small.series()["warder_remembered_entries"]), "map[200:300] 64")
}

// reordered returns a JWK with its last member first.
func reordered(jwk string) string {
	members := strings.Split(strings.Trim(jwk, "{}"), ",")
	last := len(members) - 1
	return "{" + strings.Join(append([]string{members[last]}, members[:last]...), ",") + "}"
}

// hostileCertificates covers tokens that are bound to a certificate.
func hostileCertificates(h *hostile) {
	f := h.fixture(behindProxy)
	own, other := keytest.Certificate(), keytest.Certificate()
	bound := f.token(resourcetest.Token{Certificate: own.Leaf})
	send := func(token, field, remote string) int {
		req := bearerRequest(token)
		if field != "" {
			req.Header.Set("Client-Cert", field)
		}
		req.RemoteAddr = remote
		return f.sendProof(req).status
	}
	const proxy, client = "192.0.2.1:1", "203.0.113.1:1"
	encoded := ":" + base64Std(own.Leaf.Raw) + ":"
	h.expect("248 the certificate of the token", send(bound, encoded, proxy), 200)
	h.expect("248 no certificate (RFC 8705 §3)", send(bound, "", proxy), 401)
	h.expect("248 another certificate", send(bound, ":"+base64Std(other.Leaf.Raw)+":", proxy), 401)
	h.expect("248 the field of another peer", send(bound, encoded, client), 400)
	h.expect("248 the field of another peer, token not bound", send(f.token(resourcetest.Token{}), encoded, client), 400)
	h.expect("248 a malformed field", send(bound, "::", proxy), 400)
	h.expect("248 two methods", send(f.token(resourcetest.Token{Certificate: own.Leaf, ProofKey: resourcetest.NewProofKey("")}), encoded, proxy), 401)
	h.expect("248 a padded thumbprint", send(f.token(resourcetest.Token{Claims: map[string]any{"cnf": map[string]any{"x5t#S256": thumbprintOf(own) + "="}}}), encoded, proxy), 401)
	h.expect("248 x5t", send(f.token(resourcetest.Token{Claims: map[string]any{"cnf": map[string]any{"x5t": thumbprintOf(own)}}}), encoded, proxy), 401)
}
