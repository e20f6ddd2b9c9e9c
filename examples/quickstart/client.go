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

// client is the official SDK's client with its OAuth handler. It is configured with the
// URL of the MCP server only. With the flag -dpop, a proofTransport is between it and the
// network. An http.Client plays the part of the user's browser.
type client struct {
	traffic  recorder // records all traffic, including the browser's
	http     *http.Client
	url      string
	oauth    *auth.AuthorizationCodeHandler
	session  *mcp.ClientSession
	callback string // redirect URI
	server   *http.Server
	results  chan *auth.AuthorizationResult // from the callback
}

func newClient(url string, dpop bool) (*client, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listening for the callback: %w", err)
	}
	c := &client{url: url, callback: "http://" + listener.Addr().String() + "/callback", results: make(chan *auth.AuthorizationResult, 1)}
	c.http = &http.Client{Transport: &c.traffic}
	if dpop {
		c.http.Transport = newProofTransport(&c.traffic)
	}
	c.server = &http.Server{Handler: http.HandlerFunc(c.handleCallback), ReadHeaderTimeout: demoTimeout}
	go c.server.Serve(listener) // until close
	c.oauth, err = auth.NewAuthorizationCodeHandler(&auth.AuthorizationCodeHandlerConfig{
		DynamicClientRegistrationConfig: &auth.DynamicClientRegistrationConfig{Metadata: &oauthex.ClientRegistrationMetadata{
			ClientName:              "warder quickstart",
			RedirectURIs:            []string{c.callback},
			TokenEndpointAuthMethod: "none", // a public client: it cannot keep a secret on a user's machine
		}},
		AuthorizationCodeFetcher: c.authorize,
		Client:                   c.http,
	})
	if err != nil {
		listener.Close()
		return nil, fmt.Errorf("creating the OAuth handler: %w", err)
	}
	return c, nil
}

// authorize opens the authorization endpoint in the "browser". A real user would log in
// and consent there; the test server redirects to the callback at once.
func (c *client) authorize(ctx context.Context, args *auth.AuthorizationArgs) (*auth.AuthorizationResult, error) {
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
	case result := <-c.results:
		return result, nil
	default:
		return nil, fmt.Errorf("browser: no authorization code; the last page had status %s", response.Status)
	}
}

func (c *client) handleCallback(w http.ResponseWriter, req *http.Request) {
	query := req.URL.Query()
	if code := query.Get("code"); code != "" {
		select {
		case c.results <- &auth.AuthorizationResult{Code: code, State: query.Get("state"), Iss: query.Get("iss")}:
		default: // an earlier code has not been used yet; drop this one
		}
		io.WriteString(w, "You can close this window.\n")
		return
	}
	http.Error(w, "no code", http.StatusBadRequest)
}

// connect starts with a request without a token. The SDK does the rest.
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
	c.server.Close()
	c.traffic.transport.CloseIdleConnections()
}
