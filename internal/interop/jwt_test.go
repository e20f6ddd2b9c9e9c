package interop_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/warder-go/warder/jwks"
	"github.com/warder-go/warder/resource"
)

var algorithms = []string{"RS256", "PS256", "ES256", "EdDSA"}

// JWT access tokens (RFC 9068) requested with resource indicators (RFC 8707). Keys are found
// by discovery.
func TestJWT(t *testing.T) {
	p := startProvider(t)
	p.registerApp()
	valid, foreign, short := map[string]string{}, map[string]string{}, map[string]string{}
	for _, alg := range algorithms {
		p.registerResource(providerResource{ID: otherIdentifier, Format: "jwt", Alg: alg})
		foreign[alg] = p.clientToken(otherIdentifier)
		p.registerResource(providerResource{ID: identifier, Format: "jwt", Alg: alg})
		valid[alg] = p.clientToken(identifier)
	}
	user := p.userTokens(identifier)
	for _, alg := range algorithms {
		p.registerResource(providerResource{ID: identifier, Format: "jwt", Alg: alg, TTL: 4})
		short[alg] = p.clientToken(identifier)
	}

	first := p.jwtServer(t, jwks.Config{})
	for _, alg := range algorithms {
		check(t, alg+": JWT of a client", acceptedClientJWT, first.send(valid[alg]))
	}
	check(t, "JWT of a user, code flow", acceptedUser, first.send(user.Access))
	check(t, "ID token", invalid(resource.ReasonAudience), first.send(user.ID))
	check(t, "refresh token", invalid(resource.ReasonOpaqueUnsupported), first.send(user.Refresh))
	onlyES256 := p.jwtServer(t, jwks.Config{Algorithms: []string{"ES256"}})
	check(t, "only ES256 allowed: JWT with ES256", acceptedClientJWT, onlyES256.send(valid["ES256"]))
	check(t, "only ES256 allowed: JWT with RS256", invalid(resource.ReasonAlgorithmRefused), onlyES256.send(valid["RS256"]))

	waitUntil(t.Context(), expiry(t, short["EdDSA"]))
	rejected := invalid(resource.ReasonSignatureInvalid)
	second := p.jwtServer(t, jwks.Config{})
	for _, alg := range algorithms {
		check(t, alg+": expired JWT", invalid(resource.ReasonExpired), second.send(short[alg]))
		check(t, alg+": JWT for another resource", invalid(resource.ReasonAudience), second.send(foreign[alg]))
		check(t, alg+": JWT with a modified scope", rejected, second.send(tampered(t, valid[alg])))
		forged := resigned(valid[alg], foreign[alg])
		check(t, alg+": JWT with the signature of another JWT", rejected, second.send(forged))
		check(t, alg+": unmodified JWT", acceptedClientJWT, second.send(valid[alg]))
	}
}

// The provider signs with new keys and continues to publish the old ones, then withdraws them.
func TestRotation(t *testing.T) {
	p := startProvider(t)
	p.registerApp()
	p.registerResource(providerResource{ID: identifier, Format: "jwt", Alg: "RS256"})
	old := p.clientToken(identifier)
	s := p.jwtServer(t, jwks.Config{})
	check(t, "JWT signed with the first key", acceptedClientJWT, s.send(old))

	// An unknown kid triggers a fetch, at most once every five seconds. Until then the
	// outcome is 503.
	p.command(map[string]any{"rotate": true})
	rotated := p.clientToken(identifier)
	start := time.Now()
	check(t, "JWT signed with a new key", acceptedClientJWT, eventually(t, s, acceptedClientJWT, rotated))
	took := time.Since(start)
	t.Logf("accepted after %s", took.Round(time.Millisecond))
	check(t, "JWT signed with a new key: accepted within 10 s", "yes", yesOrNo(took < 10*time.Second))
	check(t, "JWT signed with the first key, still published", acceptedClientJWT, s.send(old))

	// Withdrawal takes effect with the next fetch. Keys are refreshed every fifteen minutes
	// at the latest; here a wrong signature triggers the fetch.
	p.command(map[string]any{"withdraw": true})
	badSignature := resigned(rotated, old)
	withdrawn := invalid(resource.ReasonKeyUnknown)
	outcomes := s.repeatUntil(withdrawn, timeout, func() string {
		_ = s.send(badSignature)
		return s.send(old)
	})
	// Between acceptance and rejection the outcome may be 503, depending on the token's age.
	acceptedThenRejected := strings.HasPrefix(outcomes, acceptedClientJWT+", then ") && strings.HasSuffix(outcomes, withdrawn)
	check(t, "cached JWT, withdrawn key: rejected after a fetch", "yes", yesOrNo(acceptedThenRejected))
	check(t, "JWT signed with the remaining key", acceptedClientJWT, s.send(rotated))

	p.kill()
	check(t, "provider down: cached JWT", acceptedClientJWT, s.send(rotated))
	s.res.Forget(rotated)
	check(t, "provider down: JWT verified again after Forget", acceptedClientJWT, s.send(rotated))
	cold := p.jwtServer(t, jwks.Config{})
	check(t, "provider down: keys never loaded", unavailable(resource.ReasonKeysUnavailable), cold.send(rotated))
	p.restart() // with different keys under the same kids
	fresh := p.clientToken(identifier)
	check(t, "provider restarted: keys never loaded before", acceptedClientJWT, eventually(t, cold, acceptedClientJWT, fresh))
	check(t, "provider restarted: JWT signed with a new key under a known kid", invalid(resource.ReasonSignatureInvalid)+", then "+acceptedClientJWT, eventually(t, s, acceptedClientJWT, fresh))
}

func yesOrNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

// payload returns the decoded claims of a JWT.
func payload(t *testing.T, token string) []byte {
	t.Helper()
	decoded, err := base64.RawURLEncoding.DecodeString(strings.Split(token, ".")[1])
	if err != nil {
		t.Fatal(err)
	}
	return decoded
}

func expiry(t *testing.T, token string) time.Time {
	t.Helper()
	var claims struct {
		Expiry int64 `json:"exp"`
	}
	if err := json.Unmarshal(payload(t, token), &claims); err != nil || claims.Expiry == 0 {
		t.Fatalf("got claims %s", payload(t, token))
	}
	return time.Unix(claims.Expiry, 0)
}

// tampered returns a JWT with a modified scope and the original signature.
func tampered(t *testing.T, token string) string {
	t.Helper()
	parts := strings.Split(token, ".")
	original := payload(t, token)
	modified := bytes.Replace(original, []byte(`"mcp:read"`), []byte(`"mcp:read mcp:write"`), 1)
	if bytes.Equal(original, modified) {
		t.Fatalf("got claims %s without the scope mcp:read", original)
	}
	return parts[0] + "." + base64.RawURLEncoding.EncodeToString(modified) + "." + parts[2]
}

// resigned returns a JWT with the signature of another JWT.
func resigned(token, other string) string {
	return token[:strings.LastIndex(token, ".")] + other[strings.LastIndex(other, "."):]
}
