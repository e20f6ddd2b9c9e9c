package resource_test

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"

	"github.com/warder-go/warder/internal/keytest"
	"github.com/warder-go/warder/jwks"
	"github.com/warder-go/warder/nethttp"
	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/resourcetest"
)

func acceptCertificates(c *resource.Config, _ *jwks.Config) {
	c.Credentials.Certificates.Tokens = resource.BindingAccepted
}

// behindProxy makes a fixture accept certificates in a field of a proxy.
func behindProxy(c *resource.Config, k *jwks.Config) {
	acceptCertificates(c, k)
	c.Credentials.Certificates.Field, c.Credentials.Certificates.Format = "Client-Cert", resource.CertificateRFC9440
	c.Credentials.Certificates.Proxies = []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}
}

const lackingCertificate = `, error="invalid_token", error_description="The access token is bound to another key or certificate"`

func bearerOnly(status int, fault string) proven {
	if status == 400 {
		return proven{status, nil, ""}
	}
	return proven{status, []string{"Bearer " + pointer + fault}, ""}
}

// RFC 8705 §3, with real TLS connections
func TestCertificateOfConnection(t *testing.T) {
	f := newFixture(t, acceptCertificates)
	own, other := keytest.Certificate(), keytest.Certificate()
	server := httptest.NewUnstartedServer(nethttp.Middleware(f.res)(f.inner))
	server.TLS = &tls.Config{ClientAuth: tls.RequestClientCert}
	server.StartTLS()
	t.Cleanup(server.Close)
	bound := f.token(resourcetest.Token{Certificate: own.Leaf})
	for _, row := range []struct {
		name, token  string
		certificates []tls.Certificate
		want         proven
		reason       resource.Reason
	}{
		{"the certificate of the token", bound, []tls.Certificate{own}, provenAccepted, ""},
		{"another certificate", bound, []tls.Certificate{other}, bearerOnly(401, lackingCertificate), resource.ReasonCertificateMismatch},
		{"no certificate", bound, nil, bearerOnly(401, lackingCertificate), resource.ReasonCertificateMissing},
		{"a token that is not bound", f.token(resourcetest.Token{}), nil, provenAccepted, ""},
		{"a token that is not bound, with a certificate", f.token(resourcetest.Token{}), []tls.Certificate{own}, provenAccepted, ""},
		{"a token that is bound to a key, too", f.token(resourcetest.Token{Certificate: own.Leaf, ProofKey: resourcetest.NewProofKey("")}), []tls.Certificate{own},
			bearerOnly(401, invalidToken), resource.ReasonSenderConstrained},
		{"a thumbprint with padding", f.token(resourcetest.Token{Claims: map[string]any{"cnf": map[string]any{"x5t#S256": thumbprintOf(own) + "="}}}), []tls.Certificate{own},
			bearerOnly(401, invalidToken), resource.ReasonSenderConstrained},
		{"x5t", f.token(resourcetest.Token{Claims: map[string]any{"cnf": map[string]any{"x5t": thumbprintOf(own)}}}), []tls.Certificate{own},
			bearerOnly(401, invalidToken), resource.ReasonSenderConstrained},
	} {
		client := server.Client()
		transport := client.Transport.(*http.Transport).Clone()
		transport.TLSClientConfig.Certificates = row.certificates
		defer transport.CloseIdleConnections()
		for _, use := range []string{"new", "cached"} {
			req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL+"/mcp", nil)
			if err != nil {
				t.Fatal(err)
			}
			req.Header.Set("Authorization", "Bearer "+row.token)
			response, err := transport.RoundTrip(req)
			if err != nil {
				t.Fatal(err)
			}
			_ = response.Body.Close()
			f.expectProof(row.name+", "+use, proven{response.StatusCode, response.Header.Values("WWW-Authenticate"), ""}, row.want)
			if row.reason != "" {
				f.expectProofReason(row.name, row.reason)
			}
		}
	}
}

// thumbprintOf returns the x5t#S256 of a certificate (RFC 8705 §3.1), as resourcetest makes it.
func thumbprintOf(c tls.Certificate) string {
	sum := sha256.Sum256(c.Leaf.Raw)
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// RFC 9440, RFC 8705 §6.5: no request but that of a proxy can name a certificate in the field.
func TestCertificateOfProxy(t *testing.T) {
	f := newFixture(t, behindProxy)
	own, other := keytest.Certificate(), keytest.Certificate()
	field := func(c tls.Certificate) string { return ":" + base64.StdEncoding.EncodeToString(c.Leaf.Raw) + ":" }
	bound, unbound := f.token(resourcetest.Token{Certificate: own.Leaf}), f.token(resourcetest.Token{})
	connection := &tls.ConnectionState{HandshakeComplete: true, PeerCertificates: []*x509.Certificate{own.Leaf}}
	mismatch, untrusted := bearerOnly(401, lackingCertificate), bearerOnly(400, "")
	for _, row := range []struct {
		name, from, token string
		header            http.Header
		tls               *tls.ConnectionState
		want              proven
	}{
		{"from a proxy", "192.0.2.7:1234", bound, http.Header{"Client-Cert": {field(own)}}, nil, provenAccepted},
		{"from a proxy, another certificate", "192.0.2.7:1234", bound, http.Header{"Client-Cert": {field(other)}}, nil, mismatch},
		{"from a proxy, no field: its own certificate does not count", "192.0.2.7:1234", bound, nil, connection, mismatch},
		{"from a proxy, another field: its own certificate does not count", "192.0.2.7:1234", bound, http.Header{"Client-Cert": {field(other)}}, connection, mismatch},
		{"from a proxy, two fields", "192.0.2.7:1234", bound, http.Header{"Client-Cert": {field(own), field(own)}}, nil, untrusted},
		{"from a proxy, a list", "192.0.2.7:1234", bound, http.Header{"Client-Cert": {field(own) + ", " + field(own)}}, nil, untrusted},
		{"from a proxy, an empty field", "192.0.2.7:1234", bound, http.Header{"Client-Cert": {""}}, nil, untrusted},
		{"from a proxy, a malformed field and a token that is not bound", "192.0.2.7:1234", unbound, http.Header{"Client-Cert": {"x"}}, nil, untrusted},
		{"from a client", "198.51.100.1:1", bound, http.Header{"Client-Cert": {field(own)}}, nil, untrusted},
		{"from a client with the certificate on its connection", "198.51.100.1:1", bound, http.Header{"Client-Cert": {field(own)}}, connection, untrusted},
		{"from a client, on its connection only", "198.51.100.1:1", bound, nil, connection, provenAccepted},
		{"from a client, no certificate", "198.51.100.1:1", bound, nil, nil, mismatch},
		{"from a client, a token that is not bound", "198.51.100.1:1", unbound, http.Header{"Client-Cert": {field(own)}}, nil, untrusted},
		{"from a client, no token", "198.51.100.1:1", "", http.Header{"Client-Cert": {field(own)}}, nil, untrusted},
		{"from a client, underscore", "198.51.100.1:1", bound, http.Header{"Client_Cert": {field(own)}}, nil, untrusted},
		{"from a client, lower case", "198.51.100.1:1", bound, http.Header{"client-cert": {field(own)}}, nil, untrusted},
		{"from a client, the chain", "198.51.100.1:1", bound, http.Header{"Client-Cert-Chain": {field(own)}}, nil, untrusted},
		{"a client that claims an address", "198.51.100.1:1", bound, http.Header{"Client-Cert": {field(own)}, "X-Forwarded-For": {"192.0.2.7"}, "Forwarded": {"for=192.0.2.7"}}, nil, untrusted},
		{"no address", "", bound, http.Header{"Client-Cert": {field(own)}}, nil, untrusted},
		{"a Unix socket", "@", bound, http.Header{"Client-Cert": {field(own)}}, nil, untrusted},
		{"an address with a zone", "[fe80::1%eth0]:1", bound, http.Header{"Client-Cert": {field(own)}}, nil, untrusted},
		{"an address of a proxy in IPv6", "[::ffff:192.0.2.7]:1", bound, http.Header{"Client-Cert": {field(own)}}, nil, provenAccepted},
	} {
		req := post(identifier)
		req.RemoteAddr, req.TLS = row.from, row.tls
		for name, values := range row.header {
			req.Header[name] = values
		}
		if row.token != "" {
			req.Header.Set("Authorization", "Bearer "+row.token)
		}
		var seen http.Header
		f.inner = func(_ http.ResponseWriter, req *http.Request) { seen = req.Header }
		f.expectProof(row.name, f.sendProof(req), row.want)
		for name := range seen {
			if strings.Contains(strings.ToLower(name), "cert") {
				t.Errorf("%s: the handler got %s", row.name, name)
			}
		}
	}
}

// The field of a client is rejected for public operations too.
func TestCertificateFieldOfPublicOperation(t *testing.T) {
	f := newFixture(t, func(c *resource.Config, k *jwks.Config) {
		behindProxy(c, k)
		c.Operations.Public = []string{"tools/list"}
	})
	req := calling("tools/list", "{}")
	f.expectProof("public", f.sendProof(req), provenAccepted)
	req = calling("tools/list", "{}")
	req.Header.Set("Client-Cert", ":AA==:")
	f.expectProof("public, with the field", f.sendProof(req), proven{400, nil, ""})
	f.expectProofReason("public, with the field", resource.ReasonCertificateField)
}

// RFC 8705 §3: an issuer, or all, can require bound tokens.
func TestRequiredCertificates(t *testing.T) {
	own := keytest.Certificate()
	for name, change := range map[string]func(*resource.Config, *jwks.Config){
		"for all":        func(c *resource.Config, _ *jwks.Config) { c.Credentials.Certificates.Tokens = resource.BindingRequired },
		"for the issuer": func(c *resource.Config, _ *jwks.Config) { c.Issuers[0].Certificates = resource.BindingRequired },
	} {
		f := newFixture(t, change)
		with := func(token string) *http.Request {
			req := withBearer(http.MethodPost, token)
			req.TLS = &tls.ConnectionState{HandshakeComplete: true, PeerCertificates: []*x509.Certificate{own.Leaf}}
			return req
		}
		f.expectProof(name+": bound", f.sendProof(with(f.token(resourcetest.Token{Certificate: own.Leaf}))), provenAccepted)
		f.expectProof(name+": not bound", f.sendProof(with(f.token(resourcetest.Token{}))), bearerOnly(401, notBound))
		f.expectProofReason(name, resource.ReasonBindingRequired)
	}
}

func TestCertificateMistakes(t *testing.T) {
	proxies := []netip.Prefix{netip.MustParsePrefix("192.0.2.7/32")}
	for _, row := range []struct {
		name string
		set  resource.ClientCertificates
		want string
	}{
		{"a field without proxies", resource.ClientCertificates{Field: "Client-Cert", Format: resource.CertificateRFC9440}, "Credentials.Certificates.Proxies: is empty"},
		{"a field without a format", resource.ClientCertificates{Field: "Client-Cert", Proxies: proxies}, `Credentials.Certificates.Format: "" is not a format`},
		{"proxies without a field", resource.ClientCertificates{Proxies: proxies}, "Credentials.Certificates.Proxies: is set without Field"},
		{"everybody is a proxy", resource.ClientCertificates{Field: "Client-Cert", Format: resource.CertificatePEM, Proxies: []netip.Prefix{netip.MustParsePrefix("0.0.0.0/0")}}, "contains addresses of clients"},
		{"another binding", resource.ClientCertificates{Tokens: 7}, "Credentials.Certificates.Tokens: 7 is none of BindingOff, BindingAccepted and BindingRequired"},
	} {
		if row.set.Tokens == 0 {
			row.set.Tokens = resource.BindingAccepted
		}
		_, err := resource.New(resource.Config{Identifier: identifier, Issuers: []resource.Issuer{{Verifier: &scriptedVerifier{}}},
			Credentials: resource.Credentials{Certificates: row.set}})
		if err == nil || !strings.Contains(err.Error(), row.want) {
			t.Errorf("%s:\n got %v\nwant %s", row.name, err, row.want)
		}
	}
}

// A field has one meaning, in all spellings that a program can take for the same field.
func TestCertificateFieldOfCredentials(t *testing.T) {
	const text = " is also a field of Headers, TokenHeaders or HeaderClaims; name the field in which the proxy passes on the certificate"
	for _, row := range []struct {
		name string
		set  func(*resource.Credentials)
		want string
	}{
		{"of a key", func(c *resource.Credentials) {
			c.Headers = map[string]resource.HeaderVerifier{"client_cert": keyVerifier{}}
		}, "client_cert"},
		{"of a token", func(c *resource.Credentials) {
			c.TokenHeaders = map[string]resource.Issuer{"Client-Cert": {Verifier: &scriptedVerifier{}}}
		}, "Client-Cert"},
		{"of a claim", func(c *resource.Credentials) {
			c.HeaderClaims = map[string]resource.HeaderClaim{"Client-Cert-Chain": {Claim: "chain"}}
		}, "Client-Cert-Chain"},
	} {
		c := resource.Config{Identifier: identifier, Issuers: []resource.Issuer{{Verifier: &scriptedVerifier{}}}}
		behindProxy(&c, nil)
		row.set(&c.Credentials)
		_, err := resource.New(c)
		if want := "Credentials.Certificates.Field: " + row.want + text; err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s:\n got %v\nwant %s", row.name, err, want)
		}
	}
}
