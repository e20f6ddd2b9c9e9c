package nethttp_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/warder-go/warder/jwks"
	"github.com/warder-go/warder/nethttp"
	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/resourcetest"
)

const wellKnown = "/.well-known/oauth-protected-resource"

func newIssuer(t testing.TB) *resourcetest.Issuer {
	t.Helper()
	issuer, err := resourcetest.NewIssuer(resourcetest.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(issuer.Close)
	return issuer
}

func newResource(t testing.TB, issuer *resourcetest.Issuer, identifier string, scopes ...string) *resource.Resource {
	t.Helper()
	quiet := slog.New(slog.DiscardHandler)
	verifier, err := jwks.New(jwks.Config{Issuer: issuer.Identifier(), Transport: issuer.Transport(), Logger: quiet})
	if err != nil {
		t.Fatal(err)
	}
	res, err := resource.New(resource.Config{Identifier: identifier, Issuers: []resource.Issuer{{Verifier: verifier}}, Scopes: scopes, Logger: quiet})
	if err != nil {
		t.Fatal(err)
	}
	return res
}

// serve runs a handler and returns its address.
func serve(t testing.TB, h http.Handler) string {
	t.Helper()
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	return server.URL
}

func request(t testing.TB, method, url, token string, body io.Reader) *http.Request {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, body)
	if err != nil {
		t.Fatal(err)
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	return req
}

func do(t testing.TB, req *http.Request) (*http.Response, string) {
	t.Helper()
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	response, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response, string(body)
}

func whoami(w http.ResponseWriter, req *http.Request) {
	caller, ok := resource.FromContext(req.Context())
	if !ok {
		http.Error(w, "nobody", http.StatusInternalServerError)
		return
	}
	_, _ = io.WriteString(w, caller.Subject()+req.Header.Get("Authorization"))
}

func TestHandler(t *testing.T) {
	const identifier = "https://mcp.example.test/mcp"
	issuer := newIssuer(t)
	url := serve(t, nethttp.Handler(newResource(t, issuer, identifier), http.HandlerFunc(whoami)))
	token := issuer.Token(resourcetest.Token{Audience: identifier})
	for _, row := range []struct {
		name, method, path, token string
		status                    int
		body                      string
	}{
		{"accepted", "POST", "/mcp", token, 200, "alice"},
		{"no token", "POST", "/mcp", "", 401, `{"error_description":"Authorization is required"}` + "\n"},
		{"GET without token, before any 405", "GET", "/mcp", "", 401, `{"error_description":"Authorization is required"}` + "\n"},
		{"HEAD has no body", "HEAD", "/", "", 401, ""},
		{"DELETE", "DELETE", "/mcp", "", 401, `{"error_description":"Authorization is required"}` + "\n"},
		{"OPTIONS", "OPTIONS", "/mcp", "", 401, `{"error_description":"Authorization is required"}` + "\n"},
		{"terminal slash: no redirect", "POST", "/mcp/", "", 401, `{"error_description":"Authorization is required"}` + "\n"},
		{"double slash: no redirect", "GET", "//mcp", "", 401, `{"error_description":"Authorization is required"}` + "\n"},
		{"dot segments: no redirect", "GET", "/health/../mcp", "", 401, `{"error_description":"Authorization is required"}` + "\n"},
		{"metadata needs no token", "GET", wellKnown + "/mcp", "", 200, `{"resource":"https://mcp.example.test/mcp","authorization_servers":["https://auth.example.test"],"bearer_methods_supported":["header"]}`},
		{"the root copy", "GET", wellKnown, "", 200, `{"resource":"https://mcp.example.test/mcp","authorization_servers":["https://auth.example.test"],"bearer_methods_supported":["header"]}`},
		{"metadata of something else", "GET", wellKnown + "/other", "", 401, `{"error_description":"Authorization is required"}` + "\n"},
		{"metadata, percent-encoded", "GET", wellKnown + "%2Fmcp", "", 401, `{"error_description":"Authorization is required"}` + "\n"},
		{"metadata by POST", "POST", wellKnown + "/mcp", "", 405, ""},
		{"metadata preflight", "OPTIONS", wellKnown + "/mcp", "", 204, ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			response, body := do(t, request(t, row.method, url+row.path, row.token, nil))
			if response.StatusCode != row.status || row.status != 405 && body != row.body {
				t.Errorf("got %d %q, want %d %q", response.StatusCode, body, row.status, row.body)
			}
		})
	}
}

// bad-inputs 249 to 252: neither challenge nor metadata is built from the request.
func TestNothingOfTheRequestIsEchoed(t *testing.T) {
	issuer := newIssuer(t)
	url := serve(t, nethttp.Handler(newResource(t, issuer, "https://mcp.example.test/mcp"), http.HandlerFunc(whoami)))
	for _, path := range []string{"/mcp", wellKnown + "/mcp"} {
		plain, plainBody := do(t, request(t, "GET", url+path, "", nil))
		req := request(t, "GET", url+path+"?evil=1", "", nil)
		req.Host = "evil.example.test,b"
		for _, name := range []string{"X-Forwarded-Host", "X-Forwarded-Proto", "X-Forwarded-Prefix", "Forwarded", "X-Original-URL", "Origin"} {
			req.Header.Set(name, `evil", scope="admin`)
		}
		forged, forgedBody := do(t, req)
		plain.Header.Del("Date")
		forged.Header.Del("Date")
		if fmt.Sprint(plain.Header) != fmt.Sprint(forged.Header) || plainBody != forgedBody {
			t.Errorf("%s:\n got %v %s\nwant %v %s", path, forged.Header, forgedBody, plain.Header, plainBody)
		}
	}
}

func TestHeadersOfARefusal(t *testing.T) { // bad-inputs 259 to 261
	issuer := newIssuer(t)
	url := serve(t, nethttp.Handler(newResource(t, issuer, "https://mcp.example.test/mcp", "a"), http.HandlerFunc(whoami)))
	response, _ := do(t, request(t, "GET", url+"/mcp", "", nil))
	response.Header.Del("Date")
	want := http.Header{
		"Cache-Control":          {"no-store"},
		"Content-Length":         {"50"},
		"Content-Type":           {"application/json"},
		"Www-Authenticate":       {`Bearer resource_metadata="https://mcp.example.test/.well-known/oauth-protected-resource/mcp", scope="a"`},
		"X-Content-Type-Options": {"nosniff"},
	}
	if fmt.Sprint(response.Header) != fmt.Sprint(want) {
		t.Errorf("\n got %v\nwant %v", response.Header, want)
	}
}

func TestRequire(t *testing.T) {
	const identifier = "https://mcp.example.test/mcp"
	issuer := newIssuer(t)
	res := newResource(t, issuer, identifier, "base")
	admin := nethttp.Require(res, "admin", "base")(http.HandlerFunc(whoami))
	mux := http.NewServeMux()
	mux.Handle("/admin", nethttp.Middleware(res)(admin))
	mux.Handle("/forgotten", admin)
	mux.Handle("/other", nethttp.Middleware(newResource(t, issuer, "https://mcp.example.test/other"))(admin))
	url := serve(t, mux)
	token := func(audience, scope string) string {
		return issuer.Token(resourcetest.Token{Audience: audience, Scope: scope})
	}
	const challenge = `Bearer resource_metadata="https://mcp.example.test/.well-known/oauth-protected-resource/mcp", scope="base`
	for _, row := range []struct {
		name, path, token string
		status            int
		challenge         string
	}{
		{"has both", "/admin", token(identifier, "base admin"), 200, ""},
		{"has the base only: both are named", "/admin", token(identifier, "base"), 403, challenge + ` admin", error="insufficient_scope", error_description="The access token lacks a scope that this request needs"`},
		{"has neither", "/admin", token(identifier, ""), 403, challenge + `", error="insufficient_scope", error_description="The access token lacks a scope that this request needs"`},
		{"no middleware in front", "/forgotten", token(identifier, "base admin"), 401, challenge + `"`},
		{"the middleware of another resource in front", "/other", token("https://mcp.example.test/other", "base admin"), 401, challenge + `"`},
	} {
		t.Run(row.name, func(t *testing.T) {
			response, _ := do(t, request(t, "GET", url+row.path, row.token, nil))
			if got := response.Header.Get("WWW-Authenticate"); response.StatusCode != row.status || got != row.challenge {
				t.Errorf("\n got %d %s\nwant %d %s", response.StatusCode, got, row.status, row.challenge)
			}
		})
	}
	defer func() {
		if recover() == nil {
			t.Error("a malformed scope did not panic")
		}
	}()
	nethttp.Require(res, "two words")
}

func TestSeveralResourcesOnOneOrigin(t *testing.T) {
	issuer := newIssuer(t)
	files := newResource(t, issuer, "https://mcp.example.test/files/mcp")
	mail := newResource(t, issuer, "https://mcp.example.test/mail/mcp")
	mux := http.NewServeMux()
	mux.Handle("/files/mcp", nethttp.Middleware(files)(http.HandlerFunc(whoami)))
	mux.Handle("/mail/mcp", nethttp.Middleware(mail)(http.HandlerFunc(whoami)))
	mux.Handle(wellKnown+"/", nethttp.Metadata(files, mail))
	mux.Handle(wellKnown, nethttp.Metadata(files, mail))
	url := serve(t, mux)
	token := issuer.Token(resourcetest.Token{Audience: "https://mcp.example.test/files/mcp"})
	for _, row := range []struct {
		name, path, token string
		status            int
	}{
		{"its own", "/files/mcp", token, 200},
		{"the neighbour's", "/mail/mcp", token, 401},
		{"metadata of the one", wellKnown + "/files/mcp", "", 200},
		{"metadata of the other", wellKnown + "/mail/mcp", "", 200},
		{"no root copy: it would have to choose", wellKnown, "", 404},
		{"metadata of neither", wellKnown + "/mcp", "", 404},
	} {
		response, body := do(t, request(t, "GET", url+row.path, row.token, nil))
		if response.StatusCode != row.status {
			t.Errorf("%s: got %d, want %d", row.name, response.StatusCode, row.status)
		}
		if own := `{"resource":"https://mcp.example.test` + strings.TrimPrefix(row.path, wellKnown) + `"`; row.status == 200 && row.token == "" && !strings.HasPrefix(body, own) {
			t.Errorf("%s: got %s", row.name, body)
		}
	}
}

func TestDuplicatedMiddleware(t *testing.T) { // bad-inputs 262
	issuer := newIssuer(t)
	res := newResource(t, issuer, "https://mcp.example.test/mcp")
	url := serve(t, nethttp.Middleware(res)(nethttp.Middleware(res)(http.HandlerFunc(whoami))))
	if response, body := do(t, request(t, "GET", url, issuer.Token(resourcetest.Token{}), nil)); response.StatusCode != 200 || body != "alice" {
		t.Errorf("got %d %q", response.StatusCode, body)
	}
	if response, _ := do(t, request(t, "GET", url, "", nil)); len(response.Header.Values("WWW-Authenticate")) != 1 {
		t.Errorf("got %q, want one challenge", response.Header.Values("WWW-Authenticate"))
	}
}

func TestPanicInsideLetsNothingThrough(t *testing.T) {
	issuer := newIssuer(t)
	h := nethttp.Middleware(newResource(t, issuer, "https://mcp.example.test/mcp"))(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }))
	url := serve(t, h)
	client := &http.Client{}
	if response, err := client.Do(request(t, "GET", url, issuer.Token(resourcetest.Token{}), nil)); err == nil {
		response.Body.Close()
		t.Errorf("got %d, want a broken connection as without the middleware", response.StatusCode)
	}
	if response, _ := do(t, request(t, "GET", url, "", nil)); response.StatusCode != 401 {
		t.Errorf("the next request: got %d, want 401", response.StatusCode)
	}
}

func TestBodiesAndTrailersPassUntouched(t *testing.T) {
	issuer := newIssuer(t)
	big := bytes.Repeat([]byte("0123456789abcdef"), 1<<18) // 4 MiB
	h := nethttp.Middleware(newResource(t, issuer, "https://mcp.example.test/mcp"))(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		body, err := io.ReadAll(req.Body)
		if err != nil {
			t.Error(err)
		}
		w.Header().Set("Trailer", "X-Sum")
		_, _ = w.Write(body)
		w.Header().Set("X-Sum", fmt.Sprintf("%x %s", sha256.Sum256(body), req.Trailer.Get("X-Sent")))
	}))
	req := request(t, "POST", serve(t, h), issuer.Token(resourcetest.Token{}), io.MultiReader(bytes.NewReader(big)))
	req.Trailer = http.Header{"X-Sent": {"yes"}}
	response, body := do(t, req)
	if want := fmt.Sprintf("%x yes", sha256.Sum256(big)); body != string(big) || response.Trailer.Get("X-Sum") != want {
		t.Errorf("got %d bytes and trailer %q, want %d and %q", len(body), response.Trailer.Get("X-Sum"), len(big), want)
	}
}

func TestFlushAndResponseController(t *testing.T) {
	issuer := newIssuer(t)
	next := make(chan struct{})
	h := nethttp.Middleware(newResource(t, issuer, "https://mcp.example.test/mcp"))(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		control := http.NewResponseController(w)
		for _, err := range []error{control.SetWriteDeadline(time.Now().Add(time.Hour)), control.EnableFullDuplex()} {
			if err != nil {
				t.Error(err)
			}
		}
		w.Header().Set("Content-Type", "text/event-stream")
		for i := range 3 {
			fmt.Fprintf(w, "data: %d\n\n", i)
			if err := control.Flush(); err != nil {
				t.Error(err)
			}
			<-next // the client has read it, before there is more
		}
		if _, ok := w.(http.Hijacker); !ok {
			t.Error("the writer lost Hijack")
		}
	}))
	response, err := http.DefaultClient.Do(request(t, "GET", serve(t, h), issuer.Token(resourcetest.Token{}), nil))
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	lines := bufio.NewScanner(response.Body)
	for i := range 3 {
		if !lines.Scan() || lines.Text() != fmt.Sprint("data: ", i) || !lines.Scan() {
			t.Fatalf("event %d: got %q", i, lines.Text())
		}
		next <- struct{}{}
	}
}

// pipes is a network without sockets, for a server in a bubble.
type pipes struct {
	connections chan net.Conn
	done        context.Context
}

func (p pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.connections:
		return c, nil
	case <-p.done.Done():
		return nil, net.ErrClosed
	}
}
func (p pipes) Close() error   { return nil }
func (p pipes) Addr() net.Addr { return &net.UnixAddr{Name: "pipe"} }

func TestStreamThatIsQuietForMinutes(t *testing.T) {
	issuer := newIssuer(t)
	synctest.Test(t, func(t *testing.T) {
		done, cancel := context.WithCancel(context.Background())
		network := pipes{make(chan net.Conn), done}
		h := nethttp.Middleware(newResource(t, issuer, "https://mcp.example.test/mcp"))(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			for i := range 3 {
				fmt.Fprintf(w, "data: %d\n\n", i)
				w.(http.Flusher).Flush()
				time.Sleep(4 * time.Minute)
			}
		}))
		server := &http.Server{Handler: h, ReadHeaderTimeout: 5 * time.Second}
		go func() { _ = server.Serve(network) }()
		transport := &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) {
			client, server := net.Pipe()
			network.connections <- server
			return client, nil
		}}
		began := time.Now()
		response, err := transport.RoundTrip(request(t, "GET", "http://mcp.example.test/mcp", issuer.Token(resourcetest.Token{}), nil))
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(response.Body)
		if took := time.Since(began); err != nil || string(body) != "data: 0\n\ndata: 1\n\ndata: 2\n\n" || took != 12*time.Minute {
			t.Errorf("got %q, %v after %s", body, err, took)
		}
		response.Body.Close()
		transport.CloseIdleConnections()
		cancel()
		_ = server.Close()
	})
}
