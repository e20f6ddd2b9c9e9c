package mcpsdk

import (
	"context"
	"strings"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/warder-go/warder/internal/mcpmsg"
	"github.com/warder-go/warder/resource"
)

// challengeKey is the key of the request's [resource.Challenge] in TokenInfo.Extra.
const challengeKey = CallerKey + ".challenge"

// Challenge asks, in mid-call, for the request to be answered with 403 and a challenge
// for what the operation needs by the rules and these scopes, and reports whether that
// will be so: see [resource.Challenge]. It is for tools, prompts and resources that
// find out only then that the caller needs more, and takes their req.Extra: unlike ctx
// that belongs to the request also in a stateful session.
//
// It works with answers in plain JSON, and in a stream until its first event, such as a
// progress notification of the tool, or the SDK's priming event where an event store is
// configured. Operations.LateChallenges must be set. Where it is false the tool is left
// with [ChallengeResult]:
//
//	if !caller.Has("mcp:admin") {
//		mcpsdk.Challenge(req.Extra, "mcp:admin") // drops the result if it can
//		return mcpsdk.ChallengeResult(ctx, res, req, "mcp:admin"), nil, nil
//	}
func Challenge(extra *mcp.RequestExtra, scopes ...string) bool {
	if extra == nil || extra.TokenInfo == nil {
		return false
	}
	challenge, ok := extra.TokenInfo.Extra[challengeKey].(func(...string) bool)
	return ok && challenge(scopes...)
}

// ChallengeResult returns a tool's result that carries the challenge of a 403 in
// _meta["mcp/www_authenticate"], for clients that look there, and says in its text
// which of the scopes are missing. Other clients, the SDK's among them, see an error of
// the tool and ask for no other token. It is nil if the caller has all scopes that the
// call needs by the rules, and these.
//
// It is counted and logged as a refusal, see [resource.Resource.Permit].
func ChallengeResult(ctx context.Context, res *resource.Resource, req *mcp.CallToolRequest, scopes ...string) *mcp.CallToolResult {
	caller, _ := CallerFrom(req.Extra)
	op := resource.Operation{Method: mcpmsg.ToolsCall, Name: req.Params.Name, Arguments: req.Params.Arguments}
	refusal := res.Permit(ctx, caller, op, scopes...)
	if refusal == nil {
		return nil
	}
	result := &mcp.CallToolResult{IsError: true, Content: []mcp.Content{&mcp.TextContent{Text: lacking(refusal, caller, scopes)}}}
	if len(refusal.Challenges) > 0 {
		result.Meta = mcp.Meta{"mcp/www_authenticate": refusal.Challenges}
	}
	return result
}

func lacking(refusal *resource.Refusal, caller *resource.Caller, scopes []string) string {
	if refusal.Reason != resource.ReasonInsufficientScope {
		return rpcError(refusal).Error()
	}
	var missing []string
	for _, scope := range scopes {
		if !caller.Has(scope) {
			missing = append(missing, scope)
		}
	}
	if missing == nil { // by the rules alone, which HTTP asked before
		return rpcError(refusal).Error()
	}
	return "Not authorized: the access token lacks " + strings.Join(missing, " ")
}
