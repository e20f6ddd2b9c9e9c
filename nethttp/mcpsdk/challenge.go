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

// Challenge requests, during a call, that the request is answered with 403 and a challenge
// for these scopes and those that the operation needs by the rules. It reports whether the
// request will be answered like that: see [resource.Challenge]. It is for tools, prompts and
// resources that find out only then that the caller needs more. extra is their req.Extra,
// which, unlike ctx, belongs to the request also in a stateful session.
//
// It works with answers in plain JSON, and in a stream until its first event, such as a
// progress notification of the tool, or the SDK's priming event if an event store is
// configured. Operations.LateChallenges must be set. If Challenge returns false, a tool can
// still return a [ChallengeResult]:
//
//	if !caller.Has("mcp:admin") {
//		mcpsdk.Challenge(req.Extra, "mcp:admin") // if true, the result is discarded
//		return mcpsdk.ChallengeResult(ctx, res, req, "mcp:admin"), nil, nil
//	}
func Challenge(extra *mcp.RequestExtra, scopes ...string) bool {
	if extra == nil || extra.TokenInfo == nil {
		return false
	}
	challenge, ok := extra.TokenInfo.Extra[challengeKey].(func(...string) bool)
	return ok && challenge(scopes...)
}

// ChallengeResult returns a tool result that has the challenge of a 403 in
// _meta["mcp/www_authenticate"], for clients that look there, and the missing scopes in its
// text. Other clients, such as that of the SDK, see an error of the tool and do not request
// another token. It returns nil if the caller has these scopes and all that the call needs by
// the rules.
//
// The result is counted and logged as a refusal, see [resource.Resource.Permit].
func ChallengeResult(ctx context.Context, res *resource.Resource, req *mcp.CallToolRequest, scopes ...string) *mcp.CallToolResult {
	caller, _ := CallerFrom(req.Extra)
	op := resource.Operation{Method: mcpmsg.ToolsCall, Name: req.Params.Name, Arguments: req.Params.Arguments}
	refusal := res.Permit(ctx, caller, op, scopes...)
	if refusal == nil {
		return nil
	}
	result := &mcp.CallToolResult{IsError: true, Content: []mcp.Content{&mcp.TextContent{Text: missingScopes(refusal, caller, scopes)}}}
	if len(refusal.Challenges) > 0 {
		result.Meta = mcp.Meta{"mcp/www_authenticate": refusal.Challenges}
	}
	return result
}

// missingScopes describes a refusal for people.
func missingScopes(refusal *resource.Refusal, caller *resource.Caller, scopes []string) string {
	if refusal.Reason != resource.ReasonInsufficientScope {
		return rpcError(refusal).Error()
	}
	var missing []string
	for _, scope := range scopes {
		if !caller.Has(scope) {
			missing = append(missing, scope)
		}
	}
	if missing == nil { // only scopes of the rules, which the HTTP middleware has checked before
		return rpcError(refusal).Error()
	}
	return "Not authorized: the access token lacks " + strings.Join(missing, ", ")
}
