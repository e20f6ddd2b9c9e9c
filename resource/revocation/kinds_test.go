package revocation_test

import (
	"context"
	"crypto/elliptic"
	"encoding/base64"
	"errors"
	"math"
	"math/big"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/warder-go/warder/jwks"
	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/apikey"
	"github.com/warder-go/warder/resource/resourcetest"
	"github.com/warder-go/warder/resource/revocation"
)

// otherIssuer has the opaque tokens and the tokens in the field X-Token.
const otherIssuer = "https://other.example.test"

// opaqueTokens is a verifier of the issuer otherIssuer. The subject of each token is the token itself.
type opaqueTokens struct{}

func (opaqueTokens) Issuer() string { return otherIssuer }

func (opaqueTokens) Verify(_ context.Context, t *resource.Token) (*resource.Claims, error) {
	if !strings.HasPrefix(t.Raw(), "opaque") {
		return nil, errors.New("unknown token")
	}
	return resource.ParseClaims([]byte(`{"iss":"` + otherIssuer + `","aud":"` + identifier + `","sub":"` + t.Raw() + `","sid":"s1"}`))
}

// keyIssuer has the API keys, whose subject is alice too.
const keyIssuer = "keys"

// credentials is a resource that accepts credentials of many kinds.
type credentials struct {
	t      testing.TB
	issuer *resourcetest.Issuer
	res    *resource.Resource
	key    string // API key of alice
}

func newCredentials(t testing.TB) *credentials {
	t.Helper()
	issuer, err := resourcetest.NewIssuer(resourcetest.Config{})
	if err != nil {
		t.Fatal(err)
	}
	tokens, err := jwks.New(jwks.Config{Issuer: issuer.Identifier(), Transport: issuer.Transport()})
	if err != nil {
		t.Fatal(err)
	}
	key, digest := apikey.Generate("")
	keys, err := apikey.New(apikey.Config{Resource: identifier, Issuer: keyIssuer, Keys: []apikey.Key{{ID: "k", SHA256: digest, Subject: "alice"}}})
	if err != nil {
		t.Fatal(err)
	}
	res, err := resource.New(resource.Config{
		Identifier: identifier,
		Issuers:    []resource.Issuer{{Verifier: tokens}},
		Opaque:     &resource.Issuer{Verifier: opaqueTokens{}},
		Credentials: resource.Credentials{
			Headers:      map[string]resource.HeaderVerifier{"X-Api-Key": keys},
			TokenHeaders: map[string]resource.Issuer{"X-Token": {Verifier: opaqueTokens{}}},
		},
		// TokenDigest needs a Revocations.
		Hooks: resource.Hooks{Revocations: resource.RevocationFunc(func(context.Context, *resource.Caller) (bool, error) { return false, nil })},
	})
	if err != nil {
		t.Fatal(err)
	}
	return &credentials{t, issuer, res, key}
}

// caller returns the caller of a request with this header field.
func (c *credentials) caller(field, value string) *resource.Caller {
	c.t.Helper()
	req := httptest.NewRequest(http.MethodPost, identifier, nil)
	req.Header.Set(field, value)
	decision, refusal := c.res.Authenticate(req)
	if refusal != nil {
		c.t.Fatal(refusal.Err)
	}
	return decision.Caller
}

// jwt returns a token with these claims besides those of alice.
func (c *credentials) jwt(claims map[string]any) string {
	return c.issuer.Token(resourcetest.Token{Audience: identifier, Claims: claims})
}

// withOtherSignature returns an ES256 token with the signature (r, n-s), which is valid too.
func withOtherSignature(t *testing.T, token string) string {
	t.Helper()
	dot := strings.LastIndexByte(token, '.')
	signature, err := base64.RawURLEncoding.DecodeString(token[dot+1:])
	if err != nil || len(signature) != 64 {
		t.Fatalf("signature of %d bytes, %v", len(signature), err)
	}
	s := new(big.Int).SetBytes(signature[32:])
	s.Sub(elliptic.P256().Params().N, s).FillBytes(signature[32:])
	return token[:dot+1] + base64.RawURLEncoding.EncodeToString(signature)
}

// Each kind of entry revokes the tokens that it names and no others.
func TestKindsOfEntries(t *testing.T) {
	c := newCredentials(t)
	iss := c.issuer.Identifier()
	one := c.jwt(map[string]any{"jti": "j1", "sid": "s1"})
	bearer := func(token string) *resource.Caller { return c.caller("Authorization", "Bearer "+token) }
	callers := map[string]*resource.Caller{
		"alice":            bearer(one),
		"alice, n-s":       bearer(withOtherSignature(t, one)),
		"alice, session 2": bearer(c.jwt(map[string]any{"jti": "j2", "sid": "s2"})),
		"alice, sid 1":     bearer(c.jwt(map[string]any{"jti": "j3", "sid": 1})),
		"bob":              bearer(c.jwt(map[string]any{"jti": "alice", "sub": "j1", "sid": "alice"})),
		"robot":            bearer(c.jwt(map[string]any{"jti": resourcetest.Remove, "sub": resourcetest.Remove, "client_id": "robot"})),
		"opaque":           bearer("opaque-1"),
		"opaque in field":  c.caller("X-Token", "opaque-1"),
		"opaque 2":         bearer("opaque-2"),
		"key":              c.caller("X-Api-Key", c.key),
	}
	ofAlice := []string{"alice", "alice, n-s", "alice, session 2", "alice, sid 1"}
	for _, row := range []struct {
		name  string
		entry revocation.Entry
		want  []string
	}{
		{"a jti", revocation.Entry{TokenID: "j1"}, []string{"alice", "alice, n-s"}},
		{"a jti that is also a sub and a sid", revocation.Entry{TokenID: "alice"}, []string{"bob"}},
		{"a subject", revocation.Entry{Subject: "alice"}, ofAlice},
		{"a subject that is also a jti", revocation.Entry{Subject: "j1"}, []string{"bob"}},
		{"a subject in another case", revocation.Entry{Subject: "Alice"}, nil},
		{"a client", revocation.Entry{Client: "robot"}, []string{"robot"}},
		{"a client that is a user", revocation.Entry{Client: "alice"}, nil},
		{"a user that is a client", revocation.Entry{Subject: "robot"}, nil},
		{"the client of users", revocation.Entry{Client: resourcetest.DefaultClientID}, nil},
		{"a session", revocation.Entry{Session: "s1"}, []string{"alice", "alice, n-s"}},
		{"a session that is also a sub", revocation.Entry{Session: "alice"}, []string{"bob"}},
		{"a number is not a session", revocation.Entry{Session: "1"}, nil},
		{"a token", revocation.Entry{Token: one}, []string{"alice", "alice, n-s"}},
		{"a token with another signature", revocation.Entry{Token: withOtherSignature(t, one)}, []string{"alice", "alice, n-s"}},
		{"a token at another issuer", revocation.Entry{Issuer: otherIssuer, Token: one}, nil},
		{"an opaque token", revocation.Entry{Issuer: otherIssuer, Token: "opaque-1"}, []string{"opaque", "opaque in field"}},
		{"an opaque token at another issuer", revocation.Entry{Token: "opaque-1"}, nil},
		{"the beginning of an opaque token", revocation.Entry{Issuer: otherIssuer, Token: "opaque-"}, nil},
		{"an API key is not a token", revocation.Entry{Issuer: keyIssuer, Token: c.key}, nil},
		{"the subject of an API key", revocation.Entry{Issuer: keyIssuer, Subject: "alice"}, []string{"key"}},
		{"the session of another issuer", revocation.Entry{Issuer: otherIssuer, Session: "s1"}, []string{"opaque", "opaque in field", "opaque 2"}},
		{"all tokens", revocation.Entry{AllTokens: true}, append(slices.Clone(ofAlice), "bob", "robot")},
		{"all tokens of another issuer", revocation.Entry{Issuer: otherIssuer, AllTokens: true}, []string{"opaque", "opaque in field", "opaque 2"}},
		{"an issuer with a slash", revocation.Entry{Issuer: iss + "/", AllTokens: true}, nil},
		{"an issuer and a name with the same text together", revocation.Entry{Issuer: iss[:len(iss)-1], Subject: iss[len(iss)-1:] + "alice"}, nil},
		{"all tokens that were issued long ago", revocation.Entry{AllTokens: true, IssuedBy: time.Now().Add(-time.Hour)}, nil},
		{"a session, tokens that were issued until now", revocation.Entry{Session: "s1", IssuedBy: time.Now()}, []string{"alice", "alice, n-s"}},
		{"a session, tokens that were issued long ago", revocation.Entry{Session: "s1", IssuedBy: time.Now().Add(-time.Hour)}, nil},
		{"IssuedBy before 1970 is not zero", revocation.Entry{AllTokens: true, IssuedBy: time.Unix(-1, 0)}, nil},
		{"IssuedBy in the year 3000", revocation.Entry{Session: "s1", IssuedBy: time.Unix(1<<35, 0)}, []string{"alice", "alice, n-s"}},
	} {
		list := newList(t, revocation.Config{})
		if row.entry.Issuer == "" {
			row.entry.Issuer = iss
		}
		row.entry.Until = time.Now().Add(time.Hour)
		if err := list.Add(context.Background(), row.entry); err != nil {
			t.Fatalf("%s: %v", row.name, err)
		}
		for name, c := range callers {
			if got, want := isRevoked(t, list, c), slices.Contains(row.want, name); got != want {
				t.Errorf("%s: %s: revoked is %v, want %v", row.name, name, got, want)
			}
		}
	}
}

// An entry whose Until is too far in the future for a table lasts as long as possible.
func TestEntriesWithoutEnd(t *testing.T) {
	issuer, caller := callers(t)
	alice := caller(resourcetest.Token{})
	for name, until := range map[string]time.Time{
		"the year 3000":                  time.Date(3000, 1, 1, 0, 0, 0, 0, time.UTC),
		"the largest time":               time.Unix(1<<63-1-62135596800, 999_999_999),
		"the largest number of seconds":  time.Unix(math.MaxInt64, 0),
		"the same, and some nanoseconds": time.Unix(math.MaxInt64, 1),
	} {
		list := newList(t, revocation.Config{})
		if err := list.Add(t.Context(), revocation.Entry{Issuer: issuer.Identifier(), Subject: "alice", Until: until}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if !isRevoked(t, list, alice) {
			t.Errorf("%s: not revoked", name)
		}
	}
}

// An invalid entry is not added, nor are those with it.
func TestInvalidEntries(t *testing.T) {
	until := time.Now().Add(time.Hour)
	for _, row := range []struct {
		name  string
		entry revocation.Entry
		want  string
	}{
		{"empty", revocation.Entry{}, "revocation: Issuer is empty"},
		{"no issuer", revocation.Entry{TokenID: "x", Until: until}, "revocation: Issuer is empty"},
		{"Subject and Client", revocation.Entry{Issuer: "x", Subject: "x", Client: "x", Until: until}, ""},
		{"TokenID and Subject", revocation.Entry{Issuer: "x", TokenID: "x", Subject: "x", Until: until}, ""},
		{"Token and Session", revocation.Entry{Issuer: "x", Token: "x", Session: "x", Until: until}, ""},
		{"AllTokens and Subject", revocation.Entry{Issuer: "x", AllTokens: true, Subject: "x", Until: until}, ""},
		{"nothing", revocation.Entry{Issuer: "x", Until: until}, ""},
		{"no Until", revocation.Entry{Issuer: "x", TokenID: "x"}, "revocation: Until is zero; it is when the tokens expire"},
		{"IssuedBy for a TokenID", revocation.Entry{Issuer: "x", TokenID: "x", IssuedBy: until, Until: until}, "revocation: IssuedBy cannot be combined with TokenID and Token"},
		{"IssuedBy for a Token", revocation.Entry{Issuer: "x", Token: "x", IssuedBy: until, Until: until}, "revocation: IssuedBy cannot be combined with TokenID and Token"},
		{"a Token after Bearer", revocation.Entry{Issuer: "x", Token: "Bearer x", Until: until}, "revocation: Token is not a token: it must have the token alone, without Bearer"},
		{"a Token with a line break", revocation.Entry{Issuer: "x", Token: "x\n", Until: until}, "revocation: Token is not a token: it must have the token alone, without Bearer"},
	} {
		list := newList(t, revocation.Config{})
		err := list.Add(context.Background(), revocation.Entry{Issuer: "x", AllTokens: true, Until: until}, row.entry)
		if row.want == "" {
			row.want = "revocation: set exactly one of TokenID, Subject, Client, Session, Token and AllTokens"
		}
		if err == nil || err.Error() != row.want || list.Len() != 0 {
			t.Errorf("%s: got %v and %d entries, want %s", row.name, err, list.Len(), row.want)
		}
	}
}
