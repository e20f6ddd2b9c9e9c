package claimset_test

import (
	"testing"

	"github.com/warder-go/warder/internal/claimset"
)

func TestListsOfClaims(t *testing.T) {
	for _, row := range []struct {
		name, claim                    string
		shared, inUserTokens, identity bool
	}{
		{"the subject", "sub", false, true, true},
		{"the client", "client_id", true, true, true},
		{"the name of a user, which is not unique", "name", true, true, false},
		{"a name that is unique at the issuer", "username", false, true, false},
		{"a claim in another case is another claim", "Sub", false, false, false},
		{"a claim of one issuer", "gty", false, false, false},
		{"no claim", "", false, false, false},
	} {
		if got := claimset.IsShared(row.claim); got != row.shared {
			t.Errorf("%s: IsShared returned %v", row.name, got)
		}
		if got := claimset.IsInUserTokens(row.claim); got != row.inUserTokens {
			t.Errorf("%s: IsInUserTokens returned %v", row.name, got)
		}
		if got := claimset.IsIdentity(row.claim); got != row.identity {
			t.Errorf("%s: IsIdentity returned %v", row.name, got)
		}
	}
}
