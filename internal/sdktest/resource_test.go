package sdktest_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/warder-go/warder/nethttp"
	"github.com/warder-go/warder/resource"
)

const (
	identifier  = "https://mcp.example.test/mcp"
	metadataURL = "https://mcp.example.test/.well-known/oauth-protected-resource/mcp"
)

// tokens are opaque tokens and their scopes.
var tokens = map[string]string{
	"some": "base call read prompt",
	"all":  "base call read prompt delete secret private db task",
}

// static is a verifier that looks up tokens in a table, without cryptography.
type static map[string]string

func (s static) Issuer() string { return "https://auth.example.test" }

func (s static) Verify(_ context.Context, t *resource.Token) (*resource.Claims, error) {
	scope, ok := s[t.Raw()]
	if !ok {
		return nil, errors.New("unknown token")
	}
	return &resource.Claims{Issuer: s.Issuer(), Subject: t.Raw(), Audience: []string{identifier}, Introspected: true,
		Expiry: time.Now().Add(24 * time.Hour), Scopes: strings.Fields(scope)}, nil
}

// rules forbid the token "some" to use the tools delete_user, delete_all and slow, the prompt secret,
// and the resources file:///secret, file:///private/... and db://...
var rules = resource.Operations{
	Methods: map[string][]string{"tools/call": {"call"}, "resources/read": {"read"}, "prompts/get": {"prompt"}},
	Tools:   map[string][]string{"delete_user": {"delete"}, "delete_all": {"delete"}, "slow": {"task"}},
	Prompts: map[string][]string{"secret": {"secret"}},
	Resources: []resource.ResourceRule{
		{URI: "file:///secret", Scopes: []string{"secret"}},
		{Prefix: "file:///private/", Scopes: []string{"private"}},
		{Template: "db://{table}/{id}", Scopes: []string{"db"}},
	},
}

// newResource makes a Resource whose Operations.Rule also records the operations in the record of
// the request.
func newResource(t testing.TB, rules resource.Operations) *resource.Resource {
	t.Helper()
	rules.Rule = func(ctx context.Context, o resource.Operation, _ *resource.Caller) ([]string, error) {
		if rec, ok := ctx.Value(recordKey{}).(*record); ok {
			decided := op{o.Method, o.Name, ""}
			switch o.Method {
			case "tools/call":
				decided.arguments = compact(o.Arguments)
			case "subscriptions/listen", "resources/unsubscribe":
				decided.name = "" // for listen, dispatched has no name, because it can have several; unsubscribing has no effect
			}
			rec.addDecision(decided)
		}
		return nil, nil
	}
	res, err := resource.New(resource.Config{
		Identifier: identifier,
		Opaque:     &resource.Issuer{Verifier: static(tokens)},
		Scopes:     []string{"base"},
		Operations: rules,
		Logger:     slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	return res
}

// protect adds the middleware of a Resource to an SDK's handler, and records the accepted requests.
func protect(res *resource.Resource, inner http.Handler) http.Handler {
	return nethttp.Middleware(res)(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if rec, ok := req.Context().Value(recordKey{}).(*record); ok {
			body, err := io.ReadAll(req.Body)
			if err != nil {
				http.Error(w, "the body cannot be read", http.StatusTeapot)
				return
			}
			rec.accept(body)
			req.Body = io.NopCloser(bytes.NewReader(body))
		}
		inner.ServeHTTP(w, req)
	}))
}

// refusal is the response to a rejected request.
type refusal struct {
	status    int
	challenge string
	body      string
}

func insufficient(scopes string) refusal {
	return refusal{http.StatusForbidden,
		`Bearer resource_metadata="` + metadataURL + `", scope="` + scopes + `", error="insufficient_scope", error_description="The access token lacks a scope that this request needs"`,
		`403 The access token lacks a scope that this request needs. Log in again and grant all of these scopes: ` + scopes + ` {"error":"insufficient_scope","error_description":"The access token lacks a scope that this request needs","scope":"` + scopes + `"}`}
}

// newRefusal returns the refusal of a response. A JSON-RPC error about authorization, which has
// data, is reduced to its code, its message and its data, because its id depends on the request.
func newRefusal(status int, challenge, body string) refusal {
	var e struct {
		Error struct {
			Code    int
			Message string
			Data    json.RawMessage
		}
	}
	if json.Unmarshal([]byte(body), &e) == nil && e.Error.Data != nil {
		body = fmt.Sprintf("%d %s %s", e.Error.Code, e.Error.Message, e.Error.Data)
	}
	return refusal{status, challenge, body}
}

func rpcRefusal(status int, body string) refusal { return refusal{status: status, body: body + "\n"} }

// ambiguous is the response to a body that readers could interpret differently. id is that of
// its message, or null.
func ambiguous(id string) refusal {
	return rpcRefusal(400, `{"jsonrpc":"2.0","id":`+id+`,"error":{"code":-32600,"message":"The body is not a JSON-RPC message with a single meaning"}}`)
}
