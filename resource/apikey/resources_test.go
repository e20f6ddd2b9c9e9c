package apikey_test

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/apikey"
	"github.com/warder-go/warder/resource/resourcetest"
)

// A key is for Config.Resource only, unless Key.Resources names other identifiers.
func TestKeysOfIdentifiers(t *testing.T) {
	const memberA, memberB = identifier + "/x/a", identifier + "/x/b"
	plain, plainDigest := apikey.Generate("mcp_")
	both, bothDigest := apikey.Generate("mcp_")
	keys, err := apikey.New(apikey.Config{Resource: identifier, Keys: []apikey.Key{
		{ID: "plain", SHA256: plainDigest, Subject: "robot"},
		{ID: "both", SHA256: bothDigest, Subject: "robot", Resources: []string{memberA, memberB}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	issuer, err := resourcetest.NewIssuer(resourcetest.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(issuer.Close)
	res, err := resource.New(resource.Config{
		Identifier: identifier, Identifiers: []string{memberA, memberB}, Logger: slog.New(slog.DiscardHandler),
		Opaque:      &resource.Issuer{Verifier: rejectAll{issuer.Identifier()}},
		Credentials: resource.Credentials{Prefixed: map[string]resource.Issuer{"mcp_": {Verifier: keys}}, Headers: map[string]resource.HeaderVerifier{"X-API-Key": keys}},
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct{ name, key, accepted string }{
		{"a key without resources", plain, identifier},
		{"a key with resources", both, memberA + " " + memberB},
	} {
		for _, field := range [][2]string{{"X-API-Key", row.key}, {"Authorization", "Bearer " + row.key}} {
			var accepted []string
			for _, url := range []string{identifier, memberA, memberB} {
				req := httptest.NewRequest(http.MethodPost, url, nil)
				req.Header.Set(field[0], field[1])
				decision, refusal := res.Authenticate(req)
				switch {
				case refusal == nil:
					accepted = append(accepted, decision.Caller.Resource())
				case refusal.Reason != resource.ReasonAudience:
					t.Errorf("%s in %s at %s: got %s", row.name, field[0], url, refusal.Reason)
				}
			}
			if got := strings.Join(accepted, " "); got != row.accepted {
				t.Errorf("%s in %s: accepted at %s, want %s", row.name, field[0], got, row.accepted)
			}
		}
	}
}

// An error about resources does not quote them, because one can be a key that is in the wrong
// place.
func TestMistakesInResources(t *testing.T) {
	key, digest := apikey.Generate("mcp_")
	many := make([]string, 1002)
	for _, row := range []struct {
		name      string
		resources []string
		want      string
	}{
		{"none", []string{}, ": must have 1 to 1001 entries; without resources the key is for Config.Resource"},
		{"too many", many, ": must have 1 to 1001 entries; without resources the key is for Config.Resource"},
		{"a key", []string{identifier, key}, "[1]: must be an identifier of a resource: an absolute URL, such as https://host.example.com/path"},
		{"a duplicate", []string{identifier, identifier}, "[1]: is a duplicate"},
	} {
		_, err := apikey.New(apikey.Config{Resource: identifier, Keys: []apikey.Key{{ID: "a", SHA256: digest, Subject: "robot", Resources: row.resources}}})
		if want := `apikey: configuration: Keys[0] "a": resources` + row.want; err == nil || err.Error() != want {
			t.Errorf("%s: got %v, want %s", row.name, err, want)
		}
	}
}
