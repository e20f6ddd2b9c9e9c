package resource_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/warder-go/warder/jwks"
	"github.com/warder-go/warder/nethttp"
	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/resourcetest"
)

// payments is a rule for the tool pay. A payment within the limit of one of the caller's
// authorization details needs no scope. Every other payment needs payments:any.
func payments(_ context.Context, op resource.Operation, caller *resource.Caller) (scopes []string, err error) {
	if op.Method != "tools/call" || op.Name != "pay" {
		return nil, nil
	}
	cents := centsOf(op.Arguments)
	for _, detail := range caller.AuthorizationDetails() {
		var limit struct {
			MaxCents int `json:"max_cents"`
		}
		if detail.Type == "payment" && detail.Decode(&limit) == nil && 0 < cents && cents <= limit.MaxCents {
			return nil, nil
		}
	}
	return []string{"payments:any"}, nil
}

// centsOf returns the argument cents; 0 if it is absent or not a whole number.
func centsOf(arguments []byte) int {
	var pay struct {
		Cents int `json:"cents"`
	}
	if err := json.Unmarshal(arguments, &pay); err != nil {
		return 0
	}
	return pay.Cents
}

// Rich authorization requests (RFC 9396): the token permits payments up to an amount, and a tool
// needs an authorization detail with an action.
func ExampleCaller_AuthorizationDetails() {
	issuer, err := resourcetest.NewIssuer(resourcetest.Config{Audience: "https://mcp.example.com/mcp"})
	if err != nil {
		log.Fatal(err)
	}
	defer issuer.Close()
	verifier, err := jwks.New(jwks.Config{Issuer: issuer.Identifier(), Transport: issuer.Transport()})
	if err != nil {
		log.Fatal(err)
	}
	refunds := resource.Condition{
		Claim:          "authorization_details",
		ContainsDetail: &resource.DetailCondition{Type: "payment", Actions: []string{"refund"}},
	}
	res, err := resource.New(resource.Config{
		Identifier: "https://mcp.example.com/mcp",
		Issuers:    []resource.Issuer{{Verifier: verifier}},
		Operations: resource.Operations{
			Rule:       payments,
			Conditions: resource.OperationConditions{Tools: map[string][]resource.Condition{"refund": {refunds}}},
		},
		Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		log.Fatal(err)
	}
	handler := nethttp.Handler(res, http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	token := issuer.Token(resourcetest.Token{Claims: map[string]any{"authorization_details": []any{
		map[string]any{"type": "payment", "actions": []string{"initiate"}, "max_cents": 5000},
		map[string]any{"type": "payment", "locations": []string{"https://other.example.com"}, "max_cents": 1000000},
	}}})
	for _, call := range []string{
		`{"name":"pay","arguments":{"cents":4999}}`,
		`{"name":"pay","arguments":{"cents":5001}}`,
		`{"name":"refund"}`,
	} {
		body := `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":` + call + `}`
		req := httptest.NewRequest(http.MethodPost, "https://mcp.example.com/mcp", strings.NewReader(body))
		req.Header.Set("Content-Type", "application/json")
		req.Header.Set("Authorization", "Bearer "+token)
		response := httptest.NewRecorder()
		handler.ServeHTTP(response, req)
		fmt.Println(response.Code, call)
	}
	// Output:
	// 200 {"name":"pay","arguments":{"cents":4999}}
	// 403 {"name":"pay","arguments":{"cents":5001}}
	// 403 {"name":"refund"}
}
