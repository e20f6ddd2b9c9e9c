package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/warder-go/warder/examples/internal/mcpserver"
	"github.com/warder-go/warder/introspect"
	"github.com/warder-go/warder/nethttp"
	"github.com/warder-go/warder/nethttp/mcpsdk"
	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/onbehalf"
	"github.com/warder-go/warder/resource/resourcetest"
)

const (
	calendarTool  = "calendar"
	calendarScope = "calendar.read"
)

// calendar is another server that the tool calendar calls on behalf of the user. It is protected by
// warder too. A nil pointer stands for none.
type calendar struct {
	url       string
	exchanger *onbehalf.Exchanger
	served    chan error // receives the result of Serve
}

// addCalendar starts the calendar on a free port and makes the exchanger. Without the flag -onbehalf
// it does nothing.
func (s *servers) addCalendar(ctx context.Context) error {
	if !s.onBehalf {
		return nil
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("listening: %w", err)
	}
	c := &calendar{url: "http://" + listener.Addr().String() + "/api", served: make(chan error, 1)}
	handler, err := s.protectCalendar(c.url)
	if err == nil {
		c.exchanger, err = s.newExchanger(c.url)
	}
	if err != nil {
		listener.Close()
		return err
	}
	go func() { c.served <- mcpserver.Serve(ctx, listener, handler) }()
	s.calendar = c
	return nil
}

func (s *servers) protectCalendar(url string) (http.Handler, error) {
	config := resource.Config{Identifier: url, Scopes: []string{calendarScope}, Logger: slog.New(slog.DiscardHandler)}
	if err := s.addVerifier(&config); err != nil {
		return nil, err
	}
	res, err := resource.New(config)
	if err != nil {
		return nil, err
	}
	return nethttp.Handler(res, http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		caller, _ := resource.FromContext(req.Context())
		fmt.Fprintf(w, "The calendar of %s, with the scope %s: lunch at noon.", caller.Subject(), strings.Join(caller.Scopes(), " "))
	})), nil
}

// newExchanger is all that the MCP server needs besides resource.Credentials.HoldTokens.
func (s *servers) newExchanger(url string) (*onbehalf.Exchanger, error) {
	return onbehalf.New(onbehalf.Config{
		Issuer:  s.issuer.Identifier(),
		Auth:    introspect.ClientAuth{ClientID: resourcetest.DefaultClientID, ClientSecret: resourcetest.DefaultClientSecret},
		Targets: []onbehalf.Target{{Name: "calendar", Resources: []string{url}, Scopes: []string{calendarScope}}},
	})
}

// addTool adds the tool that calls the calendar.
func (c *calendar) addTool(server *mcp.Server) {
	if c == nil {
		return
	}
	client := &http.Client{Transport: c.exchanger.Transport("calendar", nil)}
	read := func(ctx context.Context, req *mcp.CallToolRequest, _ struct{}) (*mcp.CallToolResult, any, error) {
		caller, _ := mcpsdk.CallerFrom(req.Extra) // no caller: no token
		out, err := http.NewRequestWithContext(onbehalf.WithCaller(ctx, caller), http.MethodGet, c.url, nil)
		if err != nil {
			return nil, nil, err
		}
		response, err := client.Do(out)
		if err != nil {
			return nil, nil, errors.New("no access to the calendar") // examples/onbehalf distinguishes the errors
		}
		defer response.Body.Close()
		body, err := io.ReadAll(io.LimitReader(response.Body, 1<<16))
		return &mcp.CallToolResult{Content: []mcp.Content{&mcp.TextContent{Text: string(body)}}}, nil, err
	}
	mcp.AddTool(server, &mcp.Tool{Name: calendarTool, Description: "Reads the user's calendar."}, read)
}

func (c *calendar) wait() {
	if c != nil {
		<-c.served
	}
}

// onBehalfSteps is how a tool calls another server, and that the token of the MCP client cannot be
// used there.
func onBehalfSteps(s *servers, c *client) []step {
	const rejected = `, error="invalid_token", error_description="The access token is invalid"`
	metadata := strings.Replace(s.calendar.url, "/api", "/.well-known/oauth-protected-resource/api", 1)
	return []step{{
		title: "The client calls the tool calendar.",
		do:    c.call(calendarTool), method: "POST", url: s.url, status: http.StatusOK,
		check: all(toolResult("The calendar of "+user+", with the scope "+calendarScope+": lunch at noon."), s.exchanges(1)),
		explanation: "The tool called another server on behalf of " + user + ". warder sent the token of step 17 to the authorization server, in exchange for a token for the calendar. " +
			"The tool received neither of them.",
	}, {
		title: "The client sends its own token to the calendar, as a tool that passes it on would do.",
		do:    c.sendTo(s.calendar.url), method: "GET", url: s.calendar.url, status: http.StatusUnauthorized,
		check:       responseHeader("WWW-Authenticate", `Bearer resource_metadata="`+metadata+`", scope="`+calendarScope+`"`+rejected),
		explanation: "Rejected. The token is valid for the MCP server only.",
	}}
}

// exchanges checks how many exchanges the issuer has answered, besides the two token requests of the client.
func (s *servers) exchanges(want int) func(*exchange) error {
	return func(*exchange) error {
		return equal("token requests", fmt.Sprint(s.issuer.Count(resourcetest.TokenEndpoint)), fmt.Sprint(want+2))
	}
}

// sendTo returns a function that sends the token of the latest successful request to another URL.
func (c *client) sendTo(url string) func(context.Context) error {
	return func(ctx context.Context) error {
		x := c.traffic.latestSuccess()
		if x == nil {
			return errors.New("no request with a token")
		}
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			return err
		}
		_, token, _ := strings.Cut(x.sent.header.Get("Authorization"), " ")
		req.Header.Set("Authorization", "Bearer "+token)
		response, err := c.traffic.RoundTrip(req)
		if err != nil {
			return err
		}
		return response.Body.Close()
	}
}
