package resource_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/warder-go/warder/jwks"
	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/resourcetest"
)

// Each rejection of a request with one credential has the digest of the credential, also if
// its claims were not read. The log and the event have the same digest.
func TestRejectionsHaveTokenDigests(t *testing.T) {
	observer := new(eventRecorder)
	f := newFixture(t, func(c *resource.Config, _ *jwks.Config) {
		c.Hooks.Observers = []resource.Observer{observer}
		c.Credentials.Headers = map[string]resource.HeaderVerifier{"X-API-Key": keywordVerifier{issuer: "keys"}}
	})
	withoutSignature := func(token string) string { return token[:strings.LastIndexByte(token, '.')+1] }
	header := func(json string) string { return f.token(resourcetest.Token{RawHeader: []byte(json)}) }
	seen := map[string]string{}
	for _, row := range []struct{ name, field, value, reason, alg string }{
		{"a claim in another case", "Authorization", "Bearer " + f.token(resourcetest.Token{Claims: map[string]any{"SUB": "x"}}), "token_malformed", "ES256"},
		{"crit (RFC 7515 §4.1.11)", "Authorization", "Bearer " + header(`{"alg":"ES256","crit":["x"],"x":1}`), "token_malformed", ""},
		{"an empty signature", "Authorization", "Bearer " + withoutSignature(f.token(resourcetest.Token{})), "token_malformed", ""},
		{"HS256 (RFC 7518 §3.1)", "Authorization", "Bearer " + f.token(resourcetest.Token{Alg: "HS256", Secret: []byte("secret")}), "algorithm_refused", "HS256"},
		{"none (RFC 7518 §3.6)", "Authorization", "Bearer " + header(`{"alg":"none"}`), "algorithm_refused", "none"},
		{"an unknown algorithm, whose name is not logged", "Authorization", "Bearer " + header(`{"alg":"evil"}`), "algorithm_refused", "other"},
		{"no algorithm", "Authorization", "Bearer " + header(`{}`), "algorithm_refused", "other"},
		{"an opaque token", "Authorization", "Bearer opaque", "opaque_unsupported", ""},
		{"text with a space is not a token (RFC 6749 §A.12)", "Authorization", "Bearer a b", "malformed_request", ""},
		{"an API key", "X-Api-Key", "unknown", "inactive", ""},
		{"a bad signature", "Authorization", "Bearer " + f.token(resourcetest.Token{Fault: resourcetest.WrongSignature}), "signature_invalid", "ES256"},
	} {
		f.log.take()
		f.with(row.field, row.value)
		records, events := logRecords(t, f.log.take()), observer.take()
		if len(records) != 1 || len(events) != 1 {
			t.Fatalf("%s: got %d records and %d events, want one of each", row.name, len(records), len(events))
		}
		found, _ := records[0]["token_digest"].(string)
		if len(found) != 16 || found != events[0].TokenDigest || seen[found] != "" {
			t.Errorf("%s: got digest %q in the log and %q in the event, want the same digest, and not that of %q", row.name, found, events[0].TokenDigest, seen[found])
		}
		seen[found] = row.name
		if alg, _ := records[0]["alg"].(string); records[0]["reason"] != row.reason || alg != row.alg {
			t.Errorf("%s: got reason %v and alg %q, want %s and %q", row.name, records[0]["reason"], alg, row.reason, row.alg)
		}
	}
	for _, row := range []struct {
		name    string
		headers []string
	}{
		{"a token over the limit is not hashed", []string{"Authorization", "Bearer " + strings.Repeat("a", 17<<10)}},
		{"a field over the limit is not hashed", []string{"X-Api-Key", strings.Repeat("a", 17<<10)}},
		{"two credentials", []string{"X-Api-Key", "a", "Authorization", "Bearer b"}},
		{"no credential", nil},
	} {
		f.with(row.headers...)
		if d := observer.take()[0].TokenDigest; d != "" {
			t.Errorf("%s: got digest %q, want none", row.name, d)
		}
	}
}

// The digest covers a JWS up to its last dot, so that another form of the signature has the same
// digest, also if the token cannot be read.
func TestTokenDigestOmitsSignature(t *testing.T) {
	observer := new(eventRecorder)
	f := newFixture(t, func(c *resource.Config, _ *jwks.Config) { c.Hooks.Observers = []resource.Observer{observer} })
	digestOf := func(token string) string {
		f.bearer(token)
		return observer.take()[0].TokenDigest
	}
	token := f.token(resourcetest.Token{Alg: "HS256", Secret: []byte("secret")})
	if one, other := digestOf(token), digestOf(token+"AA"); one != other || one == "" {
		t.Errorf("JWS: got %q and %q, want one digest", one, other)
	}
	if one, other := digestOf("opaque.1"), digestOf("opaque.2"); one == other {
		t.Errorf("opaque: got %s twice, want two digests", one)
	}
}

// Without Credentials.DigestKey, a token has one digest in a process, also after a replacement
// of the configuration.
func TestReplaceKeepsTokenDigests(t *testing.T) {
	observer := new(eventRecorder)
	var config resource.Config
	f := newFixture(t, func(c *resource.Config, _ *jwks.Config) {
		c.Hooks.Observers = []resource.Observer{observer}
		config = *c
	})
	digestOf := func() string {
		f.bearer("opaque")
		return observer.take()[0].TokenDigest
	}
	before := digestOf()
	config.Issuers = []resource.Issuer{{Verifier: keywordVerifier{issuer: "https://other.example.test"}}}
	next, err := resource.New(config)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.res.Replace(next); err != nil {
		t.Fatal(err)
	}
	if after := digestOf(); after != before {
		t.Errorf("got %s before and %s after, want one digest", before, after)
	}
}

// Some issuers return the token itself as jti. The log has no jti that contains the token or
// that the token contains.
func TestTokenInJTIIsNotLogged(t *testing.T) {
	const token = "opaque-S3CR3T-token"
	for _, row := range []struct{ name, jti, want string }{
		{"the jti is the token", token, ""},
		{"the jti contains the token", "urn:token:" + token, ""},
		{"the token contains the jti", token[7:13], ""},
		{"another jti", "jti-1", "jti-1"},
	} {
		observer := new(eventRecorder)
		f := newFixture(t, func(c *resource.Config, _ *jwks.Config) {
			change := func(c *resource.Claims) { c.Audience, c.TokenID = []string{"other"}, row.jti }
			tokens, keys := keywordVerifier{"https://opaque.example.test", change}, keywordVerifier{"https://keys.example.test", change}
			c.Opaque = &resource.Issuer{Verifier: opaqueVerifier{func(*resource.Token) (*resource.Claims, error) { return tokens.claims("secret") }}}
			c.Credentials.Headers = map[string]resource.HeaderVerifier{"X-API-Key": fixedHeader{keys}}
			c.Hooks.Observers = []resource.Observer{observer}
		})
		for _, headers := range [][]string{{"Authorization", "Bearer " + token}, {"X-Api-Key", token}} {
			f.log.take()
			f.with(headers...)
			log := f.log.take()
			records := logRecords(t, log)
			if len(records) != 1 || records[0]["reason"] != "audience" {
				t.Fatalf("%s: got %s, want one record with the reason audience", row.name, log)
			}
			if got, _ := records[0]["token_id"].(string); got != row.want || strings.Contains(log, token) {
				t.Errorf("%s, %s: got %q in %s, want %q", row.name, headers[0], got, log, row.want)
			}
			if text := fmt.Sprintf("%+v", observer.take()[0]); strings.Contains(text, token) {
				t.Errorf("%s, %s: the token is in the event %s", row.name, headers[0], text)
			}
		}
	}
}

// fixedHeader returns the same claims for each value of a header field.
type fixedHeader struct{ keywordVerifier }

func (h fixedHeader) VerifyHeader(context.Context, string, *http.Request) (*resource.Claims, error) {
	return h.claims("secret")
}
