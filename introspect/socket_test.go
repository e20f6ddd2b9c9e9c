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

// onSockets is a world with a real clock, whose issuer listens.
func onSockets(t *testing.T, change change) *world {
	t.Helper()
	issuer := resourcetest.Start(t)
	return newWorld(t, issuer, func(c *resource.Config, i *introspect.Config) {
		i.Transport = nil
		if change != nil {
			change(c, i)
		}
	})
}

// The same load as in the bubble, over HTTP on both sides.
func TestTenThousandRequestsOverSockets(t *testing.T) {
	w := onSockets(t, func(_ *resource.Config, c *introspect.Config) { c.Endpoint = "" })
	door := httptest.NewServer(w.door)
	defer door.Close()
	tokens := repeat(100, func(i int) string { return w.token(resourcetest.Token{Subject: fmt.Sprint("user-", i)}) })
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}}
	defer client.CloseIdleConnections()
	ask := func(token string) (status int, caller string) {
		req, _ := http.NewRequestWithContext(t.Context(), http.MethodPost, door.URL, nil)
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
	prefix := fmt.Sprintf("%d:%s sub:user-", len(w.issuer.Identifier()), w.issuer.Identifier())
	wrong := atomic.Int64{}
	var all sync.WaitGroup
	for range 50 {
		all.Go(func() {
			for range 200 {
				i := mathrand.IntN(100)
				if status, caller := ask(tokens[i]); status != 200 || caller != prefix+fmt.Sprint(i) {
					wrong.Add(1)
				}
			}
		})
	}
	all.Wait()
	if wrong.Load() != 0 || w.calls() != 100 {
		t.Errorf("%d wrong answers and %d calls, want none and 100", wrong.Load(), w.calls())
	}
	one := w.token(resourcetest.Token{})
	for range 1000 {
		all.Go(func() {
			if status, _ := ask(one); status != 200 {
				wrong.Add(1)
			}
		})
	}
	all.Wait()
	if wrong.Load() != 0 || w.calls() != 101 {
		t.Errorf("one token, 1,000 times: %d wrong answers and %d calls, want none and 1", wrong.Load(), w.calls()-100)
	}
}

// The token is in the body of what is redirected: nobody else may get it, 307 and 308
// would repeat it (bad-inputs 203).
func TestRedirectTakesTheTokenNowhere(t *testing.T) {
	got := atomic.Int64{}
	thief := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { got.Add(1) }))
	defer thief.Close()
	for _, status := range []int{301, 302, 303, 307, 308} {
		w := onSockets(t, nil)
		w.fail(resourcetest.Failure{Redirect: thief.URL, Status: status})
		w.expect(fmt.Sprint(status), w.token(resourcetest.Token{}), 503, resource.ReasonIntrospectionRedirect)
	}
	if got.Load() != 0 {
		t.Errorf("%d requests were redirected", got.Load())
	}
}

func TestNoConnection(t *testing.T) { // bad-inputs 202
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
		{"nobody listens", closed},
		{"certificate of nobody", unknownCA.URL},
		{"no TLS at all", "https" + plain.URL[len("http"):]},
		{"address of the cloud's metadata", "https://169.254.169.254/introspect"},
		{"link-local", "https://[fe80::1]/introspect"},
	} {
		w := onSockets(t, func(_ *resource.Config, c *introspect.Config) { c.Endpoint = row.endpoint })
		w.expect(row.name, w.token(resourcetest.Token{}), 503, resource.ReasonIntrospectionUnreachable)
	}
	inWorld(t, func(_ *resource.Config, c *introspect.Config) { c.Endpoint = "https://nowhere.example.test/" }, func(w *world) {
		w.expect("no such host", w.token(resourcetest.Token{}), 503, resource.ReasonIntrospectionUnreachable)
	})
}

func TestConnectionThatIsCut(t *testing.T) {
	w := onSockets(t, nil)
	w.fail(resourcetest.Failure{Refuse: true})
	w.expect("before the answer", w.token(resourcetest.Token{}), 503, resource.ReasonIntrospectionUnreachable)
	w.fail(resourcetest.Failure{Truncate: true})
	w.expect("within the answer", w.token(resourcetest.Token{}), 503, resource.ReasonIntrospectionTruncated)
	w.issuer.Reset()
	w.expect("well again", w.token(resourcetest.Token{}), 200, "")
	w.issuer.Close()
	w.expect("closed", w.token(resourcetest.Token{}), 503, resource.ReasonIntrospectionUnreachable)
}

func TestMutualTLS(t *testing.T) { // RFC 8705 §2
	ca, certificate := certificates(t)
	var seen atomic.Pointer[string]
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		body, _ := io.ReadAll(req.Body)
		text := fmt.Sprint(req.TLS.PeerCertificates[0].Subject.CommonName, " ", string(body), " ", req.Header["Authorization"])
		seen.Store(&text)
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"active":true,"sub":"alice","aud":"https://mcp.example.test/mcp"}`)
	}))
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.TLS = &tls.Config{ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: ca}
	server.StartTLS()
	defer server.Close()
	roots := x509.NewCertPool()
	roots.AddCert(server.Certificate())
	with := func(config *tls.Config) *world {
		return onSockets(t, func(_ *resource.Config, c *introspect.Config) {
			c.Endpoint, c.TLS = server.URL, config
			c.Auth = introspect.ClientAuth{Method: introspect.TLSClientAuth, ClientID: "id"}
		})
	}
	with(&tls.Config{RootCAs: roots, Certificates: []tls.Certificate{certificate}}).expect("with a certificate", "token-1", 200, "")
	if got, want := *seen.Load(), "warder-test client_id=id&token=token-1&token_type_hint=access_token []"; got != want {
		t.Errorf("the server saw\n got %s\nwant %s", got, want)
	}
	none := func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return new(tls.Certificate), nil }
	with(&tls.Config{RootCAs: roots, GetClientCertificate: none}).expect("without one", "token-1", 503, resource.ReasonIntrospectionUnreachable)
}

// certificates makes a client certificate that is its own authority.
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

// As many connections are kept as calls run at one time: a busy endpoint is not made to
// shake hands for nearly every call.
func TestConnectionsAreKept(t *testing.T) {
	const places = 40
	var opened atomic.Int64
	var barrier sync.WaitGroup
	endpoint := httptest.NewUnstartedServer(http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) {
		barrier.Done()
		barrier.Wait() // all are here at one time
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
	w := onSockets(t, func(_ *resource.Config, c *introspect.Config) { c.Endpoint, c.MaxConcurrent = endpoint.URL, places })
	for round := range 5 {
		barrier.Add(places)
		if statuses, _ := w.crowd(repeat(places, func(i int) string { return junk(1000*round + i) })); statuses[401] != places {
			t.Fatalf("got %s, want %d×401", summary(statuses), places)
		}
	}
	// A connection that is on its way back when the next round begins may be missed.
	if n := opened.Load(); n > 2*places {
		t.Errorf("%d connections for %d calls, %d at a time", n, 5*places, places)
	}
}
