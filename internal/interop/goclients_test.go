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

var goSDK = clientProgram{name: "go-sdk 1.8.0", open: openGoSDK, ttl: 15, exceptions: map[string]exception{
	extraSlash: {
		`whoami: connect: calling "initialize": sending "initialize": rejected by transport: login: got 401 {"error_description":"Authorization is required"}`,
		"It rejects the metadata because the resource is not exactly the URL that it was given, and then guesses endpoints at the MCP server.",
	},
	serverMetadataOnly: {
		`whoami: connect: calling "initialize": sending "initialize": rejected by transport: failed to get authorization server metadata: metadata issuer "http://HOST" does not match issuer URL "http://HOST"`,
		rejectsIssuer,
	},
	expiredNoRefresh: {
		`whoami: calling "tools/call": sending "tools/call": rejected by transport: oauth2: token expired and refresh token is not set`,
		"It sends no request after the token has expired by its clock, so it gets no 401 and starts no login.",
	},
	revokedWithRefresh: {"whoami: 2 logins", "It answers each 401 with a login. It refreshes only by its clock, 10 s before the token expires."},
	dpopRequired:       {`whoami: connect: calling "initialize": sending "initialize": Unauthorized, 2 logins`, lacksDPoP},
}}

// goSDKClient is the official Go SDK with its authorization code handler. The tests also
// use it to call mcp-remote, which is an MCP server to its user.
type goSDKClient struct {
	t         *testing.T
	transport mcp.Transport
	session   *mcp.ClientSession
}

func openGoSDK(t *testing.T, s clientSettings) mcpClient {
	t.Helper()
	c := &auth.AuthorizationCodeHandlerConfig{
		RedirectURL:         s.redirect,
		RequestRefreshToken: true,
		AuthorizationCodeFetcher: func(ctx context.Context, args *auth.AuthorizationArgs) (*auth.AuthorizationResult, error) {
			redirect, err := s.user.authorize(ctx, args.URL)
			if err != nil {
				return nil, err
			}
			q := redirect.Query()
			return &auth.AuthorizationResult{Code: q.Get("code"), State: q.Get("state"), Iss: q.Get("iss")}, nil
		},
	}
	switch s.registration {
	case dynamic:
		c.DynamicClientRegistrationConfig = &auth.DynamicClientRegistrationConfig{Metadata: &oauthex.ClientRegistrationMetadata{
			RedirectURIs: []string{s.redirect}, GrantTypes: []string{"authorization_code", "refresh_token"}, TokenEndpointAuthMethod: "none",
		}}
	case document:
		c.ClientIDMetadataDocumentConfig = &auth.ClientIDMetadataDocumentConfig{URL: s.clientID}
	case preregistered:
		c.PreregisteredClient = &oauthex.ClientCredentials{ClientID: s.clientID}
	}
	handler, err := auth.NewAuthorizationCodeHandler(c)
	if err != nil {
		t.Fatal(err)
	}
	return &goSDKClient{t: t, transport: &mcp.StreamableClientTransport{Endpoint: s.url, OAuthHandler: handler}}
}

func (c *goSDKClient) call(tool string) (string, error) {
	ctx, cancel := context.WithTimeout(c.t.Context(), timeout)
	defer cancel()
	if c.session == nil {
		client := mcp.NewClient(&mcp.Implementation{Name: "interop", Version: "1"}, nil)
		session, err := client.Connect(ctx, c.transport, nil)
		if err != nil {
			return "", fmt.Errorf("connect: %w", err)
		}
		c.session = session
		if _, err := session.ListTools(ctx, nil); err != nil {
			return "", fmt.Errorf("list: %w", err)
		}
		c.t.Cleanup(func() { _ = session.Close() }) // the connection may already be broken
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
	return "", fmt.Errorf("unexpected result: %+v", result)
}

var mcpGo = clientProgram{name: "mcp-go 1.2.1", open: openMCPGo, ttl: 5, exceptions: map[string]exception{
	basePathRemoved:    {"whoami: initialize: login: got 404 404 page not found", mcpGoNoChallenge},
	otherOrigin:        {`whoami: initialize: login: got 401 {"error_description":"Authorization is required"}`, mcpGoNoChallenge},
	stepUp:             mcpGoStepUp,
	stepUpRefresh:      mcpGoStepUp,
	stepUpDynamic:      mcpGoStepUp,
	allScopesDynamic:   mcpGoStepUp,
	publicTool:         {"search: 1 logins", "It starts a login before its first request."},
	revokedWithRefresh: {"whoami: 2 logins", "It answers each 401 with a login. It refreshes only by its clock."},
	dpopRequired:       {"whoami: initialize: transport error: no valid token available, authorization required, 1 logins", lacksDPoP},
}}

// mcpGoNoChallenge is not a problem if OAuthConfig.ProtectedResourceMetadataURL is set: see
// TestProxies.
const mcpGoNoChallenge = "It requires a login before its first request, so it sees no challenge and derives the metadata URL from the URL of the server."

var mcpGoStepUp = exception{
	"write: The access token lacks a scope that this request needs. Log in again and grant all of these scopes: mcp:read mcp:write",
	"It reads no scope from a challenge and requests only OAuthConfig.Scopes, which is mcp:read here.",
}

// mcpGoClient is mcp-go. Its users must handle the errors that ask for authorization.
type mcpGoClient struct {
	t        *testing.T
	settings clientSettings
	client   *mcpgo.Client
	opened   bool
}

func openMCPGo(t *testing.T, s clientSettings) mcpClient {
	t.Helper()
	client, err := mcpgo.NewOAuthStreamableHttpClient(s.url, mcpgo.OAuthConfig{
		ClientID:    s.clientID, // also the URL of a client ID metadata document
		RedirectURI: s.redirect, PKCEEnabled: true, TokenStore: mcpgo.NewMemoryTokenStore(),
		Scopes:                       []string{"mcp:read"}, // it reads no scopes from the challenge or the metadata
		ProtectedResourceMetadataURL: s.metadataURL,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() })
	return &mcpGoClient{t: t, settings: s, client: client}
}

func (c *mcpGoClient) call(tool string) (text string, err error) {
	ctx, cancel := context.WithTimeout(c.t.Context(), timeout)
	defer cancel()
	if !c.opened {
		if err := c.client.Start(ctx); err != nil {
			return "", fmt.Errorf("start: %w", err)
		}
		var initialize mcpgoproto.InitializeRequest
		initialize.Params.ProtocolVersion = "2025-11-25" // it rejects its own latest version constant
		initialize.Params.ClientInfo = mcpgoproto.Implementation{Name: "interop", Version: "1"}
		err := c.withLogin(ctx, func() error {
			_, err := c.client.Initialize(ctx, initialize)
			return err
		})
		if err != nil {
			return "", fmt.Errorf("initialize: %w", err)
		}
		c.opened = true
	}
	err = c.withLogin(ctx, func() error {
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

// withLogin runs the action. If it fails because authorization is needed, withLogin logs in
// as the library's example does and runs it again.
func (c *mcpGoClient) withLogin(ctx context.Context, action func() error) error {
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
	redirect, err := c.settings.user.authorize(ctx, address)
	if err != nil {
		return err
	}
	if err := handler.ProcessAuthorizationResponse(ctx, redirect.Query().Get("code"), redirect.Query().Get("state"), verifier); err != nil {
		return err
	}
	return action()
}
