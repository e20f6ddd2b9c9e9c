package clientcert_test

import (
	"bufio"
	"encoding/pem"
	"errors"
	"maps"
	"net/http"
	"strings"
	"testing"

	"github.com/warder-go/warder/internal/clientcert"
	"github.com/warder-go/warder/internal/jose"
)

// RFC 9440 Appendix A: the client certificate, which is also the value of Client-Cert
const rfc9440Certificate = `-----BEGIN CERTIFICATE-----
MIIBqDCCAU6gAwIBAgIBBzAKBggqhkjOPQQDAjA6MRswGQYDVQQKDBJMZXQncyBB
dXRoZW50aWNhdGUxGzAZBgNVBAMMEkxBIEludGVybWVkaWF0ZSBDQTAeFw0yMDAx
MTQyMjU1MzNaFw0yMTAxMjMyMjU1MzNaMA0xCzAJBgNVBAMMAkJDMFkwEwYHKoZI
zj0CAQYIKoZIzj0DAQcDQgAE8YnXXfaUgmnMtOXU/IncWalRhebrXmckC8vdgJ1p
5Be5F/3YC8OthxM4+k1M6aEAEFcGzkJiNy6J84y7uzo9M6NyMHAwCQYDVR0TBAIw
ADAfBgNVHSMEGDAWgBRm3WjLa38lbEYCuiCPct0ZaSED2DAOBgNVHQ8BAf8EBAMC
BsAwEwYDVR0lBAwwCgYIKwYBBQUHAwIwHQYDVR0RAQH/BBMwEYEPYmRjQGV4YW1w
bGUuY29tMAoGCCqGSM49BAMCA0gAMEUCIBHda/r1vaL6G3VliL4/Di6YK0Q6bMje
SkC3dFCOOB8TAiEAx/kHSB4urmiZ0NX5r5XarmPk0wmuydBVoU4hBVZ1yhk=
-----END CERTIFICATE-----
`

// RFC 8705 Appendix A: a certificate and its x5t#S256
const (
	rfc8705Certificate = `-----BEGIN CERTIFICATE-----
MIIBBjCBrAIBAjAKBggqhkjOPQQDAjAPMQ0wCwYDVQQDDARtdGxzMB4XDTE4MTAx
ODEyMzcwOVoXDTIyMDUwMjEyMzcwOVowDzENMAsGA1UEAwwEbXRsczBZMBMGByqG
SM49AgEGCCqGSM49AwEHA0IABNcnyxwqV6hY8QnhxxzFQ03C7HKW9OylMbnQZjjJ
/Au08/coZwxS7LfA4vOLS9WuneIXhbGGWvsDSb0tH6IxLm8wCgYIKoZIzj0EAwID
SQAwRgIhAP0RC1E+vwJD/D1AGHGzuri+hlV/PpQEKTWUVeORWz83AiEA5x2eXZOV
bUlJSGQgjwD5vaUaKlLR50Q2DmFfQj1L+SY=
-----END CERTIFICATE-----
`
	rfc8705Thumbprint = "A4DtL2JmUMhAsvJj5tKyn64SqzmuXbMrJa0n761y5v0"
)

// rfc9440Thumbprint was computed with another program.
const rfc9440Thumbprint = "v68ffgcPn6jdYpBfFY2nP4ShE2Yk-6_Mk5PI9yh6aes"

func TestExamplesOfRFCs(t *testing.T) {
	for _, row := range []struct{ name, certificate, want string }{
		{"RFC 8705 Appendix A", rfc8705Certificate, rfc8705Thumbprint},
		{"RFC 9440 Appendix A", rfc9440Certificate, rfc9440Thumbprint},
	} {
		want, ok := jose.ParseThumbprint(row.want)
		if !ok {
			t.Fatalf("%s: %s is not a thumbprint", row.name, row.want)
		}
		block, _ := pem.Decode([]byte(row.certificate))
		for c, value := range map[*clientcert.Config]string{&rfc9440: identity{der: block.Bytes}.byteSequence(), &nginx: escape(row.certificate),
			&xfcc: `Cert="` + escapeForEnvoy(row.certificate) + `"`} {
			if got, ok, err := reader(t, *c).Read(fromProxy(c.Field, value)); !got.Equal(want) || !ok || err != nil {
				t.Errorf("%s, %s: got %x, %v, %v", row.name, c.Format, got, ok, err)
			}
		}
	}
}

// parseHeader reads header lines as package net/http does.
func parseHeader(t *testing.T, lines string) http.Header {
	t.Helper()
	req, err := http.ReadRequest(bufio.NewReader(strings.NewReader("GET / HTTP/1.1\r\nHost: a\r\n" + lines + "\r\n\r\n")))
	if err != nil {
		t.Fatal(err)
	}
	return req.Header
}

func TestAccepted(t *testing.T) {
	hash, subject := "Hash="+victim.hash(), `Subject="CN=\"a\", O=b\;c=\\";`
	for _, row := range []struct {
		name   string
		config clientcert.Config
		remote string
		lines  string
	}{
		{"a proxy in IPv4", rfc9440, proxy, "Client-Cert: " + victim.byteSequence()},
		{"a proxy in IPv4, on a socket for IPv6", rfc9440, "[::ffff:192.0.2.1]:4711", "Client-Cert: " + victim.byteSequence()},
		{"a proxy in IPv6", rfc9440, "[2001:db8::ffff]:4711", "Client-Cert: " + victim.byteSequence()},
		{"a field in lower case", rfc9440, proxy, "client-cert: " + victim.byteSequence()},
		{"the chain is not read", rfc9440, proxy, "Client-Cert: " + victim.byteSequence() + "\r\nClient-Cert-Chain: " + attacker.byteSequence() + "\r\nclient_cert_chain: x"},
		{"nginx", nginx, proxy, "X-SSL-Cert: " + victim.escaped()},
		{"nginx, the chain is another field", nginx, proxy, "X-SSL-Cert: " + victim.escaped() + "\r\nClient-Cert-Chain: x"},
		{"hexadecimal in lower case", nginx, proxy, "X-SSL-Cert: " + strings.NewReplacer("%0A", "%0a", "%2B", "%2b", "%2F", "%2f", "%3D", "%3d").Replace(victim.escaped())},
		{"base64 without percent-encoding, as AWS sends it", nginx, proxy, "X-SSL-Cert: " + strings.NewReplacer("%2B", "+", "%2F", "/", "%3D", "=").Replace(victim.escaped())},
		{"all characters encoded", nginx, proxy, "X-SSL-Cert: " + encodeAll(victim.pem())},
		{"lines with CRLF", nginx, proxy, "X-SSL-Cert: " + escape(strings.ReplaceAll(victim.pem(), "\n", "\r\n"))},
		{"white space around", nginx, proxy, "X-SSL-Cert: " + escape(" \t\r\n"+victim.pem()+" \t\r\n")},
		{"no line break at the end", nginx, proxy, "X-SSL-Cert: " + escape(strings.TrimSpace(victim.pem()))},
		{"one line of base64", nginx, proxy, "X-SSL-Cert: " + escape("-----BEGIN CERTIFICATE-----\n"+victim.base64()+"\n-----END CERTIFICATE-----\n")},
		{"Envoy, Hash", xfcc, proxy, "X-Forwarded-Client-Cert: By=spiffe://a/b;" + hash},
		{"Envoy, Hash in upper case", xfcc, proxy, "X-Forwarded-Client-Cert: HASH=" + strings.ToUpper(victim.hash())},
		{"Envoy, Cert", xfcc, proxy, `X-Forwarded-Client-Cert: Cert="` + escapeForEnvoy(victim.pem()) + `"`},
		{"Envoy, all keys", xfcc, proxy, "X-Forwarded-Client-Cert: By=spiffe://a;By=spiffe://b;" + hash + `;Cert="` + escapeForEnvoy(victim.pem()) + `";Chain="` + escapeForEnvoy(victim.pem()+attacker.pem()) + `";` + subject + "URI=spiffe://a?b=c;URI=;DNS=a.example;DNS=b.example"},
		{"Envoy, a comma inside quotes", xfcc, proxy, `X-Forwarded-Client-Cert: Subject="CN=a,Hash=` + attacker.hash() + `";` + hash},
		{"Envoy, a semicolon inside quotes", xfcc, proxy, `X-Forwarded-Client-Cert: Subject="CN=a;Hash=` + attacker.hash() + `";` + hash},
		{"Envoy, a quote inside quotes", xfcc, proxy, `X-Forwarded-Client-Cert: Subject="CN=\";Hash=` + attacker.hash() + `;URI=\"";` + hash},
		{"Envoy, UTF-8 inside quotes", xfcc, proxy, `X-Forwarded-Client-Cert: Subject="CN=é";` + hash},
		{"an own name of the field", clientcert.Config{Field: "x_cert", Format: clientcert.FormatXFCC, Proxies: rfc9440.Proxies}, proxy, "X_CERT: " + hash},
	} {
		req := &http.Request{RemoteAddr: row.remote, Header: parseHeader(t, row.lines), TLS: proxyOwn.state()}
		if got, ok, err := reader(t, row.config).Read(req); got != victim.thumbprint() || !ok || err != nil {
			t.Errorf("%s: got %x, %v, %v", row.name, got, ok, err)
		}
	}
}

func encodeAll(text string) string {
	var b strings.Builder
	for _, c := range []byte(text) {
		b.WriteByte('%')
		b.WriteByte("0123456789ABCDEF"[c>>4])
		b.WriteByte("0123456789ABCDEF"[c&15])
	}
	return b.String()
}

// The limit is for the encoded field: 16 KiB are accepted, one byte more is not.
func TestLimit(t *testing.T) {
	value := `Subject="";Hash=` + victim.hash()
	for more, want := range []error{nil, clientcert.ErrMalformed} {
		long := strings.Replace(value, `""`, `"`+strings.Repeat("a", 16<<10-len(value)+more)+`"`, 1)
		if _, ok, err := reader(t, xfcc).Read(fromProxy(xfcc.Field, long)); !errors.Is(err, want) || ok != (want == nil) {
			t.Errorf("%d bytes: got %v, %v", len(long), ok, err)
		}
	}
}

func TestRemove(t *testing.T) {
	all := http.Header{"Client-Cert": nil, "client-cert": {"a"}, "Client_Cert": {"a"}, "CLIENT_CERT": {"a", "b"}, "Client-Cert-Chain": {"a"}, "client_cert-chain": {"a"},
		"Client-Certs": {"a"}, "X-Client-Cert": {"a"}, "Clientcert": {"a"}, "Accept": {"a"}}
	for _, row := range []struct {
		name   string
		config clientcert.Config
		want   []string // the names that remain
	}{
		{"no field", clientcert.Config{}, []string{"Client-Cert", "client-cert", "Client_Cert", "CLIENT_CERT", "Client-Cert-Chain", "client_cert-chain", "Client-Certs", "X-Client-Cert", "Clientcert", "Accept"}},
		{"RFC 9440", rfc9440, []string{"Client-Certs", "X-Client-Cert", "Clientcert", "Accept"}},
		{"another format", clientcert.Config{Field: "client-cert", Format: clientcert.FormatPEM, Proxies: rfc9440.Proxies}, []string{"Client-Cert-Chain", "client_cert-chain", "Client-Certs", "X-Client-Cert", "Clientcert", "Accept"}},
	} {
		got, want := all.Clone(), http.Header{}
		for _, name := range row.want {
			want[name] = all[name]
		}
		reader(t, row.config).Remove(got)
		if !maps.EqualFunc(got, want, func(a, b []string) bool { return strings.Join(a, "\n") == strings.Join(b, "\n") }) {
			t.Errorf("%s:\n got %v\nwant %v", row.name, got, want)
		}
	}
	reader(t, rfc9440).Remove(nil)
}

// The texts help an operator whose proxy is configured in another way. They have no text of the request.
func TestErrors(t *testing.T) {
	const malformed = "the header field for the client certificate is malformed: "
	for _, row := range []struct {
		name   string
		config clientcert.Config
		lines  string
		want   string
	}{
		{"APPEND_FORWARD of Envoy", xfcc, "X-Forwarded-Client-Cert: Hash=" + victim.hash() + ",Hash=" + attacker.hash(), malformed + "it has more than one element; want forward_client_cert_details: SANITIZE_SET"},
		{"Envoy without the certificate", xfcc, "X-Forwarded-Client-Cert: By=a", malformed + "it has neither Hash nor Cert"},
		{"two fields", nginx, "X-SSL-Cert: a\r\nX-SSL-Cert: b", malformed + "X-Ssl-Cert has 2 values"},
		{"another spelling", nginx, "X_SSL_Cert: a", malformed + "X-Ssl-Cert has another spelling in the request"},
		{"another variable of nginx", nginx, "X-SSL-Cert: -----BEGIN CERTIFICATE----- a", malformed + "it is not percent-encoded"},
		{"a chain", nginx, "X-SSL-Cert: " + escape(victim.pem()+attacker.pem()), malformed + "it is not canonical base64"},
		{"a key", nginx, "X-SSL-Cert: " + escape("-----BEGIN PRIVATE KEY-----\n"), malformed + "it is not one PEM block CERTIFICATE"},
		{"only base64", rfc9440, "Client-Cert: " + victim.base64(), malformed + "it is not one Byte Sequence"},
		{"base64 of something else", rfc9440, "Client-Cert: :AAAA:", malformed + "it is not one certificate in DER"},
	} {
		_, _, err := reader(t, row.config).Read(&http.Request{RemoteAddr: proxy, Header: parseHeader(t, row.lines)})
		if err == nil || err.Error() != row.want {
			t.Errorf("%s:\n got %v\nwant %s", row.name, err, row.want)
		}
	}
}
