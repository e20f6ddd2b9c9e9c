package gate_test

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/warder-go/warder/resource/resourcetest"
)

// newCertificate returns a certificate for 127.0.0.1 with its key, in PEM.
func newCertificate(t testing.TB, serial int64) (cert, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: "gate"}, NotAfter: time.Now().Add(time.Hour), DNSNames: []string{"mcp.example.test"}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})), string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER}))
}

// overTLS sends a request on a new TLS connection. It returns the serial number of the certificate.
func (f *fixture) overTLS(req *http.Request, config *tls.Config) (answer, *http.Response, int64) {
	f.t.Helper()
	config.InsecureSkipVerify = true // the test looks at the certificate itself
	req.URL.Scheme = "https"
	transport := &http.Transport{TLSClientConfig: config, ForceAttemptHTTP2: true}
	defer transport.CloseIdleConnections()
	res, err := transport.RoundTrip(req)
	if err != nil {
		f.t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		f.t.Fatal(err)
	}
	return answer{res.StatusCode, res.Header, string(body)}, res, res.TLS.PeerCertificates[0].SerialNumber.Int64()
}

// The listener serves HTTP/2, and a new certificate after its files have changed. Files that do not
// belong together change nothing.
func TestTLS(t *testing.T) {
	up := new(recorder)
	f := newFixture(t, options{top: "tls: {cert_file: cert.pem, key_file: key.pem}\n"}.text(serve(t, up)+"/mcp"))
	cert, key := newCertificate(t, 1)
	f.write("cert.pem", cert)
	f.write("key.pem", key)
	f.run()
	got, res, serial := f.overTLS(f.post(call), new(tls.Config))
	if got.status != 200 || res.Proto != "HTTP/2.0" || serial != 1 || up.one(t).body != call {
		t.Fatalf("got %+v over %s with certificate %d", got, res.Proto, serial)
	}
	next, nextKey := newCertificate(t, 2)
	f.write("cert.pem", next)
	if err := f.gate.Reload(t.Context()); err == nil {
		t.Error("a certificate with another key was applied")
	}
	if _, _, serial := f.overTLS(f.post(call), new(tls.Config)); serial != 1 {
		t.Errorf("got certificate %d", serial)
	}
	f.write("key.pem", nextKey)
	if err := f.gate.Reload(t.Context()); err != nil {
		t.Error(err)
	}
	if _, _, serial := f.overTLS(f.post(call), new(tls.Config)); serial != 2 {
		t.Errorf("got certificate %d", serial)
	}
}

// A token that is bound to a certificate is accepted with the certificate of the connection.
func TestClientCertificate(t *testing.T) {
	up := new(recorder)
	f := newFixture(t, options{top: "tls: {cert_file: cert.pem, key_file: key.pem, request_client_certificates: true}\n", authorization: "    client_certificate_tokens: accepted\n"}.text(serve(t, up)+"/mcp"))
	cert, key := newCertificate(t, 1)
	f.write("cert.pem", cert)
	f.write("key.pem", key)
	f.run()
	clientCert, clientKey := newCertificate(t, 3)
	pair, err := tls.X509KeyPair([]byte(clientCert), []byte(clientKey))
	if err != nil {
		t.Fatal(err)
	}
	token := f.issuer.Token(resourcetest.Token{Audience: identifier, Scope: "mcp:run", Certificate: pair.Leaf})
	for _, row := range []struct {
		name   string
		config *tls.Config
		status int
	}{{"with the certificate", &tls.Config{Certificates: []tls.Certificate{pair}}, 200}, {"without it", new(tls.Config), 401}} {
		req := f.post(call)
		req.Header.Set("Authorization", "Bearer "+token)
		if got, _, _ := f.overTLS(req, row.config); got.status != row.status {
			t.Errorf("%s: got %+v, want %d", row.name, got, row.status)
		}
	}
}

// HTTP/2 without TLS is served only if it is configured.
func TestCleartextHTTP2(t *testing.T) {
	for _, on := range []bool{true, false} {
		f := start(t, options{top: fmt.Sprintf("http2_cleartext: %v\n", on)}, new(recorder))
		protocols := new(http.Protocols)
		protocols.SetUnencryptedHTTP2(true)
		transport := &http.Transport{Protocols: protocols}
		res, err := transport.RoundTrip(f.post(call))
		if on && (err != nil || res.StatusCode != 200 || res.Proto != "HTTP/2.0") || !on && err == nil {
			t.Errorf("%v: got %v, %v", on, res, err)
		}
		if err == nil {
			_ = res.Body.Close()
		}
		transport.CloseIdleConnections()
	}
}

// At the end, /readyz answers 503 while the public listener still accepts. An open stream then gets
// the time to end.
func TestGracefulEnd(t *testing.T) {
	t.Parallel() // it waits
	finish := make(chan struct{})
	f := start(t, options{top: "shutdown: {delay_seconds: 1, grace_seconds: 60}\n"}, http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		_, _ = io.WriteString(w, "data: 1\n")
		_ = http.NewResponseController(w).Flush()
		if req.Method == http.MethodGet {
			<-finish
			_, _ = io.WriteString(w, "data: 2\n")
		}
	}))
	if got := f.fetch("/readyz"); got.status != 200 || got.body != "ok\n" {
		t.Fatalf("got %+v", got)
	}
	res, err := new(http.Transport).RoundTrip(f.get(t.Context()))
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	lines := bufio.NewReader(res.Body)
	if line, err := lines.ReadString('\n'); err != nil || line != "data: 1\n" {
		t.Fatalf("got %q, %v", line, err)
	}
	f.stop()
	for f.fetch("/readyz").status != 503 { // the gate learns of the end in another goroutine
		if t.Context().Err() != nil {
			t.Fatal("the test was stopped")
		}
	}
	if got := f.fetch("/healthz"); got.status != 200 {
		t.Errorf("/healthz: got %+v", got)
	}
	for { // until the listener is closed
		res, err := new(http.Transport).RoundTrip(f.post(call))
		if err != nil {
			break
		}
		_ = res.Body.Close()
	}
	close(finish)
	if line, err := lines.ReadString('\n'); err != nil || line != "data: 2\n" {
		t.Errorf("got %q, %v", line, err)
	}
	err = <-f.stopped
	f.stopped <- err
	if err != nil {
		t.Error(err)
	}
}

// A stream that does not end is cut off after the time.
func TestStreamIsCutOff(t *testing.T) {
	ended := make(chan struct{})
	f := start(t, options{top: "shutdown: {delay_seconds: 0, grace_seconds: 0}\n"}, http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		_ = http.NewResponseController(w).Flush()
		<-req.Context().Done()
		close(ended)
	}))
	res, err := new(http.Transport).RoundTrip(f.get(t.Context()))
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	f.stop()
	if _, err := io.ReadAll(res.Body); err == nil {
		t.Error("the stream ended regularly")
	}
	<-ended
}

// The admin listener serves metrics of the gate and of its Resources, and nothing of the public one.
func TestAdmin(t *testing.T) {
	f := start(t, options{}, new(recorder))
	f.do(f.post(call))
	f.raw("PUT /mcp HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
	text := ""
	for !strings.Contains(text, "\nwarder_gate_requests_in_flight 0\n") { // a response can arrive before its handler ends
		if text = f.fetch("/metrics").body; t.Context().Err() != nil {
			t.Fatal("the test was stopped")
		}
	}
	for _, line := range []string{`warder_gate_refused_total{reason="method"} 1`, `warder_gate_upstream_requests_total{result="passed",upstream="main"} 1`, `warder_decisions_total{`, `warder_config_reloads_total{`, "go_goroutines "} {
		if !strings.Contains(text, "\n"+line) {
			t.Errorf("/metrics has no line %q", line)
		}
	}
	for path, status := range map[string]int{"/": 404, "/mcp": 404, "/healthz": 200, "/readyz": 200, "/.well-known/jwks.json": 200} {
		if got := f.fetch(path); got.status != status {
			t.Errorf("%s: got %+v, want %d", path, got, status)
		}
	}
	for _, path := range []string{"/healthz", "/readyz", "/metrics", "/.well-known/jwks.json"} {
		req := f.get(t.Context())
		req.URL.Path = path
		if got := f.do(req); got.status != 404 {
			t.Errorf("the public listener serves %s: %+v", path, got)
		}
	}
	f.issuer.Fail(resourcetest.Any, resourcetest.Failure{Refuse: true})
	if got := f.fetch("/readyz"); got.status != 200 {
		t.Errorf("with known keys: got %+v", got)
	}
}

// The gate is not ready while the keys of an issuer are not known.
func TestNotReady(t *testing.T) {
	f := newFixture(t, options{}.text(serve(t, new(recorder))+"/mcp"))
	f.issuer.Fail(resourcetest.Any, resourcetest.Failure{Refuse: true})
	f.run()
	if got := f.fetch("/readyz"); got.status != 503 || got.body != "not ready\n" {
		t.Errorf("got %+v", got)
	}
}

// The metadata of all upstreams is public.
func TestMetadata(t *testing.T) {
	up := new(recorder)
	f := newFixture(t, options{upstreams: twoUpstreams(t, up)}.text(""))
	f.run()
	for _, name := range []string{"mcp", "other"} {
		req, err := http.NewRequestWithContext(context.Background(), http.MethodGet, "http://"+f.public+"/.well-known/oauth-protected-resource/"+name, nil)
		if err != nil {
			t.Fatal(err)
		}
		if got := f.do(req); got.status != 200 || !strings.Contains(got.body, `"resource":"https://mcp.example.test/`+name+`"`) {
			t.Errorf("got %+v", got)
		}
	}
	if all := up.take(); len(all) > 0 {
		t.Errorf("the upstream got %+v", all)
	}
}

// Each upstream gets the requests of its own identifier, and a token for one is rejected at the other.
func TestTwoUpstreams(t *testing.T) {
	up := new(recorder)
	f := newFixture(t, options{upstreams: twoUpstreams(t, up)}.text(""))
	f.run()
	other := f.issuer.Token(resourcetest.Token{Audience: "https://mcp.example.test/other"})
	for _, row := range []struct {
		path, token string
		status      int
	}{{"/mcp", f.token(), 200}, {"/other", other, 200}, {"/mcp", other, 401}, {"/other", f.token(), 401}, {"/third", other, 404}} {
		req := f.post(call)
		req.URL.Path = row.path
		req.Header.Set("Authorization", "Bearer "+row.token)
		got, all := f.do(req), up.take()
		if got.status != row.status || (len(all) == 1) != (row.status == 200) || len(all) == 1 && all[0].uri != row.path {
			t.Errorf("%+v: got %+v, and the upstream got %+v", row, got, all)
		}
	}
}
