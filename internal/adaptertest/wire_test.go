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

// A wired is a door, with what stands there without warder.
type wired struct {
	name   string
	bare   func(http.Handler) http.Handler
	door   func(*resource.Resource, http.Handler) http.Handler
	rules  resource.Operations
	reads  bool // reads bodies, for their rules
	writer bool // has a ResponseWriter of its own
}

var wiredDoors = []wired{
	{name: "net/http", bare: itself, door: nethttp.Handler},
	{name: "net/http, rules", bare: itself, door: nethttp.Handler, reads: true, rules: resource.Operations{Tools: map[string][]string{"x": {"y"}}}},
	{name: "net/http, late challenges", bare: itself, door: nethttp.Handler, reads: true, writer: true, rules: resource.Operations{LateChallenges: true}},
	{name: "net/http, sessions", bare: itself, writer: true, door: func(res *resource.Resource, next http.Handler) http.Handler {
		return nethttp.Handler(res, nethttp.BindSessions(res, nethttp.SessionConfig{})(next))
	}},
	{name: "Echo, routes", bare: bareEcho, door: echoRoute},
	{name: "Echo, groups", bare: bareEcho, door: echoGroup},
	{name: "Echo, Use", bare: bareEcho, door: echoUse},
	{name: "Echo, Pre", bare: bareEcho, door: echoPre},
	{name: "Echo, late challenges", bare: bareEcho, door: echoRoute, reads: true, writer: true, rules: resource.Operations{LateChallenges: true}},
}

func itself(h http.Handler) http.Handler { return h }

func bareEcho(next http.Handler) http.Handler {
	e := echo.New()
	e.Any("/*", echo.WrapHandler(next))
	return e
}

// Behind each door a handler and its client see what they see without it: the same
// bytes at the same time, also of what they do wrong.
func TestWireIsUntouched(t *testing.T) {
	for _, d := range wiredDoors {
		issuer := newIssuer(t)
		for _, s := range scenes {
			if d.reads && s.slow || d.writer && s.writer {
				continue // its body is read first, or its writer is another: that is meant
			}
			for _, client := range []func(*wiretest.Wire, scene, string){http1, http2} {
				record := func(protect func(http.Handler) http.Handler) (recorded string) {
					synctest.Test(t, func(*testing.T) {
						var w *wiretest.Wire
						w = wiretest.Serve(protect(http.HandlerFunc(func(writer http.ResponseWriter, req *http.Request) {
							defer w.Note("handler", " [returned]")
							s.handler(func(format string, args ...any) { w.Note("handler", format, args...) }, writer, req)
						})))
						client(w, s, issuer.Token(resourcetest.Token{Audience: identifier, Lifetime: 24 * time.Hour}))
						time.Sleep(time.Hour)
						w.Close()
						time.Sleep(time.Hour) // for handlers that have not noticed
						recorded = w.String()
					})
					return recorded
				}
				want := record(d.bare)
				got := record(func(next http.Handler) http.Handler {
					return d.door(newResource(t, issuer, func(c *resource.Config) { c.Operations = d.rules }), next)
				})
				if got != want || !strings.Contains(want, "[returned]") {
					t.Errorf("%s, %s: it differs at\n got %.400s\nwant %.400s", d.name, s.name, from(got, want), from(want, got))
				}
			}
		}
	}
}

// from is the rest of a recording from the first line on that another has not.
func from(recording, other string) string {
	at := 0
	for i := 0; i < len(recording) && i < len(other) && recording[i] == other[i]; i++ {
		if recording[i] == '\n' {
			at = i + 1
		}
	}
	return recording[at:]
}

// http1 is a client that shows every byte.
func http1(w *wiretest.Wire, s scene, token string) {
	conn := w.Dial()
	head := s.method + " /mcp HTTP/1.1\r\nHost: mcp.example.test\r\nConnection: close\r\nAuthorization: Bearer " + token + "\r\n"
	if s.method == "POST" {
		head += fmt.Sprintf("Content-Type: application/json\r\nContent-Length: %d\r\n", len(sceneBody))
	}
	go w.Hear("client", conn, s.pace)
	go func() {
		_, _ = io.WriteString(conn, head+"\r\n")
		if s.method == "POST" {
			_, _ = io.Copy(conn, body(s))
		}
	}()
	if s.leaves > 0 {
		time.AfterFunc(s.leaves, func() { conn.Close() })
	}
}

// body is that of the scene, perhaps in two halves.
func body(s scene) io.Reader {
	if !s.slow {
		return strings.NewReader(sceneBody)
	}
	half := len(sceneBody) / 2
	return io.MultiReader(strings.NewReader(sceneBody[:half]), later{}, strings.NewReader(sceneBody[half:]))
}

// later is nothing, after ten seconds.
type later struct{}

func (later) Read([]byte) (int, error) {
	time.Sleep(10 * time.Second)
	return 0, io.EOF
}

// http2 shows what net/http makes of the frames.
func http2(w *wiretest.Wire, s scene, token string) {
	if s.only1 {
		w.Note("handler", "[returned]")
		return
	}
	protocols := new(http.Protocols)
	protocols.SetUnencryptedHTTP2(true)
	transport := &http.Transport{Protocols: protocols, DisableCompression: true, DialContext: func(context.Context, string, string) (net.Conn, error) { return w.Dial(), nil }}
	ctx, leave := context.WithCancel(context.Background())
	req, err := http.NewRequestWithContext(ctx, s.method, "http://mcp.example.test/mcp", nil)
	if err != nil {
		panic(err)
	}
	if s.method == "POST" {
		req.Body = io.NopCloser(body(s))
		req.Header.Set("Content-Type", "application/json")
	}
	req.Header.Set("Authorization", "Bearer "+token)
	if s.leaves > 0 {
		time.AfterFunc(s.leaves, leave)
	}
	go func() {
		defer transport.CloseIdleConnections()
		defer leave()
		response, err := transport.RoundTrip(req)
		if err != nil {
			w.Note("client", "%v", err)
			return
		}
		defer response.Body.Close()
		w.Note("client", "%s %s %v %d\n", response.Proto, response.Status, response.Header, response.ContentLength)
		w.Hear("client", response.Body, s.pace)
		w.Note("client", " %v", response.Trailer)
	}()
}
