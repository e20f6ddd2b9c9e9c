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

// slowGoSDK returns a server with one tool. The tool sends progress notifications, with minutes in
// between, and returns a result. It ends early if the client closes the connection.
func slowGoSDK(w **wiretest.Wire) *mcp.Server {
	s := mcp.NewServer(&mcp.Implementation{Name: "go-sdk", Version: "1"}, nil)
	s.AddTool(&mcp.Tool{Name: "slow", InputSchema: map[string]any{"type": "object"}}, func(ctx context.Context, req *mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		for i := range 3 {
			err := req.Session.NotifyProgress(ctx, &mcp.ProgressNotificationParams{ProgressToken: "p", Progress: float64(i)})
			(*w).Note("tool", "%v", err)
			if canceled := wait(ctx, *w); canceled {
				break
			}
		}
		return &mcp.CallToolResult{Content: []mcp.Content{&mcp.TextContent{Text: "done"}}}, nil
	})
	return s
}

// slowMCPGo returns the same server made with mcp-go.
func slowMCPGo(w **wiretest.Wire) *server.MCPServer {
	s := server.NewMCPServer("mcp-go", "1", server.WithToolCapabilities(true))
	s.AddTool(mcpgo.NewTool("slow"), func(ctx context.Context, _ mcpgo.CallToolRequest) (*mcpgo.CallToolResult, error) {
		for i := range 3 {
			err := server.ServerFromContext(ctx).SendNotificationToClient(ctx, "notifications/progress", map[string]any{"progressToken": "p", "progress": i})
			(*w).Note("tool", "%v", err)
			if canceled := wait(ctx, *w); canceled {
				break
			}
		}
		return mcpgo.NewToolResultText("done"), nil
	})
	return s
}

// wait waits for four minutes. It reports and records whether ctx was canceled.
func wait(ctx context.Context, w *wiretest.Wire) (canceled bool) {
	select {
	case <-time.After(4 * time.Minute):
		return false
	case <-ctx.Done():
		w.Note("tool", " [%v]", ctx.Err())
		return true
	}
}

// wireClient is a client whose connections are recorded byte for byte.
type wireClient struct {
	wire *wiretest.Wire
	n    int // the number of requests
}

// send sends a request on a new connection and returns the connection.
func (c *wireClient) send(method, target, body string, headers ...string) net.Conn {
	c.n++
	name := fmt.Sprintf("%d %s", c.n, method)
	conn := c.wire.Dial()
	go c.wire.Record(name, conn, 0)
	head := method + " " + target + " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nAuthorization: Bearer all\r\nAccept: application/json, text/event-stream\r\n"
	if body != "" {
		head += fmt.Sprintf("Content-Type: application/json\r\nContent-Length: %d\r\n", len(body))
	}
	for i := 0; i+1 < len(headers); i += 2 {
		head += headers[i] + ": " + headers[i+1] + "\r\n"
	}
	if _, err := io.WriteString(conn, head+"\r\n"+body); err != nil {
		c.wire.Note(name, "%v", err)
	}
	time.Sleep(time.Second) // in the synctest bubble: lets the server handle the request
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

// streamable uses the transport of protocol versions from 2025-03-26 on, and returns the session id. If
// withStream is false, no stream is open during a call: mcp-go sends the notifications of a tool either
// in the stream or in the response, at random.
func streamable(withStream bool) func(*wireClient) string {
	return func(c *wireClient) (session string) {
		c.send("POST", "/mcp", initialize)
		found := sessionHeader.FindStringSubmatch(c.wire.String())
		if found == nil {
			return ""
		}
		session = found[1]
		in := []string{"Mcp-Session-Id", session, "Mcp-Protocol-Version", "2025-11-25"}
		c.send("POST", "/mcp", initializedBody, in...)
		if withStream {
			stream := c.send("GET", "/mcp", "", in...)
			defer stream.Close()
		}
		c.send("POST", "/mcp", fmt.Sprintf(callSlow, 2), in...)
		time.Sleep(20 * time.Minute)
		canceled := c.send("POST", "/mcp", fmt.Sprintf(callSlow, 3), in...)
		time.Sleep(time.Minute)
		canceled.Close() // during the call
		time.Sleep(20 * time.Minute)
		if !withStream {
			c.send("GET", "/mcp", "", in...).Close()
			time.Sleep(time.Second)
			c.send("GET", "/mcp", "", in...)
		}
		time.Sleep(10 * time.Minute)
		c.send("POST", "/mcp", `{"jsonrpc":"2.0","id":4,"method":"tools/list"}`, in...)
		c.send("DELETE", "/mcp", "", in...) // some servers then end the stream
		time.Sleep(time.Minute)
		return session
	}
}

// sse uses the transport of protocol version 2024-11-05.
func sse(path string) func(*wireClient) string {
	return func(c *wireClient) (session string) {
		stream := c.send("GET", path, "")
		found := sessionEndpoint.FindStringSubmatch(c.wire.String())
		if found == nil {
			return ""
		}
		c.send("POST", found[1], strings.Replace(initialize, "2025-11-25", "2024-11-05", 1))
		c.send("POST", found[1], initializedBody)
		c.send("POST", found[1], fmt.Sprintf(callSlow, 2))
		time.Sleep(30 * time.Minute)
		c.send("POST", found[1], fmt.Sprintf(callSlow, 3))
		time.Sleep(time.Minute)
		stream.Close() // during the call
		time.Sleep(20 * time.Minute)
		return found[2]
	}
}

// Streams of both SDKs behind warder are the same as without it: each byte and its time, the end of
// each stream, and the cancellation of a tool when the client closes the connection.
func TestStreamsAreUnchanged(t *testing.T) {
	for _, s := range []struct {
		name     string
		build    func(**wiretest.Wire) http.Handler
		run      func(*wireClient) (session string)
		contains []string // texts in the recording
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
		record := func(protect func(*resource.Resource, http.Handler) http.Handler, o resource.Operations) (recorded string) {
			synctest.Test(t, func(t *testing.T) {
				var w *wiretest.Wire
				h := s.build(&w)
				if protect != nil {
					h = protect(newResource(t, o), h)
				}
				w = wiretest.Serve(h)
				session := s.run(&wireClient{wire: w})
				w.Close()
				time.Sleep(time.Hour)
				if recorded = w.String(); session != "" {
					recorded = strings.ReplaceAll(recorded, session, "SESSION")
				}
			})
			return recorded
		}
		want := record(nil, resource.Operations{})
		for _, part := range s.contains {
			if !strings.Contains(want, part) {
				t.Fatalf("%s: %q is not in the recording without warder:\n%s", s.name, part, want)
			}
		}
		withSessions := func(res *resource.Resource, next http.Handler) http.Handler {
			return nethttp.Handler(res, nethttp.BindSessions(res, nethttp.SessionConfig{})(next))
		}
		for name, got := range map[string]string{
			"nethttp":                  record(nethttp.Handler, resource.Operations{}),
			"nethttp, rules":           record(nethttp.Handler, rules),
			"nethttp, sessions":        record(withSessions, resource.Operations{}),
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
