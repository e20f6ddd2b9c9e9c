package audit_test

import (
	"net/http"
	"testing"

	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/resourcetest"
)

// The record names the key that the caller's token is bound to (RFC 9449 §6.1), also if its proof
// was rejected.
func TestConfirmation(t *testing.T) {
	issuer, record := recording(t, func(c *resource.Config) { c.Credentials.DPoP.Tokens = resource.BindingAccepted })
	key := resourcetest.NewProofKey("")
	bound := issuer.Token(resourcetest.Token{Audience: identifier, ProofKey: key})
	for _, row := range []struct {
		name, token     string
		change          func(*http.Request)
		reason          string
		method, jwkText any
	}{
		{"bound", bound, func(*http.Request) {}, "", "jkt", key.Thumbprint()},
		{"bound, without a proof", bound, func(r *http.Request) { r.Header.Del("DPoP") }, "dpop_missing", "jkt", key.Thumbprint()},
		{"not bound", issuer.Token(resourcetest.Token{Audience: identifier}), func(r *http.Request) {
			r.Header.Set("Authorization", "Bearer"+r.Header.Get("Authorization")[len("DPoP"):])
		}, "", nil, nil},
	} {
		req, err := http.NewRequest(http.MethodPost, identifier, nil)
		if err != nil {
			t.Fatal(err)
		}
		key.SetProof(req, row.token)
		row.change(req)
		_, record := record(req)
		reason, _ := record["reason"].(string)
		if record["confirmation"] != row.method || record["confirmation_thumbprint"] != row.jwkText || reason != row.reason {
			t.Errorf("%s: got %v", row.name, record)
		}
	}
}
