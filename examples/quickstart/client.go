package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"

	"github.com/modelcontextprotocol/go-sdk/auth"
	"github.com/modelcontextprotocol/go-sdk/mcp"
	"github.com/modelcontextprotocol/go-sdk/oauthex"
)

// client is the official SDK's client with its OAuth handler: it knows nothing but the
// URL of the MCP server. The browser that it opens is played by an http.Client.
type client struct {
	wire     recorder // sees all traffic, the browser's too
	http     *http.Client
	url      string
	oauth    *auth.AuthorizationCodeHandler
	callback string // where the browser brings the code
	landing  *http.Server
	landed   chan *auth.AuthorizationResult
	session  *mcp.ClientSession
}

func newClient(url string) (*client, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listening for the browser: %w", err)
	}
	c := &client{url: url, callback: "http://" + listener.Addr().String() + "/callback", landed: make(chan *auth.AuthorizationResult, 1)}
	c.http = &http.Client{Transport: &c.wire}
	c.landing = &http.Server{Handler: http.HandlerFunc(c.land), ReadHeaderTimeout: storyTimeout}
	go c.landing.Serve(listener) // until close
	c.oauth, err = auth.NewAuthorizationCodeHandler(&auth.AuthorizationCodeHandlerConfig{
		DynamicClientRegistrationConfig: &auth.DynamicClientRegistrationConfig{Metadata: &oauthex.ClientRegistrationMetadata{
			ClientName:              "warder quickstart",
			RedirectURIs:            []string{c.callback},
			TokenEndpointAuthMethod: "none", // a public client: nothing on a user's machine is secret
		}},
		AuthorizationCodeFetcher: c.browse,
		Client:                   c.http,
	})
	if err != nil {
		listener.Close()
		return nil, fmt.Errorf("making the client: %w", err)
	}
	return c, nil
}

// browse opens the authorization server's page in the "browser". A user would log in
// and consent there; this one is sent on at once, to the callback.
func (c *client) browse(ctx context.Context, args *auth.AuthorizationArgs) (*auth.AuthorizationResult, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, args.URL, nil)
	if err != nil {
		return nil, err
	}
	response, err := c.http.Do(req)
	if err != nil {
		return nil, fmt.Errorf("browser: %w", err)
	}
	response.Body.Close()
	select {
	case result := <-c.landed:
		return result, nil
	default:
		return nil, fmt.Errorf("browser: ended at a page with status %s, without a code", response.Status)
	}
}

// land is the callback.
func (c *client) land(w http.ResponseWriter, req *http.Request) {
	query := req.URL.Query()
	if code := query.Get("code"); code != "" {
		select {
		case c.landed <- &auth.AuthorizationResult{Code: code, State: query.Get("state"), Iss: query.Get("iss")}:
		default: // one code is enough
		}
		io.WriteString(w, "You can close this window.\n")
		return
	}
	http.Error(w, "no code", http.StatusBadRequest)
}

// connect begins with a request without a token. All that follows is the SDK's doing.
func (c *client) connect(ctx context.Context) error {
	sdk := mcp.NewClient(&mcp.Implementation{Name: "warder-quickstart", Version: "0.1.0"}, nil)
	session, err := sdk.Connect(ctx, &mcp.StreamableClientTransport{
		Endpoint: c.url, HTTPClient: c.http, OAuthHandler: c.oauth, DisableStandaloneSSE: true,
	}, nil)
	if err != nil {
		return fmt.Errorf("connecting: %w", err)
	}
	c.session = session
	return nil
}

// call returns a function that calls a tool.
func (c *client) call(tool string) func(context.Context) error {
	return func(ctx context.Context) error {
		if c.session == nil {
			return errors.New("not connected")
		}
		if _, err := c.session.CallTool(ctx, &mcp.CallToolParams{Name: tool}); err != nil {
			return fmt.Errorf("calling %s: %w", tool, err)
		}
		return nil
	}
}

func (c *client) close() {
	if c.session != nil {
		c.session.Close()
	}
	c.landing.Close()
	c.wire.transport.CloseIdleConnections()
}
