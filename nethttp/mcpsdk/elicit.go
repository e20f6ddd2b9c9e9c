package mcpsdk

import (
	"crypto/rand"

	"github.com/modelcontextprotocol/go-sdk/mcp"
)

// elicitKey is the key of the question in CallToolResult.InputRequests.
const elicitKey = "warder-interaction"

// ElicitURL returns a tool result that makes the client ask the user to open a page, and then call the
// tool again (MCP, elicitation in URL mode). message tells the user why. It is for a tool that can do
// nothing for the caller before the user has done something at the page, such as given consent:
//
//	if result := mcpsdk.ElicitURL(req, e.InteractionURL, "Permit access to your calendar."); result != nil {
//		return result, nil, nil
//	}
//
// It returns nil if url is empty, if the client does not support this, and if this call is the one after a
// question, also one of the tool itself: then the user has answered. The tool can then return a text that says
// what the user must do. A client of a revision before 2026-07-28 needs a session: servers with
// mcp.StreamableHTTPOptions.Stateless cannot ask it, and with JSONResponse it needs the stream of a GET request,
// or else the call fails.
//
// The server cannot know who opens the page. So url must be the same for every user, and the page must make
// them log in. It must not contain a secret.
func ElicitURL(req *mcp.CallToolRequest, url, message string) *mcp.CallToolResult {
	if url == "" || !elicitsURLs(req.Session) || req.Params == nil || len(req.Params.InputResponses) > 0 {
		return nil
	}
	return &mcp.CallToolResult{InputRequests: mcp.InputRequestMap{
		elicitKey: &mcp.ElicitParams{Mode: "url", URL: url, Message: message, ElicitationID: rand.Text()},
	}}
}

// elicitsURLs reports whether the client of a session says that it supports elicitation in URL mode.
func elicitsURLs(session *mcp.ServerSession) bool {
	if session == nil {
		return false
	}
	given := session.InitializeParams()
	return given != nil && given.Capabilities != nil && given.Capabilities.Elicitation != nil && given.Capabilities.Elicitation.URL != nil
}
