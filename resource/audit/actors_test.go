package audit_test

import (
	"net/http"
	"reflect"
	"testing"

	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/resourcetest"
)

// The record names the actors of the caller (RFC 8693 §4.1).
func TestActors(t *testing.T) {
	issuer, record := recording(t, func(*resource.Config) {})
	for _, row := range []struct {
		name string
		act  resourcetest.Raw
		want any
	}{
		{"none", resourcetest.Remove, nil},
		{"two", `{"sub":"mcp-server","client_id":"mcp","act":{"iss":"https://as.example","sub":"agent"}}`,
			[]any{map[string]any{"subject": "mcp-server", "client": "mcp"}, map[string]any{"issuer": "https://as.example", "subject": "agent"}}},
	} {
		req, err := http.NewRequest(http.MethodPost, identifier, nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+issuer.Token(resourcetest.Token{Audience: identifier, Claims: map[string]any{"act": row.act}}))
		if _, record := record(req); !reflect.DeepEqual(record["actors"], row.want) {
			t.Errorf("%s: got %v, want %v", row.name, record["actors"], row.want)
		}
	}
}
