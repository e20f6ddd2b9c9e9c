package apikey_test

import (
	"crypto/sha256"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/apikey"
	"github.com/warder-go/warder/resource/resourcetest"
)

func TestValidKeyIsAccepted(t *testing.T) {
	key, digest := apikey.Generate("mcp_")
	program, programDigest := apikey.Generate("mcp_")
	withFixture(t, []apikey.Key{
		{ID: "ci", SHA256: digest, Subject: "ci-bot", Scopes: []string{"mcp:read", "mcp:write"}, Expires: bubbleStart.AddDate(9, 0, 0)},
		{ID: "app", SHA256: strings.ToUpper(programDigest), ClientID: "app-7", Scopes: []string{"mcp:read"}},
	}, "", func(f *fixture) {
		f.secrets = append(f.secrets, key, program)
		f.expect("key with the latest possible expiry", key, http.StatusOK)
		if f.caller.ID() != "8:api-keys sub:ci-bot" || !f.caller.Has("mcp:read", "mcp:write") || !f.caller.Expiry().Equal(bubbleStart.AddDate(9, 0, 0)) {
			t.Errorf("got %s until %s, scopes %q", f.caller.ID(), f.caller.Expiry(), f.caller.Scopes())
		}
		for _, row := range []struct{ field, value, credential string }{
			{"X-API-Key", program, "X-Api-Key"},
			{"Authorization", "Bearer " + program, resource.CredentialOpaque},
			{"Authorization", "Bearer " + program, resource.CredentialOpaque},
		} {
			if got := f.send(row.field, row.value); got.Code != http.StatusOK {
				t.Fatalf("%s: got %d, want 200\n%s", row.field, got.Code, &f.log)
			}
			c := f.caller
			if c.ID() != "8:api-keys client:app-7" || c.TokenID() != "app" || c.Credential() != row.credential || !c.Expiry().IsZero() || !c.Has("mcp:read") || c.Has("mcp:write") {
				t.Errorf("%s: got %s, key %q, by %q, until %s, scopes %q", row.field, c.ID(), c.TokenID(), c.Credential(), c.Expiry(), c.Scopes())
			}
			var claims struct {
				Audience string `json:"aud"`
				ClientID string `json:"client_id"`
			}
			if err := c.Decode(&claims); err != nil || claims.Audience != identifier || claims.ClientID != "app-7" {
				t.Errorf("%s: decoded %+v, error %v", row.field, claims, err)
			}
		}
	})
}

func TestInvalidKeysAreRejected(t *testing.T) {
	key, digest := apikey.Generate("mcp_")
	withFixture(t, []apikey.Key{{ID: "ci", SHA256: digest, Subject: "robot", Scopes: []string{"mcp:read"}}}, "", func(f *fixture) {
		f.secrets = append(f.secrets, key)
		f.expect("the key", key, http.StatusOK)
		other, _ := apikey.Generate("mcp_")
		for _, row := range []struct {
			name    string
			headers []string
			want    int
		}{
			{"unknown key", []string{"X-API-Key", other}, 401},
			{"unknown key as a token", []string{"Authorization", "Bearer " + other}, 401},
			{"digest of the key", []string{"X-API-Key", digest}, 401},
			{"key without its last character", []string{"X-API-Key", key[:len(key)-1]}, 401},
			{"key with one more character", []string{"X-API-Key", key + "A"}, 401},
			{"key in upper case", []string{"X-API-Key", strings.ToUpper(key)}, 401},
			{"key after a space", []string{"X-API-Key", " " + key}, 401},
			{"Bearer scheme in X-API-Key", []string{"X-API-Key", "Bearer " + key}, 401},
			{"token without the prefix of the key", []string{"Authorization", "Bearer " + key[4:]}, 401},
			{"key in another header field", []string{"X-Api-Token", key}, 401},
			{"Basic scheme", []string{"Authorization", "Basic " + key}, 401},
			{"the same field twice", []string{"X-API-Key", key, "X-API-Key", key}, 400},
			{"both fields", []string{"X-API-Key", key, "Authorization", "Bearer " + key}, 400},
			{"unknown key and a valid token", []string{"X-API-Key", other, "Authorization", "Bearer " + key}, 400},
		} {
			if got := f.send(row.headers...).Code; got != row.want || f.caller != nil {
				t.Errorf("%s: got %d and caller %v, want %d and none", row.name, got, f.caller, row.want)
			}
		}
	})
}

// Scopes (RFC 6750 §3.1) and audience are checked for keys as for tokens.
func TestKeyClaimsAreChecked(t *testing.T) {
	key, digest := apikey.Generate("mcp_")
	withFixture(t, []apikey.Key{{ID: "ci", SHA256: digest, Subject: "robot", Scopes: []string{"mcp:write"}}}, "", func(f *fixture) {
		f.expect("without the required scope", key, http.StatusForbidden)
	})
	keys, err := apikey.New(apikey.Config{Resource: identifier + "/other", Keys: []apikey.Key{{ID: "ci", SHA256: digest, Subject: "robot"}}})
	if err != nil {
		t.Fatal(err)
	}
	res, err := resource.New(resource.Config{Identifier: identifier,
		Logger:      slog.New(slog.DiscardHandler),
		Opaque:      &resource.Issuer{Verifier: rejectAll{"https://auth.example.test"}},
		Credentials: resource.Credentials{Headers: map[string]resource.HeaderVerifier{"X-API-Key": keys}}})
	if err != nil {
		t.Fatal(err)
	}
	req, _ := http.NewRequestWithContext(t.Context(), http.MethodPost, identifier, nil)
	req.Header.Set("X-API-Key", key)
	if _, refusal := res.Authenticate(req); refusal == nil || refusal.Reason != resource.ReasonAudience {
		t.Errorf("key for another resource: got %+v, want reason %s", refusal, resource.ReasonAudience)
	}
}

// A JWT is rejected even if a key has its digest.
func TestJWTAsKey(t *testing.T) {
	const issuer = "https://keys.example.test"
	server, err := resourcetest.NewIssuer(resourcetest.Config{Issuer: issuer})
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	token := server.Token(resourcetest.Token{Audience: identifier})
	keys, err := apikey.New(apikey.Config{Resource: identifier, Issuer: issuer, Keys: []apikey.Key{
		{ID: "jwt", SHA256: fmt.Sprintf("%x", sha256.Sum256([]byte(token))), Subject: "robot", Expires: time.Now().Add(time.Hour)}}})
	if err != nil {
		t.Fatal(err)
	}
	res, err := resource.New(resource.Config{Identifier: identifier, Opaque: &resource.Issuer{Verifier: keys}, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	req := httptest.NewRequest(http.MethodPost, identifier, nil)
	req.Header.Set("Authorization", "Bearer "+token)
	if _, refusal := res.Authenticate(req); refusal == nil || refusal.Reason != resource.ReasonAPIKeyUnknown {
		t.Errorf("got %+v, want reason %s", refusal, resource.ReasonAPIKeyUnknown)
	}
}

// The expiry is checked on each use, also for cached tokens, with the leeway of the
// resource.
func TestKeyExpires(t *testing.T) {
	key, digest := apikey.Generate("mcp_")
	withFixture(t, []apikey.Key{{ID: "ci", SHA256: digest, Subject: "robot", Scopes: []string{"mcp:read"}, Expires: bubbleStart.Add(time.Minute)}}, "", func(f *fixture) {
		f.secrets = append(f.secrets, key)
		f.expect("before the expiry", key, http.StatusOK)
		time.Sleep(time.Minute + 30*time.Second - time.Second)
		f.expect("a second before the end of the leeway", key, http.StatusOK)
		time.Sleep(time.Second)
		f.expect("at the end of the leeway", key, http.StatusUnauthorized)
		if got := f.send("X-API-Key", key).Body.String(); !strings.Contains(got, "expired") {
			t.Errorf("got %s, want a response that contains %q", got, "expired")
		}
	})
}

// Changes to the claims of one request do not affect the key.
func TestClaimsAreCopies(t *testing.T) {
	key, digest := apikey.Generate("")
	keys, err := apikey.New(apikey.Config{Resource: identifier, Keys: []apikey.Key{{ID: "ci", SHA256: digest, Subject: "robot", Scopes: []string{"mcp:read"}}}})
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		claims, err := keys.VerifyHeader(t.Context(), key, nil)
		if err != nil || claims.Scopes[0] != "mcp:read" || claims.Audience[0] != identifier || claims.Subject != "robot" {
			t.Fatalf("got %+v, error %v", claims, err)
		}
		claims.Scopes[0], claims.Audience[0], claims.Subject = "admin", "everywhere", "root"
	}
}

func TestGenerate(t *testing.T) {
	seen := map[string]bool{}
	for range 100 {
		key, digest := apikey.Generate("mcp_")
		if !regexp.MustCompile(`^mcp_[\w-]{43}$`).MatchString(key) || !regexp.MustCompile(`^[0-9a-f]{64}$`).MatchString(digest) || seen[key] || seen[digest] {
			t.Fatalf("got key %q with digest %q", key, digest)
		}
		seen[key], seen[digest] = true, true
	}
	for _, prefix := range []string{"a b", "a=", "é", "a\n", `"`} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("prefix %q: no panic", prefix)
				}
			}()
			apikey.Generate(prefix)
		}()
	}
}
