package resource_test

import (
	"crypto/elliptic"
	"encoding/base64"
	"math/big"
	"strings"
	"testing"

	"github.com/warder-go/warder/jwks"
	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/resourcetest"
)

// A user's token without sub would make all users of one client the same caller. Keycloak's lightweight
// tokens are an example.
func TestUserWithoutSubjectIsRejected(t *testing.T) {
	const fix = "set subject_claim (in Go: SubjectClaim)"
	f := newFixture(t, nil)
	for sign, value := range map[string]any{
		"username": "alice", "preferred_username": "alice", "email": "a@example.com", "name": "Alice", "upn": "alice@example.com", "oid": "1",
		"unique_name": "alice", "auth_time": 1, "sid": "1", "acr": "1", "amr": []string{"pwd"}, "nonce": "1",
	} {
		f.log.take()
		f.expect(sign, f.bearer(f.tokenWithClaims(claims{"sub": resourcetest.Remove, sign: value})), invalid)
		if log := f.log.take(); !strings.Contains(log, `"reason":"claim_missing"`) || !strings.Contains(log, fix) {
			t.Errorf("%s: the log does not name the reason and the fix %q: %s", sign, fix, log)
		}
	}
}

// A token that identifies neither a user nor a client has a principal that no other token shares.
func TestTokenWithoutIdentityIsItsOwnPrincipal(t *testing.T) {
	f := newFixture(t, func(c *resource.Config, _ *jwks.Config) { c.Limits.CacheTTL = -1 })
	first, second := f.tokenWithClaims(claims{"sub": resourcetest.Remove}), f.tokenWithClaims(claims{"sub": resourcetest.Remove, "jti": "2"})
	id := f.accept(first).Caller.ID()
	if !strings.Contains(id, " token:") {
		t.Errorf("got ID %q, want one of kind token", id)
	}
	if other := f.accept(second).Caller.ID(); other == id {
		t.Errorf("two tokens have the ID %q", id)
	}
	for name, same := range map[string]string{"the same token": first, "the same token with the other form of its ECDSA signature": withOtherSignature(t, first)} {
		if got := f.accept(same).Caller.ID(); got != id {
			t.Errorf("%s: got ID %q, want %q", name, got, id)
		}
	}
}

// withOtherSignature returns a token with the signature (R, N-S) instead of (R, S). Both are valid.
func withOtherSignature(t *testing.T, token string) string {
	t.Helper()
	at := strings.LastIndexByte(token, '.') + 1
	signature, err := base64.RawURLEncoding.DecodeString(token[at:])
	if err != nil || len(signature) != 64 {
		t.Fatalf("not an ES256 signature: %v", err)
	}
	s := new(big.Int).Sub(elliptic.P256().Params().N, new(big.Int).SetBytes(signature[32:]))
	s.FillBytes(signature[32:])
	return token[:at] + base64.RawURLEncoding.EncodeToString(signature)
}

// The condition of ClientTokens decides, whatever other signs a token has. Keycloak's service accounts
// have preferred_username and acr.
func TestClientTokens(t *testing.T) {
	f := newFixture(t, func(c *resource.Config, _ *jwks.Config) {
		c.Issuers[0].ClientTokens = &resource.ClientTokens{Claim: "gty", Value: "client-credentials"}
	})
	for _, row := range []struct {
		name   string
		claims claims
		want   string // end of the ID; "" if the token is rejected
	}{
		{"a token of a client", claims{"sub": resourcetest.Remove, "gty": "client-credentials", "client_id": "robot", "preferred_username": "service-account-robot", "acr": "1"}, " client:robot"},
		{"a token of a client, with sub", claims{"sub": "1", "gty": "client-credentials", "client_id": "robot"}, " client:robot"},
		{"a user's token", claims{"sub": "alice", "client_id": "robot"}, " sub:alice"},
		{"another value", claims{"sub": "alice", "gty": "password", "client_id": "robot"}, " sub:alice"},
		{"a list of values", claims{"sub": "alice", "gty": []string{"client-credentials"}, "client_id": "robot"}, " sub:alice"},
		{"a user's token without sub", claims{"sub": resourcetest.Remove, "client_id": "robot", "preferred_username": "alice"}, ""},
	} {
		token := f.tokenWithClaims(row.claims)
		if row.want == "" {
			f.expect(row.name, f.bearer(token), invalid)
			continue
		}
		if id := f.accept(token).Caller.ID(); !strings.HasSuffix(id, row.want) {
			t.Errorf("%s: got ID %q, want one that ends with %q", row.name, id, row.want)
		}
	}
}
