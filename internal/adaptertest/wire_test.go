package adaptertest_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/warder-go/warder/internal/wiretest"
	"github.com/warder-go/warder/nethttp"
	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/resourcetest"
)

// wireSetup is an adapter, and the same server without warder.
type wireSetup struct {
	name        string
	unprotected func(http.Handler) http.Handler
	protected   func(*resource.Resource, http.Handler) http.Handler
	rules       resource.Operations
	readsBody   bool // reads the body before the handler runs, for the rules
	wrapsWriter bool // passes another ResponseWriter to the handler
	sessions    bool // rejects a DELETE that names no session
}

var wireSetups = []wireSetup{
	{name: "net/http", unprotected: itself, protected: nethttp.Handler},
	{name: "net/http, rules", unprotected: itself, protected: nethttp.Handler, readsBody: true, rules: resource.Operations{Tools: map[string][]string{"x": {"y"}}}},
	{name: "net/http, late challenges", unprotected: itself, protected: nethttp.Handler, readsBody: true, wrapsWriter: true, rules: resource.Operations{LateChallenges: true}},
	{name: "net/http, sessions", unprotected: opening, readsBody: true, wrapsWriter: true, sessions: true, protected: func(res *resource.Resource, next http.Handler) http.Handler {
		return nethttp.Handler(res, nethttp.BindSessions(res, nethttp.SessionConfig{})(opening(next)))
	}},
	{name: "Echo, routes", unprotected: plainEcho, protected: echoRoute},
	{name: "Echo, groups", unprotected: plainEcho, protected: echoGroup},
	{name: "Echo, Use", unprotected: plainEcho, protected: echoUse},
	{name: "Echo, Pre", unprotected: plainEcho, protected: echoPre},
	{name: "Echo, late challenges", unprotected: plainEcho, protected: echoRoute, readsBody: true, wrapsWriter: true, rules: resource.Operations{LateChallenges: true}},
}

// itself returns the handler unprotected.
func itself(h http.Handler) http.Handler { return h }

// opening opens a session with every response. BindSessions does not send a stream without one.
func opening(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		w.Header().Set("Mcp-Session-Id", "s")
		next.ServeHTTP(w, req)
	})
}

// plainEcho routes every request to next.
func plainEcho(next http.Handler) http.Handler {
	e := echo.New()
	e.Any("/*", echo.WrapHandler(next))
	return e
}

// TestTransparency checks that a handler and its client observe the same bytes at the same
// time with and without an adapter, including after errors of their own.
func TestTransparency(t *testing.T) {
	for _, setup := range wireSetups {
		issuer := newIssuer(t)
		for _, s := range scenarios {
			if setup.readsBody && s.slowBody || setup.wrapsWriter && s.writerType || setup.sessions && s.method == "DELETE" {
				continue // these differences are intended
			}
			for _, client := range []func(*wiretest.Wire, scenario, string){http1, http2} {
				record := func(protect func(http.Handler) http.Handler) (recording string) {
					synctest.Test(t, func(*testing.T) {
						var w *wiretest.Wire
						w = wiretest.Serve(protect(http.HandlerFunc(func(writer http.ResponseWriter, req *http.Request) {
							defer w.Note("handler", " [returned]")
							s.handler(func(format string, args ...any) { w.Note("handler", format, args...) }, writer, req)
						})))
						client(w, s, issuer.Token(resourcetest.Token{Audience: identifier, Lifetime: 24 * time.Hour}))
						time.Sleep(time.Hour)
						w.Close()
						time.Sleep(time.Hour) // until handlers have observed the end
						recording = w.String()
					})
					return recording
				}
				want := record(setup.unprotected)
				got := record(func(next http.Handler) http.Handler {
					return setup.protected(newResource(t, issuer, func(c *resource.Config) { c.Operations = setup.rules }), next)
				})
				if got != want || !strings.Contains(want, "[returned]") {
					t.Errorf("%s, %s: the recordings differ at\n got %.400s\nwant %.400s", setup.name, s.name, difference(got, want), difference(want, got))
				}
			}
		}
	}
}

// difference returns the part of a recording that begins at the first line that differs
// from the other recording.
func difference(recording, other string) string {
	start := 0
	for i := 0; i < len(recording) && i < len(other) && recording[i] == other[i]; i++ {
		if recording[i] == '\n' {
			start = i + 1
		}
	}
	return recording[start:]
}

// http1 sends the request over HTTP/1.1 and records every byte of the response.
func http1(w *wiretest.Wire, s scenario, token string) {
	conn := w.Dial()
	head := s.method + " /mcp HTTP/1.1\r\nHost: mcp.example.test\r\nConnection: close\r\nAuthorization: Bearer " + token + "\r\n"
	if s.method == "POST" {
		head += fmt.Sprintf("Content-Type: application/json\r\nContent-Length: %d\r\n", len(scenarioBody))
	}
	go w.Record("client", conn, s.readRate)
	go func() {
		_, _ = io.WriteString(conn, head+"\r\n")
		if s.method == "POST" {
			_, _ = io.Copy(conn, requestBody(s))
		}
	}()
	if s.disconnect > 0 {
		time.AfterFunc(s.disconnect, func() { conn.Close() })
	}
}

// requestBody returns the request body of a scenario.
func requestBody(s scenario) io.Reader {
	if !s.slowBody {
		return strings.NewReader(scenarioBody)
	}
	half := len(scenarioBody) / 2
	return io.MultiReader(strings.NewReader(scenarioBody[:half]), delay{}, strings.NewReader(scenarioBody[half:]))
}

// delay is an empty reader that ends after ten seconds.
type delay struct{}

func (delay) Read([]byte) (int, error) {
	time.Sleep(10 * time.Second)
	return 0, io.EOF
}

// http2 sends the request over HTTP/2 and records the response as net/http decodes it.
func http2(w *wiretest.Wire, s scenario, token string) {
	if s.http1Only {
		w.Note("handler", "[returned]")
		return
	}
	protocols := new(http.Protocols)
	protocols.SetUnencryptedHTTP2(true)
	transport := &http.Transport{Protocols: protocols, DisableCompression: true, DialContext: func(context.Context, string, string) (net.Conn, error) { return w.Dial(), nil }}
	ctx, disconnect := context.WithCancel(context.Background())
	req, err := http.NewRequestWithContext(ctx, s.method, "http://mcp.example.test/mcp", nil)
	if err != nil {
		panic(err)
	}
	if s.method == "POST" {
		req.Body = io.NopCloser(requestBody(s))
		req.Header.Set("Content-Type", "application/json")
	}
	req.Header.Set("Authorization", "Bearer "+token)
	if s.disconnect > 0 {
		time.AfterFunc(s.disconnect, disconnect)
	}
	go func() {
		defer transport.CloseIdleConnections()
		defer disconnect()
		response, err := transport.RoundTrip(req)
		if err != nil {
			w.Note("client", "%v", err)
			return
		}
		defer response.Body.Close()
		w.Note("client", "%s %s %v %d\n", response.Proto, response.Status, response.Header, response.ContentLength)
		w.Record("client", response.Body, s.readRate)
		w.Note("client", " %v", response.Trailer)
	}()
}
