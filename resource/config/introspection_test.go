package config_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"log"
	"log/slog"
	"math/big"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/warder-go/warder/internal/keytest"
	"github.com/warder-go/warder/nethttp"
	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/config"
	"github.com/warder-go/warder/resource/resourcetest"
)

// clientCertificate returns a self-signed certificate (RFC 8705 §2.2) and its key.
func clientCertificate(t *testing.T, name string) (chain, key string) {
	t.Helper()
	signer := keytest.P256()
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, signer.Public(), signer)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})), keytest.PEM(signer)
}

// Each method of client authentication in the file works at a server on a loopback port that
// accepts only this method. The server also sees the hint.
func TestIntrospectionAuthMethods(t *testing.T) {
	key := keytest.P256()
	chain, tlsKey := clientCertificate(t, "mcp")
	rotatedChain, rotatedKey := clientCertificate(t, "rotated")
	var seen []string
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		_ = req.ParseForm()
		user, password, _ := req.BasicAuth()
		names := []string{"basic " + user + " " + password, req.Header.Get("Authorization"), req.PostForm.Get("client_id"), req.PostForm.Get("client_secret"), "hint " + req.PostForm.Get("token_type_hint")}
		for _, certificate := range req.TLS.PeerCertificates {
			names = append(names, "certificate "+certificate.Subject.CommonName)
		}
		if assertion := req.PostForm.Get("client_assertion"); assertion != "" {
			names = append(names, describeAssertion(assertion, &key.PublicKey))
		}
		seen = append(seen, strings.Join(names, "|"))
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprint(w, `{"active":true,"sub":"alice","aud":"https://mcp.example.com/mcp"}`)
	}))
	server.Config.ErrorLog = log.New(new(bytes.Buffer), "", 0)
	server.TLS = &tls.Config{ClientAuth: tls.RequestClientCert}
	server.StartTLS()
	defer server.Close()
	dir := t.TempDir()
	for name, text := range map[string]string{"secret": "s3cret\n", "token": "t0ken\n", "key.pem": keytest.PEM(key), "tls.crt": chain, "tls.key": tlsKey,
		"ca.pem": string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}))} {
		write(t, dir, name, text)
	}
	const none = "basic  "
	basic := func(id, secret string) string {
		return "basic " + id + " " + secret + "|Basic " + base64.StdEncoding.EncodeToString([]byte(id+":"+secret))
	}
	for _, row := range []struct {
		lines []string
		want  string
	}{
		{[]string{"client_id: admin@t.example", "client_secret: s3cret"}, basic("admin%40t.example", "s3cret") + "|||hint access_token"},
		{[]string{"client_id: mcp", "client_secret_file: secret", "introspection_token_type_hint: none"}, basic("mcp", "s3cret") + "|||hint "},
		{[]string{"introspection_auth_method: client_secret_basic_raw", "client_id: admin@t.example", "client_secret: s3cret"}, basic("admin@t.example", "s3cret") + "|||hint access_token"},
		{[]string{"introspection_auth_method: client_secret_post", "introspection_client_id: mcp", "introspection_client_secret_file: secret"}, none + "||mcp|s3cret|hint access_token"},
		{[]string{"introspection_auth_method: bearer", "introspection_bearer_token: t1"}, none + "|Bearer t1|||hint access_token"},
		{[]string{"introspection_auth_method: bearer", "introspection_bearer_token_file: token"}, none + "|Bearer t0ken|||hint access_token"},
		{[]string{"introspection_auth_method: private_key_jwt", "client_id: mcp", "introspection_private_key_file: key.pem"}, none + "||||hint access_token|ES256  mcp https://auth.example.com"},
		{[]string{"introspection_auth_method: private_key_jwt", "client_id: mcp", "introspection_private_key_file: key.pem", "introspection_key_id: k1", "introspection_key_algorithm: ES256",
			"introspection_assertion_audience: https://x.example/i"}, none + "||||hint access_token|ES256 k1 mcp https://x.example/i"},
		{[]string{"introspection_auth_method: tls_client_auth", "client_id: mcp", "tls_client_certificate_file: tls.crt", "tls_client_key_file: tls.key"}, none + "||mcp||hint access_token|certificate mcp"},
		{[]string{"client_id: mcp", "client_secret: s", "tls_client_certificate_file: tls.crt", "tls_client_key_file: tls.key"}, basic("mcp", "s") + "|||hint access_token|certificate mcp"},
	} {
		text := block("  ca_file: ca.pem", "  introspection_endpoint: "+server.URL, "  "+strings.Join(row.lines, "\n  "))
		live, err := config.New(config.Config{File: write(t, dir, "a.yaml", text), Environ: []string{}, Logger: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		seen = nil
		if got := statusOf(live, "opaque"); got != 200 || !slices.Equal(seen, []string{row.want}) {
			t.Errorf("%q: got %d\n got %q\nwant %q", row.lines, got, seen, row.want)
		}
		if !strings.Contains(row.want, "certificate") {
			continue
		}
		write(t, dir, "tls.crt", rotatedChain)
		write(t, dir, "tls.key", rotatedKey)
		if got := statusOf(live, "opaque-2"); got != 200 || !strings.HasSuffix(seen[1], "|certificate rotated") {
			t.Errorf("rotated: got %d, %q", got, seen)
		}
		write(t, dir, "tls.crt", chain)
		write(t, dir, "tls.key", tlsKey)
	}
}

// A reload notices each setting of introspection: the cached token is verified again, by the new
// verifier. A reload that changes nothing does not.
func TestReloadNoticesIntrospectionSettings(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "key.pem", keytest.PEM(keytest.P256()))
	write(t, dir, "key2.pem", keytest.PEM(keytest.P256()))
	write(t, dir, "token", "t1")
	write(t, dir, "token2", "t1")
	post := []string{"introspection_auth_method: client_secret_post", "client_id: a", "client_secret: b"}
	assertion := []string{"introspection_auth_method: private_key_jwt", "client_id: a", "introspection_private_key_file: key.pem"}
	bearer := []string{"introspection_auth_method: bearer"}
	for _, row := range [][2][]string{
		{post, append(post[1:], "introspection_auth_method: client_secret_basic")},
		{post, append(post, "introspection_token_type_hint: none")},
		{append(post, "trust_answers_without_audience: true"), append(post, "trust_answers_without_audience: true", "trust_answers_without_token_type: true")},
		{post, append(post, "introspection_answer_ttl_seconds: 60")},
		{post, append(post, "introspection_timeout_seconds: 6")},
		{post, append(post, "introspection_max_concurrent: 5")},
		{assertion, append(assertion, "introspection_key_id: k")},
		{assertion, append(assertion, "introspection_key_algorithm: ES256")},
		{assertion, append(assertion, "introspection_assertion_audience: x")},
		{assertion, append(assertion[:2:2], "introspection_private_key_file: key2.pem")},
		{append(bearer, "introspection_bearer_token: t"), append(bearer, "introspection_bearer_token: u")},
		{append(bearer, "introspection_bearer_token_file: token"), append(bearer, "introspection_bearer_token_file: token2")},
	} {
		calls := 0
		transport := roundTrip(func(*http.Request) (*http.Response, error) {
			calls++
			w := httptest.NewRecorder()
			w.Header().Set("Content-Type", "application/json")
			_, _ = w.WriteString(`{"active":true,"sub":"alice","aud":"https://mcp.example.com/mcp"}`)
			return w.Result(), nil
		})
		file := func(lines []string) string {
			return write(t, dir, "a.yaml", block("  introspection_endpoint: https://auth.example.com/i", "  "+strings.Join(slices.Clone(lines), "\n  ")))
		}
		live, err := config.New(config.Config{File: file(row[0]), Environ: []string{}, Transport: transport, Logger: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		for step, lines := range [][]string{row[0], row[1], row[1]} {
			file(lines)
			if err := live.Reload(t.Context()); err != nil {
				t.Fatal(err)
			}
			if got, want := statusOf(live, "opaque"), []int{1, 2, 2}[step]; got != 200 || calls != want {
				t.Errorf("%q, step %d: got %d and %d calls, want 200 and %d", row[1], step, got, calls, want)
			}
		}
	}
}

// describeAssertion verifies an ES256 assertion with the standard library only.
func describeAssertion(assertion string, public *ecdsa.PublicKey) string {
	parts := strings.Split(assertion, ".")
	var raw [3][]byte
	for i := range raw {
		raw[i], _ = base64.RawURLEncoding.DecodeString(parts[i])
	}
	digest := sha256.Sum256([]byte(parts[0] + "." + parts[1]))
	if len(raw[2]) != 64 || !ecdsa.Verify(public, digest[:], new(big.Int).SetBytes(raw[2][:32]), new(big.Int).SetBytes(raw[2][32:])) {
		return "invalid signature"
	}
	var h struct{ Alg, Kid string }
	var c struct{ Iss, Aud string }
	if json.Unmarshal(raw[0], &h) != nil || json.Unmarshal(raw[1], &c) != nil {
		return "invalid JSON"
	}
	return h.Alg + " " + h.Kid + " " + c.Iss + " " + c.Aud
}

func statusOf(live *config.Live, token string) int {
	w, req := httptest.NewRecorder(), httptest.NewRequest(http.MethodPost, live.Resource().Identifier(), nil)
	req.Header.Set("Authorization", "Bearer "+token)
	nethttp.Middleware(live.Resource())(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})).ServeHTTP(w, req)
	return w.Code
}

// Combinations that cannot be right are mistakes.
func TestIntrospectionMistakes(t *testing.T) {
	dir := t.TempDir()
	chain, tlsKey := clientCertificate(t, "mcp")
	path := func(name string) string { return filepath.Join(dir, name) }
	for name, text := range map[string]string{"p256.pem": keytest.PEM(keytest.P256()), "tls.crt": chain, "tls.key": tlsKey, "other.key": keytest.PEM(keytest.P256()), "empty": "\n"} {
		write(t, dir, name, text)
	}
	secret := func(lines ...string) []string {
		return append([]string{"  client_id: x", "  client_secret: s3cr3t"}, lines...)
	}
	for _, row := range []struct {
		name  string
		lines []string
		want  string
	}{
		{"an unknown method", secret("  introspection_auth_method: client_secret_jwt"), `text:6: introspection_auth_method: must be one of client_secret_basic, client_secret_basic_raw, client_secret_post, bearer, private_key_jwt, tls_client_auth; did you mean client_secret_post?`},
		{"a token without the method", secret("  introspection_bearer_token: t"), `text:6: introspection_bearer_token: is not used by method "client_secret_basic"; remove it or set another introspection_auth_method`},
		{"a secret with bearer", secret("  introspection_auth_method: bearer", "  introspection_bearer_token: t"), `text:5: client_secret: is not used by method "bearer"; remove it or set another introspection_auth_method`},
		{"bearer without a token", []string{"  introspection_auth_method: bearer"}, `text:4: introspection_bearer_token: is missing; method "bearer" requires it or introspection_bearer_token_file`},
		{"two tokens", []string{"  introspection_auth_method: bearer", "  introspection_bearer_token: t", "  introspection_bearer_token_file: x"},
			`text:6: introspection_bearer_token_file: introspection_bearer_token is also set; set only one of them`},
		{"a token that is not a b64token", []string{"  introspection_auth_method: bearer", "  introspection_bearer_token: s3cr3t b"}, `text:5: introspection_bearer_token: must be a b64token (RFC 6750 §2.1)`},
		{"an empty token file", []string{"  introspection_auth_method: bearer", "  introspection_bearer_token_file: " + path("empty")}, `text:5: introspection_bearer_token_file: secret file "` + path("empty") + `": is empty`},
		{"a colon with raw Basic", []string{"  introspection_auth_method: client_secret_basic_raw", "  introspection_client_id: a:b", "  introspection_client_secret: s3cr3t"},
			`text:5: introspection_client_id: contains a colon, which ends the client ID in method "client_secret_basic_raw"; use another method`},
		{"private_key_jwt without a key", []string{"  client_id: x", "  introspection_auth_method: private_key_jwt"}, `text:4: introspection_private_key_file: is missing; method "private_key_jwt" requires it`},
		{"private_key_jwt with a secret", secret("  introspection_auth_method: private_key_jwt", "  introspection_private_key_file: "+path("p256.pem")), `text:5: client_secret: is not used by method "private_key_jwt"; remove it or set another introspection_auth_method`},
		{"a key ID without the method", secret("  introspection_key_id: k"), `text:6: introspection_key_id: is not used by method "client_secret_basic"; remove it or set another introspection_auth_method`},
		{"an algorithm of another key", []string{"  client_id: x", "  introspection_auth_method: private_key_jwt", "  introspection_private_key_file: " + path("p256.pem"), "  introspection_key_algorithm: RS256"},
			`text:7: introspection_key_algorithm: file "` + path("p256.pem") + `": no algorithm "RS256" for a key of type *ecdsa.PublicKey`},
		{"a missing key file", []string{"  client_id: x", "  introspection_auth_method: private_key_jwt", "  introspection_private_key_file: /nowhere/k"}, `text:6: introspection_private_key_file: secret file "/nowhere/k": no such file or directory`},
		{"a certificate as the key", []string{"  client_id: x", "  introspection_auth_method: private_key_jwt", "  introspection_private_key_file: " + path("tls.crt")}, `text:6: introspection_private_key_file: file "` + path("tls.crt") + `": has no private key in PEM, and is not a JWK`},
		{"mutual TLS without a certificate", []string{"  client_id: x", "  introspection_auth_method: tls_client_auth"}, `text:4: tls_client_certificate_file: is missing; method "tls_client_auth" requires a client certificate`},
		{"a certificate without its key", secret("  tls_client_certificate_file: " + path("tls.crt")), `text:4: tls_client_key_file: is missing; tls_client_certificate_file needs the private key of its certificate`},
		{"a certificate with another key", secret("  tls_client_certificate_file: "+path("tls.crt"), "  tls_client_key_file: "+path("other.key")),
			`text:6: tls_client_certificate_file: files "` + path("tls.crt") + `" and "` + path("other.key") + `": tls: private key does not match public key`},
		{"a hint for refresh tokens", secret("  introspection_token_type_hint: refresh_token"), `text:6: introspection_token_type_hint: "refresh_token" is for tokens that are not access tokens, which are never accepted; use access_token or none`},
		{"answers without a type, but with an audience", secret("  trust_answers_without_token_type: true"), `text:6: trust_answers_without_token_type: has no effect without trust_answers_without_audience, because such an answer has no aud`},
		{"answers are trusted, but there are none", []string{"  trust_answers_without_audience: true"}, `text:4: client_id: is missing; method "client_secret_basic" requires it` + "\n" + `text:4: client_secret: is missing; method "client_secret_basic" requires it or client_secret_file`},
		{"signed answers without a client", []string{"  introspection_auth_method: bearer", "  introspection_bearer_token: t", "  introspection_signed_answers: true"},
			`text:4: client_id: is missing; introspection_signed_answers requires it, because it is the aud of signed answers`},
		{"the keys of signed answers are not at a URL", secret("  introspection_signed_answers: true", "  introspect_jwts: true", "  jwks_uri: keys"),
			`text:8: jwks_uri: URL "keys": must be an absolute URL, such as https://host.example.com/path`},
		{"a short timeout", secret("  introspection_timeout_seconds: 0"), `text:6: introspection_timeout_seconds: must be a whole number from 1 to 30`},
		{"too many calls", secret("  introspection_max_concurrent: 1025"), `text:6: introspection_max_concurrent: must be a whole number from 1 to 1024`},
		{"in another issuer", []string{"  additional_issuers:", "    - issuer_url: https://b.example", "      introspection_auth_method: bearer"},
			`text:6: additional_issuers[0].introspection_bearer_token: is missing; method "bearer" requires it or introspection_bearer_token_file`},
	} {
		if got := mistakesOf(t, textConfig(block(row.lines...))); got != row.want {
			t.Errorf("%s:\n got %s\nwant %s", row.name, got, row.want)
		}
	}
}

// The answers of django-oauth-toolkit are accepted if the file says three things.
func TestTrustedAnswers(t *testing.T) {
	const answer = `{"active":true,"scope":"read","exp":9999999999,"client_id":"c","username":"alice"}`
	transport := roundTrip(func(*http.Request) (*http.Response, error) {
		w := httptest.NewRecorder()
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.WriteString(strings.Replace(answer, "9999999999", fmt.Sprint(time.Now().Add(time.Hour).Unix()), 1))
		return w.Result(), nil
	})
	const audience, untyped, subject = "  trust_answers_without_audience: true", "  trust_answers_without_token_type: true", "  subject_claim: username"
	for _, row := range []struct {
		lines  []string
		reason resource.Reason
		caller string
	}{
		{[]string{subject}, resource.ReasonTokenType, ""},
		{[]string{subject, audience}, resource.ReasonTokenType, ""},
		{[]string{audience, untyped}, resource.ReasonClaimMissing, ""},
		{[]string{subject, audience, untyped}, "", "alice"},
	} {
		c := textConfig(block(append([]string{"  introspection_endpoint: https://auth.example.com/i", "  client_id: x", "  client_secret: y"}, row.lines...)...))
		c.Transport, c.Logger = transport, slog.New(slog.DiscardHandler)
		live, err := config.New(c)
		if err != nil {
			t.Fatal(err)
		}
		req := httptest.NewRequest(http.MethodPost, "https://mcp.example.com/mcp", nil)
		req.Header.Set("Authorization", "Bearer opaque")
		decision, refusal := live.Resource().Authenticate(req)
		switch {
		case refusal != nil && refusal.Reason != row.reason, refusal == nil && row.reason != "":
			t.Errorf("%q: got %v, want %q", row.lines, refusal, row.reason)
		case refusal == nil && decision.Caller.Subject() != row.caller:
			t.Errorf("%q: got %q, want %q", row.lines, decision.Caller.Subject(), row.caller)
		}
	}
}

// A reload that withdraws the trust in answers without aud rejects a cached token.
func TestReloadWithdrawsTrust(t *testing.T) {
	transport := roundTrip(func(*http.Request) (*http.Response, error) {
		w := httptest.NewRecorder()
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.WriteString(`{"active":true,"sub":"alice","token_type":"Bearer"}`)
		return w.Result(), nil
	})
	dir := t.TempDir()
	file := func(trust string) string {
		return write(t, dir, "a.yaml", block("  introspection_endpoint: https://auth.example.com/i", "  client_id: x", "  client_secret: y", "  trust_answers_without_audience: "+trust))
	}
	live, err := config.New(config.Config{File: file("true"), Environ: []string{}, Transport: transport, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct {
		trust string
		want  int
	}{{"true", 200}, {"false", 401}, {"true", 200}} {
		file(row.trust)
		if err := live.Reload(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := statusOf(live, "opaque"); got != row.want {
			t.Errorf("%s: got %d, want %d", row.trust, got, row.want)
		}
	}
}

// With introspection_signed_answers, an answer must be signed with the keys of jwks_uri or of the
// issuer's metadata (RFC 9701 §5).
func TestSignedAnswersInFile(t *testing.T) {
	issuer, err := resourcetest.NewIssuer(resourcetest.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer issuer.Close()
	opaque := issuer.OpaqueToken(resourcetest.Token{Audience: identifier})
	const client = "  client_id: test-client\n  client_secret: " + resourcetest.DefaultClientSecret + "\n  introspection_signed_answers: true"
	for lines, want := range map[string]int{
		client: 200,
		client + "\n  introspect_jwts: true\n  jwks_uri: " + issuer.URL(resourcetest.JWKS): 200,
		client + "\n  jwks_uri: https://auth.example.test/elsewhere":                       503,
	} {
		s := newTestServer(t, issuer, nil, lines)
		if status, _ := s.send(opaque); status != want || issuer.Last(resourcetest.Introspection).Header.Get("Accept") != "application/token-introspection+jwt" {
			t.Errorf("%q: got %d, want %d; log: %s", lines, status, want, s.log)
		}
	}
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }
