package apikey_test

import (
	"context"
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

// nobody is an authorization server that knows no token.
type nobody struct{ issuer string }

func (n nobody) Issuer() string { return n.issuer }

func (nobody) Verify(context.Context, *resource.Token) (*resource.Claims, error) {
	return nil, &resource.Error{Reason: resource.ReasonInactive}
}

func TestKeyGetsIn(t *testing.T) {
	key, digest := apikey.Generate("mcp_")
	program, programDigest := apikey.Generate("mcp_")
	begin := time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC) // of a bubble
	inWorld(t, []apikey.Key{
		{ID: "ci", SHA256: digest, Subject: "ci-bot", Scopes: []string{"mcp:read", "mcp:write"}, Expires: begin.AddDate(9, 0, 0)},
		{ID: "app", SHA256: strings.ToUpper(programDigest), ClientID: "app-7", Scopes: []string{"mcp:read"}},
	}, "", func(w *world) {
		w.made = append(w.made, key, program)
		w.expect("a key for years", key, http.StatusOK)
		if w.caller.ID() != "8:api-keys sub:ci-bot" || !w.caller.Has("mcp:read", "mcp:write") || !w.caller.Expiry().Equal(begin.AddDate(9, 0, 0)) {
			t.Errorf("got %s until %s, scopes %q", w.caller.ID(), w.caller.Expiry(), w.caller.Scopes())
		}
		for _, row := range []struct{ field, value, how string }{
			{"X-API-Key", program, "X-Api-Key"},
			{"Authorization", "Bearer " + program, resource.CredentialOpaque},
			{"Authorization", "Bearer " + program, resource.CredentialOpaque},
		} {
			if got := w.ask(row.field, row.value); got.Code != http.StatusOK {
				t.Fatalf("%s: got %d, want 200\n%s", row.field, got.Code, &w.log)
			}
			c := w.caller
			if c.ID() != "8:api-keys client:app-7" || c.TokenID() != "app" || c.Credential() != row.how || !c.Expiry().IsZero() || !c.Has("mcp:read") || c.Has("mcp:write") {
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

func TestWhatIsNoKey(t *testing.T) {
	key, digest := apikey.Generate("mcp_")
	inWorld(t, []apikey.Key{{ID: "ci", SHA256: digest, Subject: "robot", Scopes: []string{"mcp:read"}}}, "", func(w *world) {
		w.made = append(w.made, key)
		w.expect("the key", key, http.StatusOK)
		other, _ := apikey.Generate("mcp_")
		for _, row := range []struct {
			name    string
			headers []string
			want    int
		}{
			{"another key", []string{"X-API-Key", other}, 401},
			{"another key as a token", []string{"Authorization", "Bearer " + other}, 401},
			{"its digest", []string{"X-API-Key", digest}, 401},
			{"a part of it", []string{"X-API-Key", key[:len(key)-1]}, 401},
			{"more than it", []string{"X-API-Key", key + "A"}, 401},
			{"another case", []string{"X-API-Key", strings.ToUpper(key)}, 401},
			{"a space in front", []string{"X-API-Key", " " + key}, 401},
			{"as a Bearer token in its field", []string{"X-API-Key", "Bearer " + key}, 401},
			{"without its prefix, as a token", []string{"Authorization", "Bearer " + key[4:]}, 401},
			{"in a field that is none", []string{"X-Api-Token", key}, 401},
			{"as Basic", []string{"Authorization", "Basic " + key}, 401},
			{"twice", []string{"X-API-Key", key, "X-API-Key", key}, 400},
			{"in both fields", []string{"X-API-Key", key, "Authorization", "Bearer " + key}, 400},
			{"a bad one beside a good token", []string{"X-API-Key", other, "Authorization", "Bearer " + key}, 400},
		} {
			if got := w.ask(row.headers...).Code; got != row.want || w.caller != nil {
				t.Errorf("%s: got %d and caller %v, want %d and none", row.name, got, w.caller, row.want)
			}
		}
	})
}

// What a key may do is what its scopes say (RFC 6750 §3.1), and for which resource.
func TestKeyIsScreened(t *testing.T) {
	key, digest := apikey.Generate("mcp_")
	inWorld(t, []apikey.Key{{ID: "ci", SHA256: digest, Subject: "robot", Scopes: []string{"mcp:write"}}}, "", func(w *world) {
		w.expect("without the scope that every request needs", key, http.StatusForbidden)
	})
	keys, err := apikey.New(apikey.Config{Resource: identifier + "/other", Keys: []apikey.Key{{ID: "ci", SHA256: digest, Subject: "robot"}}})
	if err != nil {
		t.Fatal(err)
	}
	res, err := resource.New(resource.Config{Identifier: identifier,
		Logger:      slog.New(slog.DiscardHandler),
		Opaque:      &resource.Issuer{Verifier: nobody{"https://auth.example.test"}},
		Credentials: resource.Credentials{Headers: map[string]resource.HeaderVerifier{"X-API-Key": keys}}})
	if err != nil {
		t.Fatal(err)
	}
	req, _ := http.NewRequestWithContext(t.Context(), http.MethodPost, identifier, nil)
	req.Header.Set("X-API-Key", key)
	if _, refusal := res.Authenticate(req); refusal == nil || refusal.Reason != resource.ReasonAudience {
		t.Errorf("a key for another resource: got %+v, want reason %s", refusal, resource.ReasonAudience)
	}
}

// A JWT is no key, not even one whose digest somebody stored.
func TestJWTIsNoKey(t *testing.T) {
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
	if _, refusal := res.Authenticate(req); refusal == nil || refusal.Reason != resource.ReasonInactive {
		t.Errorf("got %+v, want reason %s", refusal, resource.ReasonInactive)
	}
}

// The expiry is asked on each use, of a remembered token too, with the resource's leeway.
func TestKeyExpires(t *testing.T) {
	key, digest := apikey.Generate("mcp_")
	begin := time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC) // of a bubble
	inWorld(t, []apikey.Key{{ID: "ci", SHA256: digest, Subject: "robot", Scopes: []string{"mcp:read"}, Expires: begin.Add(time.Minute)}}, "", func(w *world) {
		w.made = append(w.made, key)
		w.expect("fresh", key, http.StatusOK)
		time.Sleep(time.Minute + 30*time.Second - time.Second)
		w.expect("a second before its end", key, http.StatusOK)
		time.Sleep(time.Second)
		w.expect("at its end", key, http.StatusUnauthorized)
		if got := w.ask("X-API-Key", key).Body.String(); !strings.Contains(got, "expired") {
			t.Errorf("got %s, want one that says that it expired", got)
		}
	})
}

// What is done to the claims of one request is not done to the key.
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
			t.Fatalf("got %q with %q", key, digest)
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
