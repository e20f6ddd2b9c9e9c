package resourcetest_test

import (
	"crypto"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/warder-go/warder/resource/resourcetest"
)

const credentials = "client_id=test-client&client_secret=test-secret"

// tokenRequest sends a token request with these proofs and returns the response, and its error or
// token type.
func tokenRequest(t *testing.T, client *http.Client, s *resourcetest.Issuer, form string, proofs ...string) (*http.Response, doc, string) {
	t.Helper()
	r := request(t, "POST", s.URL(resourcetest.TokenEndpoint), form)
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header["Dpop"] = proofs
	response, body := do(t, client, r)
	reply := parse(t, body)
	code, _ := reply["error"].(string)
	if code == "" {
		code, _ = reply["token_type"].(string)
	}
	return response, reply, fmt.Sprint(response.StatusCode, " ", code)
}

// RFC 9449 §5: a token for a request with a proof is bound to the key, for every algorithm in
// dpop_signing_alg_values_supported.
func TestTokenEndpointBindsTokens(t *testing.T) {
	for _, opaque := range []bool{false, true} {
		s, client := newIssuer(t, resourcetest.Config{OpaqueTokens: opaque})
		for _, alg := range algorithms {
			key := resourcetest.NewProofKey(alg)
			proof := key.Proof(resourcetest.Proof{URL: s.URL(resourcetest.TokenEndpoint)})
			_, reply, got := tokenRequest(t, client, s, credentials+"&grant_type=client_credentials", proof)
			if got != "200 DPoP" {
				t.Fatalf("%s: got %v", alg, reply)
			}
			cnf := `{"jkt":"` + key.Thumbprint() + `"}`
			token := reply["access_token"].(string)
			_, introspection := post(t, client, s.URL(resourcetest.Introspection), "token="+token, "test-client", "test-secret")
			if text(introspection["cnf"]) != cnf || introspection["token_type"] != "DPoP" {
				t.Errorf("%s: introspection %v, want cnf %s", alg, introspection, cnf)
			}
			if !opaque && text(parse(t, string(segment(t, token, 1)))["cnf"]) != cnf {
				t.Errorf("%s: got %s, want cnf %s", alg, segment(t, token, 1), cnf)
			}
		}
		if _, reply, got := tokenRequest(t, client, s, credentials+"&grant_type=client_credentials"); got != "200 Bearer" {
			t.Errorf("without a proof: got %v", reply)
		}
	}
}

// RFC 9449 §4.3 and §5: the token endpoint rejects proofs with a fault. It ignores "ath", because
// the request does not have an access token.
func TestTokenEndpointRejectsFaults(t *testing.T) {
	s, client := newIssuer(t, resourcetest.Config{})
	for _, alg := range []string{"ES256", "PS256", "EdDSA"} {
		key := resourcetest.NewProofKey(alg)
		for _, fault := range resourcetest.ProofFaults() {
			if fault := strings.ToLower(string(fault)); strings.HasPrefix(fault, "ath ") {
				continue
			}
			proof := key.Proof(resourcetest.Proof{URL: s.URL(resourcetest.TokenEndpoint), Fault: fault})
			if _, reply, got := tokenRequest(t, client, s, credentials+"&grant_type=client_credentials", proof); got != "400 invalid_dpop_proof" {
				t.Errorf("%s: %q: got %v", alg, fault, reply)
			}
		}
	}
}

// The rules of RFC 9449 §4.3 that faults do not cover.
func TestTokenEndpointChecksProofs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, client := newIssuer(t, resourcetest.Config{})
		key := resourcetest.NewProofKey("")
		proof := func(p resourcetest.Proof) []string {
			if p.URL == "" {
				p.URL = "https://auth.example.test/token"
			}
			return []string{key.Proof(p)}
		}
		htu := func(htu string) []string { return proof(resourcetest.Proof{Claims: map[string]any{"htu": htu}}) }
		once := proof(resourcetest.Proof{ID: "once"})
		for _, row := range []struct {
			name   string
			proofs []string
			want   string
		}{
			{"valid", proof(resourcetest.Proof{}), "200 DPoP"},
			{"two fields (check 1)", append(proof(resourcetest.Proof{}), proof(resourcetest.Proof{})...), "400 invalid_dpop_proof"},
			{"an empty field", []string{""}, "400 invalid_dpop_proof"},
			{"a proof for the first time", once, "200 DPoP"},
			{"the same proof again (§11.1)", once, "400 invalid_dpop_proof"},
			{"another proof with the same jti", proof(resourcetest.Proof{ID: "once", IssuedAt: time.Now().Add(time.Second)}), "400 invalid_dpop_proof"},
			{"the same jti with another key", []string{resourcetest.NewProofKey("").Proof(resourcetest.Proof{ID: "once", URL: "https://auth.example.test/token"})}, "200 DPoP"},
			{"a jti of 256 bytes", proof(resourcetest.Proof{ID: strings.Repeat("j", 256)}), "200 DPoP"},
			{"a minute old (check 11)", proof(resourcetest.Proof{IssuedAt: time.Now().Add(-time.Minute)}), "200 DPoP"},
			{"more than a minute old", proof(resourcetest.Proof{IssuedAt: time.Now().Add(-61 * time.Second)}), "400 invalid_dpop_proof"},
			{"a minute in the future", proof(resourcetest.Proof{IssuedAt: time.Now().Add(time.Minute)}), "200 DPoP"},
			{"more than a minute in the future", proof(resourcetest.Proof{IssuedAt: time.Now().Add(61 * time.Second)}), "400 invalid_dpop_proof"},
			{"query and fragment (check 9)", htu("https://auth.example.test/token?a#b"), "200 DPoP"},
			{"scheme and host in upper case (RFC 3986 §6.2.2.1)", htu("HTTPS://AUTH.EXAMPLE.TEST/token"), "200 DPoP"},
			{"the default port (RFC 3986 §6.2.3)", htu("https://auth.example.test:443/token"), "200 DPoP"},
			{"the port of http", htu("https://auth.example.test:80/token"), "400 invalid_dpop_proof"},
			{"the path in upper case", htu("https://auth.example.test/TOKEN"), "400 invalid_dpop_proof"},
			{"an escaped letter in the path", htu("https://auth.example.test/%74oken"), "400 invalid_dpop_proof"},
			{"trailing bits that are not zero (RFC 4648 §3.5)", proof(resourcetest.Proof{Encode: trailingBits}), "400 invalid_dpop_proof"},
			{"unknown claims and a kid", proof(resourcetest.Proof{Claims: map[string]any{"x": 1}, Header: map[string]any{"kid": "1"}}), "200 DPoP"},
			{"a nonce that is not required", proof(resourcetest.Proof{Nonce: "n"}), "200 DPoP"},
		} {
			if response, reply, got := tokenRequest(t, client, s, credentials+"&grant_type=client_credentials", row.proofs...); got != row.want || response.Header.Get("DPoP-Nonce") != "" {
				t.Errorf("%s: got %v, want %s; header %v", row.name, reply, row.want, response.Header)
			}
		}
	})
}

// trailingBits sets the lowest of the four unused bits in the last character of an ES256 signature.
func trailingBits(segment int, content []byte) string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	encoded := base64.RawURLEncoding.EncodeToString(content)
	if segment != 2 {
		return encoded
	}
	last := len(encoded) - 1
	return encoded[:last] + string(alphabet[strings.IndexByte(alphabet, encoded[last])+1])
}

// A URL that is not ASCII is not a URI (RFC 3986 §2), although net/url parses it.
func TestTokenEndpointRequiresURI(t *testing.T) {
	s, client := newIssuer(t, resourcetest.Config{Path: "/%C3%A9"})
	for htu, want := range map[string]string{
		"https://auth.example.test/%C3%A9/token": "200 DPoP",
		"https://auth.example.test/é/token":      "400 invalid_dpop_proof",
	} {
		if _, reply, got := tokenRequest(t, client, s, credentials+"&grant_type=client_credentials", resourcetest.NewProofKey("").Proof(resourcetest.Proof{URL: htu})); got != want {
			t.Errorf("%s: got %v, want %s", htu, reply, want)
		}
	}
}

// fixedSigner signs with the same bytes always.
type fixedSigner struct {
	public    ed25519.PublicKey
	signature []byte
}

func (s fixedSigner) Public() crypto.PublicKey { return s.public }

func (s fixedSigner) Sign(io.Reader, []byte, crypto.SignerOpts) ([]byte, error) {
	return s.signature, nil
}

// Anyone can sign for the Ed25519 keys whose order divides 8: for each of their encodings,
// crypto/ed25519 accepts this signature of some messages.
func TestTokenEndpointRejectsSmallOrder(t *testing.T) {
	s, client := newIssuer(t, resourcetest.Config{})
	neutral := append([]byte{1}, make([]byte, 63)...)
	for _, y := range []string{
		"0000000000000000000000000000000000000000000000000000000000000000", "0100000000000000000000000000000000000000000000000000000000000000",
		"26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05", "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
		"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	} {
		for _, sign := range []byte{0, 0x80} {
			public, err := hex.DecodeString(y)
			if err != nil {
				t.Fatal(err)
			}
			public[31] |= sign
			p := resourcetest.Proof{
				URL: s.URL(resourcetest.TokenEndpoint), Signer: fixedSigner{public, neutral},
				Header: map[string]any{"jwk": resourcetest.JWK(ed25519.PublicKey(public), nil)},
			}
			key, proof := resourcetest.NewProofKey("EdDSA"), ""
			for range 1000 {
				if proof = key.Proof(p); verifies(ed25519.PublicKey(public), "EdDSA", proof) {
					break
				}
			}
			if !verifies(ed25519.PublicKey(public), "EdDSA", proof) {
				t.Fatalf("%x: no valid signature", public)
			}
			if _, reply, got := tokenRequest(t, client, s, credentials+"&grant_type=client_credentials", proof); got != "400 invalid_dpop_proof" {
				t.Errorf("%x: got %v", public, reply)
			}
		}
	}
}

// codeForm returns a token request for a new code.
func codeForm(t *testing.T, client *http.Client, s *resourcetest.Issuer, changes, clientForm string) string {
	t.Helper()
	_, reply := authorize(t, client, s, changes)
	if !reply.Has("code") {
		t.Fatalf("got %v", reply)
	}
	return clientForm + "&grant_type=authorization_code&code=" + reply.Get("code") + "&code_verifier=" + verifier
}

// RFC 9449 §5: refresh tokens of public clients are bound to the key of the proof, those of
// confidential clients are not. A failed request does not use up the refresh token.
func TestBoundRefreshTokens(t *testing.T) {
	public := resourcetest.Client{ID: "public", RedirectURIs: []string{callback}}
	confidential := resourcetest.Client{ID: "test-client", Secret: "test-secret", RedirectURIs: []string{callback}}
	s, client := newIssuer(t, resourcetest.Config{Clients: []resourcetest.Client{public, confidential}})
	key, other := resourcetest.NewProofKey(""), resourcetest.NewProofKey("EdDSA")
	proof := func(key *resourcetest.ProofKey) []string {
		if key == nil {
			return nil
		}
		return []string{key.Proof(resourcetest.Proof{URL: s.URL(resourcetest.TokenEndpoint)})}
	}
	for _, row := range []struct {
		name, client, form string
		first, second      *resourcetest.ProofKey
		want               string
	}{
		{"public, the same key", "client_id=public", "client_id=public", key, key, "200 DPoP"},
		{"public, another key", "client_id=public", "client_id=public", key, other, "400 invalid_grant"},
		{"public, without a proof", "client_id=public", "client_id=public", key, nil, "400 invalid_grant"},
		{"public, without a proof at first", "client_id=public", "client_id=public", nil, key, "200 DPoP"},
		{"confidential, another key", "", credentials, key, other, "200 DPoP"},
		{"confidential, without a proof", "", credentials, key, nil, "200 Bearer"},
	} {
		_, first, _ := tokenRequest(t, client, s, codeForm(t, client, s, row.client, row.form), proof(row.first)...)
		form := row.form + "&grant_type=refresh_token&refresh_token=" + first["refresh_token"].(string)
		if _, reply, got := tokenRequest(t, client, s, form, proof(row.second)...); got != row.want {
			t.Errorf("%s: got %v, want %s", row.name, reply, row.want)
		}
		if _, reply, got := tokenRequest(t, client, s, form, proof(key)...); row.want == "400 invalid_grant" && got != "200 DPoP" {
			t.Errorf("%s, then the right key: got %v", row.name, reply)
		}
	}
}

// RFC 9449 §10: a code for a request with dpop_jkt can be used only with a proof of this key.
func TestBoundCode(t *testing.T) {
	s, client := newIssuer(t, resourcetest.Config{})
	key := resourcetest.NewProofKey("")
	form := codeForm(t, client, s, "dpop_jkt="+key.Thumbprint(), credentials)
	proof := func(key *resourcetest.ProofKey) string {
		return key.Proof(resourcetest.Proof{URL: s.URL(resourcetest.TokenEndpoint)})
	}
	for _, row := range []struct {
		name   string
		proofs []string
		want   string
	}{
		{"no proof", nil, "400 invalid_grant"},
		{"another key", []string{proof(resourcetest.NewProofKey(""))}, "400 invalid_grant"},
		{"an invalid proof", []string{proof(key.Faulty("typ missing"))}, "400 invalid_dpop_proof"},
		{"the key; the previous failures did not use up the code", []string{proof(key)}, "200 DPoP"},
	} {
		if _, reply, got := tokenRequest(t, client, s, form, row.proofs...); got != row.want {
			t.Errorf("%s: got %v, want %s", row.name, reply, row.want)
		}
	}
	for _, jkt := range []string{"x", strings.Repeat("=", 43), strings.Repeat("A", 44)} {
		if _, reply := authorize(t, client, s, "dpop_jkt="+url.QueryEscape(jkt)); reply.Get("error") != "invalid_request" {
			t.Errorf("dpop_jkt %q: got %v", jkt, reply)
		}
	}
}

// RFC 9449 §8: with Config.DPoPNonce, proofs need a nonce of the last one to two minutes. Requests
// without a proof do not.
func TestTokenEndpointNonce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, client := newIssuer(t, resourcetest.Config{DPoPNonce: true})
		key := resourcetest.NewProofKey("")
		form := codeForm(t, client, s, "", credentials)
		nonces := make(map[string]bool)
		send := func(name, form, nonce, want string) string {
			t.Helper()
			proof := key.Proof(resourcetest.Proof{URL: s.URL(resourcetest.TokenEndpoint), Nonce: nonce})
			response, reply, got := tokenRequest(t, client, s, form, proof)
			newest := response.Header.Get("DPoP-Nonce")
			if got != want || newest == "" || response.Header.Get("Access-Control-Expose-Headers") != "DPoP-Nonce" {
				t.Errorf("%s: got %v and header %v, want %s", name, reply, response.Header, want)
			}
			nonces[newest] = true
			return newest
		}
		first := send("no nonce", form, "", "400 use_dpop_nonce")
		send("a wrong nonce", form, "x", "400 use_dpop_nonce")
		if got := send("the nonce", form, first, "200 DPoP"); got != first { // §8.2
			t.Errorf("the nonce changed early from %s to %s", first, got)
		}
		form = credentials + "&grant_type=client_credentials"
		time.Sleep(time.Minute)
		second := send("a nonce of one minute ago", form, first, "200 DPoP")
		time.Sleep(time.Minute)
		send("a nonce of two minutes ago", form, first, "400 use_dpop_nonce")
		third := send("the nonce after it", form, second, "200 DPoP")
		time.Sleep(2 * time.Minute)
		send("the newest nonce, two minutes old", form, third, "400 use_dpop_nonce")
		if len(nonces) != 4 {
			t.Errorf("got the nonces %v, want 4", nonces)
		}
		if _, reply, got := tokenRequest(t, client, s, form); got != "200 Bearer" {
			t.Errorf("without a proof: got %v", reply)
		}
	})
}

// A client with Transport gets a token from an endpoint that requires a nonce, in two requests
// for the first token and in one for the next.
func TestProofTransportAtTokenEndpoint(t *testing.T) {
	s, _ := newIssuer(t, resourcetest.Config{DPoPNonce: true})
	client := &http.Client{Transport: resourcetest.NewProofKey("").Transport(s.Transport(), nil)}
	for _, want := range []int{2, 3} {
		_, reply := post(t, client, s.URL(resourcetest.TokenEndpoint), credentials+"&grant_type=client_credentials")
		if got := s.Count(resourcetest.TokenEndpoint); reply["token_type"] != "DPoP" || got != want {
			t.Errorf("got %v after %d requests, want %d", reply, got, want)
		}
	}
}

// The token endpoint stores a proof as long as it can be valid, even if many others follow.
func TestReplaysAreRejectedUntilTooOld(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, client := newIssuer(t, resourcetest.Config{Lifetime: time.Second})
		key := resourcetest.NewProofKey("EdDSA")
		send := func(p resourcetest.Proof) string {
			p.URL = s.URL(resourcetest.TokenEndpoint)
			_, _, got := tokenRequest(t, client, s, credentials+"&grant_type=client_credentials", key.Proof(p))
			return got
		}
		future := resourcetest.Proof{ID: "future", IssuedAt: time.Now().Add(time.Minute)}
		if got := send(future); got != "200 DPoP" {
			t.Fatal(got)
		}
		time.Sleep(2 * time.Minute) // the proof is as old as is accepted
		for range 1100 {
			send(resourcetest.Proof{})
		}
		if got := send(future); got != "400 invalid_dpop_proof" {
			t.Errorf("a replay: got %s", got)
		}
	})
}
