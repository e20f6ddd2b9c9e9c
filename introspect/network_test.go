package introspect_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"io"
	"log"
	"math/big"
	mathrand "math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/warder-go/warder/introspect"
	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/resourcetest"
)

// newNetworkFixture returns a fixture with the real clock, whose issuer listens on a socket.
func newNetworkFixture(t *testing.T, configure configFunc) *fixture {
	t.Helper()
	issuer := resourcetest.Start(t)
	return newFixture(t, issuer, func(c *resource.Config, i *introspect.Config) {
		i.Transport = nil
		if configure != nil {
			configure(c, i)
		}
	})
}

// The same load as in TestManyRequestsWithFewTokens, but over HTTP on both sides.
func TestManyRequestsOverNetwork(t *testing.T) {
	fx := newNetworkFixture(t, func(_ *resource.Config, c *introspect.Config) { c.Endpoint = "" })
	server := httptest.NewServer(fx.handler)
	defer server.Close()
	tokens := repeat(100, func(i int) string { return fx.token(resourcetest.Token{Subject: fmt.Sprint("user-", i)}) })
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}}
	defer client.CloseIdleConnections()
	request := func(token string) (status int, caller string) {
		req, _ := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL, nil)
		req.Header.Set("Authorization", "Bearer "+token)
		response, err := client.Do(req)
		if err != nil {
			t.Error(err)
			return 0, ""
		}
		defer response.Body.Close()
		_, _ = io.Copy(io.Discard, response.Body)
		return response.StatusCode, response.Header.Get("X-Test-Caller")
	}
	prefix := fmt.Sprintf("%d:%s sub:user-", len(fx.issuer.Identifier()), fx.issuer.Identifier())
	wrong := atomic.Int64{}
	var all sync.WaitGroup
	for range 50 {
		all.Go(func() {
			for range 200 {
				i := mathrand.IntN(100)
				if status, caller := request(tokens[i]); status != 200 || caller != prefix+fmt.Sprint(i) {
					wrong.Add(1)
				}
			}
		})
	}
	all.Wait()
	// A request that does not run for longer than a result is shared, after it has found nothing in
	// the cache, makes a call of its own. Without sharing there would be hundreds.
	const late = 5
	if n := fx.calls(); wrong.Load() != 0 || n < 100 || n > 100+late {
		t.Errorf("got %d wrong responses and %d calls, want 0 and 100", wrong.Load(), n)
	}
	before := fx.calls()
	one := fx.token(resourcetest.Token{})
	for range 1000 {
		all.Go(func() {
			if status, _ := request(one); status != 200 {
				wrong.Add(1)
			}
		})
	}
	all.Wait()
	if n := fx.calls() - before; wrong.Load() != 0 || n < 1 || n > 1+late {
		t.Errorf("1,000 requests with one token: got %d wrong responses and %d calls, want 0 and 1", wrong.Load(), n)
	}
}

// The token is in the body of the call, and 307 and 308 would repeat it: no redirect may send
// it to another server.
func TestRedirectsAreNotFollowed(t *testing.T) {
	got := atomic.Int64{}
	attacker := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { got.Add(1) }))
	defer attacker.Close()
	for _, status := range []int{301, 302, 303, 307, 308} {
		fx := newNetworkFixture(t, nil)
		fx.endpointFails(resourcetest.Failure{Redirect: attacker.URL, Status: status})
		fx.expect(fmt.Sprint(status), fx.token(resourcetest.Token{}), 503, resource.ReasonIntrospectionRedirect)
	}
	if got.Load() != 0 {
		t.Errorf("%d requests were redirected, want 0", got.Load())
	}
}

func TestNoConnection(t *testing.T) {
	socket, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed := "http://" + socket.Addr().String() + "/introspect"
	socket.Close()
	unknownCA := httptest.NewUnstartedServer(http.NotFoundHandler())
	unknownCA.Config.ErrorLog = log.New(io.Discard, "", 0)
	unknownCA.StartTLS()
	defer unknownCA.Close()
	plain := httptest.NewServer(http.NotFoundHandler())
	defer plain.Close()
	for _, row := range []struct{ name, endpoint string }{
		{"closed port", closed},
		{"certificate of an unknown authority", unknownCA.URL},
		{"server without TLS", "https" + plain.URL[len("http"):]},
		{"cloud metadata address", "https://169.254.169.254/introspect"},
		{"link-local address", "https://[fe80::1]/introspect"},
	} {
		fx := newNetworkFixture(t, func(_ *resource.Config, c *introspect.Config) { c.Endpoint = row.endpoint })
		fx.expect(row.name, fx.token(resourcetest.Token{}), 503, resource.ReasonIntrospectionUnreachable)
	}
	inBubble(t, func(_ *resource.Config, c *introspect.Config) { c.Endpoint = "https://nowhere.example.test/" }, func(fx *fixture) {
		fx.expect("unknown host", fx.token(resourcetest.Token{}), 503, resource.ReasonIntrospectionUnreachable)
	})
}

func TestConnectionClosedEarly(t *testing.T) {
	fx := newNetworkFixture(t, nil)
	fx.endpointFails(resourcetest.Failure{Refuse: true})
	fx.expect("closed before the answer", fx.token(resourcetest.Token{}), 503, resource.ReasonIntrospectionUnreachable)
	fx.endpointFails(resourcetest.Failure{Truncate: true})
	fx.expect("closed within the answer", fx.token(resourcetest.Token{}), 503, resource.ReasonIntrospectionTruncated)
	fx.issuer.Reset()
	fx.expect("endpoint works again", fx.token(resourcetest.Token{}), 200, "")
	fx.issuer.Close()
	fx.expect("server closed", fx.token(resourcetest.Token{}), 503, resource.ReasonIntrospectionUnreachable)
}

func TestMutualTLS(t *testing.T) { // RFC 8705 §2
	ca, certificate := certificates(t)
	var seen atomic.Pointer[string]
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(rw http.ResponseWriter, req *http.Request) {
		body, _ := io.ReadAll(req.Body)
		text := fmt.Sprint(req.TLS.PeerCertificates[0].Subject.CommonName, " ", string(body), " ", req.Header["Authorization"])
		seen.Store(&text)
		rw.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(rw, `{"active":true,"sub":"alice","aud":"https://mcp.example.test/mcp"}`)
	}))
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.TLS = &tls.Config{ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: ca}
	server.StartTLS()
	defer server.Close()
	roots := x509.NewCertPool()
	roots.AddCert(server.Certificate())
	withTLS := func(config *tls.Config) *fixture {
		return newNetworkFixture(t, func(_ *resource.Config, c *introspect.Config) {
			c.Endpoint, c.TLS = server.URL, config
			c.Auth = introspect.ClientAuth{Method: introspect.TLSClientAuth, ClientID: "id"}
		})
	}
	withTLS(&tls.Config{RootCAs: roots, Certificates: []tls.Certificate{certificate}}).expect("with a client certificate", "token-1", 200, "")
	if got, want := *seen.Load(), "warder-test client_id=id&token=token-1&token_type_hint=access_token []"; got != want {
		t.Errorf("request at the server\n got %s\nwant %s", got, want)
	}
	none := func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return new(tls.Certificate), nil }
	withTLS(&tls.Config{RootCAs: roots, GetClientCertificate: none}).expect("without a client certificate", "token-1", 503, resource.ReasonIntrospectionUnreachable)
}

// certificates returns a self-signed client certificate and a pool that contains it.
func certificates(t *testing.T) (*x509.CertPool, tls.Certificate) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "warder-test"}, NotAfter: time.Now().Add(time.Hour),
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(parsed)
	return pool, tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// The client keeps as many idle connections as calls run at one time, so that a busy endpoint
// does not need a handshake for nearly every call.
func TestConnectionsAreReused(t *testing.T) {
	const concurrent = 40
	var opened atomic.Int64
	var barrier sync.WaitGroup
	endpoint := httptest.NewUnstartedServer(http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) {
		barrier.Done()
		barrier.Wait() // until all calls of the round have arrived
		rw.Header().Set("Content-Type", "application/json")
		fmt.Fprint(rw, `{"active":false}`)
	}))
	endpoint.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			opened.Add(1)
		}
	}
	endpoint.Start()
	defer endpoint.Close()
	fx := newNetworkFixture(t, func(_ *resource.Config, c *introspect.Config) { c.Endpoint, c.MaxConcurrent = endpoint.URL, concurrent })
	for round := range 5 {
		barrier.Add(concurrent)
		if statuses, _ := fx.requestAll(repeat(concurrent, func(i int) string { return unknownToken(1000*round + i) })); statuses[401] != concurrent {
			t.Fatalf("got %s, want %d×401", summary(statuses), concurrent)
		}
	}
	// A connection that is not idle yet when the next round begins cannot be reused.
	if n := opened.Load(); n > 2*concurrent {
		t.Errorf("%d connections for %d calls, %d at a time; want at most two for each concurrent call", n, 5*concurrent, concurrent)
	}
}
