package sdktest_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/labstack/echo/v4"
	mcpgo "github.com/mark3labs/mcp-go/mcp"
	"github.com/mark3labs/mcp-go/server"
	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/warder-go/warder/echoadapter"
	"github.com/warder-go/warder/internal/wiretest"
	"github.com/warder-go/warder/nethttp"
	"github.com/warder-go/warder/nethttp/mcpsdk"
	"github.com/warder-go/warder/resource"
)

// Both of these have one tool, which tells of its progress, is silent for minutes, tells
// again and answers. When it learns that its caller has left it ends.
func slowGoSDK(w **wiretest.Wire) *mcp.Server {
	s := mcp.NewServer(&mcp.Implementation{Name: "go-sdk", Version: "1"}, nil)
	s.AddTool(&mcp.Tool{Name: "slow", InputSchema: map[string]any{"type": "object"}}, func(ctx context.Context, req *mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		for i := range 3 {
			err := req.Session.NotifyProgress(ctx, &mcp.ProgressNotificationParams{ProgressToken: "p", Progress: float64(i)})
			(*w).Note("tool", "%v", err)
			if silence(ctx, *w) {
				break
			}
		}
		return &mcp.CallToolResult{Content: []mcp.Content{&mcp.TextContent{Text: "done"}}}, nil
	})
	return s
}

func slowMCPGo(w **wiretest.Wire) *server.MCPServer {
	s := server.NewMCPServer("mcp-go", "1", server.WithToolCapabilities(true))
	s.AddTool(mcpgo.NewTool("slow"), func(ctx context.Context, _ mcpgo.CallToolRequest) (*mcpgo.CallToolResult, error) {
		for i := range 3 {
			err := server.ServerFromContext(ctx).SendNotificationToClient(ctx, "notifications/progress", map[string]any{"progressToken": "p", "progress": i})
			(*w).Note("tool", "%v", err)
			if silence(ctx, *w) {
				break
			}
		}
		return mcpgo.NewToolResultText("done"), nil
	})
	return s
}

func silence(ctx context.Context, w *wiretest.Wire) (left bool) {
	select {
	case <-time.After(4 * time.Minute):
		return false
	case <-ctx.Done():
		w.Note("tool", " [%v]", ctx.Err())
		return true
	}
}

// A talk is a client's side of a transport, on connections that show every byte.
type talk struct {
	wire *wiretest.Wire
	n    int
}

// send asks on a connection of its own, and returns it.
func (k *talk) send(method, target, body string, headers ...string) net.Conn {
	k.n++
	name := fmt.Sprintf("%d %s", k.n, method)
	conn := k.wire.Dial()
	go k.wire.Hear(name, conn, 0)
	head := method + " " + target + " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nAuthorization: Bearer all\r\nAccept: application/json, text/event-stream\r\n"
	if body != "" {
		head += fmt.Sprintf("Content-Type: application/json\r\nContent-Length: %d\r\n", len(body))
	}
	for i := 0; i+1 < len(headers); i += 2 {
		head += headers[i] + ": " + headers[i+1] + "\r\n"
	}
	if _, err := io.WriteString(conn, head+"\r\n"+body); err != nil {
		k.wire.Note(name, "%v", err)
	}
	time.Sleep(time.Second) // of the bubble: all that follows from it has happened
	return conn
}

const (
	initializedBody = `{"jsonrpc":"2.0","method":"notifications/initialized"}`
	callSlow        = `{"jsonrpc":"2.0","id":%d,"method":"tools/call","params":{"name":"slow","_meta":{"progressToken":"p"}}}`
)

var (
	sessionHeader   = regexp.MustCompile(`Mcp-Session-Id: ([^\\]+)\\r`)
	sessionEndpoint = regexp.MustCompile(`data: (\S+[?&][Ss]ession_?[Ii]d=([^\\&]+))`)
)

// streamable plays the transport from 2025-03-26 on, and returns the session's id. It
// has no stream open beside a call where aside is false: mcp-go sends what a tool
// notifies on the one or on the other, by chance.
func streamable(aside bool) func(*talk) string {
	return func(k *talk) (session string) {
		k.send("POST", "/mcp", initialize)
		found := sessionHeader.FindStringSubmatch(k.wire.String())
		if found == nil {
			return ""
		}
		session = found[1]
		in := []string{"Mcp-Session-Id", session, "Mcp-Protocol-Version", "2025-11-25"}
		k.send("POST", "/mcp", initializedBody, in...)
		if aside {
			stream := k.send("GET", "/mcp", "", in...)
			defer stream.Close()
		}
		k.send("POST", "/mcp", fmt.Sprintf(callSlow, 2), in...)
		time.Sleep(20 * time.Minute)
		left := k.send("POST", "/mcp", fmt.Sprintf(callSlow, 3), in...)
		time.Sleep(time.Minute)
		left.Close() // in the middle of a call
		time.Sleep(20 * time.Minute)
		if !aside {
			k.send("GET", "/mcp", "", in...).Close()
			time.Sleep(time.Second)
			k.send("GET", "/mcp", "", in...)
		}
		time.Sleep(10 * time.Minute)
		k.send("POST", "/mcp", `{"jsonrpc":"2.0","id":4,"method":"tools/list"}`, in...)
		k.send("DELETE", "/mcp", "", in...) // ends the stream, or does not
		time.Sleep(time.Minute)
		return session
	}
}

// sse plays the transport of 2024-11-05.
func sse(path string) func(*talk) string {
	return func(k *talk) (session string) {
		stream := k.send("GET", path, "")
		found := sessionEndpoint.FindStringSubmatch(k.wire.String())
		if found == nil {
			return ""
		}
		k.send("POST", found[1], strings.Replace(initialize, "2025-11-25", "2024-11-05", 1))
		k.send("POST", found[1], initializedBody)
		k.send("POST", found[1], fmt.Sprintf(callSlow, 2))
		time.Sleep(30 * time.Minute)
		k.send("POST", found[1], fmt.Sprintf(callSlow, 3))
		time.Sleep(time.Minute)
		stream.Close() // in the middle of a call
		time.Sleep(20 * time.Minute)
		return found[2]
	}
}

// Streams of both SDKs behind warder are what they are without it: each byte, its time,
// the end of each stream, and what a tool sees of a client who leaves.
func TestStreamsAreUntouched(t *testing.T) {
	for _, s := range []struct {
		name  string
		build func(**wiretest.Wire) http.Handler
		play  func(*talk) (session string)
		holds []string // each of these is in the recording
	}{
		{"go-sdk, streamable", func(w **wiretest.Wire) http.Handler {
			s := slowGoSDK(w)
			return mcp.NewStreamableHTTPHandler(func(*http.Request) *mcp.Server { return s }, nil)
		}, streamable(true), []string{"notifications/progress", "done", " [EOF]"}},
		{"go-sdk, SSE", func(w **wiretest.Wire) http.Handler {
			s := slowGoSDK(w)
			return mcp.NewSSEHandler(func(*http.Request) *mcp.Server { return s }, nil)
		}, sse("/mcp"), []string{"notifications/progress", "done", "event: endpoint"}},
		{"mcp-go, streamable", func(w **wiretest.Wire) http.Handler {
			return server.NewStreamableHTTPServer(slowMCPGo(w), server.WithStateful(true), server.WithStreamableHTTPLogger(slog.New(slog.DiscardHandler)))
		}, streamable(false), []string{"notifications/progress", "done", "[context canceled]"}},
		{"mcp-go, SSE", func(w **wiretest.Wire) http.Handler {
			return server.NewSSEServer(slowMCPGo(w), server.WithUseFullURLForMessageEndpoint(false))
		}, sse("/sse"), []string{"notifications/progress", "done", "event: endpoint"}},
	} {
		record := func(door func(*resource.Resource, http.Handler) http.Handler, o resource.Operations) (recorded string) {
			synctest.Test(t, func(t *testing.T) {
				var w *wiretest.Wire
				h := s.build(&w)
				if door != nil {
					h = door(newGuard(t, o), h)
				}
				w = wiretest.Serve(h)
				session := s.play(&talk{wire: w})
				w.Close()
				time.Sleep(time.Hour)
				if recorded = w.String(); session != "" {
					recorded = strings.ReplaceAll(recorded, session, "SESSION")
				}
			})
			return recorded
		}
		want := record(nil, resource.Operations{})
		for _, part := range s.holds {
			if !strings.Contains(want, part) {
				t.Fatalf("%s: %q is not in what was recorded without warder:\n%s", s.name, part, want)
			}
		}
		bound := func(res *resource.Resource, next http.Handler) http.Handler {
			return nethttp.Handler(res, nethttp.BindSessions(res, nethttp.SessionConfig{})(next))
		}
		for name, got := range map[string]string{
			"nethttp":                  record(nethttp.Handler, resource.Operations{}),
			"nethttp, rules":           record(nethttp.Handler, rules),
			"nethttp, sessions":        record(bound, resource.Operations{}),
			"nethttp, late challenges": record(nethttp.Handler, resource.Operations{LateChallenges: true}),
			"echoadapter": record(func(res *resource.Resource, next http.Handler) http.Handler {
				e := echo.New()
				e.Any("/*", echo.WrapHandler(next), echoadapter.Middleware(res))
				return e
			}, resource.Operations{}),
			"mcpsdk": record(mcpsdk.Handler, resource.Operations{}),
		} {
			if got != want {
				t.Errorf("%s, %s:\n got\n%s\nwant\n%s", s.name, name, got, want)
			}
		}
	}
}
