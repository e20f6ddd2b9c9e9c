package config_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/config"
	"github.com/warder-go/warder/resource/resourcetest"
)

// status sends a request after change, which adds a credential.
func (s *testServer) status(change func(*http.Request)) (int, http.Header) {
	w, req := httptest.NewRecorder(), httptest.NewRequest(http.MethodPost, identifier, nil)
	change(req)
	s.handler.ServeHTTP(w, req)
	return w.Code, w.Header()
}

// boundTokens makes requests with bound tokens of one issuer.
type boundTokens struct {
	issuer      *resourcetest.Issuer
	certificate *x509.Certificate
}

func newBoundTokens(t *testing.T) boundTokens {
	t.Helper()
	issuer, err := resourcetest.NewIssuer(resourcetest.Config{Audience: identifier})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(issuer.Close)
	chain, _ := clientCertificate(t, "client")
	block, _ := pem.Decode([]byte(chain))
	return boundTokens{issuer, &x509.Certificate{Raw: block.Bytes}}
}

// proven sends a request with a token that is bound to key, and a proof.
func (b boundTokens) proven(key *resourcetest.ProofKey, p resourcetest.Proof) func(*http.Request) {
	p.Token = b.issuer.Token(resourcetest.Token{ProofKey: key})
	return func(req *http.Request) {
		req.Header.Set("Authorization", "DPoP "+p.Token)
		req.Header.Set("DPoP", key.Proof(p))
	}
}

// bearer sends a request with a token that is not bound.
func (b boundTokens) bearer(req *http.Request) {
	req.Header.Set("Authorization", "Bearer "+b.issuer.Token(resourcetest.Token{}))
}

// mutual sends a request with a token that is bound to the certificate of the connection.
func (b boundTokens) mutual(req *http.Request) {
	req.Header.Set("Authorization", "Bearer "+b.issuer.Token(resourcetest.Token{Certificate: b.certificate}))
	req.TLS = &tls.ConnectionState{HandshakeComplete: true, PeerCertificates: []*x509.Certificate{b.certificate}}
}

// relayed sends a request with a token that is bound to the certificate, from a proxy.
func (b boundTokens) relayed(remote, field, value string) func(*http.Request) {
	return func(req *http.Request) {
		b.mutual(req)
		req.TLS, req.RemoteAddr = nil, remote
		req.Header.Set(field, value)
	}
}

// Each key about bound tokens changes the response, at the start and after a reload.
func TestKeysOfBoundTokens(t *testing.T) {
	b := newBoundTokens(t)
	first, second, es384 := resourcetest.NewProofKey(""), resourcetest.NewProofKey(""), resourcetest.NewProofKey("ES384")
	proven, old := b.proven(first, resourcetest.Proof{}), func(req *http.Request) {
		b.proven(first, resourcetest.Proof{IssuedAt: time.Now().Add(-30 * time.Second)})(req)
	}
	der := base64.StdEncoding.EncodeToString(b.certificate.Raw)
	const accepted, certificates, field = "dpop_tokens: accepted", "client_certificate_tokens: accepted", "client_certificate_field: X-Cert"
	const envoy, rfc9440 = "client_certificate_format: xfcc", "client_certificate_format: rfc9440"
	relayed := b.relayed("192.0.2.7:1", "X-Cert", ":"+der+":")
	proxies := func(list string) string {
		return certificates + "\n  " + field + "\n  " + rfc9440 + "\n  client_certificate_proxies: [" + list + "]"
	}
	for _, row := range []struct {
		base, key     string // lines of the file
		send          []func(*http.Request)
		without, with string // statuses
	}{
		{"", accepted, []func(*http.Request){proven, b.bearer}, "401 200", "200 200"},
		{"", "dpop_tokens: required", []func(*http.Request){proven, b.bearer}, "401 200", "200 401"},
		{"", "dpop_tokens: off", []func(*http.Request){proven, b.bearer}, "401 200", "401 200"},
		{"", "dpop: accepted", []func(*http.Request){proven, b.bearer}, "401 200", "200 200"},
		{accepted, "dpop: required", []func(*http.Request){proven, b.bearer}, "200 200", "200 401"},
		{accepted, "dpop: off", []func(*http.Request){proven, b.bearer}, "200 200", "401 200"},
		{accepted, "dpop_algorithms: [ES384, RS256]", []func(*http.Request){proven, b.proven(es384, resourcetest.Proof{})}, "200 200", "401 200"},
		{accepted, "dpop_window_seconds: 20", []func(*http.Request){old}, "200", "401"},
		{accepted, "dpop_require_nonce: true", []func(*http.Request){proven, proven}, "200 200", "401 401"},
		{accepted, "dpop_max_proofs: 1", []func(*http.Request){proven, b.proven(second, resourcetest.Proof{})}, "200 200", "200 503"},
		{accepted, "dpop_max_proofs_per_key: 1", []func(*http.Request){proven, proven, b.proven(second, resourcetest.Proof{})}, "200 200 200", "200 429 200"},

		{"", certificates, []func(*http.Request){b.mutual, b.bearer}, "401 200", "200 200"},
		{"", "client_certificate_tokens: required", []func(*http.Request){b.mutual, b.bearer}, "401 200", "200 401"},
		{"", "client_certificates: accepted", []func(*http.Request){b.mutual, b.bearer}, "401 200", "200 200"},
		{certificates, "client_certificates: required", []func(*http.Request){b.mutual, b.bearer}, "200 200", "200 401"},
		{certificates, "client_certificates: off", []func(*http.Request){b.mutual, b.bearer}, "200 200", "401 200"},
		{"", proxies("192.0.2.7"), []func(*http.Request){relayed}, "401", "200"},
		{"", proxies("192.0.2.7/32"), []func(*http.Request){relayed}, "401", "200"},
		{"", proxies("2001:db8::1, 192.0.2.0/24"), []func(*http.Request){relayed}, "401", "200"},
		{"", proxies("192.0.2.8"), []func(*http.Request){relayed, b.mutual}, "401 401", "400 200"},
		{"", strings.Replace(proxies("'2001:db8::1'"), rfc9440, envoy, 1), []func(*http.Request){b.relayed("[2001:db8::1]:1", "X-Cert", "Cert="+escapePEM(b.certificate)), b.relayed("[2001:db8::2]:1", "X-Cert", "x")}, "401 401", "200 400"},
		{"", strings.Replace(proxies("192.0.2.7"), "rfc9440", "pem", 1), []func(*http.Request){b.relayed("192.0.2.7:1", "X-Cert", escapePEM(b.certificate)), relayed}, "401 401", "200 400"},
	} {
		statuses := func(s *testServer) string {
			var all []string
			for _, change := range row.send {
				status, _ := s.status(change)
				all = append(all, fmt.Sprint(status))
			}
			return strings.Join(all, " ")
		}
		lines := []string{"  " + row.base, "  " + row.key}
		if got := statuses(newTestServer(t, b.issuer, nil, lines...)); got != row.with {
			t.Errorf("%q: got %s, want %s", row.key, got, row.with)
		}
		s := newTestServer(t, b.issuer, nil, lines[0])
		if got := statuses(s); got != row.without {
			t.Errorf("without %q: got %s, want %s", row.key, got, row.without)
		}
		if strings.HasPrefix(row.key, "dpop_max") { // the proofs that were used stay known
			continue
		}
		s.write("a.yaml", s.settings(lines...))
		if err := s.live.Reload(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := statuses(s); got != row.with {
			t.Errorf("%q, after a reload: got %s, want %s; log: %s", row.key, got, row.with, s.log)
		}
	}
}

// Each key about bound operations rejects an unbound token.
func TestBoundOperationKeys(t *testing.T) {
	b := newBoundTokens(t)
	key := resourcetest.NewProofKey("")
	for _, row := range []struct{ line, method, params string }{
		{"bound_methods: [tools/list]", "tools/list", `{}`},
		{"bound_tools: [pay]", "tools/call", `{"name":"pay"}`},
		{"bound_prompts: [pay]", "prompts/get", `{"name":"pay"}`},
		{"bound_resources: [{uri: 'a://b'}]", "resources/read", `{"uri":"a://b"}`},
		{"bound_resources: [{prefix: 'a://b/'}]", "resources/read", `{"uri":"a://b/c"}`},
		{"bound_resources: [{template: 'a://{id}'}]", "resources/read", `{"uri":"a://c"}`},
	} {
		for line, want := range map[string]string{"": "200 200", row.line: "401 200"} {
			s := newTestServer(t, b.issuer, nil, "  dpop: accepted", "  "+line)
			body := `{"jsonrpc":"2.0","id":1,"method":"` + row.method + `","params":` + row.params + `}`
			send := func(change func(*http.Request)) int {
				status, _ := s.status(func(req *http.Request) {
					change(req)
					req.Header.Set("Content-Type", "application/json")
					req.Body, req.ContentLength = io.NopCloser(strings.NewReader(body)), int64(len(body))
				})
				return status
			}
			if got := fmt.Sprint(send(b.bearer), " ", send(b.proven(key, resourcetest.Proof{}))); got != want {
				t.Errorf("%q: got %s, want %s; log: %s", line, got, want, s.log)
			}
		}
	}
}

func escapePEM(c *x509.Certificate) string {
	text := string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw}))
	return strings.NewReplacer("\n", "%0A", " ", "%20", "+", "%2B", "/", "%2F", "=", "%3D").Replace(text)
}

// A nonce is accepted by servers that have its key, from a file or a variable. Run notices a new
// key in a file.
func TestNonceKeys(t *testing.T) {
	first, second := strings.Repeat("f", 32), strings.Repeat("s", 31)+"\n"
	files := map[string]string{"first": first, "second": second, "both": second}
	const required = "  dpop_tokens: accepted\n  dpop_require_nonce: true"
	withServer(t, files, []string{required, "  dpop_nonce_key_files: [both]"}, func(t *testing.T, s *testServer) {
		b, key := boundTokens{issuer: s.issuer}, resourcetest.NewProofKey("")
		request := func(nonce string) func(*http.Request) {
			token := s.issuer.Token(resourcetest.Token{Audience: identifier, ProofKey: key})
			return func(req *http.Request) {
				b.proven(key, resourcetest.Proof{Token: token, Nonce: nonce})(req)
			}
		}
		nonceOf := func(s *testServer) string {
			_, header := s.status(request(""))
			return header.Get("DPoP-Nonce")
		}
		statuses := func(nonces ...string) (all []int) {
			for _, nonce := range nonces {
				status, _ := s.status(request(nonce))
				all = append(all, status)
			}
			return all
		}
		old := nonceOf(newTestServer(t, s.issuer, files, required, "  dpop_nonce_key_files: [first]"))
		same := nonceOf(newTestServer(t, s.issuer, files, required, "  dpop_nonce_key_files: [second, first]"))
		random := nonceOf(newTestServer(t, s.issuer, files, required))
		if got, want := statuses(old, same, random), []int{401, 200, 401}; !slices.Equal(got, want) {
			t.Errorf("nonces of another key, of the same key and of a random one: got %d, want %d", got, want)
		}
		s.write("both", first)
		s.waitForReload(2)
		if got, want := statuses(old, same), []int{200, 401}; !slices.Equal(got, want) {
			t.Errorf("after the key in the file was replaced: got %d, want %d; log: %s", got, want, s.log)
		}
		live, err := config.New(config.Config{Text: []byte(s.settings(required, "  dpop_nonce_keys: ['${OLD}', '${NEW}']")),
			Environ: []string{"OLD=" + first, "NEW=" + strings.Repeat("n", 32)}, Transport: s.issuer.Transport()})
		if err != nil {
			t.Fatal(err)
		}
		s.use(live)
		if got, want := statuses(old, same), []int{200, 401}; !slices.Equal(got, want) {
			t.Errorf("keys of variables: got %d, want %d", got, want)
		}
	})
}

// The variables of the environment set these keys too. Lists can be separated by commas.
func TestVariablesOfBoundTokens(t *testing.T) {
	got, err := config.Read(textConfig(block(), "AUTHORIZATION__DPOP_TOKENS=required", "AUTHORIZATION__DPOP_NONCE_KEYS=a, b", "AUTHORIZATION__CLIENT_CERTIFICATE_PROXIES=10.0.0.0/8,192.0.2.7"))
	if err != nil {
		t.Fatal(err)
	}
	if got.DPoPTokens != "required" || !slices.Equal(got.DPoPNonceKeys, []config.Secret{"a", "b"}) || !slices.Equal(got.CertificateProxies, []string{"10.0.0.0/8", "192.0.2.7"}) {
		t.Errorf("got %+v", got)
	}
	if printed := fmt.Sprint(got.DPoPNonceKeys); printed != "[[redacted] [redacted]]" {
		t.Errorf("the keys are printed as %s", printed)
	}
}

// noReplays are the Replays of a program.
type noReplays struct{}

func (noReplays) Once(context.Context, resource.ProofID, time.Time) error { return nil }

// A program that has its own Replays cannot use the limits of those in memory.
func TestLimitsWithReplaysOfTheProgram(t *testing.T) {
	for line, want := range map[string]string{
		"":                               "",
		"  dpop_max_proofs: 1":           "text:4: dpop_max_proofs: these are for the memory of this process, and Replays is set; remove them",
		"  dpop_max_proofs_per_key: 100": "text:4: dpop_max_proofs_per_key: these are for the memory of this process, and Replays is set; remove them",
	} {
		c := textConfig(block(line))
		c.Complete = func(c *resource.Config) {
			c.Credentials.DPoP.Tokens, c.Credentials.DPoP.Replays = resource.BindingAccepted, noReplays{}
		}
		if got := mistakesOf(t, c); got != want {
			t.Errorf("%s\n got %s\nwant %s", line, got, want)
		}
	}
}

func TestMistakesOfBoundTokens(t *testing.T) {
	long := strings.Repeat("k", 32)
	key := write(t, t.TempDir(), "key", "short-secret")
	keys := write(t, t.TempDir(), "keys.json", `{"keys": []}`)
	const nonce, field = "  dpop_tokens: accepted\n  dpop_require_nonce: true\n", "  client_certificate_tokens: accepted\n  client_certificate_field: Client-Cert\n  client_certificate_format: rfc9440\n"
	for _, row := range []struct{ lines, want string }{
		{"  dpop_tokens: on", "text:4: dpop_tokens: must be one of off, accepted, required"},
		{"  dpop: require", "text:4: dpop: must be one of off, accepted, required; did you mean required?"},
		{"  dpop: {tokens: required}", "text:4: dpop: is not a string"},
		{"  client_certificates: true", "text:4: client_certificates: is not a string; put it in quotes"},
		{"  dpop_window_seconds: 301", "text:4: dpop_window_seconds: must be a whole number from 1 to 300"},
		{"  dpop_window_seconds: 0", "text:4: dpop_window_seconds: must be a whole number from 1 to 300"},
		{"  dpop_max_proofs: 0", "text:4: dpop_max_proofs: must be a whole number from 1 to 100000000"},
		{"  dpop_max_proofs_per_key: -1", "text:4: dpop_max_proofs_per_key: must be a whole number from 1 to 100000000"},
		{"  dpop_max_proofs: 1", "text:4: dpop_max_proofs: no effect, because the tokens of no issuer can be bound like that; set dpop_tokens, or dpop of an issuer, or remove it"},
		{"  dpop_algorithms: [HS256]", `text:4: dpop_algorithms: algorithm "HS256" is not one of ["RS256" "RS384" "RS512" "PS256" "PS384" "PS512" "ES256" "ES384" "ES512" "EdDSA" "Ed25519"]`},
		{"  dpop_nonce_keys: [" + long + "]", "text:4: dpop_nonce_keys: dpop_require_nonce is not set, so the keys have no effect; set it, or remove the keys"},
		{nonce + "  dpop_nonce_keys: [short-secret]", "text:6: dpop_nonce_keys: key 1 has 12 bytes; want at least 32 random bytes"},
		{nonce + "  dpop_nonce_keys: []", "text:6: dpop_nonce_keys: is empty; add a key, or remove it"},
		{nonce + "  dpop_nonce_key_files: []", "text:6: dpop_nonce_key_files: is empty; add a key, or remove it"},
		{nonce + "  dpop_nonce_key_files: [" + key + "]", "text:6: dpop_nonce_key_files: key 1 has 12 bytes; want at least 32 random bytes"},
		{nonce + "  dpop_nonce_key_files: [" + key + ", " + key + "]", "text:6: dpop_nonce_key_files: key 1 has 12 bytes; want at least 32 random bytes; key 2 has 12 bytes; want at least 32 random bytes; key 2 equals key 1: remove one of them"},
		{nonce + "  dpop_nonce_key_files:\n  - /nowhere", `text:7: dpop_nonce_key_files[0]: file "/nowhere": no such file or directory`},
		{nonce + "  dpop_nonce_keys: [" + long + "]\n  dpop_nonce_key_files: [" + key + "]", "text:7: dpop_nonce_key_files: dpop_nonce_keys is also set; set only one of them"},
		{"  client_certificate_format: der", "text:4: client_certificate_format: must be one of rfc9440, xfcc, pem; did you mean pem?"},
		{"  client_certificate_format: pem", "text:4: client_certificate_format: client_certificate_field is not set; set it, or remove this key"},
		{"  client_certificate_proxies: [192.0.2.7]", "text:4: client_certificate_proxies: client_certificate_field is not set; set it, or remove this key"},
		{field, "text:5: client_certificate_proxies: is empty, but client_certificate_field is set: list the addresses of the proxies, for example 192.0.2.1/32. Otherwise every client could send the certificate of another one"},
		{"  client_certificate_field: Client-Cert\n  client_certificate_proxies: [192.0.2.7]", `text:4: client_certificate_format: "" is not a format; want "rfc9440", "xfcc" or "pem"`},
		{"  client_certificate_field: Cookie\n  client_certificate_format: pem\n  client_certificate_proxies: [0.0.0.0/0]", "text:4: client_certificate_field: Cookie has a standard meaning: name the field in which the proxy passes on the certificate, for example Client-Cert\n" +
			"text:6: client_certificate_proxies[0]: 0.0.0.0/0 contains addresses of clients; list the addresses of the proxies only"},
		{field + "  client_certificate_proxies: [localhost]", `text:7: client_certificate_proxies[0]: "localhost" is not an IP address, such as 192.0.2.7, or a prefix, such as 10.0.0.0/8`},
		{field + "  client_certificate_proxies: [192.0.2.7, 'fe80::1%eth0', '192.0.2.7:80']", `text:7: client_certificate_proxies[1]: "fe80::1%eth0" is not an IP address, such as 192.0.2.7, or a prefix, such as 10.0.0.0/8` + "\n" +
			`text:7: client_certificate_proxies[2]: "192.0.2.7:80" is not an IP address, such as 192.0.2.7, or a prefix, such as 10.0.0.0/8`},
		{field + "  client_certificate_proxies: [192.0.2.7/24]", "text:7: client_certificate_proxies[0]: 192.0.2.7/24 has bits after the prefix: write 192.0.2.0/24, or 192.0.2.7/32 for one address"},
		{"  api_keys_file: " + keys + "\n  client_certificate_tokens: required", "text:5: client_certificate_tokens: required applies to all credentials, and those of api_keys_file and token_header cannot be bound; set dpop or client_certificates of each issuer that can"},
		{"  api_keys_file: " + keys + "\n  client_certificate_tokens: accepted\n  client_certificate_field: x-api-key\n  client_certificate_format: pem\n  client_certificate_proxies: [192.0.2.7]",
			"text:6: client_certificate_field: X-API-Key is also the field of api_keys_file, token_header or header_claims; name the field in which the proxy passes on the certificate"},
		{"  dpop_tokens: required\n  dpop: off", `text:5: dpop: required, in dpop_tokens or client_certificate_tokens, applies to all issuers; remove the value of the issuer`},
		{"  dpop_tokens: required\n  additional_issuers:\n  - {issuer_url: 'https://b.example.com', client_certificates: required, dpop: accepted}", `text:6: additional_issuers[0].dpop: required, in dpop_tokens or client_certificate_tokens, applies to all issuers; remove the value of the issuer`},
		{"  client_certificates: required\n  dpop: required", `text:5: dpop: both dpop and client_certificates are required, and a token is bound to one thing; require one, or accept both and set bound_tools or the keys like it`},
		{"  dpop_tokens: required\n  client_certificate_tokens: required", `text:4: dpop: both dpop and client_certificates are required, and a token is bound to one thing; require one, or accept both and set bound_tools or the keys like it`},
		{"  additional_issuers:\n  - {issuer_url: 'https://b.example.com', token_header: X-Token, expected_audiences: [a], client_certificates: accepted}", "text:5: additional_issuers[0].client_certificates: a token in token_header cannot be bound, because a proxy and not the client sends it; remove the value"},
		{"  dpop_window_seconds: 5", "text:4: dpop_window_seconds: no effect, because the tokens of no issuer can be bound like that; set dpop_tokens, or dpop of an issuer, or remove it"},
		{"  dpop: off\n  dpop_require_nonce: true", "text:5: dpop_require_nonce: no effect, because the tokens of no issuer can be bound like that; set dpop_tokens, or dpop of an issuer, or remove it"},
		{"  dpop: accepted\n" + strings.Replace(field, "accepted", "off", 1) + "  client_certificate_proxies: [192.0.2.7]", "text:6: client_certificate_field: no effect, because the tokens of no issuer can be bound like that; set client_certificate_tokens, or client_certificates of an issuer, or remove it"},
		{"  bound_prompts: [a]", "text:4: bound_prompts: the tokens of no issuer can be bound, so nobody could use these operations; set dpop or client_certificates (in Go: Credentials.DPoP, Credentials.Certificates)"},
		{"  dpop: accepted\n  bound_methods: [ping]\n  public_operations: [ping]", `text:6: public_operations: "ping" needs a bound token; an operation cannot need one and be public`},
		{"  dpop: accepted\n  bound_tools: [a]\n  public_tools: [a]", `text:6: public_tools[0]: "a" needs a bound token; an operation cannot need one and be public`},
		{"  dpop: accepted\n  bound_tools: [a, a]", `text:5: bound_tools[1]: duplicate name "a"`},
		{"  dpop: accepted\n  bound_resources: [{uri: 'a:b', prefix: 'a:'}]", "text:5: bound_resources[0]: set exactly one of uri, prefix and template"},
	} {
		if got := mistakesOf(t, textConfig(block(row.lines))); got != row.want {
			t.Errorf("%s\n got %s\nwant %s", row.lines, got, row.want)
		}
	}
}
