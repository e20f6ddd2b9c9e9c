package interop_test

import (
	"context"
	"fmt"
	"testing"

	mcpgo "github.com/mark3labs/mcp-go/client"
	mcpgoproto "github.com/mark3labs/mcp-go/mcp"
	"github.com/modelcontextprotocol/go-sdk/auth"
	"github.com/modelcontextprotocol/go-sdk/mcp"
	"github.com/modelcontextprotocol/go-sdk/oauthex"
)

var goSDK = program{name: "go-sdk 1.8.0", open: openGoSDK, ttl: 15, exceptions: map[string]exception{
	slashTooMany: {
		`whoami: connect: calling "initialize": sending "initialize": rejected by transport: login: got 401 {"error_description":"Authorization is required"}`,
		"It takes no metadata of a resource that is not the typed URL, and guesses at endpoints of the MCP server instead.",
	},
	endsForGood: {
		`whoami: calling "tools/call": sending "tools/call": rejected by transport: oauth2: token expired and refresh token is not set`,
		"It sends nothing once its clock says that the token has expired, so it sees no 401 and asks for no login.",
	},
	refusedRefresh: {"whoami: 2 logins", "It answers each 401 with a login. It refreshes by its clock alone, 10 s before the end."},
}}

// goSDKCaller is the official Go SDK, with its authorization code handler. It is also
// how the tests speak to clients that are MCP servers themselves.
type goSDKCaller struct {
	t         *testing.T
	transport mcp.Transport
	session   *mcp.ClientSession
}

func openGoSDK(t *testing.T, v visit) caller {
	t.Helper()
	c := &auth.AuthorizationCodeHandlerConfig{
		RedirectURL:         v.redirect,
		RequestRefreshToken: true,
		AuthorizationCodeFetcher: func(ctx context.Context, args *auth.AuthorizationArgs) (*auth.AuthorizationResult, error) {
			back, err := v.person.visit(ctx, args.URL)
			if err != nil {
				return nil, err
			}
			q := back.Query()
			return &auth.AuthorizationResult{Code: q.Get("code"), State: q.Get("state"), Iss: q.Get("iss")}, nil
		},
	}
	switch v.registration {
	case dynamic:
		c.DynamicClientRegistrationConfig = &auth.DynamicClientRegistrationConfig{Metadata: &oauthex.ClientRegistrationMetadata{
			RedirectURIs: []string{v.redirect}, GrantTypes: []string{"authorization_code", "refresh_token"}, TokenEndpointAuthMethod: "none",
		}}
	case document:
		c.ClientIDMetadataDocumentConfig = &auth.ClientIDMetadataDocumentConfig{URL: v.clientID}
	case known:
		c.PreregisteredClient = &oauthex.ClientCredentials{ClientID: v.clientID}
	}
	handler, err := auth.NewAuthorizationCodeHandler(c)
	if err != nil {
		t.Fatal(err)
	}
	return &goSDKCaller{t: t, transport: &mcp.StreamableClientTransport{Endpoint: v.url, OAuthHandler: handler}}
}

func (c *goSDKCaller) call(tool string) (string, error) {
	ctx, cancel := context.WithTimeout(c.t.Context(), patience)
	defer cancel()
	if c.session == nil {
		client := mcp.NewClient(&mcp.Implementation{Name: "interop", Version: "1"}, nil)
		session, err := client.Connect(ctx, c.transport, nil)
		if err != nil {
			return "", fmt.Errorf("connect: %w", err)
		}
		c.session = session
		c.t.Cleanup(func() { _ = session.Close() }) // it may be broken: some outcomes are
	}
	result, err := c.session.CallTool(ctx, &mcp.CallToolParams{Name: tool, Arguments: map[string]any{}})
	if err != nil {
		return "", err
	}
	if len(result.Content) == 1 {
		if text, ok := result.Content[0].(*mcp.TextContent); ok {
			return text.Text, nil
		}
	}
	return "", fmt.Errorf("answer: %+v", result)
}

var mcpGo = program{name: "mcp-go 1.2.1", open: openMCPGo, ttl: 5, exceptions: map[string]exception{
	stepUp:         mcpGoStepUp,
	stepUpRefresh:  mcpGoStepUp,
	stepUpDynamic:  mcpGoStepUp,
	allDynamic:     mcpGoStepUp,
	refusedRefresh: {"whoami: 2 logins", "It answers each 401 with a login. It refreshes by its clock alone."},
}}

var mcpGoStepUp = exception{
	"write: internal error: insufficient_scope",
	"It reads no scope from a challenge and asks for OAuthConfig.Scopes alone, which are mcp:read here.",
}

// mcpGoCaller is mcp-go, whose users do themselves what an error asks them to do.
type mcpGoCaller struct {
	t      *testing.T
	visit  visit
	client *mcpgo.Client
	opened bool
}

func openMCPGo(t *testing.T, v visit) caller {
	t.Helper()
	client, err := mcpgo.NewOAuthStreamableHttpClient(v.url, mcpgo.OAuthConfig{
		ClientID:    v.clientID, // a document's URL is to it like any other
		RedirectURI: v.redirect, PKCEEnabled: true, TokenStore: mcpgo.NewMemoryTokenStore(),
		Scopes: []string{"mcp:read"}, // it reads none from the challenge or the metadata
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() })
	return &mcpGoCaller{t: t, visit: v, client: client}
}

func (c *mcpGoCaller) call(tool string) (text string, err error) {
	ctx, cancel := context.WithTimeout(c.t.Context(), patience)
	defer cancel()
	if !c.opened {
		if err := c.client.Start(ctx); err != nil {
			return "", fmt.Errorf("start: %w", err)
		}
		var hello mcpgoproto.InitializeRequest
		hello.Params.ProtocolVersion = "2025-11-25" // it refuses its own newest constant
		hello.Params.ClientInfo = mcpgoproto.Implementation{Name: "interop", Version: "1"}
		err := c.withPerson(ctx, func() error {
			_, err := c.client.Initialize(ctx, hello)
			return err
		})
		if err != nil {
			return "", fmt.Errorf("initialize: %w", err)
		}
		c.opened = true
	}
	err = c.withPerson(ctx, func() error {
		var req mcpgoproto.CallToolRequest
		req.Params.Name = tool
		result, err := c.client.CallTool(ctx, req)
		if err != nil {
			return err
		}
		text = mcpgoproto.GetTextFromContent(result.Content[0])
		return nil
	})
	return text, err
}

// withPerson does what the library's own example does.
func (c *mcpGoCaller) withPerson(ctx context.Context, action func() error) error {
	err := action()
	handler := mcpgo.GetOAuthHandler(err)
	if handler == nil {
		return err
	}
	verifier, err := mcpgo.GenerateCodeVerifier()
	if err != nil {
		return err
	}
	state, err := mcpgo.GenerateState()
	if err != nil {
		return err
	}
	if handler.GetClientID() == "" {
		if err := handler.RegisterClient(ctx, "interop"); err != nil {
			return fmt.Errorf("register: %w", err)
		}
	}
	address, err := handler.GetAuthorizationURL(ctx, state, mcpgo.GenerateCodeChallenge(verifier))
	if err != nil {
		return err
	}
	back, err := c.visit.person.visit(ctx, address)
	if err != nil {
		return err
	}
	if err := handler.ProcessAuthorizationResponse(ctx, back.Query().Get("code"), back.Query().Get("state"), verifier); err != nil {
		return err
	}
	return action()
}
