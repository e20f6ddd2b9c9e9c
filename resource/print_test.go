package resource_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/warder-go/warder/resource"
)

// storingVerifier is a Verifier that stores its tokens in unexported fields. Package fmt reads such
// fields by reflection and does not call their Format or String methods.
type storingVerifier struct {
	token resource.Token
	also  *resource.Token
	all   []resource.Token
}

func (*storingVerifier) Issuer() string { return "https://auth.example.test" }

func (k *storingVerifier) Verify(_ context.Context, t *resource.Token) (*resource.Claims, error) {
	*k = storingVerifier{*t, t, []resource.Token{*t}}
	return nil, context.Canceled
}

// TestTokenInUnexportedField tests that a token in an unexported field is not printed (number 264 of
// TestHostile).
func TestTokenInUnexportedField(t *testing.T) {
	const token = "opaque-token-of-alice-0123456789"
	k := new(storingVerifier)
	res, err := resource.New(resource.Config{Identifier: "https://mcp.example.test/mcp", Opaque: &resource.Issuer{Verifier: k}, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	req := httptest.NewRequest("POST", "/mcp", nil)
	req.Header.Set("Authorization", "Bearer "+token)
	if _, refusal := res.Authenticate(req); refusal == nil || k.also.Raw() != token {
		t.Fatal("the verifier was not called with the token")
	}
	var written bytes.Buffer
	for _, v := range []any{k, *k, k.token, &k.token, k.all, struct{ t resource.Token }{k.token}} {
		fmt.Fprintf(&written, "%v %+v %#v %s %q %x\n", v, v, v, v, v, v)
		slog.New(slog.NewTextHandler(&written, nil)).Info("x", "v", v)
		slog.New(slog.NewJSONHandler(&written, nil)).Info("x", "v", v)
		encoded, _ := json.Marshal(v)
		written.Write(encoded)
	}
	for _, trace := range []string{token[:12], fmt.Sprintf("%x", token[:12])} {
		if strings.Contains(written.String(), trace) {
			t.Errorf("the text contains a part of the token:\n%s", &written)
		}
	}
}
