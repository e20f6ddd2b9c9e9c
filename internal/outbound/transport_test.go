package outbound_test

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/warder-go/warder/internal/outbound"
)

func TestConnectionReuse(t *testing.T) {
	var conns atomic.Int64
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/gzip":
			w.Header().Set("Content-Encoding", "gzip")
			io.WriteString(w, zip(t, "hello"))
		case "/404":
			http.NotFound(w, r)
		case "/large":
			io.WriteString(w, strings.Repeat("x", 2000))
		default:
			io.WriteString(w, "hello")
		}
	}))
	server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			conns.Add(1)
		}
	}
	server.Start()
	t.Cleanup(server.Close)
	c := newClient(t, outbound.Config{Hosts: loopback, MaxBytes: 1000})
	for _, row := range []struct {
		path  string
		conns int64 // opened so far
	}{{"/", 1}, {"/", 1}, {"/404", 1}, {"/gzip", 1}, {"/large", 1}, {"/", 2}, {"/", 2}} {
		_, err := c.Get(t.Context(), server.URL+row.path, nil)
		if outcome := outcomeOf(err); outcome != "ok" && row.path != "/large" {
			t.Fatal(err)
		}
		wantEqual(t, "connections after "+row.path, conns.Load(), row.conns)
	}
	c.CloseIdle()
	if _, err := c.Get(t.Context(), server.URL, nil); err != nil {
		t.Fatal(err)
	}
	wantEqual(t, "connections after CloseIdle", conns.Load(), 3)
}

// A server may close an idle connection while the client sends a request on it. The client
// sends a POST again then. The server must not receive the Idempotency-Key field that makes
// net/http do so.
func TestPostOnDeadConnection(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	seen := make(chan string, 3)
	go func() {
		for answers := range 2 { // the first connection ends before the second request is answered
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			answerSome(conn, seen, 1+answers)
		}
	}()
	c := newClient(t, outbound.Config{Hosts: loopback})
	for range 2 {
		req, err := http.NewRequestWithContext(t.Context(), "POST", "http://"+listener.Addr().String(), strings.NewReader("token=x"))
		if err != nil {
			t.Fatal(err)
		}
		_, err = c.Do(req)
		wantOutcome(t, err, "ok")
	}
	for range 3 {
		wantEqual(t, "request", <-seen, "POST token=x")
	}
}

// answerSome answers the given number of requests on conn, reads one more and closes conn.
func answerSome(conn net.Conn, seen chan<- string, answers int) {
	defer conn.Close()
	reader := bufio.NewReader(conn)
	for i := 0; i <= answers; i++ {
		req, err := http.ReadRequest(reader)
		if err != nil {
			return
		}
		body, _ := io.ReadAll(req.Body)
		if _, present := req.Header["Idempotency-Key"]; present {
			body = []byte("a request with Idempotency-Key")
		}
		seen <- req.Method + " " + string(body)
		if i < answers {
			io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
		}
	}
}

func TestNoCookies(t *testing.T) {
	server, _ := serve(t, func(w http.ResponseWriter, r *http.Request) {
		http.SetCookie(w, &http.Cookie{Name: "session", Value: "1", Path: "/"})
		if got := r.Header["Cookie"]; got != nil {
			t.Errorf("Cookie (-want +got)\n- none\n+ %q", got)
		}
	})
	c := newClient(t, outbound.Config{Hosts: loopback})
	for range 2 {
		if _, err := c.Get(t.Context(), server.URL, nil); err != nil {
			t.Fatal(err)
		}
	}
}

func TestTLS(t *testing.T) {
	var protos sync.Map
	start := func(cfg *tls.Config) *httptest.Server {
		server := httptest.NewUnstartedServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { protos.Store(r.Proto, true) }))
		server.Config.ErrorLog = log.New(io.Discard, "", 0)
		server.EnableHTTP2, server.TLS = true, cfg
		server.StartTLS()
		t.Cleanup(server.Close)
		return server
	}
	modern := start(nil)
	old := start(&tls.Config{MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11})
	mutual := start(&tls.Config{ClientAuth: tls.RequireAnyClientCert})
	plain, _ := serve(t, func(http.ResponseWriter, *http.Request) {})
	roots := x509.NewCertPool()
	roots.AddCert(modern.Certificate()) // all servers have this one; example.com is one of its names
	trusting := &tls.Config{RootCAs: roots}

	for _, row := range []struct {
		name, url string
		tls       *tls.Config
		want      outbound.Outcome
	}{
		{"a trusted authority", atHost(t, modern.URL, "example.com"), trusting, "ok"},
		{"an untrusted authority", atHost(t, modern.URL, "example.com"), nil, "tls"},
		{"a name that is not in the certificate", atHost(t, modern.URL, "other.test"), trusting, "tls"},
		{"TLS 1.1", atHost(t, old.URL, "example.com"), trusting, "tls"},
		{"TLS 1.1 with a lower MinVersion", atHost(t, old.URL, "example.com"), &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS10}, "tls"},
		{"no TLS", strings.Replace(atHost(t, plain.URL, "example.com"), "http:", "https:", 1), trusting, "tls"},
		{"a server that requires a client certificate", atHost(t, mutual.URL, "example.com"), trusting, "tls"},
		{"a server with HTTP/2", atHost(t, modern.URL, "example.com"), &tls.Config{RootCAs: roots, NextProtos: []string{"h2", "http/1.1"}}, "ok"},
	} {
		c := newClient(t, outbound.Config{TLS: row.tls, Hosts: []string{"example.com", "other.test"}, Resolver: fixedDNS("127.0.0.1")})
		_, err := c.Get(t.Context(), row.url, nil)
		if got := outcomeOf(err); got != row.want {
			t.Errorf("%s (-want +got)\n- %s\n+ %s: %v", row.name, row.want, got, err)
		}
	}
	if _, used := protos.Load("HTTP/2.0"); used {
		t.Error("HTTP/2 was used")
	}
	if trusting.MinVersion != 0 {
		t.Error("Config.TLS was modified")
	}
}

func TestUnreachable(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	listener.Close() // nothing listens on this port now
	c := newClient(t, outbound.Config{Hosts: loopback, Resolver: fixedDNS()})
	_, err = c.Get(t.Context(), "http://"+listener.Addr().String(), nil)
	wantOutcome(t, err, outbound.Connect)
	_, err = c.Get(t.Context(), "https://nowhere.test/", nil)
	wantOutcome(t, err, outbound.DNS)
}

func TestConcurrentUse(t *testing.T) {
	server, hits := serve(t, func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, r.URL.Path) })
	c := newClient(t, outbound.Config{Hosts: loopback})
	var group sync.WaitGroup
	for i := range 50 {
		group.Go(func() {
			path := "/" + strings.Repeat("x", i)
			resp, err := c.Get(t.Context(), server.URL+path, nil)
			if err != nil {
				t.Error(err)
				return
			}
			wantEqual(t, "body", string(resp.Body), path)
		})
	}
	group.Wait()
	wantEqual(t, "requests", hits.Load(), 50)
}
