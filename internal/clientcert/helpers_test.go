package clientcert_test

import (
	"crypto"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"math/big"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/warder-go/warder/internal/clientcert"
	"github.com/warder-go/warder/internal/keytest"
)

const proxy = "192.0.2.1:4711" // the only proxy in the tests

var (
	victim, attacker, proxyOwn = selfSigned("victim"), selfSigned("attacker"), selfSigned("proxy")

	rfc9440 = clientcert.Config{Field: "Client-Cert", Format: clientcert.FormatRFC9440, Proxies: prefixes("192.0.2.1/32", "2001:db8::/64")}
	xfcc    = clientcert.Config{Field: "X-Forwarded-Client-Cert", Format: clientcert.FormatXFCC, Proxies: rfc9440.Proxies}
	nginx   = clientcert.Config{Field: "X-SSL-Cert", Format: clientcert.FormatPEM, Proxies: rfc9440.Proxies}
)

// identity is a certificate with its key.
type identity struct {
	der []byte
	key crypto.Signer
}

func selfSigned(name string) identity {
	key := keytest.P256()
	return issue(name, key, nil, identity{key: key})
}

// issue returns a certificate for key. It is self-signed if the issuer has no certificate.
func issue(name string, key crypto.Signer, issuer *x509.Certificate, by identity) identity {
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotBefore: time.Unix(0, 0), NotAfter: time.Unix(1<<32, 0),
		BasicConstraintsValid: true, IsCA: issuer == nil, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}
	if issuer == nil {
		issuer = template
	}
	der, err := x509.CreateCertificate(rand.Reader, template, issuer, key.Public(), by.key)
	if err != nil {
		panic(err)
	}
	return identity{der, key}
}

func (i identity) thumbprint() clientcert.Thumbprint { return sha256.Sum256(i.der) }

func (i identity) hash() string {
	t := i.thumbprint()
	return hex.EncodeToString(t[:])
}

func (i identity) base64() string { return base64.StdEncoding.EncodeToString(i.der) }

func (i identity) byteSequence() string { return ":" + i.base64() + ":" }

func (i identity) pem() string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: i.der}))
}

// escaped is like $ssl_client_escaped_cert of nginx.
func (i identity) escaped() string { return escape(i.pem()) }

func (i identity) state() *tls.ConnectionState {
	parsed, err := x509.ParseCertificate(i.der)
	if err != nil {
		panic(err)
	}
	return &tls.ConnectionState{HandshakeComplete: true, PeerCertificates: []*x509.Certificate{parsed}}
}

func escape(text string) string { return strings.ReplaceAll(url.QueryEscape(text), "+", "%20") }

// escapeForEnvoy encodes only the characters that Envoy encodes in Cert.
func escapeForEnvoy(text string) string {
	return strings.NewReplacer("\n", "%0A", " ", "%20", "+", "%2B", "/", "%2F", "=", "%3D").Replace(text)
}

func prefixes(texts ...string) (all []netip.Prefix) {
	for _, text := range texts {
		all = append(all, netip.MustParsePrefix(text))
	}
	return all
}

func reader(t testing.TB, c clientcert.Config) *clientcert.Reader {
	t.Helper()
	r, mistakes := clientcert.New(c)
	if mistakes != nil {
		t.Fatal(mistakes)
	}
	return r
}

// fromProxy is a request with one value in a field.
func fromProxy(field, value string) *http.Request {
	return &http.Request{RemoteAddr: proxy, Header: http.Header{http.CanonicalHeaderKey(field): {value}}, TLS: proxyOwn.state()}
}
