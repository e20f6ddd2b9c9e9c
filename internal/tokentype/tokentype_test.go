package tokentype_test

import (
	"testing"

	"github.com/warder-go/warder/internal/tokentype"
)

func TestKindsOfTokens(t *testing.T) {
	for _, row := range []struct {
		name, value   string
		access, other bool
	}{
		{"the type of Keycloak", "Bearer", true, false},
		{"a known type in another case", "AT+JWT", true, false},
		{"a type that the issuer adds", "custom", true, false},
		{"an ID token", "ID", false, true},
		{"a refresh token as a URN", "urn:ietf:params:oauth:token-type:refresh_token", false, true},
		{"a media type", "application/logout+jwt", false, true},
		{"a DPoP proof, RFC 9449 §4.2", "dpop+jwt", false, true},
		{"a key binding, SD-JWT", "kb+jwt", false, true},
		{"a proof of a wallet, OpenID for Verifiable Credential Issuance", "openid4vci-proof+jwt", false, true},
		{"the header typ of SPIFFE", "JOSE", false, false},
		{"a type that is not known", "unknown", false, false},
		{"an empty value", "", false, false},
	} {
		if got := tokentype.IsAccess(row.value, []string{"Custom"}); got != row.access {
			t.Errorf("%s: IsAccess returned %v", row.name, got)
		}
		if got := tokentype.IsOther(row.value); got != row.other {
			t.Errorf("%s: IsOther returned %v", row.name, got)
		}
	}
}

func TestDescribeAccess(t *testing.T) {
	if got, want := tokentype.DescribeAccess(), "Bearer, DPoP, access, access_token, JWT, at+jwt"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
