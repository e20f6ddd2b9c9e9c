package clientcert_test

import (
	"encoding/base64"
	"encoding/pem"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/warder-go/warder/internal/clientcert"
	"github.com/warder-go/warder/internal/keytest"
)

// check reads a request and compares the whole result. No request of a spoof test has the
// certificate of the victim, although it contains it.
func check(t *testing.T, name string, c clientcert.Config, req *http.Request, want clientcert.Thumbprint, wantErr error) {
	t.Helper()
	got, ok, err := reader(t, c).Read(req)
	if got.Equal(victim.thumbprint()) {
		t.Errorf("%s: the thumbprint of the victim", name)
	}
	if got != want || ok != (want != clientcert.Thumbprint{}) || !errors.Is(err, wantErr) {
		t.Errorf("%s:\n got %x, %v, %v\nwant %x, %v", name, got, ok, err, want, wantErr)
	}
	if err != nil && (strings.Contains(err.Error(), victim.base64()[:40]) || strings.Contains(err.Error(), victim.hash()[:8])) {
		t.Errorf("%s: the error has text of the request: %v", name, err)
	}
}

// RFC 9440 §4: the field is accepted only from a trusted proxy.
func TestSpoofedSenders(t *testing.T) {
	field := "Client-Cert: " + victim.byteSequence()
	for _, row := range []struct {
		name, remote, lines string
		want                clientcert.Thumbprint
		wantErr             error
	}{
		{"an address that is not listed", "198.51.100.7:1", field, clientcert.Thumbprint{}, clientcert.ErrUntrusted},
		{"the next address", "192.0.2.2:1", field, clientcert.Thumbprint{}, clientcert.ErrUntrusted},
		{"an address that begins like the proxy's", "192.0.2.10:1", field, clientcert.Thumbprint{}, clientcert.ErrUntrusted},
		{"an IPv4 address in IPv6", "[::ffff:198.51.100.7]:1", field, clientcert.Thumbprint{}, clientcert.ErrUntrusted},
		{"the proxy's address as an IPv4-compatible one", "[::192.0.2.1]:1", field, clientcert.Thumbprint{}, clientcert.ErrUntrusted},
		{"the proxy's address behind NAT64", "[64:ff9b::192.0.2.1]:1", field, clientcert.Thumbprint{}, clientcert.ErrUntrusted},
		{"the next IPv6 network", "[2001:db8:0:1::1]:1", field, clientcert.Thumbprint{}, clientcert.ErrUntrusted},
		{"an IPv6 zone", "[2001:db8::1%eth0]:1", field, clientcert.Thumbprint{}, clientcert.ErrUntrusted},
		{"a zone and an IPv4 address in IPv6", "[::ffff:192.0.2.1%eth0]:1", field, clientcert.Thumbprint{}, clientcert.ErrUntrusted},
		{"no address", "", field, clientcert.Thumbprint{}, clientcert.ErrUntrusted},
		{"a Unix socket", "@", field, clientcert.Thumbprint{}, clientcert.ErrUntrusted},
		{"a Unix socket with a path", "/run/192.0.2.1:1", field, clientcert.Thumbprint{}, clientcert.ErrUntrusted},
		{"no port, as middleware sets it", "192.0.2.1", field, clientcert.Thumbprint{}, clientcert.ErrUntrusted},
		{"a list, as middleware sets it", "192.0.2.1:1, 198.51.100.7:1", field, clientcert.Thumbprint{}, clientcert.ErrUntrusted},
		{"a port that is not a number", "192.0.2.1:https", field, clientcert.Thumbprint{}, clientcert.ErrUntrusted},
		{"a name", "localhost:1", field, clientcert.Thumbprint{}, clientcert.ErrUntrusted},
		{"leading zeros", "192.0.02.1:1", field, clientcert.Thumbprint{}, clientcert.ErrUntrusted},
		{"X-Forwarded-For", "198.51.100.7:1", field + "\r\nX-Forwarded-For: 192.0.2.1\r\nX-Real-IP: 192.0.2.1\r\nForwarded: for=192.0.2.1", clientcert.Thumbprint{}, clientcert.ErrUntrusted},
		{"an empty field", "198.51.100.7:1", "Client-Cert:", clientcert.Thumbprint{}, clientcert.ErrUntrusted},
		{"a malformed field", "198.51.100.7:1", "Client-Cert: x", clientcert.Thumbprint{}, clientcert.ErrUntrusted},
		{"the own certificate in the field", "198.51.100.7:1", "Client-Cert: " + attacker.byteSequence(), clientcert.Thumbprint{}, clientcert.ErrUntrusted},
		{"the field in upper case", "198.51.100.7:1", "CLIENT-CERT: " + victim.byteSequence(), clientcert.Thumbprint{}, clientcert.ErrUntrusted},
		{"the field with an underscore", "198.51.100.7:1", "Client_Cert: " + victim.byteSequence(), clientcert.Thumbprint{}, clientcert.ErrUntrusted},
		{"the chain", "198.51.100.7:1", "Client-Cert-Chain: " + victim.byteSequence(), clientcert.Thumbprint{}, clientcert.ErrUntrusted},
		{"the chain with an underscore", "198.51.100.7:1", "client_cert-chain: " + victim.byteSequence(), clientcert.Thumbprint{}, clientcert.ErrUntrusted},
		{"the field of another proxy", "198.51.100.7:1", "X-SSL-Cert: " + victim.escaped(), attacker.thumbprint(), nil},
		{"only the connection", "198.51.100.7:1", "Accept: */*", attacker.thumbprint(), nil},
	} {
		check(t, row.name, rfc9440, &http.Request{RemoteAddr: row.remote, Header: parseHeader(t, row.lines), TLS: attacker.state()}, row.want, row.wantErr)
	}
}

// Without a field in the configuration, no header field is read.
func TestSpoofsWithoutField(t *testing.T) {
	lines := "Client-Cert: " + victim.byteSequence() + "\r\nX-Forwarded-Client-Cert: Hash=" + victim.hash()
	check(t, "with a certificate", clientcert.Config{}, &http.Request{RemoteAddr: proxy, Header: parseHeader(t, lines), TLS: attacker.state()}, attacker.thumbprint(), nil)
	check(t, "without a certificate", clientcert.Config{}, &http.Request{RemoteAddr: proxy, Header: parseHeader(t, lines)}, clientcert.Thumbprint{}, nil)
}

// A client can add fields that a proxy passes on. The certificate that the proxy itself uses is
// that of the victim here, and never counts.
func TestSpoofsThroughProxy(t *testing.T) {
	for _, row := range []struct {
		name    string
		lines   string
		wantErr error
	}{
		{"no field", "Accept: */*", nil},
		{"only the chain", "Client-Cert-Chain: " + victim.byteSequence(), nil},
		{"an empty field", "Client-Cert:", clientcert.ErrMalformed},
		{"two fields", "Client-Cert: " + victim.byteSequence() + "\r\nClient-Cert: " + attacker.byteSequence(), clientcert.ErrMalformed},
		{"two fields, the second from the client", "Client-Cert: " + attacker.byteSequence() + "\r\nclient-cert: " + victim.byteSequence(), clientcert.ErrMalformed},
		{"two equal fields", "Client-Cert: " + victim.byteSequence() + "\r\nClient-Cert: " + victim.byteSequence(), clientcert.ErrMalformed},
		{"an empty second field", "Client-Cert: " + victim.byteSequence() + "\r\nClient-Cert:", clientcert.ErrMalformed},
		{"another spelling only", "Client_Cert: " + victim.byteSequence(), clientcert.ErrMalformed},
		{"another spelling too", "Client-Cert: " + attacker.byteSequence() + "\r\nclient_cert: " + victim.byteSequence(), clientcert.ErrMalformed},
		{"another format", "X-Forwarded-Client-Cert: Hash=" + victim.hash(), nil},
	} {
		check(t, row.name, rfc9440, &http.Request{RemoteAddr: proxy, Header: parseHeader(t, row.lines), TLS: victim.state()}, clientcert.Thumbprint{}, row.wantErr)
	}
	for _, row := range []struct {
		name    string
		header  http.Header
		wantErr error
	}{
		{"no header", nil, nil},
		{"no values", http.Header{"Client-Cert": {}}, clientcert.ErrMalformed},
		{"a name that is not canonical", http.Header{"client-cert": {victim.byteSequence()}}, clientcert.ErrMalformed},
		{"a name that is not canonical too", http.Header{"Client-Cert": {victim.byteSequence()}, "client-cert": {victim.byteSequence()}}, clientcert.ErrMalformed},
	} {
		check(t, row.name, rfc9440, &http.Request{RemoteAddr: proxy, Header: row.header, TLS: victim.state()}, clientcert.Thumbprint{}, row.wantErr)
	}
}

// RFC 9440 §2.1, §2.2: exactly one Byte Sequence
func TestMalformedByteSequences(t *testing.T) {
	valid, text := victim.byteSequence(), victim.base64()
	padded := selfSigned("victim") // with unused bits in base64, and with the characters in which base64url differs
	for name := "victim"; len(padded.der)%3 == 0 || !strings.Contains(padded.base64(), "+") || !strings.Contains(padded.base64(), "/"); name += "." {
		padded = selfSigned(name)
	}
	for _, row := range []struct{ name, value string }{
		{"no colons", text},
		{"one colon", ":"},
		{"no colon at the beginning", valid[1:]},
		{"no colon at the end", valid[:len(valid)-1]},
		{"nothing", "::"},
		{"a list of two", valid + ", " + attacker.byteSequence()},
		{"a list without space", attacker.byteSequence() + "," + valid},
		{"two items", valid + attacker.byteSequence()},
		{"a parameter", valid + ";a=1"},
		{"a parameter that ends with a colon", valid + ";a=:"},
		{"a space before", " " + valid},
		{"a space after", valid + " "},
		{"a space inside", ":" + text[:64] + " " + text[64:] + ":"},
		{"a line break inside", ":" + text[:64] + "\n" + text[64:] + ":"},
		{"CRLF inside", ":" + text[:64] + "\r\n" + text[64:] + ":"},
		{"a folded line", ":" + text[:64] + "\r\n " + text[64:] + ":"},
		{"text after it", valid + "x"},
		{"a string", `"` + text + `"`},
		{"the encoding of RFC 9651 §3.3.8", `%"` + text + `"`},
		{"percent-encoded", escape(valid)},
		{"PEM", ":" + base64.StdEncoding.EncodeToString([]byte(victim.pem())) + ":"},
		{"no padding", ":" + strings.TrimRight(padded.base64(), "=") + ":"},
		{"too much padding", ":" + text + "====" + ":"},
		{"unused bits", ":" + unusedBits(padded.base64()) + ":"},
		{"base64url", ":" + base64.URLEncoding.EncodeToString(padded.der) + ":"},
		{"a NUL byte", ":" + text + "\x00:"},
		{"bytes after the certificate", ":" + base64.StdEncoding.EncodeToString(append(victim.der[:len(victim.der):len(victim.der)], 0)) + ":"},
		{"two certificates in one", ":" + base64.StdEncoding.EncodeToString(append(victim.der[:len(victim.der):len(victim.der)], attacker.der...)) + ":"},
		{"half a certificate", ":" + base64.StdEncoding.EncodeToString(victim.der[:len(victim.der)/2]) + ":"},
		{"a private key", ":" + base64.StdEncoding.EncodeToString(keyDER()) + ":"},
		{"an empty sequence", ":" + base64.StdEncoding.EncodeToString([]byte{0x30, 0}) + ":"},
		{"a length that is not DER", ":" + base64.StdEncoding.EncodeToString([]byte{0x30, 0x80, 0, 0}) + ":"},
		{"a wrong structure", ":" + base64.StdEncoding.EncodeToString([]byte{0x30, 8, 2, 1, 0, 0x30, 0, 3, 1, 0}) + ":"},
		{"a wrong algorithm", ":" + base64.StdEncoding.EncodeToString([]byte{0x30, 8, 0x30, 0, 2, 1, 0, 3, 1, 0}) + ":"},
		{"too long", ":" + strings.Repeat("A", 16<<10) + ":"},
		{"much too long", ":" + strings.Repeat("A", 1<<20) + ":"},
	} {
		check(t, row.name, rfc9440, fromProxy("Client-Cert", row.value), clientcert.Thumbprint{}, clientcert.ErrMalformed)
	}
}

func keyDER() []byte {
	block, _ := pem.Decode([]byte(keytest.PEM(victim.key)))
	return block.Bytes
}

// unusedBits sets the lowest unused bit of the last character before the padding.
func unusedBits(text string) string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
	last := len(strings.TrimRight(text, "=")) - 1
	return text[:last] + string(alphabet[strings.IndexByte(alphabet, text[last])+1]) + text[last+1:]
}

func TestMalformedPEM(t *testing.T) {
	block := victim.pem()
	body := strings.TrimSuffix(strings.TrimPrefix(block, "-----BEGIN CERTIFICATE-----\n"), "-----END CERTIFICATE-----\n")
	for _, row := range []struct{ name, value string }{
		{"percent-encoded twice", escape(victim.escaped())},
		{"form-encoded", strings.ReplaceAll(victim.escaped(), "%20", "+")},
		{"not encoded", block},
		{"not encoded, with tabs, as $ssl_client_cert", strings.ReplaceAll(block, "\n", "\n\t")},
		{"spaces for line breaks", strings.ReplaceAll(block, "\n", " ")},
		{"encoded spaces for line breaks", escape(strings.ReplaceAll(block, "\n", " "))},
		{"only base64", escape(victim.base64())},
		{"a Byte Sequence", victim.byteSequence()},
		{"two certificates", escape(attacker.pem() + block)},
		{"two certificates, the victim's first", escape(block + attacker.pem())},
		{"two equal certificates", escape(block + block)},
		{"a certificate and a key", escape(block + keytest.PEM(attacker.key))},
		{"a key and a certificate", escape(keytest.PEM(attacker.key) + block)},
		{"a key only", escape(keytest.PEM(victim.key))},
		{"a key with the label of a certificate", escape(strings.ReplaceAll(keytest.PEM(victim.key), "PRIVATE KEY", "CERTIFICATE"))},
		{"another label", escape(strings.ReplaceAll(block, "CERTIFICATE", "TRUSTED CERTIFICATE"))},
		{"the old label", escape(strings.ReplaceAll(block, "CERTIFICATE", "X509 CERTIFICATE"))},
		{"a label in lower case", escape(strings.ReplaceAll(block, "CERTIFICATE", "certificate"))},
		{"text before", escape("subject=CN = victim\n" + block)},
		{"text after", escape(block + "x")},
		{"a NUL byte after", escape(block + "\x00")},
		{"a byte order mark before", escape("\ufeff" + block)},
		{"header lines", escape("-----BEGIN CERTIFICATE-----\nA: b\n\n" + body + "-----END CERTIFICATE-----\n")},
		{"no line break after the first line", escape("-----BEGIN CERTIFICATE-----" + body + "-----END CERTIFICATE-----\n")},
		{"no line break before the last line", escape("-----BEGIN CERTIFICATE-----\n" + strings.TrimSpace(body) + "-----END CERTIFICATE-----\n")},
		{"no first line", escape(body + "-----END CERTIFICATE-----\n")},
		{"no last line", escape("-----BEGIN CERTIFICATE-----\n" + body)},
		{"only the first line", escape("-----BEGIN CERTIFICATE-----\n")},
		{"only the last line", escape("\n-----END CERTIFICATE-----")},
		{"an empty block", escape("-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n")},
		{"CR as a line break", escape(strings.ReplaceAll(block, "\n", "\r"))},
		{"spaces in the base64", escape("-----BEGIN CERTIFICATE-----\n " + body + "-----END CERTIFICATE-----\n")},
		{"base64 after the certificate", escape("-----BEGIN CERTIFICATE-----\n" + body + "AAAA\n-----END CERTIFICATE-----\n")},
		{"an incomplete encoding", victim.escaped() + "%"},
		{"an incomplete encoding of two characters", victim.escaped() + "%0"},
		{"an encoding whose first digit is not hexadecimal", victim.escaped() + "%GA"},
		{"an encoding whose second digit is not hexadecimal", victim.escaped() + "%2G"},
		{"a quoted value", `"` + victim.escaped() + `"`},
		{"too long", victim.escaped() + strings.Repeat("%0A", 16<<10/3)},
	} {
		check(t, row.name, nginx, fromProxy("X-SSL-Cert", row.value), clientcert.Thumbprint{}, clientcert.ErrMalformed)
	}
}

// The documentation of Envoy describes the grammar of X-Forwarded-Client-Cert.
func TestMalformedXFCC(t *testing.T) {
	hash, own := "Hash="+victim.hash(), "Hash="+attacker.hash()
	cert, ownCert := `Cert="`+escapeForEnvoy(victim.pem())+`"`, `Cert="`+escapeForEnvoy(attacker.pem())+`"`
	for _, row := range []struct{ name, value string }{
		{"two elements, the first from the client", hash + "," + own},
		{"two elements, the last from the client", own + "," + hash},
		{"two elements with a space", own + ", " + hash},
		{"two equal elements", hash + "," + hash},
		{"an empty element before", "," + hash},
		{"an empty element after", hash + ","},
		{"a second element after a quoted value", cert + "," + own},
		{"a name in the certificate that adds an element", own + ";URI=spiffe://a,By=b;" + hash},
		{"a name in the certificate that adds a pair", own + ";URI=spiffe://a;" + hash},
		{"a name in the certificate that opens quotes", own + `;URI=";` + hash},
		{"a subject that closes its quotes", own + `;Subject="CN=a";` + hash + `;Subject="b"`},
		{"Hash twice", hash + ";" + own},
		{"Hash twice in different case", own + ";hASH=" + victim.hash()},
		{"the same Hash twice", hash + ";" + hash},
		{"Cert twice", ownCert + ";" + cert},
		{"Subject twice", `Subject="";Subject="";` + hash},
		{"Chain twice", `Chain="";Chain="";` + hash},
		{"Hash of another certificate than Cert", own + ";" + cert},
		{"Cert of another certificate than Hash", hash + ";" + ownCert},
		{"an empty Hash before Cert", "Hash=;" + cert},
		{"an empty Cert after Hash", hash + `;Cert=""`},
		{"Hash with zeros before Cert", "Hash=" + strings.Repeat("0", 64) + ";" + cert},
		{"neither Hash nor Cert", "By=spiffe://a;Subject=\"" + victim.hash() + "\";URI=b"},
		{"only a chain", `Chain="` + escapeForEnvoy(victim.pem()) + `"`},
		{"an unknown key", hash + ";Other=a"},
		{"a key with a space", " " + hash},
		{"a space after a semicolon", "By=a; " + hash},
		{"an empty key", "=" + victim.hash()},
		{"an empty pair", hash + ";"},
		{"an empty pair before", ";" + hash},
		{"no value", hash + ";URI"},
		{"a Hash that is too short", hash[:len(hash)-1]},
		{"a Hash that is too long by a digit", hash + "0"},
		{"a Hash that is too long by a byte", hash + "00"},
		{"a Hash that is not hexadecimal", "Hash=" + strings.Repeat("g", 64)},
		{"a Hash in base64", "Hash=" + base64.StdEncoding.EncodeToString(victim.der[:32])},
		{"a Hash with colons", "Hash=" + strings.Repeat("AB:", 31) + "AB"},
		{"a quote inside a plain value", `URI=a"b;` + hash},
		{"a backslash inside a plain value", `URI=a\;` + hash},
		{"a space inside a plain value", "URI=a b;" + hash},
		{"UTF-8 inside a plain value", "URI=é;" + hash},
		{"quotes that are not closed", hash + `;Subject="a`},
		{"quotes that end with a backslash", hash + `;Subject="a\`},
		{"quotes whose end is escaped", hash + `;Subject="a\"`},
		{"text after quotes", `Subject="a"b;` + hash},
		{"a pair after quotes without a semicolon", `Subject="a"b` + hash},
		{"a pair after quotes with a colon", `Subject="a":` + hash},
		{"quotes twice", `Subject="a""b";` + hash},
		{"a control character inside quotes", "Subject=\"a\tb\";" + hash},
		{"an escaped control character inside quotes", "Subject=\"a\\\nb\";" + hash},
		{"a DEL inside quotes", "Subject=\"a\x7f\";" + hash},
		{"escapes inside Cert", `Cert="` + strings.Replace(escapeForEnvoy(victim.pem()), "-", `\-`, 1) + `"`},
		{"Cert that is percent-encoded twice", `Cert="` + escape(escapeForEnvoy(victim.pem())) + `"`},
		{"two certificates in Cert", `Cert="` + escapeForEnvoy(attacker.pem()+victim.pem()) + `"`},
		{"another format", victim.byteSequence()},
		{"too long", hash + strings.Repeat(";URI=a", 4<<10)},
	} {
		check(t, row.name, xfcc, fromProxy(xfcc.Field, row.value), clientcert.Thumbprint{}, clientcert.ErrMalformed)
	}
}
